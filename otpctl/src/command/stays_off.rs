//! The keys of a user that stay off when a suspension has ended or a key was stored, and the way to turn them on.

use otp_protocol::interface::UserStatus;

use crate::output::escape::{escaped, word};
use crate::output::local_time::to_the_minute;

/// A line for each; nothing where every code of a key is accepted.
pub(crate) fn told(status: &UserStatus) -> String {
    let (user, typed) = (escaped(&status.user), word(&status.user));
    let repudiated: Vec<String> =
        status.keys.iter().filter(|key| key.suspended).map(|key| format!("\"{}\"", escaped(&key.label))).collect();
    let invite = format!("for a new key: `otpctl invite {typed} --replace`");
    let mut lines = Vec::from_iter(suspended(status));
    if !repudiated.is_empty() {
        let keys = repudiated.join(", ");
        lines.push(format!(
            "off for good: {keys}, because {user} said that somebody else had used the registration code; {invite}"
        ));
    }
    if status.disabled {
        lines.push(format!("off: every key of {user}, after too many wrong codes; {invite}"));
    }
    if status.expired {
        lines.push(format!("expired: every key of {user}; {invite}"));
    }
    if status.enrolled && status.keys.is_empty() {
        lines.push(format!("{user} has no key; {invite}"));
    }
    if status.restored {
        lines.push(format!(
            "off: recovery codes, registration codes and counting tokens, until root runs `otpctl accept-restore {typed}`"
        ));
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

/// A line where every key of a user has an end: after the last of these nobody gets in as that user.
pub(crate) fn after_the_last_end(status: &UserStatus) -> String {
    let ends: Vec<_> = status.keys.iter().filter(|key| !key.suspended).map(|key| key.expires).collect();
    let last = ends.iter().copied().collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max());
    let (user, typed) = (escaped(&status.user), word(&status.user));
    last.map_or_else(String::new, |last| {
        format!(
            "  every key of {user} has an end: after {} no code of {user} is accepted any more; for a new key: `otpctl rotate` by \
             {user} before it, or `otpctl invite {typed} --replace` after it\n",
            to_the_minute(last)
        )
    })
}

/// An administrator's suspension. A user all of whose keys are repudiated counts as suspended as well, which no resume changes.
pub(crate) fn suspended(status: &UserStatus) -> Option<String> {
    let repudiated = !status.keys.is_empty() && status.keys.iter().all(|key| key.suspended);
    let (user, typed) = (escaped(&status.user), word(&status.user));
    (status.suspended && !repudiated).then(|| {
        format!("{user} is suspended: every code is refused until an administrator runs `otpctl resume {typed}`")
    })
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;
    use otp_protocol::interface::KeyStatus;

    use super::*;

    fn key(label: &str) -> KeyStatus {
        KeyStatus {
            id: "k".to_owned(),
            label: label.to_owned(),
            kind: "totp".to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            created: UnixTime::EPOCH,
            confirmed: UnixTime::EPOCH,
            last_used: None,
            expires: None,
            resync: false,
            suspended: false,
        }
    }

    fn repudiated(label: &str) -> KeyStatus {
        KeyStatus { suspended: true, ..key(label) }
    }

    fn alice(keys: Vec<KeyStatus>) -> UserStatus {
        UserStatus { enrolled: true, generation: 1, keys, ..UserStatus::not_enrolled("alice".to_owned(), 1000) }
    }

    #[test]
    fn what_stays_off_is_told_with_what_turns_it_on() {
        assert_eq!(told(&alice(vec![key("phone")])), "");
        let not_hers = told(&UserStatus { suspended: true, ..alice(vec![repudiated("phone")]) });
        assert!(not_hers.contains("off for good: \"phone\"") && not_hers.contains("otpctl invite alice --replace"));
        assert!(!not_hers.contains("otpctl resume"), "that was done, and changes nothing: {not_hers}");
        let suspended = told(&UserStatus { suspended: true, ..alice(vec![key("phone")]) });
        assert!(suspended.contains("otpctl resume alice") && suspended.lines().count() == 1);
        let much = UserStatus { disabled: true, expired: true, restored: true, ..alice(vec![key("phone")]) };
        assert_eq!(told(&much).lines().count(), 3);
        assert!(told(&alice(Vec::new())).contains("has no key"));
    }

    #[test]
    fn a_name_stands_in_a_command_as_a_shell_wants_it() {
        let user = UserStatus { user: "CORP\\alice".to_owned(), suspended: true, ..alice(vec![key("phone")]) };
        assert!(
            told(&user).contains("CORP\\alice is suspended") && told(&user).contains("otpctl resume 'CORP\\alice'")
        );
    }
}
