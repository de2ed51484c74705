//! Framing against peers that trickle, flood, tear and never read.

use std::thread;
use std::time::Instant;

use super::*;
use crate::varlink::error::WireError;

/// A wire that takes short messages and has patience, and the peer's end of it.
fn pair() -> (Wire, UnixStream) {
    pair_for(LONG)
}

/// The same, with so much time for a message and for a reply.
fn pair_for(time: Duration) -> (Wire, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("socketpair");
    (Wire::new(ours, Bounds { bytes: 1000, message: time, write: time }), theirs)
}

/// Long enough never to decide a test.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(80);

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
    let (mut wire, mut peer) = pair_for(SHORT);
    let started = Instant::now();
    let trickle = thread::spawn(move || {
        while peer.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(wire.receive(LONG).err(), Some(WireError::Slow));
    assert!(started.elapsed() >= SHORT);
    drop(wire);
    trickle.join().expect("thread");
}

#[test]
fn a_message_begun_behind_another_has_a_deadline_too() {
    let (mut wire, mut peer) = pair_for(SHORT);
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
    let (mut wire, _peer) = pair_for(SHORT);
    let reply = vec![b'a'; 8 << 20];
    assert_eq!(wire.send(&reply), Err(WireError::Unread));
}

#[test]
fn a_peer_that_reads_slowly_does_not_extend_the_deadline() {
    let (mut wire, mut peer) = pair_for(SHORT);
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
