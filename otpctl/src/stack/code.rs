//! The codes that a module may return, by their names in pam.conf(5).

/// A return code of PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PamCode(u8);

/// In the order of their numbers in Linux-PAM.
const NAMES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

impl PamCode {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const SERVICE_ERR: Self = Self(3);
    pub(crate) const PERM_DENIED: Self = Self(6);
    pub(crate) const AUTH_ERR: Self = Self(7);
    pub(crate) const AUTHINFO_UNAVAIL: Self = Self(9);
    pub(crate) const USER_UNKNOWN: Self = Self(10);
    pub(crate) const NEW_AUTHTOK_REQD: Self = Self(12);
    pub(crate) const ACCT_EXPIRED: Self = Self(13);
    pub(crate) const CONV_ERR: Self = Self(19);
    pub(crate) const AUTHTOK_ERR: Self = Self(20);
    pub(crate) const IGNORE: Self = Self(25);
    pub(crate) const ABORT: Self = Self(26);
    pub(crate) const AUTHTOK_EXPIRED: Self = Self(27);
    pub(crate) const MODULE_UNKNOWN: Self = Self(28);
    /// The module waits for the program: libpam answers at once, and not with success.
    pub(crate) const INCOMPLETE: Self = Self(31);

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..).zip(NAMES).map(|(number, _)| Self(number))
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or("unknown")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|code| code.name() == name)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}
