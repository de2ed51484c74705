//! The passwords of local accounts, as /etc/passwd and /etc/shadow hold them: enough to tell one from another, never a password.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::seal::{HostKey, PasswordFingerprint};
use crate::unix_time::UnixTime;
use crate::vault::{Readers, VaultError, read_root_file};

/// The content of both files about each uid.
pub struct Passwords(BTreeMap<u32, HeldPassword>);

/// All lines of one uid: it may have several names.
#[derive(Default)]
struct HeldPassword {
    /// Name and fields of each line, with their lengths.
    bytes: Zeroizing<Vec<u8>>,
    /// The day of the last change, for each line that tells one.
    days: Vec<Option<u64>>,
}

impl Passwords {
    /// Reads both files of this host, as root.
    pub fn read() -> Result<Self, VaultError> {
        let [passwd, shadow] = [PASSWD, SHADOW].map(Path::new);
        let read = |path| read_root_file(path, CAP, Readers::Everybody);
        // The latter first: an account that is made meanwhile is then in neither, or has no password yet.
        let held = match read(shadow) {
            Err(VaultError::Missing(_)) => Zeroizing::new(Vec::new()),
            held => held?,
        };
        Self::parse(&read(passwd)?, &held)
            .ok_or_else(|| VaultError::malformed(passwd, "not whole, or /etc/shadow is not"))
    }

    /// Reads their texts. `None` where one is not whole: somebody is writing it.
    pub fn parse(passwd: &[u8], shadow: &[u8]) -> Option<Self> {
        let held: HashMap<&[u8], Vec<&[u8]>> =
            lines(shadow)?.filter_map(|fields| Some((*fields.first()?, fields))).collect();
        let mut found: BTreeMap<u32, HeldPassword> = BTreeMap::new();
        for fields in lines(passwd)? {
            let [name, password, uid, ..] = fields.as_slice() else { return None };
            let uid = std::str::from_utf8(uid).ok()?.parse().ok()?;
            let line = held.get(name).map(Vec::as_slice).unwrap_or_default();
            found
                .entry(uid)
                .or_default()
                .add(&[Some(name), Some(password), line.get(1).copied()], line.get(2).copied());
        }
        Some(Self(found))
    }

    /// All uids, in rising order.
    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.keys().copied()
    }

    /// The fingerprint of what they hold about `uid`; none where it is no local account.
    pub fn fingerprint(&self, uid: u32, host_key: &HostKey) -> Option<PasswordFingerprint> {
        Some(host_key.password_fingerprint(uid, &self.0.get(&uid)?.bytes))
    }

    /// The end of the day on which the password was last changed, if each line tells one.
    pub fn end_of_day(&self, uid: u32) -> Option<UnixTime> {
        let days = self.0.get(&uid)?.days.iter().copied().collect::<Option<Vec<u64>>>()?;
        days.into_iter().max().map(|day| UnixTime::of_day(day.saturating_add(1)))
    }
}

impl HeldPassword {
    fn add(&mut self, fields: &[Option<&[u8]>], day: Option<&[u8]>) {
        let room = fields.iter().flatten().map(|field| field.len() + 9).sum::<usize>() + fields.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.bytes.len() + room)); // grows without a copy that nobody wipes
        bytes.extend_from_slice(&self.bytes);
        for field in fields {
            bytes.push(u8::from(field.is_some()));
            let field = field.unwrap_or_default();
            bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
            bytes.extend_from_slice(field);
        }
        self.bytes = bytes;
        let day = day.and_then(|day| std::str::from_utf8(day).ok()?.parse().ok());
        self.days.push(day.filter(|day| *day > 0)); // 0 asks for a new password at the next login
    }
}

/// The fields of each line that is about an account. An empty file has none.
fn lines(text: &[u8]) -> Option<impl Iterator<Item = Vec<&[u8]>>> {
    let whole = if text.is_empty() { text } else { text.strip_suffix(b"\n")? };
    Some(
        whole
            .split(|byte| *byte == b'\n')
            .filter(|line| is_about_account(line))
            .map(|line| line.split(|byte| *byte == b':').collect()),
    )
}

/// Not blank, a comment or what NIS is asked.
pub(super) fn is_about_account(line: &[u8]) -> bool {
    line.first().is_some_and(|first| !matches!(first, b'#' | b'+' | b'-'))
}

pub(super) const PASSWD: &str = "/etc/passwd";
pub(super) const SHADOW: &str = "/etc/shadow";
/// Far above any file of local accounts, in bytes.
pub(super) const CAP: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n# x\nzoe:x:7100:7100::/:/bin/sh\nold:$1$a:7101:1::/:\n+::::::\n";
    const SHADOW: &str = "root:*:19000:0:99999:7:::\ntoor:$y$b:19001::::::\nzoe:$y$a:20000:0:99999:7:::\n";

    fn key() -> HostKey {
        HostKey::new(Zeroizing::new([7; 32]))
    }

    fn of(uid: u32, passwd: &str, shadow: &str) -> Option<PasswordFingerprint> {
        Passwords::parse(passwd.as_bytes(), shadow.as_bytes()).unwrap().fingerprint(uid, &key())
    }

    #[test]
    fn every_field_that_holds_a_password_counts_and_no_other() {
        let plain = |uid| of(uid, PASSWD, SHADOW);
        assert_eq!(of(7100, PASSWD, &SHADOW.replace(":20000:", ":1:").replace("99999", "7")), plain(7100), "chage");
        assert_ne!(of(7100, PASSWD, &SHADOW.replace("$y$a", "!$y$a")), plain(7100), "usermod -L");
        assert_ne!(of(7100, PASSWD, &SHADOW.replace("zoe", "amy")), plain(7100), "no line any more");
        assert_ne!(of(7101, &PASSWD.replace("$1$a", "$1$b"), SHADOW), plain(7101), "in /etc/passwd");
        assert_ne!(of(0, PASSWD, &SHADOW.replace("$y$b", "$y$c")), plain(0), "of the second name");
        assert_eq!(of(0, PASSWD, &SHADOW.replace("$y$a", "$y$c")), plain(0), "of somebody else");
        assert_eq!(plain(1), None);
        assert_ne!(
            plain(7100),
            Passwords::parse(PASSWD.as_bytes(), SHADOW.as_bytes())
                .unwrap()
                .fingerprint(7100, &HostKey::new(Zeroizing::new([8; 32])))
        );
    }

    #[test]
    fn no_field_can_be_moved_into_another() {
        let one = of(1, "a:b:1:1::/:\n", "a:cd:1::::::\n");
        for (passwd, shadow) in [
            ("a:bc:1:1::/:\n", "a:d:1::::::\n"),
            ("a::1:1::/:\n", "a:bcd:1::::::\n"),
            ("a:b:1:1::/:\n", ""),
            ("a:b:1:1::/:\n", "a::1::::::\n"),
        ] {
            assert_ne!(of(1, passwd, shadow), one, "{passwd} {shadow}");
        }
        assert_ne!(of(1, "a:b:1:1::/:\n", ""), of(1, "a:b:1:1::/:\n", "a::1::::::\n"), "none is not an empty one");
    }

    #[test]
    fn the_day_is_told_only_where_each_line_has_one() {
        let found = Passwords::parse(PASSWD.as_bytes(), SHADOW.as_bytes()).unwrap();
        assert_eq!(found.end_of_day(7100), Some(UnixTime::of_day(20_001)));
        assert_eq!(found.end_of_day(0), Some(UnixTime::of_day(19_002)));
        assert_eq!((found.end_of_day(7101), found.end_of_day(1)), (None, None));
        for day in ["", "0", "-1", "x"] {
            let shadow = SHADOW.replace("20000", day);
            assert_eq!(Passwords::parse(PASSWD.as_bytes(), shadow.as_bytes()).unwrap().end_of_day(7100), None, "{day}");
        }
        assert_eq!(found.uids().collect::<Vec<_>>(), [0, 7100, 7101]);
    }

    #[test]
    fn a_file_that_is_being_written_says_nothing() {
        assert!(Passwords::parse(PASSWD.trim_end().as_bytes(), SHADOW.as_bytes()).is_none());
        assert!(Passwords::parse(PASSWD.as_bytes(), &SHADOW.as_bytes()[..SHADOW.len() - 1]).is_none());
        assert!(Passwords::parse(b"zoe:x\n", b"").is_none() && Passwords::parse(b"zoe:x:y:1::/:\n", b"").is_none());
    }
}
