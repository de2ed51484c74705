//! Which apps are known to ignore what a key says about itself. They take the QR code, say nothing, and show codes that are
//! refused. docs/apps.md has the whole table and where each line comes from; a test compares.

use crate::output::escape::escaped;

/// An app that passes over something.
struct App {
    name: &'static str,
    ignores_sha256: bool,
    ignores_sha512: bool,
    ignores_digits: bool,
    ignores_period: bool,
}

/// A line for everything about the key that is not what every app does.
pub(crate) fn warnings(algorithm: &str, digits: u8, period: u32) -> String {
    let mut text = String::new();
    let mut warn = |what: String, ignored_by: &dyn Fn(&App) -> bool| {
        let names: Vec<&str> = APPS.iter().filter(|app| ignored_by(app)).map(|app| app.name).collect();
        text.push_str(&format!("{what} is ignored by {}; they then show codes that are refused\n", listed(&names)));
    };
    match algorithm {
        "SHA1" => {}
        "SHA256" => warn("SHA256".to_owned(), &|app| app.ignores_sha256),
        other => warn(escaped(other), &|app| app.ignores_sha512),
    }
    if digits != 6 {
        warn(format!("a code of {digits} digits"), &|app| app.ignores_digits);
    }
    if period != 30 {
        warn(format!("a period of {period} s"), &|app| app.ignores_period);
    }
    text
}

fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[rustfmt::skip]
const APPS: [App; 6] = [
    App { name: "Google Authenticator", ignores_sha256: true, ignores_sha512: true, ignores_digits: true, ignores_period: true },
    App { name: "Microsoft Authenticator", ignores_sha256: true, ignores_sha512: true, ignores_digits: true, ignores_period: true },
    App { name: "Authy", ignores_sha256: true, ignores_sha512: true, ignores_digits: false, ignores_period: false },
    App { name: "Okta Verify", ignores_sha256: true, ignores_sha512: true, ignores_digits: true, ignores_period: false },
    App { name: "1Password", ignores_sha256: false, ignores_sha512: true, ignores_digits: true, ignores_period: false },
    App { name: "Raivo", ignores_sha256: false, ignores_sha512: true, ignores_digits: true, ignores_period: false },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_app_does_is_not_warned_about() {
        assert_eq!(warnings("SHA1", 6, 30), "");
    }

    #[test]
    fn each_unusual_value_names_the_apps_that_ignore_it() {
        let text = warnings("SHA512", 8, 60);
        let [hash, digits, period] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert!(hash.starts_with("SHA512 is ignored by Google Authenticator, ") && hash.contains("1Password"));
        assert!(digits.starts_with("a code of 8 digits is ignored by ") && !digits.contains("Authy"));
        let both = "Google Authenticator and Microsoft Authenticator";
        assert_eq!(period, format!("a period of 60 s is ignored by {both}; they then show codes that are refused"));
        assert!(!warnings("SHA256", 6, 30).contains("1Password"));
    }

    #[test]
    fn a_hash_from_the_daemon_cannot_move_the_cursor() {
        assert!(!warnings("\x1b[2J", 6, 30).contains('\x1b'));
    }
}
