//! Refusals: what the peer hears, and the log line with more detail.

use otp_core::accounts::Account;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::site::Unavailable;
use otp_core::vault::{ChangeError, VaultError};
use otp_protocol::interface::{NotPossibleReason, Refusal, RegistrationReason};
use otp_system::random::NoRandomness;

use crate::log::events::trouble;

/// A call that was not done, with the answer to its peer. An error of the vault becomes one by `?`, and is logged then.
#[derive(Debug)]
pub(crate) struct Refused(pub Refusal);

/// `?` on a change that was not made: `.of(account)?` says whose keys it was about.
pub(crate) trait ChangeOf<T> {
    fn of(self, account: &Account) -> Result<T, Refused>;
}

impl Refused {
    /// Not now, because of `reason`.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self(Refusal::unavailable(reason))
    }

    /// Refused to this caller, because of `reason`.
    pub(crate) fn not_allowed(reason: impl Into<String>) -> Self {
        Self(Refusal::not_allowed(reason))
    }

    /// No account has that name.
    pub(crate) fn no_such_user(user: &str) -> Self {
        Self(Refusal::NoSuchUser { user: user.to_owned() })
    }

    /// Too many at once.
    pub(crate) fn busy(reason: &str) -> Self {
        Self(Refusal::Busy { reason: reason.to_owned() })
    }

    /// The registration code is not good.
    pub(crate) fn registration(reason: RegistrationReason) -> Self {
        Self(Refusal::registration(reason))
    }

    /// Nothing was changed.
    pub(crate) fn not_possible(account: &Account, reason: impl Into<NotPossibleReason>) -> Self {
        Self(Refusal::not_possible(&account.name, reason))
    }
}

impl<T, E: Into<ChangeError>> ChangeOf<T> for Result<T, E> {
    fn of(self, account: &Account) -> Result<T, Refused> {
        self.map_err(|error| match error.into() {
            ChangeError::Vault(error) => error.into(),
            ChangeError::NotSealed => {
                Refused::unavailable("the key could not be opened or sealed; is the host key the one of this vault?")
            }
            ChangeError::Refused(reason) => Refused::not_possible(account, reason),
        })
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<NoRandomness> for Refused {
    fn from(_: NoRandomness) -> Self {
        Self::unavailable("the kernel gives no random bytes")
    }
}

/// The log has the file and the cause; the peer is told the cause in general.
impl From<VaultError> for Refused {
    fn from(error: VaultError) -> Self {
        log_vault(&error);
        let holder = match error {
            VaultError::LockTimeout { holder: Some(process), .. } => {
                format!("; process {process} holds the user's lock")
            }
            _ => String::new(),
        };
        Self::unavailable(error.reason().sentence(&holder))
    }
}

/// An error of the vault that is in nobody's way.
pub(crate) fn log_vault(error: &VaultError) {
    let reason = error.reason().word();
    let line = LogLine::default().field("event", "vault").field("reason", reason);
    trouble(reason, Urgency::Error, line.field("detail", &error.to_string()));
}

/// The log hears what stands in the way.
pub(crate) fn log_obstacle(unavailable: &Unavailable) {
    let reason = unavailable.reason.word();
    let line = LogLine::default().field("event", "obstacle").field("reason", reason);
    trouble(reason, Urgency::Error, line.field("detail", &unavailable.detail));
}
