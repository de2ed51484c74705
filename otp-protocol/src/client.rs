//! The client's end: a connection to a server that the kernel vouches for, and typed calls on it.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::TimeVal;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::interface::{Method, Refusal};
use crate::peer::Peer;
use crate::varlink::error::WireError;
use crate::varlink::frame::{Bounds, REPLY_BYTES, Wire};
use crate::varlink::message::{Answer, Calling, encode};

/// A connection to the daemon.
pub struct Client {
    wire: Wire,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody answers there.
    Unreachable(io::Error),
    /// Somebody answers who may not: the uid that called `listen()`.
    Untrusted(u32),
}

/// Why a call has no answer of its own.
#[derive(Debug)]
pub enum CallError {
    /// The daemon refuses, in the protocol's words.
    Refused(Refusal),
    /// The daemon closed the connection.
    Closed,
    /// The daemon did not answer in time.
    Silent,
    /// The connection failed.
    Failed,
    /// The reply is not an answer to this call.
    Strange,
}

impl Client {
    /// Connects to the socket at `path`; only a listener whose uid is among `trusted` is spoken to.
    pub fn connect(path: &Path, trusted: &[u32]) -> Result<Self, ConnectError> {
        let stream = reach(path).map_err(ConnectError::Unreachable)?;
        let server = Peer::of(&stream).map_err(ConnectError::Unreachable)?;
        if !trusted.contains(&server.uid) {
            return Err(ConnectError::Untrusted(server.uid));
        }
        Ok(Self::over(stream))
    }

    /// Speaks over a connection that is there already, to a server known otherwise.
    pub fn over(stream: UnixStream) -> Self {
        let bounds = Bounds { bytes: REPLY_BYTES, message: TRANSFER, write: TRANSFER };
        Self { wire: Wire::new(stream, bounds) }
    }

    /// Calls and waits for the one answer.
    pub fn call<M: Method>(&mut self, request: &M) -> Result<M::Reply, CallError> {
        let reply = self.first_answer::<M>(&Calling { method: M::NAME, parameters: request, more: false })?;
        read::<M>(&reply)
    }

    /// Calls and hands on each of the answers, of which a daemon of an earlier version has one. `each` is told whether others follow.
    pub fn call_for_more<M: Method, E: From<CallError>>(
        &mut self,
        request: &M,
        mut each: impl FnMut(M::Reply, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reply = self.first_answer::<M>(&Calling { method: M::NAME, parameters: request, more: true })?;
        while continues(&reply) {
            each(read::<M>(&reply)?, true)?;
            reply = self.wire.receive(REPLY_TIMEOUT).map_err(CallError::from)?;
        }
        each(read::<M>(&reply)?, false)
    }

    fn first_answer<M: Method>(&mut self, call: &Calling<'_, M>) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let call = encode(call).ok_or(CallError::Failed)?;
        let sent = self.wire.send(&call);
        // A server that turns us away may have spoken before it closed: listen even if it did not.
        match (self.wire.receive(REPLY_TIMEOUT), sent) {
            (Ok(reply), _) => Ok(reply),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error.into()),
        }
    }
}

/// Connects without waiting for ever when the listener's queue is full.
fn reach(path: &Path) -> io::Result<UnixStream> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let seconds = TRANSFER.as_secs().try_into().unwrap_or(i64::MAX);
    setsockopt(&socket, SendTimeout, &TimeVal::new(seconds, 0))?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// Do other answers follow this one?
fn continues(reply: &[u8]) -> bool {
    serde_json::from_slice(reply)
        .is_ok_and(|answer: Answer<'_>| answer.error.is_none() && answer.continues == Some(true))
}

/// The typed answer in the bytes.
pub(crate) fn read<M: Method>(reply: &[u8]) -> Result<M::Reply, CallError> {
    let answer: Answer<'_> = serde_json::from_slice(reply).map_err(|_| CallError::Strange)?;
    if answer.error.is_some() {
        let refusal = serde_json::from_slice(reply).map_err(|_| CallError::Strange)?;
        return Err(CallError::Refused(refusal));
    }
    let parameters = answer.parameters.map_or("{}", RawValue::get);
    serde_json::from_str(parameters).map_err(|_| CallError::Strange)
}

impl From<WireError> for CallError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Closed | WireError::Torn => Self::Closed,
            WireError::Idle | WireError::Slow | WireError::Unread => Self::Silent,
            WireError::TooLong | WireError::Malformed => Self::Strange,
            WireError::Failed(_) => Self::Failed,
        }
    }
}

/// For a connection, and for a message to cross.
const TRANSFER: Duration = Duration::from_secs(5);

/// For an answer to begin: longer than the daemon may wait for a lock.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
