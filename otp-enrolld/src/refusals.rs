//! How errors become refusals on the wire, with the line in the log that says more.

use otp_core::accounts::Account;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::site::Unavailable;
use otp_core::vault::{ChangeError, VaultError};
use otp_protocol::interface::Refusal;

use crate::log::events::trouble;

/// A change that was not made.
pub(crate) fn not_changed(user: &str, error: &ChangeError) -> Refusal {
    match error {
        ChangeError::Vault(error) => unavailable(error),
        ChangeError::NotSealed => {
            Refusal::unavailable("the key could not be opened or sealed; is the host key the one of this vault?")
        }
        other => Refusal::NotPossible { user: user.to_owned(), reason: other.word().to_owned() },
    }
}

/// Nothing was changed, for this reason of the interface's.
pub(crate) fn not_possible(account: &Account, reason: &str) -> Refusal {
    Refusal::NotPossible { user: account.name.clone(), reason: reason.to_owned() }
}

/// The reason where a name is not UTF-8: no key file and no message can hold it.
pub(crate) const NOT_UTF_8: &str = "name-not-utf8";

/// The log has the file and the cause; the peer is told the cause in general.
pub(crate) fn unavailable(error: &VaultError) -> Refusal {
    log_vault(error);
    let holder = match error {
        VaultError::LockTimeout { holder: Some(process), .. } => format!("; process {process} holds the user's lock"),
        _ => String::new(),
    };
    let advice = match error {
        VaultError::Gone(_) => "; root says `otpctl adopt` if it is the same person, else `otpctl forget`",
        VaultError::UidChanged(_) | VaultError::Renamed { .. } => "; root mends it with `otpctl adopt`",
        _ => "",
    };
    Refusal::unavailable(format!("the vault cannot answer: {}{holder}{advice}", error.reason()))
}

fn log_vault(error: &VaultError) {
    let line = LogLine::default().field("event", "vault").field("reason", error.reason());
    trouble(error.reason(), Urgency::Error, line.field("detail", &error.to_string()));
}

/// The log hears what stands in the way.
pub(crate) fn log_obstacle(unavailable: &Unavailable) {
    let line = LogLine::default().field("event", "obstacle").field("reason", unavailable.reason);
    trouble(unavailable.reason, Urgency::Error, line.field("detail", &unavailable.detail));
}
