//! From where something was done, as the program that was used said: of a redemption and of a notice.

use otp_core::files::notice::{Claim, Where};
use serde::{Deserialize, Serialize};

/// Where a program said that it was used. On the wire its fields are those of what it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedPlace {
    /// Terminal that the program named, 1 to 64 letters, digits or any of `._:/@%+-`; `None` if it named none.
    #[serde(default)]
    pub tty: Option<String>,
    /// Remote host that the program named, in the same alphabet; `None` if it named none.
    #[serde(default)]
    pub rhost: Option<String>,
    /// PAM service that the program named, in the same alphabet; `None` if it named none.
    #[serde(default)]
    pub service: Option<String>,
}

impl ClaimedPlace {
    /// As it goes over the wire.
    pub fn of(from: &Where) -> Self {
        let text = |claim: &Option<Claim>| claim.as_ref().map(|claim| claim.as_str().to_owned());
        Self { tty: text(&from.tty), rhost: text(&from.rhost), service: text(&from.service) }
    }

    /// As it may be shown, whatever came over the wire.
    pub fn cut(&self) -> Where {
        let claim = |text: &Option<String>| Claim::of(text.as_deref());
        Where { tty: claim(&self.tty), rhost: claim(&self.rhost), service: claim(&self.service) }
    }
}

#[cfg(test)]
mod tests {
    use otp_core::files::date::utc;
    use otp_core::unix_time::UnixTime;
    use serde_json::{from_str, to_string};

    use crate::interface::{NoticeItem, Redemption};

    /// As the first release sends them, and reads them.
    const REDEMPTIONS: [&str; 2] = [
        r#"{"at":1795000000,"tty":"pts/1","rhost":"192.0.2.1","service":"sshd"}"#,
        r#"{"at":1795000000,"tty":null,"rhost":null,"service":null}"#,
    ];
    const NOTICE: &str = r#"{"id":1,"event":"recovery-code-used","severity":"warning","at":1795000000,"by":1000,"tty":"ssh","rhost":"192.0.2.1","service":"sshd","key":"phone","left":7,"times":1,"last":1795000000,"shown":0,"text":"used"}"#;

    #[test]
    fn what_the_first_release_sends_is_read_and_written_byte_for_byte() {
        for sent in REDEMPTIONS {
            let read: Redemption = from_str(sent).unwrap();
            assert_eq!(to_string(&read).unwrap(), sent);
        }
        let read: NoticeItem = from_str(NOTICE).unwrap();
        assert_eq!((read.from.tty.as_deref(), read.left), (Some("ssh"), Some(7)));
        assert_eq!(to_string(&read).unwrap(), NOTICE);
    }

    #[test]
    fn when_and_from_where_is_told_and_cannot_move_the_cursor() {
        let now = UnixTime::new(1_795_000_180);
        let told = |sent: &str| from_str::<Redemption>(sent).unwrap().when_and_where(now, utc);
        let text = "3 minutes ago (2026-11-18T11:06:40Z), from 192.0.2.1, on pts/1, through sshd";
        assert_eq!(told(REDEMPTIONS[0]), text);
        assert_eq!(told(REDEMPTIONS[1]), "3 minutes ago (2026-11-18T11:06:40Z)");
        assert!(told(r#"{"at":0,"tty":"a\u001b[2J\u202e"}"#).ends_with(" days ago (1970-01-01T00:00:00Z), on a__2J_"));
    }

    #[test]
    fn members_that_are_not_there_or_not_known_do_no_harm() {
        let read: Redemption = from_str(r#"{"at":7,"colour":"blue"}"#).unwrap();
        assert_eq!((read.at, read.from), (UnixTime::new(7), super::ClaimedPlace::default()));
    }
}
