//! One full message of each kind, for the tests.

use otp_core::codes::registration::CodeForm;
use otp_core::decision::origin::Origin;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use zeroize::Zeroizing;

use super::*;
use otp_core::unix_time::UnixTime;

pub(crate) fn enrolment() -> Enrolment {
    Enrolment {
        user: "alice".to_owned(),
        uid: 1000,
        label: "phone".to_owned(),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        counter: Some(1),
        secret: Zeroizing::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".to_owned()),
        uri: Zeroizing::new("otpauth://totp/host:alice?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=host".to_owned()),
        qr_svg: Zeroizing::new("<svg/>".to_owned()),
        qr_dark: Zeroizing::new("█▀\n".to_owned()),
        qr_light: Zeroizing::new(" ▄\n".to_owned()),
        expires_in: 900,
        tries: 3,
    }
}

pub(crate) fn key() -> KeyStatus {
    KeyStatus {
        id: "k1".to_owned(),
        label: "phone".to_owned(),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        created: UnixTime::new(1_795_000_000),
        confirmed: UnixTime::new(1_795_000_060),
        last_used: Some(UnixTime::new(1_795_003_600)),
        expires: Some(UnixTime::new(1_895_000_000)),
        resync: false,
        suspended: false,
    }
}

pub(crate) fn status() -> UserStatus {
    let origin = OriginStatus { origin: "self".to_owned(), failures: Some(2), limit: 20, closed: false, wait: 0 };
    UserStatus {
        user: "alice".to_owned(),
        uid: 1000,
        enrolled: true,
        generation: 1,
        suspended: false,
        disabled: false,
        expired: false,
        restored: false,
        keys: vec![key()],
        origins: vec![origin],
    }
}

pub(crate) fn unreadable() -> Unreadable {
    Unreadable { uid: 1001, user: Some("bob".to_owned()), reason: "/var/lib/otp/keys/1001.toml: not UTF-8".to_owned() }
}

pub(crate) fn confirmed() -> Confirmed {
    Confirmed {
        user: "alice".to_owned(),
        uid: 1000,
        key: key(),
        generation: 1,
        recovery_codes: vec![Zeroizing::new("R-0".to_owned())],
    }
}

pub(crate) fn begin() -> BeginEnrolment {
    BeginEnrolment { user: "alice".to_owned(), key: wanted_key() }
}

pub(crate) fn wanted_key() -> WantedKey {
    WantedKey { label: Label::new("phone").ok(), shape: shape() }
}

pub(crate) fn shape() -> Shape {
    Shape {
        kind: Some(Kind::Totp),
        algorithm: Some(Algorithm::Sha1),
        digits: Digits::new(6).ok(),
        period: Period::new(30).ok(),
    }
}

pub(crate) fn from() -> From {
    let text = |text: &str| Some(text.to_owned());
    let config = text("/etc/otp/door.toml");
    From { config, real_uid: Some(1000), service: text("sshd"), rhost: text("192.0.2.1"), tty: text("ssh") }
}

pub(crate) fn redemption() -> Redemption {
    let text = |text: &str| Some(text.to_owned());
    Redemption { at: UnixTime::new(1_795_000_000), tty: text("pts/1"), rhost: text("192.0.2.1"), service: text("sshd") }
}

fn registration() -> Zeroizing<String> {
    Zeroizing::new("E-07ENW-3AHRM".to_owned())
}

fn code() -> Zeroizing<String> {
    Zeroizing::new("123456".to_owned())
}

pub(crate) fn invite() -> Invite {
    Invite { user: "alice".to_owned(), form: Some(CodeForm::Spoken), lasts: Some(300), replaces: Some(true) }
}

pub(crate) fn invited() -> Invited {
    let invitation = Invitation {
        user: "alice".to_owned(),
        uid: 1000,
        form: "spoken".to_owned(),
        codes: vec![registration()],
        replaces: true,
        ends: UnixTime::new(1_795_000_300),
        superseded: false,
    };
    Invited { invitation }
}

pub(crate) fn redeem() -> Redeem {
    Redeem { user: Some("alice".to_owned()), registration: registration(), key: wanted_key(), from: from() }
}

pub(crate) fn redeemed() -> Redeemed {
    Redeemed { enrolment: enrolment(), earlier: Some(redemption()) }
}

pub(crate) fn repudiate() -> Repudiate {
    Repudiate { registration: registration() }
}

pub(crate) fn add_key() -> AddKey {
    AddKey { code: code(), key: wanted_key() }
}

pub(crate) fn rotate() -> Rotate {
    let old = Some("phone".to_owned());
    Rotate { user: Some("alice".to_owned()), code: code(), old, shape: shape(), from: from() }
}

pub(crate) fn add_token() -> AddToken {
    let secret = Zeroizing::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".to_owned());
    AddToken { user: "alice".to_owned(), secret, key: wanted_key() }
}

pub(crate) fn renew() -> RenewRecoveryCodes {
    RenewRecoveryCodes { code: code() }
}

pub(crate) fn recovery_codes() -> RecoveryCodes {
    RecoveryCodes { recovery_codes: vec![Zeroizing::new("R-307EN-W3AHR-Z6DMV-29GQY-5CKTB".to_owned())] }
}

pub(crate) fn confirm() -> ConfirmEnrolment {
    ConfirmEnrolment { code: Zeroizing::new("123456".to_owned()) }
}

pub(crate) fn reopen() -> Reopen {
    let code = Some(Zeroizing::new("123456".to_owned()));
    Reopen { user: Some("alice".to_owned()), origin: Some(Origin::Remote), code }
}

pub(crate) fn rename() -> Rename {
    let label = Label::new("tablet").unwrap();
    Rename { user: Some("alice".to_owned()), key: "phone".to_owned(), label }
}

pub(crate) fn revoke() -> Revoke {
    let code = Some(Zeroizing::new("123456".to_owned()));
    Revoke { user: Some("alice".to_owned()), key: "phone".to_owned(), code, last: Some(true) }
}

pub(crate) fn adopt() -> Adopt {
    Adopt { user: "alicia".to_owned(), from: Some("alice".to_owned()), gone: Some(true) }
}

pub(crate) fn gone() -> GoneUsers {
    GoneUsers {
        users: vec![GoneUser { uid: 1000, user: Some("zoe".to_owned()), since: Some(UnixTime::new(1_795_000_000)) }],
    }
}

pub(crate) fn adopted() -> AdoptedUsers {
    let one = Adopted { user: "alicia".to_owned(), uid: 1000, from: "alice".to_owned(), from_uid: 1000 };
    AdoptedUsers { adopted: vec![one], left: vec![unreadable()] }
}

pub(crate) fn notice() -> NoticeItem {
    let text = |text: &str| Some(text.to_owned());
    NoticeItem {
        id: 1,
        event: "recovery-code-used".to_owned(),
        severity: "warning".to_owned(),
        at: UnixTime::new(1_795_000_000),
        by: 1000,
        tty: text("ssh"),
        rhost: text("192.0.2.1"),
        service: text("sshd"),
        key: text("phone"),
        left: Some(7),
        times: 1,
        last: UnixTime::new(1_795_000_000),
        shown: 0,
        text: "2026-11-18T11:06:40Z: a recovery code of yours was used".to_owned(),
    }
}

pub(crate) fn verify() -> Verify {
    let text = |text: &str| Some(text.to_owned());
    Verify {
        user: text("alice"),
        code: Zeroizing::new("123456".to_owned()),
        action: text("open the door"),
        from: from(),
    }
}

pub(crate) fn verdict() -> VerdictReply {
    VerdictReply { accepted: true, reason: "code".to_owned(), key: Some("phone".to_owned()), wait: 0 }
}
