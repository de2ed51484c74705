//! Failures of a message on its way.

use std::io::ErrorKind;

/// Why no further message can cross a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The peer closed it between two messages.
    Closed,
    /// The peer closed it inside a message.
    Torn,
    /// No message began within the idle limit.
    Idle,
    /// A message did not end within its deadline.
    Slow,
    /// A message exceeds the cap.
    TooLong,
    /// A message is no call.
    Malformed,
    /// The peer did not take a reply within the write deadline.
    Unread,
    /// The socket failed.
    Failed(ErrorKind),
}
