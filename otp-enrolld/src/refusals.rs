//! How errors become refusals on the wire, with the line in the log that says more.

use otp_core::accounts::Account;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::site::Unavailable;
use otp_core::vault::{ChangeError, VaultError};
use otp_protocol::interface::{NotPossibleReason, Refusal};

use crate::log::events::trouble;

/// A change that was not made.
pub(crate) fn not_changed(user: &str, error: &ChangeError) -> Refusal {
    match error {
        ChangeError::Vault(error) => unavailable(error),
        ChangeError::NotSealed => {
            Refusal::unavailable("the key could not be opened or sealed; is the host key the one of this vault?")
        }
        ChangeError::Refused(reason) => Refusal::not_possible(user, *reason),
    }
}

/// Nothing was changed.
pub(crate) fn not_possible(account: &Account, reason: impl Into<NotPossibleReason>) -> Refusal {
    Refusal::not_possible(&account.name, reason)
}

/// The log has the file and the cause; the peer is told the cause in general.
pub(crate) fn unavailable(error: &VaultError) -> Refusal {
    log_vault(error);
    let holder = match error {
        VaultError::LockTimeout { holder: Some(process), .. } => format!("; process {process} holds the user's lock"),
        _ => String::new(),
    };
    Refusal::unavailable(error.reason().sentence(&holder))
}

fn log_vault(error: &VaultError) {
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
