//! The table of one service, and what it takes over from the host.

use otp_core::decision::limits::{Wait, Window};
use otp_core::decision::origin::Origin;
use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::policy::service::{ServicePolicy, Unenrolled};
use otp_core::policy::toml_table::TableError;
use otp_core::unix_time::UnixTime;

fn service(text: &str) -> Result<ServicePolicy, TableError> {
    ServicePolicy::parse(text, Some("sudo"))
}

#[test]
fn every_key_of_a_service_is_read() {
    let found = service(
        r#"
        [service.sudo]
        prompt = "Code: "
        digits = [6, 8]
        unenrolled = "skip"
        allow_until = 1970-03-01
        report_only = true
        exempt = ["user:backup", "gid:7"]
        require = ["net:192.0.2.0/24"]
        window = { back = 2, forward = 0 }
        guesses = { remote = 5, wait = "none" }
        origin = "remote"
        "#,
    )
    .unwrap();
    assert_eq!((found.prompt.as_deref(), found.digits), (Some("Code: "), vec![6, 8]));
    assert_eq!((found.unenrolled, found.allow_until), (Some(Unenrolled::Skip), Some(UnixTime::of_day(59))));
    assert!(found.report_only && found.exempt.len() == 2 && found.require.len() == 1);
    assert_eq!((found.limits.window.back, found.limits.window.forward), (2, 0));
    assert_eq!((found.origin, found.limits.guesses), (Some(Origin::Remote), [20, 20, 20, 5, 20]));
    let enrol = service("[service.sudo]\nunenrolled = \"enrol\"").unwrap();
    assert_eq!(enrol.unenrolled, Some(Unenrolled::Enrol));
}

#[test]
fn what_a_service_leaves_out_of_window_and_guesses_is_as_for_all() {
    let text = "[window]\nback = 0\n[guesses]\nself = 5\nremote = 7\nwait = \"none\"\n[service.sudo]\n";
    let limits = |more: &str| service(&format!("{text}{more}")).unwrap().limits;
    let general = limits("");
    assert_eq!((general.window.back, general.guesses, general.wait), (0, [20, 5, 20, 7, 20], Wait::None));
    let found = limits("window = { forward = 2 }\nguesses = { remote = 4 }");
    assert_eq!((found.window, found.guesses), (Window { back: 0, forward: 2 }, [20, 5, 20, 4, 20]));
    assert_eq!((found.wait, found.clock), (general.wait, general.clock));
    assert_eq!(limits("guesses = { wait = \"growing\" }").wait, Wait::Growing);
}

#[test]
fn a_service_without_a_table_and_a_caller_that_is_none_go_by_the_rules_of_the_host() {
    let text = "[window]\nback = 0\n[rotation]\nmax_age = 90\nrotate_services = [\"sudo\", \"su\"]\n\
                [service.sudo]\norigin = \"other\"\n[service.sshd]\norigin = \"other\"\nwindow = { back = 2 }\n";
    let of = |name| {
        let found = ServicePolicy::parse(text, name).unwrap();
        (found.origin(Origin::Console), found.limits.window.back, found.keys_age(), found.rotates)
    };
    assert_eq!(of(Some("sudo")), (Origin::Other, 0, true, true));
    assert_eq!(of(Some("sshd")), (Origin::Other, 2, true, false));
    assert_eq!(of(Some("su")), (Origin::Console, 0, true, true));
    assert_eq!(of(Some("login")), (Origin::Console, 0, true, false));
    assert_eq!(of(None), (Origin::Console, 0, true, false));
}

#[test]
fn an_error_in_one_service_refuses_that_one_only() {
    let text = "[service.sudo]\nunenrolled = \"maybe\"\n[service.sshd]\nunenrolled = \"skip\"\n";
    let error = service(text).unwrap_err();
    assert_eq!((error.line, error.column), (2, 14));
    assert_eq!(ServicePolicy::parse(text, Some("sshd")).unwrap().unenrolled, Some(Unenrolled::Skip));
    assert_eq!(ServicePolicy::parse(text, Some("login")), Ok(ServicePolicy::default()));
    assert!(HostPolicy::parse(text).is_ok(), "what holds for the host is in order");
    assert!(WholePolicy::parse(text).is_err(), "`config check` reads them all");
    let unknown = ServicePolicy::parse("[services.sudo]", Some("login"));
    assert!(unknown.is_err(), "an unknown table refuses everybody");
}

#[test]
fn a_service_that_no_new_key_could_use_is_found_by_config_check_alone() {
    for (text, good) in [
        ("[service.sudo]\ndigits = [8]", false),
        ("[key]\ndigits = 8\n[service.sudo]\ndigits = [6, 7]", false),
        ("[key]\ndigits = 8\n[service.sudo]\ndigits = [6, 8]", true),
        ("[service.sudo]\ndigits = []", true),
    ] {
        assert_eq!(WholePolicy::parse(text).is_ok(), good, "{text}");
        assert!(service(text).is_ok(), "keys made before may well fit: {text}");
    }
    let error = WholePolicy::parse("issuer = \"x\"\n[service.sudo]\ndigits = [8]").unwrap_err();
    assert!(error.line == 2 && error.to_string().contains("a new key has 6"), "{error}");
}

#[test]
fn what_is_wrong_in_a_service_is_named() {
    let cases = [
        ("prompt = \"\"", "prompt is \"\""),
        ("prompt = \"a\\nb\"", "control characters"),
        ("digits = [5]", "digits has 5; wanted 6, 7 or 8"),
        ("digits = 6", "digits is an integer; wanted an array of whole numbers"),
        ("allow_until = 2027-02-29", "invalid date"),
        ("allow_until = 1969-12-31", "allow_until is not a day"),
        ("allow_until = \"soon\"", "wanted a date"),
        ("report_only = 1", "report_only is an integer; wanted true or false"),
        ("exempt = [\"alice\"]", "exempt has \"alice\"; wanted user:NAME"),
        (
            "require = [\"user:EX\\bob\"]",
            "require has \"user:EX\\u{8}ob\", with the control character U+0008; wanted a name",
        ),
        ("exempt = [\"user:a\\u000Ab\"]", "U+000A"),
        ("exempt = ['user:a\tb']", "U+0009"),
        ("window = { back = 3 }", "back is 3; wanted 0 to 2"),
        ("guesses = { self = 90 }", "self is 90; wanted 3 to 88"),
        ("guesses = { remote = 21, other = 3 }", "remote is 21; wanted at most 20"),
        ("origin = \"console\"", "origin is \"console\"; wanted \"remote\" or \"other\""),
        ("origin = \"self\"", "origin is \"self\""),
        ("origin = 1", "origin is an integer"),
        ("colour = 1", "no field \"colour\""),
    ];
    for (line, what) in cases {
        let error = service(&format!("[service.sudo]\n{line}\n")).expect_err(line);
        assert!(error.to_string().contains(what), "{line}: {error}");
        assert_eq!(error.line, 2, "{line}");
    }
}

#[test]
fn the_unenrolled_pass_until_their_day_or_while_it_only_reports() {
    let until = ServicePolicy { allow_until: Some(UnixTime::of_day(10)), ..ServicePolicy::default() };
    assert!(until.unenrolled_pass(UnixTime::new(10 * 86_400 - 1)) && !until.unenrolled_pass(UnixTime::of_day(10)));
    assert!(ServicePolicy { report_only: true, ..ServicePolicy::default() }.unenrolled_pass(UnixTime::new(u64::MAX)));
    assert!(!ServicePolicy::default().unenrolled_pass(UnixTime::EPOCH));
}
