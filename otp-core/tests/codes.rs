//! Codes that people copy by hand: how they are written, read and mistyped, through nothing but what the core offers.

#![expect(clippy::unwrap_used, reason = "what is not there must fail the test")]

use otp_core::codes::crockford::Mistyped;
use otp_core::codes::recovery::RecoveryCode;
use otp_core::codes::registration::{CodeForm, Piece, RegistrationCode};
use proptest::prelude::*;

fn sample(form: CodeForm) -> RegistrationCode {
    let random: Vec<u8> = (0..).step_by(7).take(form.symbols()).collect();
    RegistrationCode::new(form, &random).unwrap()
}

fn error(typed: &str) -> Option<Mistyped> {
    RegistrationCode::parse(typed).err()
}

#[test]
fn codes_that_were_sent_out_read_the_same_for_ever() {
    let texts = CodeForm::ALL.map(|form| sample(form).text().to_string());
    assert_eq!(
        texts,
        [
            "E-07ENW-3AHRM",
            "E-07ENW-3AHRZ-6DMV2-9GQY5-CKT1C",
            "E-07ENW-3AHRZ-6DMV2-9GQY5-CKT1C",
            "E-07ENW-3AHRZ-6DM0 E-V29GQ-Y5CKT-18F6",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn the_prefix_may_lack_its_hyphen_but_not_its_letter() {
    let text = sample(CodeForm::Spoken).text().to_lowercase();
    for same in [text.clone(), text.replace('-', ""), text.replace('-', " ")] {
        assert!(RegistrationCode::parse(&same).is_ok(), "{same}");
    }
    assert_eq!(error(&text.replacen('e', "r", 1)), Some(Mistyped::Prefix));
    assert_eq!(error(text.trim_start_matches("e-")), Some(Mistyped::Prefix));
    assert_eq!(error(""), Some(Mistyped::Prefix));
    assert_eq!(error("123456"), Some(Mistyped::Prefix));
}

#[test]
fn lengths_and_letters_that_no_code_has_are_told_by_their_place() {
    assert_eq!(error("E-07EN3-AHRZ"), Some(Mistyped::Length { found: 9, wanted: &[10, 14, 25] }));
    assert_eq!(error("E-07EU3-AHRZS"), Some(Mistyped::Symbol { place: 4 }));
    assert_eq!(
        error(&format!("E-{}", "0".repeat(5000))),
        Some(Mistyped::Length { found: 5000, wanted: &[10, 14, 25, 29] })
    );
}

#[test]
fn the_lengths_that_are_told_are_those_of_the_forms() {
    let symbols = |form| sample(form).text().replace(['-', ' '], "").len() - 1;
    assert_eq!(CodeForm::ALL.map(symbols), [10, 25, 25, 29]);
}

#[test]
fn how_much_is_missing_is_said() {
    let said = |typed: &str| error(typed).map(|mistyped| mistyped.to_string()).unwrap_or_default();
    let cases = [
        ("E-07ENW-3AHRZ-6DMV2", "15 of 25 letters and digits are there: 10 are missing"),
        ("E-07ENW", "5 letters and digits are there: a code has 10, 14 or 25"),
        ("E-07ENW-3AHRZ-6DMV2-9GQY5-CKT1C-0", "26 of 29"),
        (&"E".repeat(40), "39 letters and digits are too many"),
    ];
    for (typed, words) in cases {
        assert!(said(typed).contains(words), "{typed}: {}", said(typed));
    }
}

#[test]
fn parts_make_a_code_in_their_order_and_in_no_other() {
    let code = sample(CodeForm::Split);
    let [one, two] = code.parts().try_into().map_err(|_| ()).unwrap();
    let (one, two) = (one.as_str(), two.as_str());
    assert_eq!(RegistrationCode::parse(&format!("{one}{two}")).unwrap().expose(), code.expose());
    assert_eq!(error(&format!("{two} {one}")), Some(Mistyped::Order));
    assert_eq!(error(&format!("{one} {one}")), Some(Mistyped::Check));
    assert_eq!((error(one), error(two)), (Some(Mistyped::Half), Some(Mistyped::Half)));
    let (Ok(Piece::First(first)), Ok(Piece::Second(second))) = (Piece::parse(one), Piece::parse(two)) else {
        panic!("not told apart")
    };
    assert_eq!(first.and(&second).expose(), code.expose());
}

#[test]
fn no_life_is_longer_than_its_form_allows() {
    let day = 24 * 3600;
    let longest = CodeForm::ALL.map(CodeForm::longest_life);
    assert_eq!(longest, [600, day, 30 * day, 30 * day]);
    assert!(CodeForm::ALL.iter().all(|form| form.usual_life() <= form.longest_life()));
}

#[test]
fn a_code_that_lies_in_a_drawer_reads_the_same_for_ever() {
    let random = std::array::from_fn(|place| u8::try_from(place).unwrap() * 7);
    let code = RecoveryCode::new(3, &random).unwrap();
    assert_eq!(code.text().as_str(), "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB");
    let read = RecoveryCode::parse("r307enw3ahrz6dmv29gqy5cktb").ok().unwrap();
    assert_eq!((read.index(), read.expose()), (3, code.expose()));
}

#[test]
fn a_registration_code_is_no_recovery_code() {
    assert_eq!(RecoveryCode::parse("E-07EN3-AHRZS").err(), Some(Mistyped::Prefix));
    assert_eq!(RecoveryCode::parse("R-07ENW-3AHRZ-6DMV2-9GQY5-CKT1C").err(), Some(Mistyped::Check));
    assert_eq!(RecoveryCode::parse("R-07EN3").err(), Some(Mistyped::Length { found: 5, wanted: &[25] }));
}

#[test]
fn the_letter_before_a_recovery_code_may_be_left_out_if_the_check_symbol_fits() {
    let read = |typed: &str| RecoveryCode::parse(typed).map(|code| code.text().to_string());
    let written = "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB".to_owned();
    for bare in ["307EN-W3AHR-Z6DMV-29GQY-5CKTB", "307enw3ahrz6dmv29gqy5cktb", "“307EN–W3AHR–Z6DMV–29GQY–5CKTB”."]
    {
        assert_eq!(read(bare), Ok(written.clone()), "{bare}");
    }
    for other in [
        "307EN-W3AHR-Z6DMV-29GQY-5CKTC",
        "307EN-W3AHR-Z6DMV-29GQY-5CKT",
        "07ENW-3AHRZ-6DMV2-9GQY5-CKT1C",
        "E-307EN-W3AHR-Z6DMV-29GQY-5CKTB",
    ] {
        assert_eq!(read(other), Err(Mistyped::Prefix), "{other}");
    }
    assert_eq!(read("R-07EN-W3AHR-Z6DMV-29GQY-5CKTB"), Err(Mistyped::Length { found: 24, wanted: &[25] }));
}

proptest! {
    #[test]
    fn a_registration_code_that_is_written_is_read(random in proptest::collection::vec(any::<u8>(), 26)) {
        for form in CodeForm::ALL {
            let code = RegistrationCode::new(form, &random[..form.symbols()]).unwrap();
            let read = RegistrationCode::parse(&code.text()).ok().unwrap();
            prop_assert!(read.expose() == code.expose() && read.fits(form));
        }
    }

    #[test]
    fn anything_can_be_typed(text in ".{0,80}") {
        drop(RegistrationCode::parse(&text));
    }

    #[test]
    fn a_recovery_code_that_is_written_is_read(index in 0..32_u8, random: [u8; RecoveryCode::RANDOM]) {
        let code = RecoveryCode::new(index, &random).unwrap();
        let read = RecoveryCode::parse(&code.text()).ok().unwrap();
        prop_assert!(read.index() == index && read.expose() == code.expose());
    }
}
