//! Messages on a socket: bytes up to a NUL, of bounded length, each within a deadline that more bytes do not extend.
//!
//! 1. A message MUST end within its deadline, which starts with its first byte.
//! 2. Before the first byte a separate idle limit holds.
//! 3. A message longer than the cap MUST end the connection before more of it is read.
//! 4. Buffers are wiped after use; one that grows leaves no unwiped piece behind.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use zeroize::{Zeroize, Zeroizing};

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

/// What bounds one connection.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Longest message to receive, in bytes without its NUL.
    pub bytes: usize,
    /// From a message's first byte to its end.
    pub message: Duration,
    /// From the first byte sent to the last.
    pub write: Duration,
}

/// One end of a connection.
pub struct Wire {
    stream: UnixStream,
    bounds: Bounds,
    /// Received and not yet taken; its first `searched` bytes hold no NUL.
    pending: Zeroizing<Vec<u8>>,
    searched: usize,
}

impl Wire {
    pub fn new(stream: UnixStream, bounds: Bounds) -> Self {
        Self { stream, bounds, pending: Zeroizing::new(Vec::new()), searched: 0 }
    }

    /// The next message without its NUL; waits at most `idle` for it to begin.
    pub fn receive(&mut self, idle: Duration) -> Result<Zeroizing<Vec<u8>>, WireError> {
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
    pub fn send(&mut self, message: &[u8]) -> Result<(), WireError> {
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

/// A moment, and what it means to have missed it.
struct Deadline {
    end: Option<Instant>,
    missed: WireError,
}

impl Deadline {
    fn after(time: Duration, missed: WireError) -> Self {
        let end = Instant::now().checked_add(time);
        Self { end, missed }
    }

    /// The time left, never zero.
    fn left(&self) -> Result<Duration, WireError> {
        let left = match self.end {
            Some(end) => end.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(u64::from(u32::MAX)),
        };
        if left.is_zero() { Err(self.missed) } else { Ok(left) }
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// A wire with small bounds, and the peer's end of it.
    fn pair() -> (Wire, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let bounds = Bounds { bytes: 1000, message: Duration::from_millis(80), write: Duration::from_millis(80) };
        (Wire::new(ours, bounds), theirs)
    }

    /// Long enough never to decide a test.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_message_arrives_without_its_nul() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"{}\0").expect("write");
        assert_eq!(wire.receive(LONG).expect("message").as_slice(), b"{}");
    }

    #[test]
    fn pipelined_messages_arrive_one_by_one() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"one\0two\0\0thr").expect("write");
        for expected in [b"one".as_slice(), b"two", b""] {
            assert_eq!(wire.receive(LONG).expect("message").as_slice(), expected);
        }
        peer.write_all(b"ee\0").expect("write");
        assert_eq!(wire.receive(LONG).expect("message").as_slice(), b"three");
    }

    #[test]
    fn the_longest_message_passes_and_one_byte_more_does_not() {
        let (mut wire, mut peer) = pair();
        let longest = [b'a'; 1000];
        peer.write_all(&longest).expect("write");
        peer.write_all(b"\0").expect("write");
        assert_eq!(wire.receive(LONG).expect("message").as_slice(), longest);
        peer.write_all(&longest).expect("write");
        peer.write_all(b"a\0").expect("write");
        assert_eq!(wire.receive(LONG).err(), Some(WireError::TooLong));
    }

    #[test]
    fn a_flood_without_nul_is_cut_at_the_cap() {
        let (mut wire, mut peer) = pair();
        let flood = thread::spawn(move || {
            let piece = [b'a'; 1 << 16];
            (0..1600).try_for_each(|_| peer.write_all(&piece))
        });
        assert_eq!(wire.receive(LONG).err(), Some(WireError::TooLong));
        assert!(wire.pending.capacity() < 20_000);
        drop(wire);
        assert!(flood.join().expect("thread").is_err());
    }

    #[test]
    fn silence_ends_at_the_idle_limit() {
        let (mut wire, _peer) = pair();
        assert_eq!(wire.receive(Duration::from_millis(5)).err(), Some(WireError::Idle));
        assert_eq!(wire.receive(Duration::ZERO).err(), Some(WireError::Idle));
    }

    #[test]
    fn trickling_does_not_extend_the_deadline() {
        let (mut wire, mut peer) = pair();
        let started = Instant::now();
        let trickle = thread::spawn(move || {
            while peer.write_all(b"a").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        assert_eq!(wire.receive(LONG).err(), Some(WireError::Slow));
        assert!(started.elapsed() >= Duration::from_millis(80));
        drop(wire);
        trickle.join().expect("thread");
    }

    #[test]
    fn a_message_begun_behind_another_has_a_deadline_too() {
        let (mut wire, mut peer) = pair();
        peer.write_all(b"one\0tw").expect("write");
        assert!(wire.receive(LONG).is_ok());
        assert_eq!(wire.receive(LONG).err(), Some(WireError::Slow));
    }

    #[test]
    fn closing_between_messages_and_inside_one_differ() {
        let (mut wire, peer) = pair();
        drop(peer);
        assert_eq!(wire.receive(LONG).err(), Some(WireError::Closed));

        let (mut wire, mut peer) = pair();
        peer.write_all(b"{\"method\":").expect("write");
        drop(peer);
        assert_eq!(wire.receive(LONG).err(), Some(WireError::Torn));
    }

    #[test]
    fn a_peer_that_never_reads_is_given_up() {
        let (mut wire, _peer) = pair();
        let reply = vec![b'a'; 8 << 20];
        assert_eq!(wire.send(&reply), Err(WireError::Unread));
    }

    #[test]
    fn a_peer_that_reads_slowly_does_not_extend_the_deadline() {
        let (mut wire, mut peer) = pair();
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while peer.read(&mut piece).is_ok_and(|count| count > 0) {
                thread::sleep(Duration::from_millis(2));
            }
        });
        assert_eq!(wire.send(&vec![b'a'; 64 << 20]), Err(WireError::Unread));
        drop(wire);
        reader.join().expect("thread");
    }
}
