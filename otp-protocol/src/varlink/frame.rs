//! Messages on a socket: bytes up to a NUL, of bounded length, each within a deadline that more bytes do not extend.
//!
//! 1. A message MUST end within its deadline, which starts with its first byte.
//! 2. Before the first byte a separate idle limit holds.
//! 3. A message longer than the cap MUST end the connection before more of it is read.
//! 4. Buffers are wiped after use; one that grows leaves no unwiped piece behind.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::varlink::deadline::Deadline;
use crate::varlink::error::WireError;

/// The bounds of one connection.
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
        let rest = self.pending.get(end.checked_add(1)?..).unwrap_or_default();
        let rest = Zeroizing::new(rest.to_vec());
        let mut message = std::mem::replace(&mut self.pending, rest);
        message.truncate(end); // the rest of its buffer is wiped with it
        self.searched = 0;
        Some(message)
    }

    /// Reads once, never more than the cap leaves room for.
    fn fill(&mut self, deadline: &Deadline) -> Result<(), WireError> {
        let (length, room) = (self.pending.len(), self.room()?);
        self.make_room();
        let end = length.saturating_add(room.min(READ_BYTES)).min(self.pending.capacity());
        self.pending.resize(end, 0);
        let read = self.read(length, deadline);
        self.pending.truncate(length.saturating_add(*read.as_ref().unwrap_or(&0)));
        match read? {
            0 if length == 0 => Err(WireError::Closed),
            0 => Err(WireError::Torn),
            _ => Ok(()),
        }
    }

    /// Reads once into what is received from `start` on; says how much came.
    fn read(&mut self, start: usize, deadline: &Deadline) -> Result<usize, WireError> {
        let room = self.pending.get_mut(start..).unwrap_or_default();
        loop {
            let left = deadline.left()?;
            self.stream.set_read_timeout(Some(left)).map_err(failed)?;
            match self.stream.read(room) {
                Err(error) if is_retried(&error) => (),
                answer => return answer.map_err(failed),
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

    /// Room for more, without ever leaving an unwiped piece behind.
    fn make_room(&mut self) {
        if self.pending.len() == self.pending.capacity() {
            let wanted = self.pending.len().saturating_mul(2).max(RESERVED);
            let mut larger = Zeroizing::new(Vec::with_capacity(wanted));
            larger.extend_from_slice(&self.pending);
            self.pending = larger; // the smaller one is wiped here
        }
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

/// The size of one write. The kernel's timeout holds for each of its own pieces (of 32 KiB), so a larger write to a
/// slow reader would outlive its deadline.
const PIECE_BYTES: usize = 16 * 1024;

/// The most that one read takes, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// First reservation: most messages fit, and to wipe it costs little.
const RESERVED: usize = 1024;

/// The longest message a caller may send, without its NUL.
pub(crate) const CALL_BYTES: usize = 64 * 1024;

/// The longest reply, without its NUL: a list of every user of a large host.
pub(crate) const REPLY_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
