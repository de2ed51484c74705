//! Who a name is, as NSS says it, asked once (getpwnam_r(3)). Everything after this goes by uid and canonical name.

use nix::errno::Errno;
use nix::unistd::{Uid, User};
use otp_core::accounts::Account;

/// The answer of NSS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Person {
    /// An account.
    Known(Account),
    /// Positively none of that name.
    Unknown,
    /// NSS could not say.
    LookupFailed(Errno),
}

impl Person {
    /// Looks a uid up; root is nobody in particular.
    pub(crate) fn of_uid(uid: u32) -> Self {
        match User::from_uid(Uid::from_raw(uid)) {
            _ if uid == 0 => Self::Unknown,
            Ok(Some(user)) => Self::Known(Account { name: user.name, uid: user.uid.as_raw() }),
            Ok(None) => Self::Unknown,
            Err(errno) => Self::LookupFailed(errno),
        }
    }

    /// Looks a name up.
    pub(crate) fn named(name: &str) -> Self {
        // A name that no passwd line can hold is not worth a question, and a path in it must not reach a naive NSS module.
        if name.is_empty() || name.len() > 256 || name.contains([':', '/', '\n', '\0']) {
            return Self::Unknown;
        }
        match User::from_name(name) {
            Ok(Some(user)) => Self::Known(Account { name: user.name, uid: user.uid.as_raw() }),
            Ok(None) => Self::Unknown,
            Err(errno) => Self::LookupFailed(errno),
        }
    }
}
