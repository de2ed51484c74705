//! The answering side: the seam between the socket and the daemon's own work.

use std::io::ErrorKind;
use std::time::Duration;

use crate::interface::{Refusal, Reply, Request};
use crate::peer::Peer;

pub use crate::varlink::parts::Parts;

/// Answers calls. One session belongs to one connection: it is opened with it and dropped when it ends, however it ends.
pub trait Service: Send + Sync + 'static {
    /// The memory between the calls of one connection.
    type Session;

    /// A connection begins.
    fn open(&self, peer: Peer) -> Self::Session;

    /// One call; answers before the last go to `parts`. Runs on the connection's own thread; may block, and holds up nobody else.
    fn call(&self, session: &mut Self::Session, request: Request, parts: &mut Parts<'_>) -> Result<Reply, Refusal>;

    /// How long this connection may stay silent from now; `None` is the server's usual limit.
    fn idle_limit(&self, session: &Self::Session) -> Option<Duration>;

    /// Something that the log should know. May be called from any thread.
    fn observe(&self, event: Event);
}

/// Events of a server, apart from calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection could not be accepted; told at most once a second.
    AcceptFailed(ErrorKind),
    /// A connection over its cap was closed; told at most once a second.
    TurnedAway(Peer),
    /// No thread could be started for a connection; told at most once a second.
    NoThread(ErrorKind),
    /// A call panicked; only its connection ended.
    Panicked(Peer),
}
