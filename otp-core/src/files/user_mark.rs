//! A mark about one user, in a file of its own: that the account was seen missing, or that the keys are suspended.
//!
//! M1  a file of that name marks its uid, whatever is in it: what cannot be read refuses
//! M2  TOML 1.0, at most 4 KiB, the first line a checksum; written and never changed until it is removed or another takes its place
//! M3  version 2 says besides that the owner has reported a device as lost; it is written only then, and an older program, which cannot
//!     read it, goes by M1

use crate::accounts::Account;
use crate::environment::{BootId, Moment};
use crate::files::checksum;
use crate::files::hex::hex;
use crate::keys::key::KeyId;
use crate::policy::toml_table::{Document, quoted};
use crate::unix_time::UnixTime;

/// The content of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMark {
    /// The user, as known when it was made.
    pub account: Account,
    /// When it was made.
    pub since: UnixTime,
    /// Made by the user, who has lost a device; otherwise by somebody else.
    pub lost: Option<LostReport>,
}

/// The owner's report of a lost device, which the owner may take back for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostReport {
    /// The key with a code of which it was reported: that device is not the lost one. None if it was reported with a recovery code.
    pub key: Option<KeyId>,
    /// The boot in which it was made, and what CLOCK_BOOTTIME said then, in milliseconds: no step of the wall clock matters.
    pub boot: BootId,
    /// As [`Moment::boot_ms`].
    pub boot_ms: u64,
}

/// How long its owner may take a report back.
const TAKE_BACK_MS: u64 = 60 * 60 * 1000;

impl LostReport {
    /// Milliseconds in which it can still be taken back; none in another boot, where nobody knows how much time has passed.
    pub fn left_ms(&self, now: &Moment) -> Option<u64> {
        let gone = now.boot_ms.checked_sub(self.boot_ms).filter(|_| now.boot.as_ref() == Some(&self.boot))?;
        TAKE_BACK_MS.checked_sub(gone).filter(|left| *left > 0)
    }

    /// The same as a time of the wall clock of now.
    pub fn until(&self, now: &Moment) -> Option<UnixTime> {
        Some(now.wall + self.left_ms(now)? / 1000)
    }
}

impl UserMark {
    /// Largest size in bytes.
    pub(crate) const CAP: usize = 4096;

    /// Reads the text of a mark.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let document = Document::parse(checksum::checked(std::str::from_utf8(text).ok()?)?).ok()?;
        let mut root = document.root();
        let version = root.required_number("version").ok()?;
        let name = root.required_string("user").ok()?.to_owned();
        let uid = u32::try_from(root.required_number("uid").ok()?).ok()?;
        let since = root.required_time("since").ok()?;
        let lost = match version {
            1 => None,
            2 => {
                let key = root.required_string("key").ok()?;
                let key = if key.is_empty() { None } else { Some(KeyId(hex(key, "key").ok()?)) };
                let boot = BootId::parse(root.required_string("boot").ok()?)?;
                Some(LostReport { key, boot, boot_ms: root.required_number("boot_ms").ok()? })
            }
            _ => return None,
        };
        root.end().ok()?;
        Some(Self { account: Account { name, uid }, since, lost })
    }

    /// The text of the file.
    pub(crate) fn to_toml(&self) -> String {
        let (user, uid) = (quoted(&self.account.name), self.account.uid);
        let version = if self.lost.is_some() { 2 } else { 1 };
        let mut rest = format!("version = {version}\nuser = {user}\nuid = {uid}\nsince = {}\n", self.since);
        if let Some(LostReport { key, boot, boot_ms }) = &self.lost {
            let (key, boot) = (key.map_or_else(String::new, |key| key.hex()), boot.as_str());
            rest.push_str(&format!("key = {}\nboot = {}\nboot_ms = {boot_ms}\n", quoted(&key), quoted(boot)));
        }
        format!("{}{rest}", checksum::line(&rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "0f7dd2a1-6d4b-4f43-9c3d-5b8b8a1c2d3e";

    fn reported(key: Option<KeyId>) -> UserMark {
        let lost = BootId::parse(BOOT).map(|boot| LostReport { key, boot, boot_ms: 5_000 });
        UserMark { account: Account { name: "alice".to_owned(), uid: 1000 }, since: UnixTime::new(7), lost }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_a_plain_one_is_of_version_1() {
        let plain = UserMark { lost: None, ..reported(None) };
        for (mark, version) in [(&plain, 1), (&reported(None), 2), (&reported(Some(KeyId([0xab; 16]))), 2)] {
            let text = mark.to_toml();
            assert!(text.contains(&format!("\nversion = {version}\n")), "{text}");
            assert_eq!(UserMark::parse(text.as_bytes()).as_ref(), Some(mark));
        }
        let other = |from: &str, to: &str| {
            let text = reported(None).to_toml();
            let rest = text.split_once('\n').unwrap().1.replace(from, to);
            UserMark::parse(format!("{}{rest}", checksum::line(&rest)).as_bytes())
        };
        for (from, to) in [
            ("version = 2", "version = 1"),
            ("version = 2", "version = 3"),
            ("key = \"\"", "key = \"ab\""),
            ("boot = \"0", "boot = \""),
            ("boot_ms = 5000\n", ""),
            ("boot_ms = 5000\n", "boot_ms = 5000\ncolour = 1\n"),
        ] {
            assert_eq!(other(from, to), None, "{to}");
        }
    }

    #[test]
    fn a_report_can_be_taken_back_for_an_hour_of_the_same_boot_whatever_the_wall_clock_says() {
        let lost = reported(None).lost.unwrap();
        let left = |boot_ms, boot: Option<&str>, wall| {
            lost.left_ms(&Moment { wall: UnixTime::new(wall), boot_ms, boot: boot.and_then(BootId::parse) })
        };
        for wall in [0, 7, 4_000_000_000] {
            assert_eq!(left(5_000, Some(BOOT), wall), Some(3_600_000));
            assert_eq!(left(3_604_999, Some(BOOT), wall), Some(1));
            assert_eq!(left(3_605_000, Some(BOOT), wall), None);
            assert_eq!(left(4_999, Some(BOOT), wall), None, "of no such boot");
            assert_eq!(left(6_000, Some("1f7dd2a1-6d4b-4f43-9c3d-5b8b8a1c2d3e"), wall), None, "after a reboot");
            assert_eq!(left(6_000, None, wall), None, "nobody knows the boot");
        }
    }
}
