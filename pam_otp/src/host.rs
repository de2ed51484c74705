//! The module's needs from the program it is loaded into. libpam provides it (`libpam`); tests script it.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use otp_core::accounts::Account;
use otp_core::environment::Environment;
use otp_core::log_line::Urgency;
use otp_core::site::SiteVisit;
use zeroize::Zeroizing;

use crate::options::Echo;
use crate::password_age::PasswordAge;

/// The host program, through PAM.
pub(crate) trait Host: Environment {
    /// PAM_USER, asked for if need be.
    fn user(&mut self) -> Result<PamUser, UserError>;

    /// The uid of a name that is not UTF-8; `None` if there is positively none.
    fn uid_of(&self, name: &CStr) -> Result<Option<u32>, Errno>;

    /// Asks; the answer, byte for byte.
    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Zeroizing<Vec<u8>>, ConversationFailed>;

    /// PAM_AUTHTOK: what a module before this one asked for.
    fn first_pass(&self) -> Option<Zeroizing<Vec<u8>>>;

    /// Leaves `password` as PAM_AUTHTOK for the modules after this one.
    fn set_first_pass(&mut self, password: &[u8]) -> Result<(), ConversationFailed>;

    /// Is PAM_OLDAUTHTOK there? While a password is changed, a module before this one has then asked for the old one.
    fn holds_old_password(&self) -> bool;

    /// How old the UNIX password of `account` is; none where /etc/shadow and the like do not say, or may not be read.
    fn password_age(&self, account: &Account) -> Option<PasswordAge>;

    /// Shows an error text.
    fn show_error(&mut self, text: &str) -> Result<(), ConversationFailed>;

    /// Shows a text, whatever PAM_SILENT says: it is for what the user must hear. It may hold a secret: no copy of it is left
    /// behind on this side of the conversation.
    fn show_text(&mut self, text: &str) -> Result<(), ConversationFailed>;

    /// Is standard error of this process a terminal?
    fn standard_error_is_terminal(&self) -> bool;

    /// PAM_SERVICE, PAM_TTY, PAM_RHOST or PAM_RUSER.
    fn item(&self, item: Item) -> Option<String>;

    /// Writes one line to the system's log (authpriv).
    fn log(&self, urgency: Urgency, line: &str);

    /// Asks for a pause before the refusal is told (pam_fail_delay(3)), in microseconds.
    fn delay_failure(&mut self, microseconds: u32);

    /// Real and effective uid of the process.
    fn uids(&self) -> Uids;

    /// Where the module finds what it needs, as seen during this call.
    fn site(&self) -> &SiteVisit;
}

/// PAM_USER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PamUser {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes(CString),
}

/// Why PAM_USER is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserError {
    /// The host would not ask for it.
    Conversation,
    /// It is not a name that any account here can have.
    Unusable,
}

/// The host could not, or would not, ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConversationFailed;

/// The strings of PAM that the log names, or that tell programs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// PAM_SERVICE.
    Service,
    /// PAM_TTY.
    Tty,
    /// PAM_RHOST.
    Rhost,
    /// PAM_RUSER.
    Ruser,
}

/// The identity of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uids {
    /// Real uid: the person who started a setuid program.
    pub real: u32,
    /// Effective uid.
    pub effective: u32,
}
