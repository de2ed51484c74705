//! One function for each parser: whatever the bytes are, it does not panic, and anything that it accepts has one meaning. Each
//! reads what a stranger, a disk or the other end of a socket may have written, and tells whether it was taken.

#![expect(clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

#[path = "../../../otp-protocol/tests/double/mod.rs"]
#[expect(dead_code, reason = "shared with the server's tests, which use more of it")]
mod double;
#[path = "../../../pam_otp/src/daemon/json.rs"]
#[expect(dead_code, reason = "the module uses more of it")]
mod json;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::OnceLock;

use otp_core::accounts::Account;
use otp_core::codes::registration::RegistrationCode;
use otp_core::decision::input::Typed;
use otp_core::files::emergency_mark::EmergencyMark;
use otp_core::files::key_file::Record;
use otp_core::files::notice_file::Spool;
use otp_core::files::state_slot::{SLOT_BYTES, Slot};
use otp_core::files::ticket_file::TicketFile;
use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::policy::service::ServicePolicy;
use otp_protocol::server::limits::ServerLimits;
use serde_json::Value as Serde;

use crate::double::{Double, Running};
use crate::json::Value;

/// A secret file that is accepted is written as it was read.
pub fn secret_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let account = named_in(text);
    let Ok(record) = Record::parse(text, &account) else { return false };
    let written = record.to_toml();
    assert_eq!(Record::parse(&written, &account).map(|again| again.to_toml()).ok(), Some(written));
    let other = Account { uid: account.uid.wrapping_add(1), ..account };
    assert!(Record::parse(text, &other).is_err(), "the file of somebody else");
    true
}

/// The account that a secret file says it is of.
fn named_in(text: &str) -> Account {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.unwrap_or_default().trim().trim_matches('"').to_owned()
    };
    Account { name: field("user"), uid: field("uid").parse().unwrap_or(1000) }
}

/// A policy that is in order for all services is in order for the host and for each of them.
pub fn policy(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (whole, host) = (WholePolicy::parse(text), HostPolicy::parse(text));
    let services = ["sudo", "sshd", "otp", ""];
    let each = services.map(|service| ServicePolicy::parse(text, Some(service)));
    let taken = whole.is_ok();
    if let Ok(whole) = whole {
        for (service, one) in services.iter().zip(each) {
            let table = whole.services.iter().find(|(name, _)| name == service).map(|(_, table)| table);
            let one = one.unwrap_or_else(|error| panic!("{service}: {error}"));
            assert_eq!(&one, table.unwrap_or(&one));
            assert!(table.is_some() || one.limits == whole.host.limits, "{service}");
        }
        assert_eq!(host, Ok(whole.host));
    }
    taken
}

/// A slot that is believed is the one that would be written. Its checksum is put right: no fuzzer finds that.
pub fn slot(bytes: &[u8]) -> bool {
    let mut slot = [0; SLOT_BYTES];
    let length = bytes.len().min(SLOT_BYTES);
    slot[..length].copy_from_slice(&bytes[..length]);
    Slot::decode(&slot);
    let sum = crc32(&slot[12..]);
    slot[8..12].copy_from_slice(&sum.to_le_bytes());
    let Some(found) = Slot::decode(&slot) else { return false };
    assert_eq!(found.encode(), Some(slot));
    true
}

/// The checksum of slots, tickets and notices (docs/file-format.md).
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

/// The text with a first line that is right, whatever its first line is.
fn summed(text: &str) -> String {
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    format!("crc32 = \"{:08x}\"\n{rest}", crc32(rest.as_bytes()))
}

/// Tickets that are accepted are written as they were read.
pub fn tickets(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let _ = TicketFile::parse(text);
    let Ok((file, written)) = TicketFile::parse(&summed(text)) else { return false };
    let text = file.to_toml(written);
    let (again, written) = TicketFile::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.to_toml(written), text);
    true
}

/// So are notices.
pub fn notices(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let _ = Spool::parse(text);
    let Ok(spool) = Spool::parse(&summed(text)) else { return false };
    let written = spool.to_toml();
    let again = Spool::parse(&written).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.to_toml(), written);
    for one in spool.notices() {
        let text = one.text(spool.account.uid);
        assert!(text.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{text:?} on a person's screen");
    }
    true
}

/// So are emergency marks.
pub fn mark(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(mark) = EmergencyMark::parse(text) else { return false };
    let written = mark.to_toml();
    assert_eq!(EmergencyMark::parse(&written).map(|again| again.to_toml()).ok(), Some(written));
    true
}

/// An answer at a prompt is one thing, however often it is read.
pub fn typed(bytes: &[u8]) -> bool {
    let bare = Typed::parse_bare(bytes);
    let typed = Typed::parse(bytes);
    if let Typed::Code(code) = &typed {
        let digits = code.digits();
        assert!((6..=8).contains(&code.length()) && digits.len() == code.length());
        assert_eq!(digits.parse().ok(), Some(code.value()));
        assert!(matches!(Typed::parse(digits.as_bytes()), Typed::Code(again) if again.value() == code.value()));
    }
    assert!(!bare.opens() || typed.opens(), "a code of another module that is none at a prompt");
    if let Some(text) = typed.text() {
        assert_eq!(Typed::parse(text.as_bytes()).text(), Some(text));
    }
    typed.opens()
}

/// A registration code is one thing, too.
pub fn registration(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(code) = RegistrationCode::parse(text) else { return false };
    let again = RegistrationCode::parse(&code.text()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.expose(), code.expose());
    true
}

/// The module's reader of JSON and serde's agree on all that the module takes, and it takes all that a daemon sends.
pub fn module_json(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let serde = serde_json::from_str::<Serde>(text).ok();
    match (Value::parse(text), serde) {
        (Some(ours), Some(theirs)) => {
            assert!(same(&ours, &theirs), "{text:?}");
            return true;
        }
        (Some(_), None) => panic!("{text:?} is no JSON"),
        (None, Some(theirs)) => assert!(!plain(&theirs, 0) || names_twice(text, &theirs), "{text:?} is not taken"),
        (None, None) => {}
    }
    false
}

fn same(ours: &Value, theirs: &Serde) -> bool {
    match (ours, theirs) {
        (Value::Null, Serde::Null) => true,
        (Value::Flag(ours), Serde::Bool(theirs)) => ours == theirs,
        (Value::Number(ours), Serde::Number(theirs)) => Some(*ours) == theirs.as_i64(),
        (Value::Text(ours), Serde::String(theirs)) => ours.as_str() == theirs,
        (Value::Array(ours), Serde::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Serde::Object(theirs)) => {
            let ours: BTreeMap<_, _> = ours.iter().map(|(name, value)| (name, value)).collect();
            ours.len() == theirs.len()
                && theirs.iter().all(|(name, value)| ours.get(name).is_some_and(|one| same(one, value)))
        }
        _ => false,
    }
}

/// Is it what a daemon sends: whole numbers, and not deep?
fn plain(value: &Serde, depth: usize) -> bool {
    match value {
        Serde::Number(number) => number.is_i64(),
        Serde::Array(values) => depth < DEEPEST && values.iter().all(|one| plain(one, depth + 1)),
        Serde::Object(fields) => depth < DEEPEST && fields.values().all(|one| plain(one, depth + 1)),
        _ => true,
    }
}

/// serde keeps the last of two fields of one name: then it has fewer of them than the text has colons outside of texts.
fn names_twice(text: &str, value: &Serde) -> bool {
    fn fields(value: &Serde) -> usize {
        match value {
            Serde::Array(values) => values.iter().map(fields).sum(),
            Serde::Object(found) => found.len() + found.values().map(fields).sum::<usize>(),
            _ => 0,
        }
    }
    let (mut colons, mut inside, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => colons += 1,
            _ => {}
        }
    }
    colons > fields(value)
}

/// Nesting that the module surely takes.
const DEEPEST: usize = 7;

/// A real server answers each message, or ends the connection, and then serves the next client.
pub fn wire(bytes: &[u8]) -> bool {
    static SERVER: OnceLock<Running> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        std::panic::set_hook(Box::new(|panic| {
            let asked = panic.payload().downcast_ref::<&str>() == Some(&"asked to");
            if !asked {
                eprintln!("{panic}");
            }
        }));
        Running::start(
            Double::default(),
            ServerLimits { connections: 1000, connections_root: 1000, ..ServerLimits::default() },
        )
    });
    let replies = spoken(server, bytes);
    let messages = bytes.iter().filter(|byte| **byte == 0).count();
    assert!(replies.len() <= messages + 1, "more answers than calls");
    for reply in &replies {
        assert!(
            serde_json::from_slice::<Serde>(reply).is_ok_and(|reply| reply.is_object()),
            "an answer that is no JSON"
        );
    }
    let status = b"{\"method\":\"io.pam-otp.Otp1.Status\",\"parameters\":{}}\0";
    let [reply] = spoken(server, status).try_into().unwrap_or_else(|found| panic!("{found:?}"));
    assert!(reply.starts_with(b"{\"parameters\":{\"status\":"), "the next client is served");
    !replies.is_empty()
}

/// All that the server says to these bytes.
fn spoken(server: &Running, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut stream = server.connect();
    let _ = stream.write_all(bytes); // it may have hung up
    let _ = stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said.split_inclusive(|byte| *byte == 0).filter_map(|one| one.strip_suffix(b"\0")).map(<[u8]>::to_vec).collect()
}
