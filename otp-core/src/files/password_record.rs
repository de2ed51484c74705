//! The content of `/var/lib/otp-watch/UID`: which password somebody has, as a keyed fingerprint, and since when.
//!
//! P1  the canonical form of `files::canonical`, at most 1 KiB, version 1, the first line a checksum; anything else is damaged
//! P2  the fingerprint is keyed: without the host key nobody can test a password against it
//! P3  the time of the last change is told by the boot clock, too: in the boot that saw the change, no step of the wall clock moves it
//! P4  it holds when it was written. A file whose ctime is later is a copy, and its password counts as changed when the copy was made

use sha2::{Digest as _, Sha256};

use crate::codes::ids::PasswordChange;
use crate::environment::{BootId, Moment};
use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::files::checksum;
use crate::files::hex::hex;
use crate::keys::seal::PasswordFingerprint;
use crate::policy::toml_table::quoted;
use crate::unix_time::UnixTime;

/// The record about the password of one uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordRecord {
    /// Whose.
    pub uid: u32,
    /// Of the password's hash.
    pub fingerprint: PasswordFingerprint,
    /// When it was changed, or first seen changed.
    pub changed: SeenAt,
    /// The person who changed it; none where nobody said so, and then it was somebody else than its owner.
    pub by: Option<PasswordActor>,
    /// When the file was written (P4).
    pub written: UnixTime,
}

/// A moment by both clocks (P3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAt {
    /// By the wall clock.
    pub wall: UnixTime,
    /// The boot, and CLOCK_BOOTTIME in it in milliseconds; none where only the wall clock is known.
    pub boot: Option<(BootId, u64)>,
}

/// A person who changes a password, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordActor {
    /// The real uid of the process.
    pub uid: u32,
    /// The uid that began the login session, if one is known.
    pub login_uid: Option<u32>,
}

impl PasswordRecord {
    /// Largest file in bytes.
    pub const CAP: usize = 1024;

    /// Reads the file of `uid`; else what was found and what was wanted.
    pub fn parse(text: &[u8], uid: u32) -> Result<Self, String> {
        let (fingerprint, (changed, by, written)) = parse_about(text, uid, |reader| {
            let changed = SeenAt::read(reader, "changed")?;
            let by = actor(reader)?;
            let written = UnixTime::new(reader.number("written")?);
            Ok(changed.and_then(|changed| Ok((changed, by.transpose()?, written))))
        })?;
        Ok(Self { uid, fingerprint, changed, by, written })
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let mut rest = self.changed.to_toml("changed");
        push_actor(&mut rest, self.by);
        rest.push_str(&format!("written = {}\n", self.written));
        text_about(self.uid, self.fingerprint, &rest)
    }
}

/// Reads a file about the password of `uid`: version 1, uid and fingerprint, then the fields of `rest`.
pub(super) fn parse_about<T>(
    text: &[u8],
    uid: u32,
    rest: impl FnOnce(&mut CanonicalReader<'_>) -> Result<Result<T, String>, NotCanonical>,
) -> Result<(PasswordFingerprint, T), String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8")?;
    let text = checksum::checked(text).ok_or("the first line is not the checksum of the rest")?;
    let mut reader = CanonicalReader::new(text, 1);
    let version = reader.number("version").map_err(|error| error.to_string())?;
    if version != 1 {
        return Err(format!("version is {version}; wanted 1"));
    }
    let fields = || Ok((reader.number("uid")?, reader.text("fingerprint")?, rest(&mut reader)?));
    let (found, fingerprint, rest) = fields().map_err(|error: NotCanonical| error.to_string())?;
    let found = narrow(found)?;
    let fingerprint = PasswordFingerprint(hex(&fingerprint, "fingerprint").map_err(|error| error.to_string())?);
    let rest = rest?;
    reader.end().map_err(|error| error.to_string())?;
    if found != uid {
        return Err(format!("the uid is {found}; wanted {uid}"));
    }
    Ok((fingerprint, rest))
}

/// The text of such a file.
pub(super) fn text_about(uid: u32, fingerprint: PasswordFingerprint, rest: &str) -> String {
    let fingerprint = data_encoding::HEXLOWER.encode(&fingerprint.0);
    let rest = format!("version = 1\nuid = {uid}\nfingerprint = \"{fingerprint}\"\n{rest}");
    format!("{}{rest}", checksum::line(&rest))
}

impl SeenAt {
    /// Now.
    pub fn now(now: &Moment) -> Self {
        Self { wall: now.wall, boot: now.boot.clone().map(|boot| (boot, now.boot_ms)) }
    }

    /// Reads the field `name` and those of the boot after it.
    pub(crate) fn read(
        reader: &mut CanonicalReader<'_>,
        name: &'static str,
    ) -> Result<Result<Self, String>, NotCanonical> {
        let wall = UnixTime::new(reader.number(name)?);
        let boot = match reader.optional_text("boot")? {
            Some(id) => Some((id, reader.number("boot_ms")?)),
            None => None,
        };
        let boot = boot.map(|(id, ms)| BootId::parse(&id).map(|id| (id, ms)).ok_or("boot is not a boot id"));
        Ok(boot.transpose().map(|boot| Self { wall, boot }).map_err(str::to_owned))
    }

    /// These fields.
    pub(crate) fn to_toml(&self, name: &str) -> String {
        let wall = format!("{name} = {}\n", self.wall);
        match &self.boot {
            Some((boot, ms)) => format!("{wall}boot = {}\nboot_ms = {ms}\n", quoted(boot.as_str())),
            None => wall,
        }
    }

    /// Only the wall clock is known.
    pub const fn wall(wall: UnixTime) -> Self {
        Self { wall, boot: None }
    }

    /// Seconds that are left at `now` until so many have passed since then: in the boot that saw it by the boot clock, later by the wall
    /// clock. A moment that lies ahead makes it longer.
    pub fn left(&self, seconds: u64, now: &Moment) -> u64 {
        match &self.boot {
            Some((boot, then_ms)) if now.boot.as_ref() == Some(boot) => {
                seconds.saturating_sub(now.boot_ms.saturating_sub(*then_ms) / 1000)
            }
            _ => (self.wall + seconds).since(now.wall),
        }
    }
}

impl SeenAt {
    /// The name of the change of the password of `uid` at that moment. By it one change is told from another whatever clocks say.
    pub fn change_of(&self, uid: u32) -> PasswordChange {
        let digest: [u8; 32] = Sha256::digest(format!("uid = {uid}\n{}", self.to_toml("changed"))).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        PasswordChange::new([a, b, c, d, e, f, g, h])
    }
}

impl PasswordActor {
    /// Is it the owner of `uid`, and nobody who became them? Root is not, even in a session that the owner began.
    pub fn is(self, uid: u32) -> bool {
        self.uid == uid && self.login_uid.is_none_or(|login| login == uid)
    }
}

/// Reads the fields of a person, if they are there.
pub(super) fn actor(reader: &mut CanonicalReader<'_>) -> Result<Option<Result<PasswordActor, String>>, NotCanonical> {
    let Some(uid) = reader.optional_number("by")? else { return Ok(None) };
    let login_uid = reader.optional_number("login_uid")?;
    let actor = || Ok(PasswordActor { uid: narrow(uid)?, login_uid: login_uid.map(narrow).transpose()? });
    Ok(Some(actor()))
}

/// Writes them.
pub(super) fn push_actor(out: &mut String, actor: Option<PasswordActor>) {
    let Some(actor) = actor else { return };
    out.push_str(&format!("by = {}\n", actor.uid));
    if let Some(uid) = actor.login_uid {
        out.push_str(&format!("login_uid = {uid}\n"));
    }
}

/// A uid.
fn narrow(uid: u64) -> Result<u32, String> {
    u32::try_from(uid).map_err(|_| format!("a uid is {uid}; wanted one below 2^32"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOOT: &str = "0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60";

    fn record() -> PasswordRecord {
        PasswordRecord {
            uid: 1000,
            fingerprint: PasswordFingerprint([0xab; 16]),
            changed: SeenAt { wall: UnixTime::new(1_795_301_571), boot: BootId::parse(BOOT).map(|id| (id, 61_000)) },
            by: Some(PasswordActor { uid: 0, login_uid: Some(1001) }),
            written: UnixTime::new(1_795_301_600),
        }
    }

    fn parse(text: &str) -> Result<PasswordRecord, String> {
        PasswordRecord::parse(text.as_bytes(), 1000)
    }

    /// With a checksum that is right.
    fn with(change: impl Fn(String) -> String) -> String {
        let text = record().to_toml();
        let rest = change(text.split_once('\n').unwrap().1.to_owned());
        format!("{}{rest}", checksum::line(&rest))
    }

    #[test]
    fn p1_it_is_read_as_it_is_written() {
        let full = record();
        let bare = PasswordRecord { by: None, changed: SeenAt::wall(UnixTime::new(7)), ..record() };
        let no_login = PasswordRecord { by: Some(PasswordActor { uid: 1000, login_uid: None }), ..record() };
        for record in [full, bare, no_login] {
            assert_eq!(parse(&record.to_toml()), Ok(record));
        }
        assert_eq!(
            record().to_toml().split_once('\n').unwrap().1,
            "version = 1\nuid = 1000\nfingerprint = \"abababababababababababababababab\"\nchanged = 1795301571\n\
             boot = \"0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60\"\nboot_ms = 61000\nby = 0\nlogin_uid = 1001\n\
             written = 1795301600\n"
        );
    }

    #[test]
    fn p1_anything_else_is_damaged_and_says_so() {
        let text = record().to_toml();
        for end in 0..text.len() {
            assert!(parse(&text[..end]).is_err(), "torn at {end}");
        }
        for (text, why) in [
            (with(|text| text.replace("version = 1", "version = 2")), "version is 2; wanted 1"),
            (with(|text| text.replace("uid = 1000\nf", "uid = 1001\nf")), "the uid is 1001; wanted 1000"),
            (with(|text| text.replace("abab", "ABAB")), "value out of its range: fingerprint"),
            (with(|text| text.replace("0f6f", "xxxx")), "boot is not a boot id"),
            (with(|text| text.replace("by = 0\n", "by = 4294967296\n")), "a uid is 4294967296; wanted one below 2^32"),
            (with(|text| text + "more = 1\n"), "line 11: found the field \"more\"; wanted the end of the file"),
        ] {
            assert_eq!(parse(&text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn p3_in_its_boot_no_step_of_the_wall_clock_moves_it() {
        let at = |wall, boot: &str, boot_ms| Moment { wall: UnixTime::new(wall), boot_ms, boot: BootId::parse(boot) };
        let (seen, other) = (record().changed, BOOT.replace('0', "1"));
        for wall in [0, 1_795_301_571, u64::MAX] {
            for (boot_ms, left) in [(0, 10), (61_000, 10), (70_999, 1), (71_000, 0), (u64::MAX, 0)] {
                assert_eq!(seen.left(10, &at(wall, BOOT, boot_ms)), left, "{wall} {boot_ms}");
            }
        }
        for (wall, left) in [(1_795_301_561, 20), (1_795_301_571, 10), (1_795_301_580, 1), (1_795_301_581, 0)] {
            assert_eq!(seen.left(10, &at(wall, &other, 71_999)), left, "{wall}");
        }
    }

    #[test]
    fn every_change_has_a_name_of_its_own() {
        let (seen, other) = (record().changed, UnixTime::new(1_795_301_572));
        let all = [
            seen.change_of(1000),
            seen.change_of(1001),
            SeenAt::wall(seen.wall).change_of(1000),
            SeenAt { wall: other, ..seen.clone() }.change_of(1000),
            SeenAt { boot: BootId::parse(BOOT).map(|id| (id, 61_001)), ..seen.clone() }.change_of(1000),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|another| another != one), "{place}");
        }
        assert_eq!(parse(&record().to_toml()).unwrap().changed.change_of(1000), all[0], "and keeps it in the file");
    }

    #[test]
    fn only_the_owner_of_both_uids_is_the_owner() {
        for (uid, login_uid, owner) in [
            (1000, None, true),
            (1000, Some(1000), true),
            (1000, Some(1001), false),
            (0, Some(1000), false),
            (0, None, false),
        ] {
            assert_eq!(PasswordActor { uid, login_uid }.is(1000), owner, "{uid} {login_uid:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(crc32|version|uid|changed| = |[0-9]|\"|\n|\\PC){0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("{}{text}", checksum::line(&text)));
        }
    }
}
