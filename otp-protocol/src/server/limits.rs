//! How much of the server one peer may use, and all of them together. Values are passed in, so tests bypass no default.

use std::time::Duration;

/// The bounds of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Open connections of everybody but uid 0, together; and as many again of root-owned processes that others started.
    pub connections: usize,
    /// Open connections of one uid other than 0, and of those lent to that user; and as many again of root-owned processes that it started.
    pub connections_per_uid: usize,
    /// Open connections of root's own, a reserve that nobody else can use up.
    pub connections_root: usize,
    /// Open connections of root-owned processes that nobody knows who started (hidepid=2), together.
    pub connections_unknown: usize,
    /// Open connections on which a key is pending, together, besides those: they wait for people and their phones.
    pub connections_pending: usize,
    /// Silence before the first byte, where nobody knows who started the peer before it sends one.
    pub introduction: Duration,
    /// From the first byte of a message to its end; further bytes do not extend it.
    pub message: Duration,
    /// Silence before the first byte of a message, unless the session asks for another time.
    pub idle: Duration,
    /// From the first byte of a reply to its last.
    pub write: Duration,
    /// From a call to the beginning of the last of several replies.
    pub parts: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            connections_per_uid: 8,
            connections_root: 32,
            connections_unknown: 16,
            connections_pending: 256,
            introduction: Duration::from_secs(1),
            message: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
            parts: Duration::from_secs(60),
        }
    }
}
