//! Questions to the daemon, where this process may not decide on the files itself, and where a key is made. One
//! connection for one question, opened after the prompt; only a key that waits for its first code keeps one open.

pub(crate) mod connection;
pub(crate) mod json;

use std::time::{Duration, Instant};

use otp_core::files::notice::{Claim, Where};
use otp_core::keys::app_entry::app_entry;
use otp_core::reasons::RefusalReason;
use otp_core::unix_time::UnixTime;
use zeroize::Zeroizing;

use crate::account_status::KeyDates;
use crate::daemon::connection::{Connection, DaemonError, DaemonRefusal, failed};
use crate::daemon::json::{Value, quoted};
use crate::outcome::Finding;
use crate::reason::LogReason;

/// Longer than the daemon waits for a lock.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// Longer than the daemon waits for a lock before it tells a status.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// The name of a service is longer than that of any file where it has so many bytes: it is cut to the name of none.
const LONGEST_SERVICE: usize = 256;

/// Bytes of a remote host and of a terminal, which the daemon only logs.
const LONGEST_CLAIM: usize = 60;

/// The person this process asks for; the daemon believes it from root only.
pub(crate) struct Caller<'a> {
    /// Is it root's, so that it may speak for others?
    pub root: bool,
    /// Real uid.
    pub real_uid: u32,
    /// The policy file that the PAM line names.
    pub config: Option<&'a str>,
    /// PAM_SERVICE.
    pub service: Option<String>,
    /// PAM_RHOST.
    pub rhost: Option<String>,
    /// PAM_TTY.
    pub tty: Option<String>,
}

/// The daemon's word on a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportedStatus {
    /// Was a key ever enrolled?
    pub enrolled: bool,
    /// Suspended by an admin.
    pub suspended: bool,
    /// Disabled after too many wrong codes.
    pub disabled: bool,
    /// All keys have come to their end.
    pub expired: bool,
    /// The last key was revoked.
    pub keyless: bool,
    /// The dates of the keys.
    pub keys: Vec<KeyDates>,
}

/// Has the daemon check a code.
pub(crate) fn verify(user: Option<&str>, code: &str, caller: &Caller<'_>) -> Result<Finding, DaemonError> {
    let mut fields = asking(user, Some(caller.real_uid), caller);
    give(&mut fields, "code", code);
    let reply = call("Verify", &fields, Instant::now() + REPLY_TIMEOUT)?;
    let verdict = reply.get("verdict").ok_or_else(|| failed("a reply without a verdict"))?;
    let text = |name: &str| verdict.get(name).and_then(Value::text);
    match verdict.get("accepted").and_then(Value::flag) {
        Some(true) => Ok(Finding::Accepted(text("key").unwrap_or_default().to_owned())),
        Some(false) => {
            let wait = verdict.get("wait").and_then(Value::number).unwrap_or(0);
            let reason = text("reason").map(|word| LogReason::received(word, wait));
            Ok(Finding::Refused(reason.unwrap_or(LogReason::Code(RefusalReason::Undisclosed))))
        }
        None => Err(failed("a verdict without an outcome")),
    }
}

/// Has the daemon begin an enrolment with a registration code.
pub(crate) fn redeem(user: &str, code: &str, caller: &Caller<'_>) -> Result<EnrolmentSession, DaemonError> {
    let mut fields = asking_for_a_key(user, caller);
    give(&mut fields, "registration", code);
    EnrolmentSession::begin("Redeem", &fields, KeyBefore::None)
}

/// Has the daemon begin an enrolment that replaces a key, for a code of it: of the key of this label, or of any.
pub(crate) fn rotate(
    user: &str,
    code: &str,
    key: Option<&str>,
    caller: &Caller<'_>,
) -> Result<EnrolmentSession, DaemonError> {
    let mut fields = asking_for_a_key(user, caller);
    give(&mut fields, "code", code);
    if let Some(key) = key {
        fields.push_str(&format!(",\"key\":{}", quoted(key)));
    }
    EnrolmentSession::begin("Rotate", &fields, KeyBefore::Replaced)
}

/// Has the daemon refuse every code of a user who has lost a device and whose UNIX password was checked. Says whether the user can take
/// that back for a time. Daemons of earlier versions want a code, and change nothing.
pub(crate) fn report_lost(user: &str) -> Result<bool, DaemonError> {
    let reply = call("ReportLost", &about(Some(user)), Instant::now() + REPLY_TIMEOUT)?;
    Ok(reply.get("until").and_then(Value::number).is_some())
}

/// A key that waits for its first code. It is thrown away when this is dropped.
pub(crate) struct EnrolmentSession {
    connection: Connection,
    /// Its owner's name for it.
    pub label: String,
    /// The settings that an app needs besides the secret.
    pub settings: String,
    /// Base32.
    pub secret: Zeroizing<String>,
    /// The QR code for a dark terminal.
    pub dark: Zeroizing<String>,
    /// The same for a light one.
    pub light: Zeroizing<String>,
    /// Seconds until the daemon throws it away.
    pub expires_in: u64,
    /// When and from where its registration code was used before, if it was.
    pub earlier: Option<EarlierUse>,
    /// Its name in the app, if the address says so.
    pub entry: Option<String>,
    /// Whether an older key goes when this one is confirmed.
    pub replaces: KeyBefore,
}

/// A use of a registration code that came to nothing.
pub(crate) struct EarlierUse {
    pub at: UnixTime,
    pub from: Where,
}

/// Whether there is a key that works until the new one is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyBefore {
    None,
    Replaced,
}

/// The daemon's word on a key that is stored.
pub(crate) struct StoredKey {
    /// Shown this once; none if the old ones go on.
    pub recovery_codes: Vec<Zeroizing<String>>,
}

impl EnrolmentSession {
    fn begin(method: &str, fields: &str, replaces: KeyBefore) -> Result<Self, DaemonError> {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        let connection = Connection::open(deadline)?;
        let reply = connection.call(method, fields, deadline)?;
        let key = reply.get("enrolment").ok_or_else(|| failed("a reply without a key"))?;
        let text = |name: &str| key.get(name).and_then(Value::text).ok_or_else(|| failed("a key that is not whole"));
        let number =
            |name: &str| key.get(name).and_then(Value::number).ok_or_else(|| failed("a key that is not whole"));
        let settings = format!("{}, {} digits, {} s", text("algorithm")?, number("digits")?, number("period")?);
        Ok(Self {
            label: text("label")?.to_owned(),
            settings,
            secret: Zeroizing::new(text("secret")?.to_owned()),
            dark: Zeroizing::new(text("qr_dark")?.to_owned()),
            light: Zeroizing::new(text("qr_light")?.to_owned()),
            expires_in: number("expires_in")?,
            earlier: reply.get("earlier").and_then(earlier),
            entry: key.get("uri").and_then(Value::text).and_then(app_entry),
            replaces,
            connection,
        })
    }

    /// Has it stored, for one of its codes, which is used up by it.
    pub(crate) fn confirm(&self, code: &str) -> Result<StoredKey, DaemonError> {
        let fields = Zeroizing::new(format!("\"code\":\"{code}\""));
        let reply = self.connection.call("ConfirmEnrolment", &fields, Instant::now() + REPLY_TIMEOUT)?;
        let codes = reply.get("recovery_codes").and_then(Value::list).ok_or_else(|| failed("no recovery codes"))?;
        let codes = codes.iter().filter_map(|one| one.text().map(|text| Zeroizing::new(text.to_owned())));
        Ok(StoredKey { recovery_codes: codes.collect() })
    }
}

/// Does the daemon answer, whatever it says? Its socket may be there, and a systemd behind it, when the daemon is not.
pub(crate) fn answers(user: Option<&str>) -> Result<(), DaemonError> {
    match status(user, PROBE_TIMEOUT) {
        Ok(_) | Err(DaemonError::Denied(_) | DaemonError::NotAllowed) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Asks how a user stands.
pub(crate) fn user_status(user: Option<&str>) -> Result<ReportedStatus, DaemonError> {
    let reply = status(user, REPLY_TIMEOUT)?;
    let status = reply.get("status").ok_or_else(|| failed("a reply without a status"))?;
    let flag = |name: &str| status.get(name).and_then(Value::flag).ok_or_else(|| failed("a status without its marks"));
    let keys = status.get("keys").and_then(Value::list).ok_or_else(|| failed("a status without keys"))?;
    Ok(ReportedStatus {
        enrolled: flag("enrolled")?,
        suspended: flag("suspended")?,
        disabled: flag("disabled")?,
        expired: flag("expired")?,
        keyless: keys.is_empty(),
        keys: keys.iter().filter_map(dates).collect(),
    })
}

/// Asks whether a user is barred; what the group `otp-verify` may hear of others. `None` from a daemon that does not know the question.
pub(crate) fn barred(user: &str) -> Result<Option<bool>, DaemonError> {
    let asked = call("Barred", &format!("\"user\":{}", quoted(user)), Instant::now() + REPLY_TIMEOUT);
    match asked {
        Ok(reply) => {
            let answer = reply.get("barred").and_then(Value::flag);
            answer.map(Some).ok_or_else(|| failed("a reply that says neither yes nor no"))
        }
        Err(DaemonError::Denied(DaemonRefusal::MethodNotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn status(user: Option<&str>, timeout: Duration) -> Result<Value, DaemonError> {
    call("Status", &about(user), Instant::now() + timeout)
}

fn earlier(used: &Value) -> Option<EarlierUse> {
    let claim = |field: &str| Claim::of(used.get(field).and_then(Value::text));
    let from = Where { tty: claim("tty"), rhost: claim("rhost"), service: claim("service") };
    Some(EarlierUse { at: UnixTime::new(used.get("at").and_then(Value::number)?), from })
}

/// Of a key in a status that works; `expires` is left out of one without an end.
fn dates(key: &Value) -> Option<KeyDates> {
    if key.get("suspended").and_then(Value::flag) == Some(true) {
        return None;
    }
    Some(KeyDates {
        label: key.get("label")?.text()?.to_owned(),
        replaceable: key.get("kind").and_then(Value::text) == Some("totp"),
        confirmed: UnixTime::new(key.get("confirmed")?.number()?),
        expires: key.get("expires").and_then(Value::number).map(UnixTime::new),
    })
}

/// The unread notices of a user, in lines for a person, and the number of the last one. An older daemon has a text for each instead.
pub(crate) fn notices(user: &str, deadline: Instant) -> Result<(Vec<String>, u64), DaemonError> {
    let reply = call("Notices", &about(Some(user)), deadline)?;
    let notices = reply.get("notices").and_then(Value::list).ok_or_else(|| failed("a reply without notices"))?;
    let lines = reply.get("lines").and_then(Value::list).unwrap_or_default();
    let texts: Vec<String> = match lines {
        [] => notices.iter().filter_map(|one| Some(format!("- {}", one.get("text")?.text()?))).collect(),
        lines => lines.iter().filter_map(|line| line.text().map(str::to_owned)).collect(),
    };
    let last = notices.iter().filter_map(|one| one.get("id").and_then(Value::number)).max();
    Ok((texts, last.unwrap_or(0)))
}

/// Says that they were shown, up to the one of this number.
pub(crate) fn notices_shown(user: &str, last: u64, deadline: Instant) -> Result<(), DaemonError> {
    call("NoticesShown", &format!("\"last\":{last},{}", about(Some(user))), deadline).map(drop)
}

/// The field that names a user; none is the caller.
fn about(user: Option<&str>) -> String {
    format!("\"user\":{}", user.map_or_else(|| "null".to_owned(), quoted))
}

/// One call on a connection of its own.
fn call(method: &str, fields: &str, deadline: Instant) -> Result<Value, DaemonError> {
    Connection::open(deadline)?.call(method, fields, deadline)
}

/// For whom a key is asked: for anybody by root, who says for whom; for oneself by everybody else.
fn asking_for_a_key(user: &str, caller: &Caller<'_>) -> Zeroizing<String> {
    match caller.root {
        true => asking(Some(user), Some(caller.real_uid), caller),
        false => asking(None, None, caller),
    }
}

/// The first fields of a call that brings a code along, in a buffer that never grows: no piece of a code is left behind.
fn asking(user: Option<&str>, real_uid: Option<u32>, caller: &Caller<'_>) -> Zeroizing<String> {
    let mut fields = Zeroizing::new(String::with_capacity(16 * 1024));
    if let Some(user) = user {
        fields.push_str(&format!("\"user\":{},", quoted(user)));
    }
    if let Some(uid) = real_uid {
        fields.push_str(&format!("\"real_uid\":{uid},"));
    }
    let claims = [
        ("service", &caller.service, LONGEST_SERVICE),
        ("rhost", &caller.rhost, LONGEST_CLAIM),
        ("tty", &caller.tty, LONGEST_CLAIM),
    ];
    for (name, value, longest) in claims {
        if let Some(value) = value {
            let short = (0..=longest).rev().find_map(|end| value.get(..end)).unwrap_or_default();
            fields.push_str(&format!("\"{name}\":{},", quoted(short)));
        }
    }
    if let Some(config) = caller.config.filter(|_| caller.root) {
        fields.push_str(&format!("\"config\":{},", quoted(config)));
    }
    fields
}

/// A code has letters, digits and hyphens: nothing that JSON would escape.
fn give(fields: &mut String, name: &str, code: &str) {
    for piece in ["\"", name, "\":\"", code, "\""] {
        fields.push_str(piece);
    }
}
