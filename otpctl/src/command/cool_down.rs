//! A cool-down, for people: why a code does not replace somebody's keys now and until when, and until when nobody else sets the password.

use otp_core::accounts::account_of;
use otp_core::unix_time::UnixTime;
use otp_protocol::interface::{CoolDownStatus, UserStatus};

use crate::output::escape::escaped;
use crate::output::local_time::to_the_minute;

/// The lines about a user's password.
pub(super) fn lines(status: &UserStatus) -> String {
    let reset = status.cool_down.as_ref().map(|found| format!("  {}\n", barred(found)));
    let password = status.password_until.map(|until| format!("  {}\n", closed(&status.user, until)));
    [reset, password].into_iter().flatten().collect()
}

/// Why there is no reset now, until when, and what helps.
pub(super) fn barred(found: &CoolDownStatus) -> String {
    let until = found.until.map(|until| format!(" until {}", to_the_minute(until))).unwrap_or_default();
    match found.reason.as_str() {
        "password-changed" => format!("no reset{until}: the password was changed{}", changer(found.by)),
        "no-record" => "no reset: it is not known when the password was changed, or passwords have changed since \
                        the last look; root runs `otpctl watch-passwords` or starts otp-watch.path"
            .to_owned(),
        "four-eyes" => "no reset without a second administrator: the password is not on this host".to_owned(),
        "password-elsewhere" => {
            "no reset: the password is not on this host, and [cool_down] in otp.toml refuses that".to_owned()
        }
        other => format!("no reset{until}: {}", escaped(&other.replace('-', " "))),
    }
}

fn changer(by: Option<u32>) -> String {
    let Some(uid) = by else { return String::new() };
    let name = account_of(uid).ok().flatten().map(|account| escaped(&account.name));
    format!(" by {}", name.unwrap_or_else(|| format!("uid {uid}")))
}

fn closed(user: &str, until: UnixTime) -> String {
    format!(
        "until {1} only {0} can change the password: a code has replaced the keys",
        escaped(user),
        to_the_minute(until)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::status::tests::alice;

    #[test]
    fn until_when_and_why_in_the_time_of_this_machine() {
        let at = UnixTime::new(951_782_400);
        let here = to_the_minute(at);
        let found = |reason: &str, until, by| Some(CoolDownStatus { reason: reason.to_owned(), until, by });
        let told = |cool_down, password_until| lines(&UserStatus { cool_down, password_until, ..alice() });
        assert_eq!(told(None, None), "");
        let by_root = format!("  no reset until {here}: the password was changed by root\n");
        assert_eq!(told(found("password-changed", Some(at), Some(0)), None), by_root);
        let closed = format!("  until {here} only alice can change the password: a code has replaced the keys\n");
        let both = format!("  no reset until {here}: the password was changed\n{closed}");
        assert_eq!(told(found("password-changed", Some(at), None), Some(at)), both);
        assert!(told(found("no-record", None, None), None).contains("`otpctl watch-passwords`"));
        assert!(told(found("four-eyes", None, None), None).contains("second administrator"));
        assert!(told(found("password-elsewhere", None, None), None).contains("[cool_down]"));
        assert_eq!(told(found("of-a-later\x1b-daemon", None, None), None), "  no reset: of a later\\x1b daemon\n");
    }
}
