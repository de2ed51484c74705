//! Entries of `exempt` as tables, with an end and a reason.

use otp_core::policy::audience::Exemption;
use otp_core::policy::service::ServicePolicy;
use otp_core::policy::toml_table::TableError;
use otp_core::unix_time::UnixTime;

fn exempt(text: &str) -> Result<Vec<Exemption>, TableError> {
    ServicePolicy::parse(&format!("[service.sudo]\n{text}\n"), Some("sudo")).map(|policy| policy.exempt)
}

#[test]
fn texts_and_tables_stand_side_by_side() {
    let found = exempt(
        "exempt = [\"user:a\", { who = \"uid:5\", until = 1970-01-11, reason = \"old phone\" }, { who = \"net:::/0\" }]",
    )
    .unwrap();
    let read: Vec<_> = found.iter().map(|one| (one.entry.text.as_str(), one.until, one.reason.as_deref())).collect();
    assert_eq!(
        read,
        [("user:a", None, None), ("uid:5", Some(UnixTime::of_day(10)), Some("old phone")), ("net:::/0", None, None)]
    );
    let long =
        "[[service.sudo.exempt]]\nwho = 'user:EX\\bob'\nuntil = 2027-01-01\n[[service.sudo.exempt]]\nwho = \"gid:1\"";
    assert_eq!(exempt(long).unwrap().len(), 2);
}

#[test]
fn from_the_first_second_of_its_day_an_exemption_has_ended() {
    let found = exempt("exempt = [{ who = \"uid:5\", until = 1970-01-11 }, \"uid:6\"]").unwrap();
    let ended = |now| found.iter().map(|one| one.has_ended(now)).collect::<Vec<_>>();
    assert_eq!(ended(UnixTime::new(10 * 86_400 - 1)), [false, false]);
    assert_eq!(ended(UnixTime::of_day(10)), [true, false]);
    assert_eq!(ended(UnixTime::new(u64::MAX)), [true, false]);
}

#[test]
fn a_wrong_exemption_is_named_with_its_place_what_was_found_and_what_was_wanted() {
    for (text, column, what) in [
        ("exempt = [{}]", 11, "the field who is missing"),
        ("exempt = [{ until = 2027-01-01 }]", 11, "the field who is missing"),
        ("exempt = [{ who = 5 }]", 19, "who is an integer; wanted a string"),
        ("exempt = [{ who = \"alice\" }]", 19, "who is \"alice\"; wanted user:NAME"),
        ("exempt = [{ who = \"user:EX\\bob\" }]", 19, "U+0008"),
        ("exempt = [{ who = [\"user:a\"] }]", 19, "who is an array; wanted a string"),
        ("exempt = [{ who = \"uid:1\", until = \"2027-01-01\" }]", 36, "until is a string; wanted a date"),
        ("exempt = [{ who = \"uid:1\", until = 2027-01-01T00:00:00Z }]", 36, "wanted a date"),
        ("exempt = [{ who = \"uid:1\", until = 1969-12-31 }]", 36, "until is not a day; wanted a date"),
        ("exempt = [{ who = \"uid:1\", until = 2027-02-29 }]", 36, ""),
        ("exempt = [{ who = \"uid:1\", reason = \"\" }]", 37, "reason is \"\"; wanted 1 to 128 characters"),
        ("exempt = [{ who = \"uid:1\", reason = \"  \" }]", 37, "wanted 1 to 128 characters"),
        ("exempt = [{ who = \"uid:1\", reason = \"a\\nb\" }]", 37, "without control characters"),
        ("exempt = [{ who = \"uid:1\", reason = 1 }]", 37, "wanted a string"),
        ("exempt = [{ who = \"uid:1\", til = 2027-01-01 }]", 28, "there is no field \"til\" here"),
        ("exempt = [5]", 10, "exempt is an array; wanted an array of strings and tables"),
        ("exempt = { who = \"uid:1\" }", 10, "exempt is a table; wanted an array of strings and tables"),
        ("require = [{ who = \"uid:1\" }]", 11, "require is an array; wanted an array of strings"),
    ] {
        let error = exempt(text).expect_err(text);
        assert!(error.what.contains(what), "{text}: {error}");
        if !what.is_empty() {
            assert_eq!((error.line, error.column), (2, column), "{text}: {error}");
        }
    }
    let reason = format!("exempt = [{{ who = \"uid:1\", reason = \"{}\" }}]", "x".repeat(129));
    assert!(exempt(&reason).is_err());
}
