//! One full message of each kind, for the tests, and one call of each method with its answer.

use otp_core::codes::ids::ResetId;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::origin::Origin;
use otp_core::files::reset::ResetReason;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use otp_core::keys::secret::Secret;
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
        last_used: Some(UnixTime::new(1_795_003_600)),
        expires: Some(UnixTime::new(1_895_000_000)),
        resync: false,
        suspended: false,
    }
}

fn status() -> UserStatus {
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
        recovery_left: Some(7),
        invitation: Some(InvitationStatus {
            form: "letter".to_owned(),
            made: UnixTime::new(1_795_000_000),
            ends: UnixTime::new(1_796_000_000),
            by: 1001,
            by_user: Some("dana".to_owned()),
            replaces: true,
            redeemed: false,
            over: Some("expired".to_owned()),
        }),
        lost_since: Some(UnixTime::new(1_796_000_000)),
        lost_until: Some(UnixTime::new(1_796_003_600)),
        cool_down: cool_down(),
        password_until: Some(UnixTime::new(1_796_003_600)),
    }
}

fn cool_down() -> Option<CoolDownStatus> {
    let (reason, until) = ("password-changed".to_owned(), Some(UnixTime::new(1_796_003_600)));
    Some(CoolDownStatus { reason, until, by: Some(1001) })
}

fn unreadable() -> Unreadable {
    Unreadable { uid: 1001, user: Some("bob".to_owned()), reason: "/var/lib/otp/keys/1001.toml: not UTF-8".to_owned() }
}

fn confirmed() -> Confirmed {
    Confirmed {
        user: "alice".to_owned(),
        uid: 1000,
        key: key(),
        generation: 1,
        recovery_codes: vec![Zeroizing::new("R-0".to_owned())],
    }
}

pub(crate) fn wanted_key() -> WantedKey {
    WantedKey { label: Label::new("phone").ok(), shape: shape(), expires: Some(end()) }
}

fn end() -> UnixTime {
    UnixTime::new(1_895_000_000)
}

fn shape() -> Shape {
    Shape {
        kind: Some(Kind::Totp),
        algorithm: Some(Algorithm::Sha1),
        digits: Digits::new(6).ok(),
        period: Period::new(30).ok(),
    }
}

fn prompt() -> Prompt {
    let text = |text: &str| ShortText::new("claim", text.to_owned()).ok();
    Prompt {
        config: text("/etc/otp/door.toml"),
        real_uid: Some(1000),
        service: text("sshd"),
        rhost: text("192.0.2.1"),
        tty: text("ssh"),
    }
}

pub(crate) fn redemption() -> Redemption {
    let text = |text: &str| Some(text.to_owned());
    let from = ClaimedPlace { tty: text("pts/1"), rhost: text("192.0.2.1"), service: text("sshd") };
    Redemption { at: UnixTime::new(1_795_000_000), from }
}

fn registration() -> RegistrationCode {
    RegistrationCode::parse("E-07ENW-3AHRM").expect("a registration code")
}

fn code() -> TypedCode {
    TypedCode::new(Zeroizing::new("123456".to_owned())).expect("a code")
}

fn user() -> UserName {
    UserName::new("alice").expect("a name")
}

fn phone() -> KeyName {
    KeyName::new("phone").expect("a name of a key")
}

fn invited() -> Invited {
    let invitation = Invitation {
        user: "alice".to_owned(),
        uid: 1000,
        form: "spoken".to_owned(),
        codes: vec![registration().text()],
        replaces: true,
        ends: UnixTime::new(1_795_000_300),
        superseded: false,
    };
    Invited { invitation }
}

fn redeemed() -> Redeemed {
    Redeemed { enrolment: enrolment(), earlier: Some(redemption()) }
}

fn recovery_codes() -> RecoveryCodes {
    RecoveryCodes { recovery_codes: vec![Zeroizing::new("R-307EN-W3AHR-Z6DMV-29GQY-5CKTB".to_owned())] }
}

fn gone() -> GoneUsers {
    GoneUsers {
        users: vec![GoneUser { uid: 1000, user: Some("zoe".to_owned()), since: Some(UnixTime::new(1_795_000_000)) }],
    }
}

fn adopted() -> AdoptedUsers {
    let one = Adopted { user: "alicia".to_owned(), uid: 1000, from: "alice".to_owned(), from_uid: 1000 };
    AdoptedUsers { adopted: vec![one], left: vec![unreadable()] }
}

fn notice() -> NoticeItem {
    let text = |text: &str| Some(text.to_owned());
    NoticeItem {
        id: 1,
        event: "recovery-code-used".to_owned(),
        severity: "warning".to_owned(),
        at: UnixTime::new(1_795_000_000),
        by: 1000,
        from: ClaimedPlace { tty: text("ssh"), rhost: text("192.0.2.1"), service: text("sshd") },
        key: text("phone"),
        left: Some(7),
        times: 1,
        last: UnixTime::new(1_795_000_000),
        shown: 0,
        text: "2026-11-18T11:06:40Z: a recovery code of yours was used".to_owned(),
    }
}

fn verdict() -> VerdictReply {
    VerdictReply { accepted: true, reason: "code".to_owned(), key: Some("phone".to_owned()), wait: 0 }
}

/// A test that looks at each method.
pub(crate) trait LookAt {
    fn method<M: Method>(&mut self, call: &M, reply: &M::Reply);
}

/// A call of each method, with every parameter that it may have, and its answer.
pub(crate) fn each_method(look_at: &mut impl LookAt) {
    let yes = Some(true);
    look_at_invitations(look_at);
    look_at_resets(look_at);
    let redeem = Redeem { user: Some(user()), registration: registration(), key: wanted_key(), prompt: prompt() };
    look_at.method(&redeem, &redeemed());
    look_at.method(&Repudiate { registration: registration() }, &Repudiated { keys: 2 });
    look_at.method(&AddKey { code: code(), key: wanted_key() }, &Begun { enrolment: enrolment() });
    let key = Some(phone());
    let rotate =
        Rotate { user: Some(user()), code: code(), key, shape: shape(), expires: Some(end()), prompt: prompt() };
    look_at.method(&rotate, &Begun { enrolment: enrolment() });
    let secret = Secret::from_base32("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").expect("a secret");
    look_at.method(&AddToken { user: user(), secret, key: wanted_key() }, &TokenBegun { expires_in: 900, tries: 6 });
    let secret = Secret::from_base32("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").expect("a secret");
    let (counter, imported) =
        (NextCounter::new(38).ok(), Imported { user: "alice".to_owned(), uid: 1000, already: true });
    let used_step = UsedStep::new(59_865_944).ok();
    look_at.method(&ImportKey { user: user(), secret, key: wanted_key(), counter, used_step, dry_run: yes }, &imported);
    look_at_tokens(look_at);
    look_at.method(&RenewRecoveryCodes { code: code() }, &recovery_codes());
    look_at.method(&BeginEnrolment { user: user(), key: wanted_key() }, &Begun { enrolment: enrolment() });
    look_at.method(&ConfirmEnrolment { code: code() }, &confirmed());
    look_at.method(&CancelEnrolment {}, &Cancelled {});
    look_at.method(&Status { user: Some(user()), cool_down: yes }, &UserStatusReply { status: status() });
    look_at.method(
        &List { after: Some(999), invited: Some(true) },
        &UserList { users: vec![status()], unreadable: vec![unreadable()] },
    );
    look_at.method(&Suspend { user: user() }, &Suspended { invitation_only: yes, changed: yes });
    look_at.method(&Resume { user: user() }, &Changed { changed: yes });
    look_at.method(
        &ReportLost { user: Some(user()), code: Some(code()) },
        &LostReply { until: Some(UnixTime::new(1_796_003_600)) },
    );
    look_at.method(&TakeBackLost { code: code() }, &Done {});
    look_at.method(
        &Reopen { user: Some(user()), origin: Some(Origin::Remote), code: Some(code()) },
        &Changed { changed: yes },
    );
    let label = Label::new("tablet").expect("a label");
    look_at.method(&Rename { user: Some(user()), key: phone(), label }, &Changed { changed: yes });
    look_at.method(&Revoke { user: Some(user()), key: phone(), code: Some(code()), last: yes }, &Done {});
    let set = SetExpiry { user: Some(user()), key: phone(), expires: Some(end()), code: Some(code()) };
    look_at.method(&set, &Changed { changed: yes });
    look_at.method(&Forget { user: user(), gone: yes }, &Done {});
    look_at.method(&Adopt { user: user(), from: UserName::new("alicia").ok(), gone: yes }, &Done {});
    look_at.method(&AdoptAll { dry_run: yes }, &adopted());
    look_at.method(&ListGone {}, &gone());
    look_at.method(&Restored { user: Some(user()) }, &RestoredUsers { users: vec!["alice".to_owned()] });
    look_at.method(&verify(), &Verified { verdict: verdict() });
    let tried = TriedCode { verdict: verdict(), diagnosis: Some("clock-slow 3600".to_owned()) };
    look_at.method(&TryCode { code: code(), previous: Some(code()) }, &tried);
    look_at.method(&Barred { user: Some(user()) }, &BarredReply { barred: true });
    look_at.method(
        &Notices { user: Some(user()) },
        &NoticeList { notices: vec![notice()], lines: vec!["- just now".to_owned()] },
    );
    look_at.method(&NoticesShown { user: Some(user()), last: 1 }, &Done {});
}

fn reset() -> ResetStatus {
    ResetStatus {
        id: "0a1b2c3d".to_owned(),
        user: "alice".to_owned(),
        uid: 1000,
        asked: UnixTime::new(1_796_000_000),
        by: 1001,
        proof: "vouched".to_owned(),
        voucher: Some(1002),
        reason: "phone lost in the river".to_owned(),
        state: "waits".to_owned(),
        left: 86_000,
        approval_wanted: true,
        approved: Some(UnixTime::new(1_796_000_100)),
        approved_by: Some(1003),
        codes: 1,
        cool_down: cool_down(),
    }
}

fn look_at_invitations(look_at: &mut impl LookAt) {
    let yes = Some(true);
    let invite = Invite {
        user: user(),
        form: Some(CodeForm::Spoken),
        lasts: Some(300),
        replaces: yes,
        reason: ShortText::new("reason", "lost phone".to_owned()).ok(),
        dry_run: yes,
    };
    look_at.method(&invite, &invited());
    look_at.method(&RevokeInvitation { user: user() }, &Done {});
    let extended = ExtendedInvitation { changed: true, form: "letter".to_owned(), ends: end() };
    look_at.method(&ExtendInvitation { user: user(), lasts: Some(300) }, &extended);
}

fn look_at_resets(look_at: &mut impl LookAt) {
    let id = || ResetId::parse("0a1b2c3d").expect("an id");
    let reason = ResetReason::new("phone lost in the river").expect("a reason");
    let ask = RequestReset { user: user(), reason, proof: NamedProof::Vouched(user()) };
    look_at.method(&ask, &ResetReply { reset: reset() });
    let broken =
        UnreadableReset { id: "0a1b2c3d".to_owned(), reason: "/var/lib/otp/resets/0a1b2c3d: not UTF-8".to_owned() };
    look_at.method(&ListResets {}, &ResetList { resets: vec![reset()], unreadable: vec![broken] });
    look_at.method(
        &ApproveReset { id: id(), reason: ResetReason::new("seen in person").ok() },
        &ResetReply { reset: reset() },
    );
    let cancel = CancelReset { id: Some(id()), code: Some(code()) };
    look_at.method(&cancel, &CancelledReset { user: Some("alice".to_owned()) });
}

/// The methods about tokens that nobody has yet.
fn look_at_tokens(look_at: &mut impl LookAt) {
    let token = || NamedToken {
        serial: TokenText::new("serial", "2305-0007").expect("a serial number"),
        manufacturer: TokenText::new("manufacturer", "Maker").ok(),
    };
    let secret = Secret::from_base32("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").expect("a secret");
    let (starts, expires) = (Some(UnixTime::new(1_795_000_000)), Some(UnixTime::new(1_895_000_000)));
    let (counter, dry_run) = (NextCounter::new(38).ok(), Some(true));
    let import = ImportToken { token: token(), secret, shape: shape(), counter, starts, expires, dry_run };
    look_at.method(&import, &ImportedToken { already: true, user: Some("alice".to_owned()) });
    let status = TokenStatus {
        serial: "2305-0007".to_owned(),
        manufacturer: Some("Maker".to_owned()),
        kind: "hotp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        counter: Some(38),
        since: UnixTime::new(1_796_000_000),
        starts,
        expires,
        opens: true,
    };
    let broken = UnreadableToken { file: "1f".repeat(32), reason: "/var/lib/otp/tokens/1f: not UTF-8".to_owned() };
    look_at.method(&ListTokens {}, &TokenList { tokens: vec![status], unreadable: vec![broken] });
    let label = Label::new("fob").ok();
    let assign = AssignToken { token: token(), user: user(), label };
    look_at.method(&assign, &TokenBegun { expires_in: 900, tries: 6 });
    look_at.method(&RemoveToken { token: token() }, &Done {});
}

fn verify() -> Verify {
    let text = |text: &str| ShortText::new("text", text.to_owned()).ok();
    Verify { user: Some(user()), code: code(), action: text("open the door"), prompt: prompt() }
}
