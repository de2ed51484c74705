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
use otp_core::codes::ids::ResetId;
use otp_core::codes::registration::RegistrationCode;
use otp_core::decision::input::Typed;
use otp_core::files::date::utc;
use otp_core::files::emergency_mark::EmergencyMark;
use otp_core::files::key_file::Record;
use otp_core::files::notice::Telling;
use otp_core::files::notice_file::Spool;
use otp_core::files::notice_lines::notice_lines;
use otp_core::files::password_record::PasswordRecord;
use otp_core::files::reset::Reset;
use otp_core::files::state_slot::{SLOT_BYTES, Slot};
use otp_core::files::ticket_file::TicketFile;
use otp_core::files::unassigned_token::{TokenName, UnassignedToken};
use otp_core::keys::key::Step;
use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::policy::service::ServicePolicy;
use otp_core::unix_time::UnixTime;
use otp_import::foreign_key::Moving;
use otp_import::pskc::TransportKey;
use otp_import::taken::MOST_AHEAD_S;
use otp_import::{ForeignFault, ForeignKey, Holder};
use otp_protocol::server::limits::ServerLimits;
use serde_json::Value as Serde;
use zeroize::Zeroizing;

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

/// A file of pam_google_authenticator.
pub fn google_authenticator(bytes: &[u8]) -> bool {
    is_a_foreign_key(&otp_import::google_authenticator::read(bytes), bytes)
}

/// A users file of pam_oath.
pub fn oath(bytes: &[u8]) -> bool {
    otp_import::oath::read(bytes).fold(true, |all, found| is_a_foreign_key(&found, bytes) && all)
}

/// An otpauth URI.
pub fn otpauth(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| is_a_foreign_key(&otp_import::otpauth::read(text.trim_ascii_end()), bytes))
}

/// An address of Google Authenticator's export.
pub fn migration(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    match otp_import::migration::read(text.trim_ascii_end()) {
        Ok(export) => export.keys.iter().fold(true, |all, found| is_a_foreign_key(found, bytes) && all),
        Err(fault) => is_a_foreign_key(&Err(fault), bytes),
    }
}

/// A PSKC file, plain, under the key of the RFC's figure 6 or under the passphrase of its figure 7.
pub fn pskc(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let shared = [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];
    let keys = [
        TransportKey::None,
        TransportKey::Shared(Zeroizing::new(shared.to_vec())),
        TransportKey::Passphrase(Zeroizing::new("qwerty".to_owned())),
    ];
    let wanted = otp_import::pskc::wanted_key(text).is_ok();
    keys.iter().any(|key| match otp_import::pskc::read(text, key) {
        Ok(_) if !wanted => panic!("read without the key that it wants"),
        Ok(found) => found.iter().fold(true, |all, found| is_a_foreign_key(found, bytes) && all),
        Err(fault) => is_a_foreign_key(&Err(fault), bytes),
    })
}

/// A key can be stored and told on one line, and so can a fault, in a line that is there.
fn is_a_foreign_key(found: &Result<ForeignKey, ForeignFault>, bytes: &[u8]) -> bool {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    let on_one_line = |text: &str| assert!(!text.chars().any(char::is_control), "{text:?}");
    match found {
        Ok(key) => {
            assert!((1..=lines).contains(&key.line));
            assert!(!matches!(key.moving, Moving::Counter(counter) if counter > Step::MOST_IMPORTED));
            key.left_behind.iter().for_each(|left| on_one_line(&left.to_string()));
            let now = UnixTime::new(1_795_963_320);
            if let (Ok(Some(last)), Moving::Time(period)) = (key.taken_until(now), key.moving) {
                assert!(last > period.step_at(now) && last <= period.step_at(now + MOST_AHEAD_S));
            }
            match &key.holder {
                Holder::Unsaid => {}
                Holder::User(name) => on_one_line(name),
                Holder::Account { name, issuer } => {
                    [Some(name), issuer.as_ref()].into_iter().flatten().for_each(|text| on_one_line(text))
                }
                Holder::Token { maker, serial } => {
                    [Some(serial), maker.as_ref()].into_iter().flatten().for_each(|text| on_one_line(text))
                }
            }
            true
        }
        Err(fault) => {
            assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)), "{fault}");
            on_one_line(&fault.to_string());
            false
        }
    }
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
    Slot::read(&slot);
    let sum = crc32(&slot[12..]);
    slot[8..12].copy_from_slice(&sum.to_le_bytes());
    let Some(found) = Slot::read(&slot).good() else { return false };
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

/// So is a token that nobody has yet, in the file that is named after it.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
        line.map(str::to_owned)
    };
    let name = TokenName::new(&field("serial").unwrap_or_default(), field("manufacturer").as_deref());
    let Ok(file) = name.map(|name| name.file_name()) else { return false };
    let _ = UnassignedToken::parse(bytes, &file);
    let Ok(found) = UnassignedToken::parse(summed(text).as_bytes(), &file) else { return false };
    let written = found.to_toml();
    assert_eq!(UnassignedToken::parse(written.as_bytes(), &file), Ok(found));
    assert!(UnassignedToken::parse(written.as_bytes(), "another").is_err(), "the file of another token");
    true
}

/// So is a reset that waits, in the file that is named after it.
pub fn reset(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let id = text.lines().find_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
    let Some(id) = id.and_then(ResetId::parse) else { return false };
    let _ = Reset::parse(bytes, id);
    let Ok((found, at)) = Reset::parse(summed(text).as_bytes(), id) else { return false };
    assert_eq!(found.to_toml(at), summed(text), "the one form");
    let [first, rest @ ..] = id.hex().into_bytes().try_into().unwrap_or([b'0'; 8]);
    let another: String = [if first == b'0' { b'1' } else { b'0' }].into_iter().chain(rest).map(char::from).collect();
    let another = ResetId::parse(&another).unwrap_or(id);
    assert!(Reset::parse(found.to_toml(at).as_bytes(), another).is_err(), "the file of another reset");
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
    let telling = Telling { owner: spool.account.uid, name: &|uid| format!("\u{e9}\n{uid}"), time: &utc };
    let texts = spool.notices().iter().map(|one| one.text(&telling));
    for text in texts.chain(notice_lines(spool.notices(), &telling, UnixTime::EPOCH)) {
        assert!(text.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{text:?} on a person's screen");
    }
    true
}

/// So are records about passwords, and those of somebody else are refused.
pub fn password_record(bytes: &[u8]) -> bool {
    let uid = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once("\nuid = ")?.1.lines().next()?.parse().ok());
    let uid = uid.unwrap_or(1000);
    let Ok(record) = PasswordRecord::parse(bytes, uid) else { return false };
    assert_eq!(record.to_toml().as_bytes(), bytes);
    assert!(PasswordRecord::parse(bytes, uid.wrapping_add(1)).is_err(), "the record of somebody else");
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
    let part = b"\"continues\":true";
    let answers = replies.iter().filter(|reply| !reply.windows(part.len()).any(|found| found == part)).count();
    assert!(answers <= messages + 1, "more answers than calls");
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
