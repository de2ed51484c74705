//! A daemon that only pretends: one user, one code, and a socket in a directory of its own.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use otp_core::decision::input::Typed;
use otp_core::unix_time::UnixTime;
use otp_protocol::interface::{
    Begun, Cancelled, Confirmed, Enrolment, KeyStatus, Method, Refusal, Reply, Request, UserList, UserStatus,
    UserStatusReply,
};
use otp_protocol::peer::Peer;
use otp_protocol::server::limits::ServerLimits;
use otp_protocol::server::serve;
use otp_protocol::server::service::{Event, Parts, Service};
use zeroize::Zeroizing;

/// The only code that confirms.
pub(crate) const CODE: &str = "123456";

/// Answers of a list, where several are taken.
pub(crate) const PARTS: usize = 5;

/// The pretended daemon's observations.
#[derive(Default)]
pub(crate) struct Double {
    pub opened: AtomicUsize,
    pub closed: Arc<AtomicUsize>,
    pub calls: AtomicUsize,
    pub events: Mutex<Vec<Event>>,
    /// Answers that were taken before the last one.
    pub parts: AtomicUsize,
    /// Silence that a connection with a pending key may keep.
    pub pending_timeout: Option<Duration>,
}

/// One connection.
pub(crate) struct Session {
    pending: bool,
    closed: Arc<AtomicUsize>,
}

impl Service for Double {
    type Session = Session;

    fn open(&self, _peer: Peer) -> Session {
        self.opened.fetch_add(1, Ordering::SeqCst);
        Session { pending: false, closed: Arc::clone(&self.closed) }
    }

    fn call(&self, session: &mut Session, request: Request, parts: &mut Parts<'_>) -> Result<Reply, Refusal> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match request {
            Request::BeginEnrolment(call) => call.answer(|begin| {
                session.pending = true;
                Ok(Begun { enrolment: enrolment(begin.user.to_string()) })
            }),
            Request::ConfirmEnrolment(call) => call.answer(|confirm| match confirm.code.sorted() {
                _ if !session.pending => Err(Refusal::NothingPending {}),
                Typed::Code(code) if *code.digits() == CODE => {
                    session.pending = false;
                    Ok(confirmed())
                }
                _ => Err(Refusal::CodeRefused { tries_left: 2, diagnosis: None }),
            }),
            Request::CancelEnrolment(call) => call.answer(|_| {
                session.pending = false;
                Ok(Cancelled {})
            }),
            Request::Status(call) => call.answer(|named| match named.user.as_deref() {
                Some("panic") => panic!("asked to"),
                Some("nobody") => Err(Refusal::NoSuchUser { user: "nobody".to_owned() }),
                named => Ok(UserStatusReply { status: status(named.unwrap_or("alice")) }),
            }),
            Request::List(call) => {
                let (all, several) =
                    (UserList { users: vec![status("alice"); 2000], unreadable: Vec::new() }, parts.are_taken());
                call.answer_in_parts(parts, |_, send| {
                    for _ in 0..if several { PARTS - 1 } else { 0 } {
                        send(&all)?;
                        self.parts.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok::<_, Refusal>(all)
                })
            }
            _ => Err(Refusal::not_allowed("not this double")),
        }
    }

    fn idle_limit(&self, session: &Session) -> Option<Duration> {
        self.pending_timeout.filter(|_| session.pending)
    }

    fn observe(&self, event: Event) {
        self.events.lock().expect("events").push(event);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// A running server; ends with the test.
pub(crate) struct Running {
    pub service: Arc<Double>,
    path: PathBuf,
}

impl Running {
    pub(crate) fn start(service: Double, limits: ServerLimits) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("otp-enrolld-{}-{number}", std::process::id()));
        fs::create_dir(&directory).expect("directory");
        let path = directory.join("otp.sock");
        let listener = UnixListener::bind(&path).expect("bind");
        let service = Arc::new(service);
        let served = Arc::clone(&service);
        thread::spawn(move || serve(&listener, served, limits));
        Self { service, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Waits for a condition; the deadline only ends a failing test.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn enrolment(user: String) -> Enrolment {
    Enrolment {
        user,
        uid: 1000,
        label: "phone".to_owned(),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        counter: None,
        secret: Zeroizing::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".to_owned()),
        uri: Zeroizing::new("otpauth://totp/h:alice?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=h".to_owned()),
        qr_svg: Zeroizing::default(),
        qr_dark: Zeroizing::default(),
        qr_light: Zeroizing::default(),
        expires_in: 900,
        tries: 3,
    }
}

fn confirmed() -> Confirmed {
    Confirmed { user: "alice".to_owned(), uid: 1000, key: key(), generation: 1, recovery_codes: Vec::new() }
}

fn key() -> KeyStatus {
    KeyStatus {
        id: "k1".to_owned(),
        label: "phone".to_owned(),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        created: UnixTime::new(1_795_000_000),
        confirmed: UnixTime::new(1_795_000_060),
        last_used: None,
        expires: None,
        resync: false,
        suspended: false,
    }
}

fn status(user: &str) -> UserStatus {
    UserStatus { enrolled: true, generation: 1, keys: vec![key()], ..UserStatus::not_enrolled(user.to_owned(), 1000) }
}
