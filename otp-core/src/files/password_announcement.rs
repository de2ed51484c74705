//! The content of `/var/lib/otp-watch/UID.announced`: who is changing a password, as the module's line has it. It only says who; a change is dated when
//! it is seen. In the canonical form of `files::canonical`, at most 1 KiB, version 1, the first line a checksum; anything else is damaged.

use crate::environment::Moment;
use crate::files::password_record::{PasswordActor, SeenAt, actor, parse_about, push_actor, text_about};
use crate::keys::seal::PasswordFingerprint;

/// A change that the module's line has seen being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordAnnouncement {
    /// Whose password.
    pub uid: u32,
    /// Of the password at that moment: the former one, or the new one where the line is after those that change it.
    pub fingerprint: PasswordFingerprint,
    /// When.
    pub at: SeenAt,
    /// By this person.
    pub by: PasswordActor,
}

impl PasswordAnnouncement {
    /// Largest file in bytes.
    pub const CAP: usize = 1024;

    /// Reads the file of `uid`; else what was found and what was wanted.
    pub fn parse(text: &[u8], uid: u32) -> Result<Self, String> {
        let (fingerprint, (at, by)) = parse_about(text, uid, |reader| {
            let at = SeenAt::read(reader, "announced")?;
            let by = actor(reader)?;
            Ok(at.and_then(|at| Ok((at, by.ok_or("the field by is missing")??))))
        })?;
        Ok(Self { uid, fingerprint, at, by })
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let mut rest = self.at.to_toml("announced");
        push_actor(&mut rest, Some(self.by));
        text_about(self.uid, self.fingerprint, &rest)
    }

    /// Made within so many seconds before `now`: by the boot clock, which nobody sets, and in no other boot. Without one, by a wall clock that has
    /// not been set back.
    pub fn is_of_the_last(&self, seconds: u64, now: &Moment) -> bool {
        match (&self.at.boot, &now.boot) {
            (Some((boot, then_ms)), Some(this)) => {
                boot == this && now.boot_ms.saturating_sub(*then_ms) <= seconds * 1000
            }
            (None, _) => self.at.wall <= now.wall && now.wall.since(self.at.wall) <= seconds,
            (Some(_), None) => false,
        }
    }

    /// As a moment by both clocks.
    pub fn moment(&self) -> Moment {
        let (boot, boot_ms) = self.at.boot.clone().map_or((None, 0), |(boot, ms)| (Some(boot), ms));
        Moment { wall: self.at.wall, boot_ms, boot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::BootId;
    use crate::files::checksum;
    use crate::unix_time::UnixTime;

    const BOOT: &str = "0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60";

    fn announcement() -> PasswordAnnouncement {
        PasswordAnnouncement {
            uid: 1000,
            fingerprint: PasswordFingerprint([0xab; 16]),
            at: SeenAt { wall: UnixTime::new(1_795_301_571), boot: BootId::parse(BOOT).map(|id| (id, 61_000)) },
            by: PasswordActor { uid: 0, login_uid: Some(1001) },
        }
    }

    fn parse(text: &str) -> Result<PasswordAnnouncement, String> {
        PasswordAnnouncement::parse(text.as_bytes(), 1000)
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let full = announcement();
        let bare = PasswordAnnouncement {
            at: SeenAt::wall(UnixTime::new(7)),
            by: PasswordActor { uid: 1000, login_uid: None },
            ..announcement()
        };
        for one in [full, bare] {
            assert_eq!(parse(&one.to_toml()), Ok(one));
        }
        assert_eq!(
            announcement().to_toml().split_once('\n').unwrap().1,
            "version = 1\nuid = 1000\nfingerprint = \"abababababababababababababababab\"\nannounced = 1795301571\n\
             boot = \"0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60\"\nboot_ms = 61000\nby = 0\nlogin_uid = 1001\n"
        );
    }

    #[test]
    fn anything_else_is_damaged_and_says_so() {
        let text = announcement().to_toml();
        for end in 0..text.len() {
            assert!(parse(&text[..end]).is_err(), "torn at {end}");
        }
        let with = |from: &str, to: &str| {
            let rest = text.split_once('\n').unwrap().1.replace(from, to);
            parse(&format!("{}{rest}", checksum::line(&rest)))
        };
        for (from, to, why) in [
            ("version = 1", "version = 2", "version is 2; wanted 1"),
            ("uid = 1000", "uid = 1001", "the uid is 1001; wanted 1000"),
            ("by = 0\nlogin_uid = 1001\n", "", "the field by is missing"),
            ("by = 0\n", "by = 4294967296\n", "a uid is 4294967296; wanted one below 2^32"),
        ] {
            assert_eq!(with(from, to), Err(why.to_owned()));
        }
    }

    #[test]
    fn it_grows_old_by_the_clock_that_nobody_sets() {
        let at = |wall, boot: Option<&str>, boot_ms| Moment {
            wall: UnixTime::new(wall),
            boot_ms,
            boot: boot.and_then(BootId::parse),
        };
        let (one, other) = (announcement(), BOOT.replace('0', "1"));
        for wall in [0, u64::MAX] {
            assert!(one.is_of_the_last(600, &at(wall, Some(BOOT), 661_000)));
            assert!(!one.is_of_the_last(600, &at(wall, Some(BOOT), 661_001)));
            assert!(!one.is_of_the_last(600, &at(wall, None, 61_000)));
        }
        assert!(!one.is_of_the_last(600, &at(1_795_301_571, Some(&other), 61_000)));
        let bare = PasswordAnnouncement { at: SeenAt::wall(UnixTime::new(1000)), ..one };
        for (wall, recent) in [(999, false), (1000, true), (1600, true), (1601, false)] {
            assert_eq!(bare.is_of_the_last(600, &at(wall, Some(BOOT), 0)), recent, "{wall}");
        }
    }
}
