use super::*;
use crate::letter::templates::TemplateName;

const CODE: &str = "E-12345-6789A-BCDEF-GHJKM-NPQRS";
const HALF: &str = "E-12345-6789A-BCDE";
const FORMATS: [PageFormat; 2] = [PageFormat::Html, PageFormat::Text];

pub(crate) fn invitation(form: &str, codes: &[&str]) -> Invitation {
    Invitation {
        user: "alice".to_owned(),
        uid: 1000,
        form: form.to_owned(),
        codes: codes.iter().map(|code| Zeroizing::new((*code).to_owned())).collect(),
        replaces: false,
        ends: UnixTime::new(951_782_459),
        superseded: false,
    }
}

fn words(name: TemplateName, format: PageFormat) -> SheetWords {
    SheetWords { template: name.built_in().to_owned(), format, site: "Apps: <any>\nCall 4711".to_owned() }
}

fn letter(format: PageFormat, codes: &[&str]) -> Result<Zeroizing<String>, Failure> {
    let name = if format == PageFormat::Html { TemplateName::LetterHtml } else { TemplateName::LetterText };
    words(name, format).letter(Sheet { invitation: &invitation("letter", codes), reference: "2345-001" })
}

fn note(format: PageFormat, form: &str) -> String {
    let name = if format == PageFormat::Html { TemplateName::CoverHtml } else { TemplateName::CoverText };
    let invitation = invitation(form, &[CODE, HALF]);
    words(name, format).note(Sheet { invitation: &invitation, reference: "2345-001" }).expect("filled").to_string()
}

#[test]
fn a_letter_says_what_to_do_and_until_when() {
    let (_, day, time) = end(UnixTime::new(951_782_459));
    for format in FORMATS {
        for codes in [&[CODE] as &[_], &[HALF, HALF]] {
            let page = letter(format, codes).expect("filled");
            assert!(page.contains("Type this code when you are asked for it.") && page.contains("2345-001"));
            assert!(page.contains(&day) && page.contains(&time));
            assert!(page.contains("It is not for the authenticator app."));
            assert_eq!(page.contains("the first of two parts"), codes.len() == 2);
        }
    }
}

#[test]
fn the_code_stands_on_one_line_that_fits_the_page() {
    let page = letter(PageFormat::Html, &[CODE]).expect("filled");
    assert!(page.contains(&format!("<p class=\"code\">{CODE}</p>")));
    let page = letter(PageFormat::Text, &[CODE]).expect("filled");
    let spaced: String = CODE.chars().flat_map(|letter| [letter, ' ']).collect();
    assert!(page.lines().any(|line| line == format!("        {}", spaced.trim_end())), "{}", *page);
    assert!(page.lines().all(|line| line.chars().count() < 80));
}

#[test]
fn the_page_names_no_purpose_and_the_note_names_no_code() {
    for format in FORMATS {
        for codes in [&[CODE] as &[_], &[HALF, HALF]] {
            let text = letter(format, codes).expect("filled").to_ascii_lowercase();
            for word in [
                "otp",
                "one-time",
                "sudo",
                "pam",
                "password",
                "login",
                "log in",
                "enrol",
                "account",
                "registration",
                "host",
            ] {
                assert!(!text.contains(word), "{word}");
            }
            assert!(!text.contains("user") && !text.contains("alice") && !text.contains("key"));
        }
        for form in ["spoken", "mail", "letter", "split"] {
            let note = note(format, form);
            assert!(note.contains("alice") && note.contains(&host_name()) && note.contains("otpctl enrol"));
            assert!(note.contains("Call 4711") && !note.contains("{{") && !note.contains("12345"));
            assert_eq!(note.contains("in two parts"), form == "split");
            assert_eq!(note.contains("another envelope"), form == "letter");
        }
    }
    assert!(note(PageFormat::Html, "mail").contains("Apps: &lt;any>"));
}

#[test]
fn a_hostile_code_is_written_nowhere() {
    for code in ["", "</p><script>", "E-1&amp;", "E-1\n", "E-é"] {
        for format in FORMATS {
            assert!(letter(format, &[code]).is_err_and(|failure| failure.code() == 3), "{code}");
        }
    }
}

#[test]
fn a_sheet_is_one_section_of_its_paper() {
    let page = letter(PageFormat::Html, &[CODE]).expect("filled");
    assert!(page.starts_with("<section id=\"2345-001\">\n") && page.ends_with("</section>\n"));
    assert!(Paper::A4.head().contains("size: A4") && Paper::Letter.head().contains("size: Letter"));
}
