//! Messages on a socket: bytes up to a NUL, of bounded length, each within a deadline that more bytes do not extend.
//!
//! 1. A message MUST end within its deadline, which starts with its first byte.
//! 2. Before the first byte a separate idle limit holds.
//! 3. A message longer than the cap MUST end the connection before more of it is read.
//! 4. Buffers are wiped after use; one that grows leaves no unwiped piece behind.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use crate::varlink::deadline::Deadline;
use crate::varlink::error::WireError;

/// What bounds one connection.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Longest message to receive, in bytes without its NUL.
    pub bytes: usize,
    /// From a message's first byte to its end.
    pub message: Duration,
    /// From the first byte sent to the last.
    pub write: Duration,
}

/// One end of a connection.
pub(crate) struct Wire {
    stream: UnixStream,
    bounds: Bounds,
    /// Received and not yet taken; its first `searched` bytes hold no NUL.
    pending: Zeroizing<Vec<u8>>,
    searched: usize,
}

impl Wire {
    pub(crate) fn new(stream: UnixStream, bounds: Bounds) -> Self {
        Self { stream, bounds, pending: Zeroizing::new(Vec::new()), searched: 0 }
    }

    /// The next message without its NUL; waits at most `idle` for it to begin.
    pub(crate) fn receive(&mut self, idle: Duration) -> Result<Zeroizing<Vec<u8>>, WireError> {
        let mut deadline = if self.pending.is_empty() {
            Deadline::after(idle, WireError::Idle)
        } else {
            Deadline::after(self.bounds.message, WireError::Slow)
        };
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            let begins = self.pending.is_empty();
            self.fill(&deadline)?;
            if begins {
                deadline = Deadline::after(self.bounds.message, WireError::Slow);
            }
        }
    }

    /// Sends one message, which must bring its NUL.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), WireError> {
        let deadline = Deadline::after(self.bounds.write, WireError::Unread);
        let mut rest = message;
        while !rest.is_empty() {
            let left = deadline.left()?;
            self.stream.set_write_timeout(Some(left)).map_err(failed)?;
            let piece = rest.get(..PIECE_BYTES).unwrap_or(rest);
            match self.stream.write(piece) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) if is_retried(&error) => (),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Moves the first whole message out of what was received.
    fn take(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let fresh = self.pending.get(self.searched..)?;
        let Some(offset) = fresh.iter().position(|byte| *byte == 0) else {
            self.searched = self.pending.len();
            return None;
        };
        let end = self.searched.checked_add(offset)?;
        let (message, rest) = self.pending.split_at_checked(end)?;
        let message = Zeroizing::new(message.to_vec());
        let rest = Zeroizing::new(rest.get(1..).unwrap_or_default().to_vec());
        self.pending.zeroize();
        self.pending.extend_from_slice(&rest);
        self.searched = 0;
        Some(message)
    }

    /// Reads once, never more than the cap leaves room for.
    fn fill(&mut self, deadline: &Deadline) -> Result<(), WireError> {
        let mut piece = Zeroizing::new([0_u8; 4096]);
        let room = self.room()?.min(piece.len());
        let piece = piece.get_mut(..room).unwrap_or_default();
        loop {
            let left = deadline.left()?;
            self.stream.set_read_timeout(Some(left)).map_err(failed)?;
            match self.stream.read(piece) {
                Ok(0) if self.pending.is_empty() => return Err(WireError::Closed),
                Ok(0) => return Err(WireError::Torn),
                Ok(count) => {
                    self.keep(piece.get(..count).unwrap_or_default());
                    return Ok(());
                }
                Err(error) if is_retried(&error) => (),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// How many bytes may still come: the cap and the NUL.
    fn room(&self) -> Result<usize, WireError> {
        let most = self.bounds.bytes.saturating_add(1);
        match most.saturating_sub(self.pending.len()) {
            0 => Err(WireError::TooLong),
            room => Ok(room),
        }
    }

    /// Appends without ever leaving an unwiped piece behind.
    fn keep(&mut self, piece: &[u8]) {
        let needed = self.pending.len().saturating_add(piece.len());
        if needed > self.pending.capacity() {
            let wanted = needed.saturating_mul(2).max(RESERVED);
            let mut larger = Zeroizing::new(Vec::with_capacity(wanted));
            larger.extend_from_slice(&self.pending);
            self.pending = larger; // the smaller one is wiped here
        }
        self.pending.extend_from_slice(piece);
    }
}

/// A read or write that ended without bytes: the deadline is asked whether to go on.
fn is_retried(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn failed(error: io::Error) -> WireError {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => WireError::Closed,
        kind => WireError::Failed(kind),
    }
}

/// What one write hands over. The kernel's timeout holds for each of its own pieces (of 32 KiB), so a larger write to a
/// slow reader would outlive its deadline.
const PIECE_BYTES: usize = 16 * 1024;

/// First reservation: most messages fit, and a silent connection costs nothing.
const RESERVED: usize = 8 * 1024;

/// The longest message a caller may send, without its NUL.
pub(crate) const CALL_BYTES: usize = 64 * 1024;

/// The longest reply, without its NUL: a list of every user of a large host.
pub(crate) const REPLY_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
