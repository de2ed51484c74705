//! The connection to the daemon: the fixed socket, and only a server that is root or the daemon's account.

use std::path::Path;

use nix::unistd::User;
use otp_protocol::client::{Client, ConnectError};
use otp_protocol::{ACCOUNT, SOCKET};

use crate::output::failure::Failure;

pub(crate) fn connect() -> Result<Client, Failure> {
    Client::connect(Path::new(SOCKET), &trusted()).map_err(|error| match error {
        ConnectError::Unreachable(why) => {
            Failure::Unreachable(format!("cannot reach the daemon at {SOCKET}: {why}; is {ACCOUNT} running?"))
        }
        ConnectError::Untrusted(uid) => Failure::Unreachable(format!(
            "not speaking to {SOCKET}: its server has uid {uid}; wanted 0 or that of {ACCOUNT}"
        )),
    })
}

/// Root, and the daemon's account where there is one.
fn trusted() -> Vec<u32> {
    let account = User::from_name(ACCOUNT).ok().flatten();
    let account = account.map(|account| account.uid.as_raw());
    std::iter::once(0).chain(account).collect()
}
