//! A file that is not TOML refuses every service, and so does one whose quotes swallow a table. A wrong value in a valid file
//! refuses its service alone.

use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::policy::service::ServicePolicy;

/// Which of three services can be used.
fn usable(text: &str) -> String {
    let services = ["sudo", "su", "sshd"];
    services.into_iter().filter(|name| ServicePolicy::parse(text, Some(name)).is_ok()).collect::<Vec<_>>().join(" ")
}

/// Lines after which the file is no TOML, or which swallow what follows.
const BROKEN: [&str; 30] = [
    "=[service.su]",
    "x = [service.su]",
    "x=[service.su]",
    "= [service.su] # since spring",
    "x = y [service.su]",
    "prompt = \"a\" [service.su]",
    "prompt = \"a\"\nprompt = \"b\"",
    "prompt = unquoted",
    "prompt = \"no end",
    "prompt = 'no end",
    "prompt = \"\"\"no end",
    "prompt = '''no end",
    "digits = [6",
    "digits = [6 7]",
    "window = { back = 1",
    "window = { back = 1, back = 2 }",
    "allow_until = 2027-02-29",
    "exempt = [\"user:x\"",
    "exempt = [\"user:EX\\kim\"]",
    "service.su]",
    "[service.su",
    "[service su]",
    "[[service.su]",
    "]",
    "}",
    "x",
    "[service.sudo]",
    "# a\r[service.su]\r",
    "prompt = \"\"\"\n[service.su]\nunenrolled = \"deny\"\n\"\"\"",
    "x = { y = [ '''a\n\t [service.su]\nunenrolled = \"deny\"\n''' ] }",
];

#[test]
fn a_file_that_is_not_toml_refuses_every_service() {
    for broken in BROKEN {
        for text in [
            format!("[service.sudo]\n{broken}\nunenrolled = \"deny\"\n[service.sshd]\n"),
            format!("[service.sudo]\n{broken}\n[service.su]\nunenrolled = \"deny\"\n"),
            format!("[service.sudo]\r\n{broken}\r\n[service.sshd]\r\n"),
        ] {
            assert_eq!(usable(&text), "", "{text}");
            assert!(HostPolicy::parse(&text).is_err(), "the daemon reads it for no service: {text}");
            let (check, login) =
                (WholePolicy::parse(&text).unwrap_err(), ServicePolicy::parse(&text, Some("sshd")).unwrap_err());
            assert_eq!(check, login, "`config check` tells what the log tells");
        }
    }
}

/// Files that are TOML, in which a table is part of something else: what it says, as `unenrolled = "deny"` for `su`, would count for nothing.
const SWALLOWED: [&str; 21] = [
    "notify_command = [\"/bin/true\", '''\n[rotation]\nmax_age = 30\n''']",
    "notify_command = [\"/bin/true\", '''\nguesses.self = 3\n''']",
    "notify_command = [\"/bin/true\", '''\n [ \"key\" ]\ndigits = 8\n''']",
    "notify_command = [\"/bin/true\", \"\"\"\n[service.su]\nunenrolled = \"deny\"\n\"\"\"]",
    "notify_command = [\"/bin/true\", '''\n  [ \"service\" . su ]\nunenrolled = \"deny\"\n''']",
    "notify_command = [\"/bin/true\", '''\n[service]\nsu.unenrolled = \"deny\"\n''']",
    "notify_command = [\"/bin/true\", '''\nservice.su.unenrolled = \"deny\"\n''']",
    "notify_command = [\"/bin/true\", '''\nservice = { su = { unenrolled = \"deny\" } }\n''']",
    "issuer = '''\n[[service.su]]\n'''",
    "[service]\nsudo.prompt = '''a\nsu.unenrolled = \"deny\"\n'''",
    "[service]\nsudo.exempt = [{ who = \"uid:1\", reason = '''\nsu = { unenrolled = \"deny\" }\n''' }]",
    "[service.sudo]\nprompt = \"\"\"a \\\n  su.unenrolled = 'deny' \\\n\"\"\"",
    "[service.sudo.su]\nunenrolled = \"deny\"",
    "[service.sudo.service.su]\nunenrolled = \"deny\"",
    "[service.sudo]\nservice.su.unenrolled = \"deny\"",
    "[service.sudo]\nsu = { require = [\"group:staff\"] }",
    "[service.sudo]\nx = [[{ y = { exempt = [] } }]]",
    "[service.sudo.guesses]\nremote = 5\nservice.su.unenrolled = \"deny\"",
    "[service.sudo.window.su]\nreport_only = false",
    "[[service.sudo.exempt]]\nwho = \"uid:1\"\n[service.sudo.exempt.su]\nunenrolled = \"deny\"",
    "service = { sudo = { prompt = \"x\", su = { unenrolled = \"deny\" } } }",
];

#[test]
fn a_table_that_became_part_of_something_else_refuses_every_service() {
    for swallowed in SWALLOWED {
        let error = ServicePolicy::parse(swallowed, Some("su")).expect_err(swallowed);
        assert!(error.what.contains("; wanted "), "{error}");
        assert_eq!(usable(swallowed), "", "{swallowed}");
        assert!(WholePolicy::parse(swallowed).is_err() && HostPolicy::parse(swallowed).is_err());
    }
    let text = "[service.sudo]\n\n[service.sudo.su]\nunenrolled = \"deny\"\n";
    let error = ServicePolicy::parse(text, Some("su")).unwrap_err();
    assert_eq!(error.line, 3, "{error}");
    assert!(error.what.contains("part of [service.sudo]"), "{error}");
}

#[test]
fn a_text_with_a_bracket_at_the_start_of_its_line_is_named_with_its_place() {
    let text = "[service.sudo]\nprompt = '''a\n[service.su]\nunenrolled = \"deny\"\n'''\n";
    let error = ServicePolicy::parse(text, Some("su")).unwrap_err();
    assert_eq!((error.line, error.column), (2, 10));
    assert!(error.what.contains("wanted its end before the next table"), "{error}");
    let harmless = "notify_command = [\"/bin/sh\", \"-c\", '''\n[ -x /bin/y ]\nservices=1; service ssh status\nkey=$1; window=3\n[[ -n $service ]] && key.sh\n[keys]''']\n[service.sudo]\nprompt = \"[sudo] \"\n";
    assert_eq!(usable(harmless), "sudo su sshd");
}

#[test]
fn a_wrong_value_in_a_valid_file_refuses_its_service_alone() {
    for wrong in [
        "unenrolled = \"maybe\"",
        "digits = [5]",
        "digits = 6",
        "allow_until = 2027-01-31T00:00:00Z",
        "window = { back = 3 }",
        "prompt = \"\"\"two\nlines\"\"\"",
        "exempt = [\"alice\"]",
        "colour = 1",
        "colour = { shade = \"dark\" }",
        "prompt = { text = \"x\" }",
        "exempt = [{ who = \"uid:1\", window = 1 }]",
        "[[service.sudo.exempt]]\nwho = \"uid:1\"\nunenrolled = \"deny\"",
        "[service.sudo.window]\nback = 9",
    ] {
        let text = format!("issuer = \"x\"\n[service.su]\nprompt = \"s\"\n[service.sudo]\n{wrong}\n[service.sshd]\n");
        assert_eq!(usable(&text), "su sshd", "{wrong}");
        assert!(WholePolicy::parse(&text).is_err(), "`config check` tells: {wrong}");
    }
}
