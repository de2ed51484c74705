//! The bounded server: a blocking thread per connection, so that a stuck peer holds up nobody but itself.
//!
//! 1. A connection over a cap is closed at once; root has a reserve that nobody else can use up.
//! 2. No failure to accept ends the server, short of a listener that is none.
//! 3. A panic ends the connection that it happened on, and no other.

pub(crate) mod admission;
pub(crate) mod connection;
pub(crate) mod introspection;
pub mod limits;
pub(crate) mod once_per_second;
pub mod service;

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::PassCred;

use crate::interface::Refusal;
use crate::peer::{Peer, UNKNOWN_UID, own_login};
use crate::server::admission::{Admission, ConnectionPermit};
use crate::server::connection::{converse, refusal};
use crate::server::limits::ServerLimits;
use crate::server::once_per_second::OncePerSecond;
use crate::server::service::{Event, Service};

/// Serves the connections to `listener`. Returns only when it is no listening socket (any more), with the reason.
pub fn serve<S: Service>(listener: &UnixListener, service: Arc<S>, limits: ServerLimits) -> io::Error {
    if let Err(error) = listener.set_nonblocking(false) {
        return error;
    }
    let _ = setsockopt(listener, PassCred, &true); // without it those whom /proc does not show stay unknown
    let mut server = Server {
        service,
        limits,
        admission: Admission::new(limits),
        inherited_login: own_login(),
        failures: OncePerSecond::default(),
        refusals: OncePerSecond::default(),
    };
    loop {
        match listener.accept() {
            Ok((stream, _)) => server.welcome(stream),
            Err(error) if is_fatal(&error) => return error,
            Err(error) => server.survive(Event::AcceptFailed(error.kind())),
        }
    }
}

struct Server<S> {
    service: Arc<S>,
    limits: ServerLimits,
    admission: Admission,
    /// The login that this process descends from, if it does from one.
    inherited_login: Option<u32>,
    failures: OncePerSecond,
    refusals: OncePerSecond,
}

impl<S: Service> Server<S> {
    /// Gives a new connection its thread, or turns it away.
    fn welcome(&mut self, stream: UnixStream) {
        let Ok(peer) = Peer::of(&stream) else {
            return; // gone already
        };
        match self.admission.admit(peer) {
            Some(place) => self.start(peer, stream, place),
            None => self.turn_away(peer, stream),
        }
    }

    fn start(&mut self, peer: Peer, stream: UnixStream, place: ConnectionPermit) {
        let service = Arc::clone(&self.service);
        let (limits, inherited) = (self.limits, self.inherited_login);
        let connection = move || {
            let peer = peer.with_login(inherited); // here, so that a connection that is turned away costs no look into /proc
            attend(&*service, peer, stream, &limits, place);
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        if let Err(error) = thread.spawn(connection) {
            self.survive(Event::NoThread(error.kind()));
        }
    }

    /// Says why, if that can be said without waiting, and closes.
    fn turn_away(&mut self, peer: Peer, mut stream: UnixStream) {
        refuse(&mut stream);
        if self.refusals.is_due(Instant::now()) {
            self.service.observe(Event::TurnedAway(peer));
        }
    }

    /// Logs what failed, at most once a second, and lets the host recover.
    fn survive(&mut self, event: Event) {
        if self.failures.is_due(Instant::now()) {
            self.service.observe(event);
        }
        thread::sleep(PAUSE);
    }
}

/// One connection on its thread.
fn attend<S: Service>(
    service: &S,
    peer: Peer,
    mut stream: UnixStream,
    limits: &ServerLimits,
    mut place: ConnectionPermit,
) {
    let Some(peer) = known(peer, &mut stream, limits, &mut place) else { return };
    let conversation = AssertUnwindSafe(|| converse(service, peer, stream, limits, &mut place));
    if catch_unwind(conversation).is_err() {
        service.observe(Event::Panicked(peer));
    }
}

/// A peer of which nobody knows who started it says so with its first byte, which must not be long in coming, and then counts
/// where it belongs.
fn known(peer: Peer, stream: &mut UnixStream, limits: &ServerLimits, place: &mut ConnectionPermit) -> Option<Peer> {
    if peer.accountable_uid != UNKNOWN_UID {
        return Some(peer);
    }
    stream.set_read_timeout(Some(limits.introduction)).ok()?;
    let peer = peer.introduced(stream).ok()?;
    if place.turns_out_to_be(peer) {
        return Some(peer);
    }
    refuse(stream);
    None
}

/// Says why, if that can be said without waiting.
fn refuse(stream: &mut UnixStream) {
    let reason = "too many connections".to_owned();
    if stream.set_nonblocking(true).is_ok() {
        // A peer that does not take it has lost nothing but the reason.
        let _ = stream.write(&refusal(&Refusal::Busy { reason }));
    }
}

/// Errors that no waiting cures; every other one passes (accept(2): descriptors, memory, the peer).
fn is_fatal(error: &io::Error) -> bool {
    let fatal = [Errno::EBADF, Errno::EINVAL, Errno::ENOTSOCK, Errno::EOPNOTSUPP];
    let found = error.raw_os_error().map(Errno::from_raw);
    found.is_some_and(|found| fatal.contains(&found))
}

/// Enough for NSS modules, little enough for a hundred connections.
const STACK_BYTES: usize = 512 * 1024;

/// Long enough not to spin, short enough not to be noticed.
const PAUSE: Duration = Duration::from_millis(50);
