//! The server against peers that mean no good, over real sockets.

#![expect(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test says so by failing")]

mod double;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use otp_protocol::client::{CallError, Client, ConnectError};
use otp_protocol::interface::{
    BeginEnrolment, ConfirmEnrolment, List, Refusal, Status, TypedCode, UserList, UserName, UserStatusReply, WantedKey,
};
use otp_protocol::server::limits::ServerLimits;
use otp_protocol::server::service::Event;
use zeroize::Zeroizing;

use double::{CODE, Double, PARTS, Running, eventually};

/// Generous in time, so that only the bound under test decides.
fn patient() -> ServerLimits {
    let long = Duration::from_secs(60);
    ServerLimits { message: long, idle: long, write: long, ..ServerLimits::default() }
}

fn running() -> Running {
    Running::start(Double::default(), patient())
}

fn say(peer: &mut UnixStream, message: &str) {
    peer.write_all(message.as_bytes()).expect("write");
    peer.write_all(&[0]).expect("write");
}

/// The next reply, or nothing if the server closed instead.
fn hear(peer: &mut UnixStream) -> Option<String> {
    let mut reply = Vec::new();
    let mut byte = [0];
    loop {
        match peer.read(&mut byte) {
            Ok(1) if byte == [0] => return Some(String::from_utf8(reply).expect("UTF-8")),
            Ok(1) => reply.extend_from_slice(&byte),
            Ok(_) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("neither a reply nor an end: {error}"),
        }
    }
}

fn ask(peer: &mut UnixStream, message: &str) -> Option<String> {
    say(peer, message);
    hear(peer)
}

const STATUS: &str = r#"{"method":"io.pam-otp.Otp1.Status"}"#;

fn is_served(running: &Running) -> bool {
    let mut peer = running.connect();
    let said = peer.write_all(format!("{STATUS}\0").as_bytes()).is_ok();
    said && hear(&mut peer).is_some_and(|reply| reply.contains("alice"))
}

#[test]
fn an_enrolment_lives_on_one_connection() {
    let running = running();
    let uid = nix::unistd::geteuid().as_raw();
    let mut client = Client::connect(running.path(), &[uid]).expect("connect");
    let begin = BeginEnrolment { user: UserName::new("alice").expect("a name"), key: WantedKey::default() };
    let begun = client.call(&begin).unwrap_or_else(|_| panic!("refused"));
    assert!(begun.enrolment.uri.contains(begun.enrolment.secret.as_str()));

    let typed = |code: &str| {
        let code = TypedCode::new(Zeroizing::new(code.to_owned())).expect("a code");
        ConfirmEnrolment { code }
    };
    let (wrong, right) = (typed("000000"), || typed(CODE));
    let refused = client.call(&wrong).err();
    assert!(matches!(refused, Some(CallError::Refused(Refusal::CodeRefused { tries_left: 2, .. }))));

    let mut other = Client::connect(running.path(), &[uid]).expect("connect");
    let refused = other.call(&right()).err();
    assert!(matches!(refused, Some(CallError::Refused(Refusal::NothingPending {}))));

    assert_eq!(client.call(&right()).map(|confirmed| confirmed.uid).ok(), Some(1000));
}

#[test]
fn a_session_ends_with_its_connection() {
    let running = running();
    let mut peer = running.connect();
    assert!(ask(&mut peer, STATUS).is_some());
    assert_eq!(running.service.closed.load(Ordering::SeqCst), 0);
    drop(peer);
    eventually("closed", || running.service.closed.load(Ordering::SeqCst) == 1);
}

#[test]
fn only_a_trusted_server_is_spoken_to() {
    let running = running();
    let own = nix::unistd::geteuid().as_raw();
    let found = Client::connect(running.path(), &[own.wrapping_add(1)]).err();
    assert!(matches!(found, Some(ConnectError::Untrusted(uid)) if uid == own));
    assert_eq!(running.service.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_list_may_be_longer_than_a_call() {
    let running = running();
    let uid = nix::unistd::geteuid().as_raw();
    let mut client = Client::connect(running.path(), &[uid]).expect("connect");
    let users = client.call(&List { after: None, invited: None }).map(|list| list.users.len());
    assert_eq!(users.ok(), Some(2000));
}

#[test]
fn pipelined_calls_are_answered_in_order() {
    let running = running();
    let mut peer = running.connect();
    let one = r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"one"}}"#;
    let two = r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"two"}}"#;
    say(&mut peer, &format!("{one}\0{two}\0{STATUS}"));
    for name in ["one", "two", "alice"] {
        assert!(hear(&mut peer).is_some_and(|reply| reply.contains(name)), "{name}");
    }
}

#[test]
fn calls_sent_before_hanging_up_are_still_answered() {
    let running = running();
    let mut peer = running.connect();
    say(&mut peer, STATUS);
    peer.shutdown(Shutdown::Write).expect("shutdown");
    assert!(hear(&mut peer).is_some_and(|reply| reply.contains("alice")));
    assert_eq!(hear(&mut peer), None);
}

#[test]
fn oneway_gets_no_reply_and_more_gets_one() {
    let running = running();
    let mut peer = running.connect();
    say(&mut peer, r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"one"},"oneway":true}"#);
    let more = ask(&mut peer, r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"two"},"more":true}"#);
    assert!(more.is_some_and(|reply| reply.contains("two") && !reply.contains("continues")));
    assert_eq!(running.service.calls.load(Ordering::SeqCst), 2);
}

#[test]
fn upgrade_is_refused_and_nothing_is_done() {
    let running = running();
    let reply = ask(&mut running.connect(), r#"{"method":"io.pam-otp.Otp1.Status","upgrade":true}"#);
    let expected = r#"{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"upgrade"}}"#;
    assert_eq!(reply.as_deref(), Some(expected));
    assert_eq!(running.service.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn errors_carry_their_varlink_names() {
    let running = running();
    let mut peer = running.connect();
    let cases = [
        (r#"{"method":"io.pam-otp.Otp2.Status"}"#, "org.varlink.service.InterfaceNotFound"),
        (r#"{"method":"Status"}"#, "org.varlink.service.InterfaceNotFound"),
        (r#"{"method":"io.pam-otp.Otp1.Nonsense"}"#, "org.varlink.service.MethodNotFound"),
        (r#"{"method":"org.varlink.service.Forget"}"#, "org.varlink.service.MethodNotFound"),
        (r#"{"method":"io.pam-otp.Otp1.List","parameters":{"x":1}}"#, "org.varlink.service.InvalidParameter"),
        (r#"{"method":"io.pam-otp.Otp1.List","parameters":[]}"#, "org.varlink.service.InvalidParameter"),
        (r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":""}}"#, "io.pam-otp.Otp1.InvalidValue"),
        (
            r#"{"method":"io.pam-otp.Otp1.ConfirmEnrolment","parameters":{"code":"1"}}"#,
            "io.pam-otp.Otp1.NothingPending",
        ),
        (r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"nobody"}}"#, "io.pam-otp.Otp1.NoSuchUser"),
    ];
    for (call, name) in cases {
        let reply = ask(&mut peer, call).expect(call);
        assert!(reply.contains(&format!(r#""error":"{name}""#)), "{call}: {reply}");
    }
}

#[test]
fn the_service_describes_itself() {
    let running = running();
    let mut peer = running.connect();
    let about = ask(&mut peer, r#"{"method":"org.varlink.service.GetInfo"}"#).expect("reply");
    assert!(about.contains(r#""interfaces":["org.varlink.service","io.pam-otp.Otp1"]"#), "{about}");
    let describe = |interface: &str| {
        format!(
            r#"{{"method":"org.varlink.service.GetInterfaceDescription","parameters":{{"interface":"{interface}"}}}}"#
        )
    };
    let own = ask(&mut peer, &describe("io.pam-otp.Otp1")).expect("reply");
    assert!(own.contains("method BeginEnrolment"));
    let service = ask(&mut peer, &describe("org.varlink.service")).expect("reply");
    assert!(service.contains("method GetInfo"));
    let none = ask(&mut peer, &describe("org.example")).expect("reply");
    assert!(none.contains("org.varlink.service.InterfaceNotFound"));
}

#[test]
fn what_is_no_call_ends_its_connection_and_no_other() {
    let running = running();
    let mut bystander = running.connect();
    let deep = "[".repeat(60_000);
    let deep_parameters = format!(r#"{{"method":"io.pam-otp.Otp1.Status","parameters":{{"user":{deep}}}}}"#);
    let cases: [&[u8]; 9] = [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"{\"method\":7}",
        b"{\"method\":\"io.pam-otp.Otp1.Status\",\"root\":true}",
        b"{\"method\":\"io.pam-otp.Otp1.Status\",\"method\":\"io.pam-otp.Otp1.List\"}",
        b"{\"method\":\"io.pam-otp.Otp1.Status\",\"parameters\":{\"user\":\"\xff\xfe\"}}",
        deep.as_bytes(),
    ];
    for case in cases.into_iter().chain([deep_parameters.as_bytes()]) {
        let mut peer = running.connect();
        peer.write_all(case).expect("write");
        peer.write_all(&[0]).expect("write");
        let reply = hear(&mut peer).expect("a reason");
        assert!(reply.contains("org.varlink.service.InvalidParameter"), "{reply}");
        assert_eq!(hear(&mut peer), None);
    }
    assert!(ask(&mut bystander, STATUS).is_some());
    assert_eq!(running.service.calls.load(Ordering::SeqCst), 1);
}

#[test]
fn deep_nesting_in_a_parameter_only_refuses_it() {
    let running = running();
    let mut peer = running.connect();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let call = format!(r#"{{"method":"io.pam-otp.Otp1.Status","parameters":{{"user":{deep}}}}}"#);
    let reply = ask(&mut peer, &call).expect("reply");
    assert!(reply.contains(r#""parameters":{"parameter":"user"}"#), "{reply}");
    assert!(ask(&mut peer, STATUS).is_some());
}

#[test]
fn a_flood_without_nul_is_cut_off() {
    let running = running();
    let mut peer = running.connect();
    let piece = vec![b'a'; 1 << 20];
    let outcome = (0..100).try_for_each(|_| peer.write_all(&piece));
    assert!(outcome.is_err());
    assert!(is_served(&running));
}

#[test]
fn half_a_message_and_a_hang_up_leave_nothing() {
    let running = running();
    let mut peer = running.connect();
    peer.write_all(b"{\"method\":\"io.pam-otp").expect("write");
    drop(peer);
    eventually("closed", || running.service.closed.load(Ordering::SeqCst) == 1);
    assert_eq!(running.service.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn silence_ends_at_its_limit() {
    let running = Running::start(Double::default(), ServerLimits { idle: Duration::from_millis(30), ..patient() });
    let mut silent = running.connect();
    assert_eq!(hear(&mut silent), None);
}

#[test]
fn trickle_ends_at_its_limit() {
    let running = Running::start(Double::default(), ServerLimits { message: Duration::from_millis(60), ..patient() });
    let mut trickling = running.connect();
    let started = Instant::now();
    while trickling.write_all(b" ").is_ok() {
        assert!(started.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(3));
    }
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_pending_key_may_wait_longer_than_others() {
    let service = Double { pending_timeout: Some(Duration::from_secs(60)), ..Double::default() };
    let limits = ServerLimits { idle: Duration::from_millis(500), ..patient() };
    let running = Running::start(service, limits);
    let mut pending = running.connect();
    let begin = r#"{"method":"io.pam-otp.Otp1.BeginEnrolment","parameters":{"user":"alice"}}"#;
    assert!(ask(&mut pending, begin).is_some());
    let mut idle = running.connect();
    assert_eq!(hear(&mut idle), None); // at least one idle limit later
    assert!(ask(&mut pending, STATUS).is_some());
    let cancel = r#"{"method":"io.pam-otp.Otp1.CancelEnrolment"}"#;
    assert!(ask(&mut pending, cancel).is_some());
    assert_eq!(hear(&mut pending), None);
}

#[test]
fn a_peer_that_never_reads_holds_up_only_itself() {
    let limits = ServerLimits { write: Duration::from_millis(60), ..patient() };
    let running = Running::start(Double::default(), limits);
    let mut deaf = running.connect();
    for _ in 0..50 {
        if deaf.write_all(b"{\"method\":\"io.pam-otp.Otp1.List\"}\0").is_err() {
            break;
        }
    }
    assert!(is_served(&running));
    eventually("given up", || running.service.closed.load(Ordering::SeqCst) == 2);
}

const LIST_IN_PARTS: &str = r#"{"method":"io.pam-otp.Otp1.List","more":true}"#;

#[test]
fn a_list_comes_in_parts_where_they_are_taken_and_whole_otherwise() {
    let running = running();
    let mut peer = running.connect();
    say(&mut peer, LIST_IN_PARTS);
    for number in 1..=PARTS {
        let reply = hear(&mut peer).expect("a part");
        assert_eq!(reply.ends_with("\"continues\":true}"), number < PARTS, "{number}");
    }
    let whole = ask(&mut peer, r#"{"method":"io.pam-otp.Otp1.List"}"#).expect("one reply");
    assert!(!whole.contains("continues") && ask(&mut peer, STATUS).is_some_and(|reply| reply.contains("alice")));
    say(&mut peer, r#"{"method":"io.pam-otp.Otp1.List","more":true,"oneway":true}"#);
    assert!(ask(&mut peer, STATUS).is_some_and(|reply| reply.contains("\"status\":")), "no part of that list");
}

#[test]
fn the_client_takes_one_answer_or_several() {
    let running = running();
    let uid = nix::unistd::geteuid().as_raw();
    let mut client = Client::connect(running.path(), &[uid]).expect("connect");
    let mut told = Vec::new();
    let mut take = |list: UserList, continues| {
        told.push((list.users.len(), continues));
        Ok::<_, CallError>(())
    };
    client.call_for_more(&List { after: None, invited: None }, &mut take).expect("parts");
    assert_eq!(told, [(2000, true), (2000, true), (2000, true), (2000, true), (2000, false)]);
    let mut one = Vec::new(); // as a daemon of an earlier version answers
    let take = |reply: UserStatusReply, continues| {
        one.push((reply.status.user, continues));
        Ok::<_, CallError>(())
    };
    client.call_for_more(&Status { user: None, cool_down: None }, take).expect("one");
    assert_eq!(one, [("alice".to_owned(), false)]);
    let refused = client
        .call_for_more(&Status { user: UserName::new("nobody").ok(), cool_down: None }, |_, _| Ok::<_, CallError>(()));
    assert!(matches!(refused, Err(CallError::Refused(Refusal::NoSuchUser { .. }))));
}

#[test]
fn a_peer_that_does_not_take_its_parts_is_given_up_before_the_last() {
    let limits = ServerLimits { write: Duration::from_millis(60), ..patient() };
    let running = Running::start(Double::default(), limits);
    let mut deaf = running.connect();
    say(&mut deaf, LIST_IN_PARTS);
    eventually("given up", || running.service.closed.load(Ordering::SeqCst) == 1);
    assert!(running.service.parts.load(Ordering::SeqCst) < PARTS - 1);
    assert!(is_served(&running));
}

#[test]
fn a_peer_that_takes_each_part_slowly_is_given_up_in_the_end() {
    let limits = ServerLimits { parts: Duration::from_millis(40), ..patient() };
    let running = Running::start(Double::default(), limits);
    let mut slow = running.connect();
    say(&mut slow, LIST_IN_PARTS);
    eventually("begun", || running.service.calls.load(Ordering::SeqCst) == 1);
    thread::sleep(Duration::from_millis(60));
    let heard = std::iter::from_fn(|| hear(&mut slow)).count();
    assert!(heard < PARTS, "{heard}");
    eventually("given up", || running.service.closed.load(Ordering::SeqCst) == 1);
}

#[test]
fn a_panic_ends_one_connection() {
    let running = running();
    let mut bystander = running.connect();
    assert!(ask(&mut bystander, STATUS).is_some());
    let mut peer = running.connect();
    let reply = ask(&mut peer, r#"{"method":"io.pam-otp.Otp1.Status","parameters":{"user":"panic"}}"#);
    assert_eq!(reply, None);
    assert!(ask(&mut bystander, STATUS).is_some());
    eventually("told", || {
        let events = running.service.events.lock().expect("events");
        matches!(events.as_slice(), [Event::Panicked(_)])
    });
    assert_eq!(running.service.closed.load(Ordering::SeqCst), 1);
}

#[test]
fn connections_over_the_cap_are_told_and_closed_and_logged_once() {
    let limits = ServerLimits { connections: 8, connections_per_uid: 4, connections_root: 4, ..patient() };
    let running = Running::start(Double::default(), limits);
    let mut held: Vec<UnixStream> = (0..4).map(|_| running.connect()).collect();
    for peer in &mut held {
        assert!(ask(peer, STATUS).is_some());
    }
    for _ in 0..296 {
        let mut peer = running.connect();
        assert!(hear(&mut peer).is_some_and(|reply| reply.contains("io.pam-otp.Otp1.Busy")));
        assert_eq!(hear(&mut peer), None);
    }
    let told = running.service.events.lock().expect("events").len();
    assert!((1..=20).contains(&told), "{told} lines of log"); // one a second, on a machine however slow
    assert_eq!(running.service.opened.load(Ordering::SeqCst), 4);
    drop(held);
    eventually("places given back", || is_served(&running));
}

#[test]
fn a_client_that_is_turned_away_learns_why() {
    let limits = ServerLimits { connections: 0, connections_root: 0, ..patient() };
    let running = Running::start(Double::default(), limits);
    let uid = nix::unistd::geteuid().as_raw();
    for _ in 0..50 {
        let mut client = Client::connect(running.path(), &[uid]).expect("connect");
        let found = client.call(&Status { user: None, cool_down: None }).err();
        assert!(matches!(found, Some(CallError::Refused(Refusal::Busy { .. }))), "{found:?}");
    }
}
