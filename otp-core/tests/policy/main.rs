//! The policy: the host, its services, who is asked, how old a key may become. Read through nothing but what the core offers.

#![expect(clippy::unwrap_used, reason = "what is not there must fail the test")]

mod audience;
mod rotation;
mod service;

use otp_core::decision::limits::{ClockPolicy, Wait, Window};
use otp_core::decision::origin::Origin;
use otp_core::keys::key::Algorithm;
use otp_core::policy::host::HostPolicy;

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(HostPolicy::parse("").unwrap(), HostPolicy::default());
    assert_eq!(HostPolicy::parse("version = 1\n[window]\n[guesses]\n[key]\n").unwrap(), HostPolicy::default());
}

#[test]
fn every_key_is_read() {
    let text = r#"
        version = 1
        issuer = "Example Ltd"
        clock = "trusted"
        [window]
        back = 2
        forward = 0
        [guesses]
        self = 80
        other = 5
        remote = 5
        console = 5
        socket = 5
        wait = "none"
        [key]
        algorithm = "SHA256"
        digits = 8
        period = 60
    "#;
    let policy = HostPolicy::parse(text).unwrap();
    assert_eq!(policy.issuer.as_deref(), Some("Example Ltd"));
    assert_eq!(policy.limits.clock, ClockPolicy::Trusted);
    assert_eq!(policy.limits.window, Window { back: 2, forward: 0 });
    assert_eq!((policy.limits.of(Origin::Myself), policy.limits.of(Origin::Socket)), (80, 5));
    assert_eq!(policy.limits.wait, Wait::None);
    assert_eq!(
        (policy.key.algorithm, policy.key.digits.get(), policy.key.period.seconds()),
        (Algorithm::Sha256, 8, 60)
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place_what_was_found_and_what_was_wanted() {
    let cases = [
        ("version = 2", 1, 11, "version is 2; wanted 1"),
        ("\n[window]\nback = 3", 3, 8, "back is 3; wanted 0 to 2"),
        ("[window]\nforward = -1", 2, 11, "forward is -1; wanted 0 to 2"),
        ("[window]\nbackk = 1", 2, 1, "there is no field \"backk\" here; there are back, forward"),
        ("colour = 1", 1, 1, "there is no field \"colour\" here"),
        ("[guesses]\nself = 0", 2, 8, "self is 0; wanted 3 to 88"),
        ("[guesses]\nself = 21", 1, 1, "add up to 101; wanted at most 100"),
        ("[guesses]\nwait = \"never\"", 2, 8, "wait is \"never\"; wanted \"growing\" or \"none\""),
        ("clock = \"sundial\"", 1, 9, "clock is \"sundial\"; wanted \"checked\" or \"trusted\""),
        ("[key]\ndigits = 5", 2, 10, "digits is \"5\"; wanted 6, 7 or 8"),
        ("[key]\nperiod = 9223372036854775807", 2, 10, "wanted 15 to 120 seconds"),
        ("[key]\nalgorithm = \"MD5\"", 2, 13, "wanted SHA1, SHA256 or SHA512"),
        ("issuer = \"a:b\"", 1, 10, "without ':'"),
        ("issuer = \"\"", 1, 10, "1 to 32"),
        ("issuer = 5", 1, 10, "wanted a string"),
        ("issuer = \"123456789012345678901234567890123\"", 1, 10, "1 to 32"),
        ("\nhost = \"\"", 2, 8, "wanted 1 to 64 bytes"),
        ("host = \"a:b\"", 1, 8, "without spaces, ':' and '@'"),
        ("host = \"alice@web1\"", 1, 8, "without spaces, ':' and '@'"),
        ("host = \"web 1\"", 1, 8, "without spaces"),
        ("host = \"web\\t1\"", 1, 8, "without spaces"),
        ("host = \"12345678901234567890123456789012345678901234567890123456789012345\"", 1, 8, "1 to 64 bytes"),
        ("host = 1", 1, 8, "wanted a string"),
        ("version = 1\nversion = 1", 2, 1, "duplicate key"),
        ("not toml", 1, 5, ""),
    ];
    for (text, line, column, what) in cases {
        let error = HostPolicy::parse(text).expect_err(text);
        assert!(error.what.contains(what), "{text:?}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
    }
}

#[test]
fn a_command_is_an_absolute_path_with_its_arguments() {
    let policy = HostPolicy::parse("notify_command = [\"/usr/sbin/sendmail\", \"-t\"]\nnotify_deadline = 5").unwrap();
    let notify = policy.notify.unwrap();
    assert_eq!(
        (notify.command.as_slice(), notify.deadline.as_secs()),
        (["/usr/sbin/sendmail".to_owned(), "-t".to_owned()].as_slice(), 5)
    );
    let default = HostPolicy::parse("notify_command = [\"/bin/true\"]").unwrap().notify.unwrap();
    assert_eq!(default.deadline.as_secs(), 30);
    assert_eq!(HostPolicy::parse("notify_command = []\nnotify_deadline = 600").unwrap().notify, None);
    assert_eq!(HostPolicy::parse("").unwrap().notify, None);
}

#[test]
fn any_other_command_or_deadline_is_an_error_in_its_place() {
    let fault = |text: &str| HostPolicy::parse(text).map_err(|error| (error.line, error.column)).unwrap_err();
    assert_eq!(fault("notify_command = \"/bin/true\""), (1, 18));
    assert_eq!(fault("notify_command = [\"true\"]"), (1, 19));
    assert_eq!(fault("notify_command = [\"\"]"), (1, 19));
    assert_eq!(fault("notify_command = [\"/bin/true\", \"a\\u0000b\"]"), (1, 32));
    assert_eq!(fault("notify_deadline = 0"), (1, 19));
    assert_eq!(fault("notify_deadline = 601"), (1, 19));
}

#[test]
fn an_issuer_of_more_than_32_bytes_is_valid_and_cut_at_a_character() {
    let cases = [
        ("ü".repeat(16), "ü".repeat(16), None),
        ("ü".repeat(17), "ü".repeat(16), Some(34)),
        (format!("a{}", "ü".repeat(16)), format!("a{}", "ü".repeat(15)), Some(33)),
        ("日".repeat(32), "日".repeat(10), Some(96)),
        (format!("{} ü", "a".repeat(30)), format!("{} ", "a".repeat(30)).trim().to_owned(), Some(33)),
        ("a".repeat(32), "a".repeat(32), None),
    ];
    for (written, kept, bytes) in cases {
        let policy = HostPolicy::parse(&format!("version = 1\nissuer = \"{written}\"\n")).unwrap();
        assert_eq!(policy.issuer.as_deref(), Some(kept.as_str()));
        let told: Vec<_> = policy.remarks.iter().map(ToString::to_string).collect();
        match bytes {
            None => assert!(told.is_empty(), "{told:?}"),
            Some(bytes) => {
                let begin =
                    format!("line 2, column 10: issuer has {bytes} bytes; apps are given the first {}", kept.len());
                assert!(told.len() == 1 && told[0].starts_with(&begin) && told[0].contains(&kept), "{told:?}");
            }
        }
    }
}

#[test]
fn a_host_is_named_as_its_admins_name_it() {
    for name in ["web1", "web1.example.org", "büro", "build+7"] {
        let policy = HostPolicy::parse(&format!("host = \"{name}\"")).unwrap();
        assert_eq!(policy.host.as_deref(), Some(name));
    }
}
