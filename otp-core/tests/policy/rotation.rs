//! How old a key may become.

use otp_core::policy::host::HostPolicy;
use otp_core::policy::rotation::{Age, Rotation};
use otp_core::unix_time::UnixTime;

#[test]
fn reminded_on_some_days_then_due_then_overdue() {
    let rotation = Rotation { max_age: 100, grace: 10, services: Vec::new() };
    let confirmed = UnixTime::new(1_000);
    let at = |days: u64| rotation.age(confirmed, confirmed + days * 86_400);
    assert_eq!((at(0), at(69), at(71), at(92)), (Age::Young, Age::Young, Age::Young, Age::Young));
    assert_eq!((at(70), at(86), at(93), at(99)), (Age::DueIn(30), Age::DueIn(14), Age::DueIn(7), Age::DueIn(1)));
    assert_eq!((at(100), at(109), at(110), at(9_999)), (Age::Due(10), Age::Due(1), Age::Overdue, Age::Overdue));
    assert_eq!(rotation.age(confirmed, UnixTime::EPOCH), Age::Young, "a clock behind the key");
}

#[test]
fn the_table_is_read_and_says_what_is_wrong() {
    let of = |text: &str| HostPolicy::parse(text).map(|policy| policy.rotation);
    assert_eq!(of(""), Ok(None));
    let found = of("[rotation]\nmax_age = 365\nrotate_services = [\"sudo\", \"sshd\"]").unwrap().unwrap();
    assert_eq!((found.max_age, found.grace, found.services.len()), (365, 14, 2));
    for (text, wanted) in [
        ("", "max_age is missing"),
        ("max_age = 0", "max_age is 0; wanted 7 to 3650"),
        ("max_age = 90\ngrace = 0", "grace is 0; wanted 1 to 365"),
        ("max_age = 90\nservices = []", "there is no field \"services\""),
    ] {
        let error = of(&format!("[rotation]\n{text}")).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}
