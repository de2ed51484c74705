//! The person behind a name, as NSS says it, asked once (getpwnam_r(3)). Everything after this goes by uid and canonical name.

use nix::errno::Errno;
use otp_core::accounts::{self, Account};

use crate::host::{Host, PamUser, UserError};

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
        if uid == 0 { Self::Unknown } else { accounts::account_of(uid).into() }
    }

    /// Looks PAM_USER up; with the name for the log.
    pub(crate) fn of_user(host: &mut impl Host) -> Result<(String, Self), UserError> {
        match host.user()? {
            PamUser::Text(name) => Ok((name.clone(), Self::named(&name))),
            // No file and no message can hold it: from here on it goes by its uid.
            PamUser::Bytes(name) => {
                let account = host.uid_of(&name).map(|uid| uid.map(Account::without_a_name));
                Ok((name.to_string_lossy().into_owned(), account.into()))
            }
        }
    }

    /// Looks a name up.
    fn named(name: &str) -> Self {
        if accounts::may_log_in(name) { accounts::named(name).into() } else { Self::Unknown }
    }
}

impl From<Result<Option<Account>, Errno>> for Person {
    fn from(answer: Result<Option<Account>, Errno>) -> Self {
        match answer {
            Ok(account) => account.map_or(Self::Unknown, Self::Known),
            Err(errno) => Self::LookupFailed(errno),
        }
    }
}
