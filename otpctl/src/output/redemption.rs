//! How an earlier use of a registration code is told: when, and from where.

use otp_core::files::date::utc;
use otp_protocol::interface::Redemption;

use crate::output::escape::escaped;

/// When and from where, as the program said that was used.
pub(crate) fn when_and_where(used: &Redemption) -> String {
    let mut text = format!("at {}", utc(used.at));
    for (word, place) in [("on", &used.tty), ("from", &used.rhost), ("through", &used.service)] {
        if let Some(place) = place {
            text.push_str(&format!(" {word} {}", escaped(place)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;

    use super::*;

    #[test]
    fn when_and_from_where_is_told_and_cannot_move_the_cursor() {
        let at = |tty: &str, rhost: Option<&str>| Redemption {
            at: UnixTime::new(951_782_400),
            tty: Some(tty.to_owned()),
            rhost: rhost.map(str::to_owned),
            service: Some("sshd".to_owned()),
        };
        let text = "at 2000-02-29T00:00:00Z on /dev/pts/3 from 192.0.2.7 through sshd";
        assert_eq!(when_and_where(&at("/dev/pts/3", Some("192.0.2.7"))), text);
        assert!(!when_and_where(&at("\x1b[2J", None)).contains('\x1b'));
    }
}
