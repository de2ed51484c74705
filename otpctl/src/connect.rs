//! The connection to the daemon: the fixed socket, and only a server that is root or the daemon's account.

use std::path::Path;

use nix::unistd::User;
use otp_core::site::Site;
use otp_protocol::client::{Client, ConnectError};

use crate::output::failure::Failure;

pub(crate) fn connect() -> Result<Client, Failure> {
    let Site { socket, account, .. } = Site::STANDARD;
    reached().map_err(|error| match error {
        ConnectError::Unreachable(why) => {
            Failure::Unreachable(format!("cannot reach the daemon at {socket}: {why}; is {account} running?"))
        }
        ConnectError::Untrusted(uid) => Failure::Unreachable(format!(
            "refusing to talk to {socket}: its server runs with uid {uid}; wanted 0 or that of {account}"
        )),
    })
}

/// The same, and why not by kind.
pub(crate) fn reached() -> Result<Client, ConnectError> {
    let Site { socket, account, .. } = Site::STANDARD;
    Client::connect(Path::new(socket), &trusted(account))
}

/// Root, and the daemon's account where there is one.
fn trusted(account: &str) -> Vec<u32> {
    let account = User::from_name(account).ok().flatten();
    let account = account.map(|account| account.uid.as_raw());
    std::iter::once(0).chain(account).collect()
}
