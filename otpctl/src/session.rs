//! How this command came to run: through sudo or the like, or over ssh without a terminal. It decides what a person is told, and no right.

use std::env;

use nix::unistd::{Uid, User};

/// The person who became root by sudo, run0, doas or pkexec, if they are not root; by name, where that is known.
pub(crate) fn person_behind_root() -> Option<String> {
    if !Uid::effective().is_root() {
        return None;
    }
    let number = |name: &str| env::var(name).ok()?.parse().ok();
    let uid = ["SUDO_UID", "PKEXEC_UID"].into_iter().find_map(number).map(Uid::from_raw);
    let named = uid.and_then(|uid| User::from_uid(uid).ok().flatten()).map(|user| user.name);
    let name = named.or_else(|| env::var("DOAS_USER").ok());
    name.filter(|name| !name.is_empty() && name != "root")
}

/// Is this the other end of an ssh that was asked for no terminal?
pub(crate) fn is_over_ssh() -> bool {
    env::var_os("SSH_CONNECTION").is_some()
}
