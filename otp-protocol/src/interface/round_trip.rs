//! Whatever a message holds, it arrives as it left: encoded by one side, read by the other.

use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use otp_core::unix_time::UnixTime;
use proptest::prelude::*;
use serde::Serialize;
use zeroize::Zeroizing;

use super::*;
use crate::varlink::message::{Answering, Call, Calling, encode};
use crate::varlink::parameters::Parameters;

/// Encodes a call as the client does and reads it as the server does.
fn delivered<M: Method>(request: &M) -> Result<Request, Refusal> {
    let mut bytes = encode(&Calling { method: M::NAME, parameters: request, more: false }).expect("encoded");
    assert_eq!(bytes.pop(), Some(0));
    assert!(!bytes.contains(&0));
    let call = Call::parse(&bytes).expect("a call");
    Request::read(&call.method, Parameters::parse(call.parameters())?)
}

/// Encodes an answer as the server does and reads it as the client does.
fn answered<M: Method>(reply: &M::Reply) -> serde_json::Value {
    let bytes = encode(&Answering { parameters: reply, continues: false }).expect("encoded");
    let message = bytes.strip_suffix(&[0]).expect("a NUL");
    let found = crate::client::read::<M>(message).unwrap_or_else(|error| panic!("{error:?}"));
    serde_json::to_value(found).expect("a value")
}

fn plain(most: usize) -> impl Strategy<Value = String> {
    let pattern = proptest::string::string_regex("[^\\p{Cc}]{1,16}").expect("a pattern");
    pattern.prop_filter("short", move |text| text.len() <= most)
}

fn user() -> impl Strategy<Value = UserName> {
    plain(256).prop_map(|name| UserName::new(&name).expect("a name"))
}

fn typed(code: String) -> TypedCode {
    TypedCode::new(Zeroizing::new(code)).expect("a code")
}

fn text() -> impl Strategy<Value = Option<ShortText>> {
    prop::option::of("\\PC{0,60}".prop_map(|text| ShortText::new("text", text).expect("a text")))
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512])
}

prop_compose! {
    fn key()(
        texts in prop::array::uniform4(any::<String>()),
        digits: u8, period: u32, created: u64, confirmed: u64, ends in any::<[Option<u64>; 2]>(), marks: [bool; 2],
    ) -> KeyStatus {
        let [id, label, kind, algorithm] = texts;
        let (created, confirmed) = (UnixTime::new(created), UnixTime::new(confirmed));
        let [last_used, expires] = ends.map(|end| end.map(UnixTime::new));
        let [resync, suspended] = marks;
        KeyStatus { id, label, kind, algorithm, digits, period, created, confirmed, last_used, expires, resync, suspended }
    }
}

prop_compose! {
    fn origin()(origin: String, failures: Option<u32>, limit: u32, closed: bool, wait: u64) -> OriginStatus {
        OriginStatus { origin, failures, limit, closed, wait }
    }
}

prop_compose! {
    fn invitation()(
        texts: (String, Option<String>, Option<String>), times: [u32; 3], marks: [bool; 2],
    ) -> InvitationStatus {
        let ((form, by_user, over), [made, ends, by], [replaces, redeemed]) = (texts, times, marks);
        let (made, ends) = (UnixTime::new(made.into()), UnixTime::new(ends.into()));
        InvitationStatus { form, made, ends, by, by_user, replaces, redeemed, over }
    }
}

prop_compose! {
    fn cool_down()(reason: String, until: Option<u32>, by: Option<u32>) -> CoolDownStatus {
        CoolDownStatus { reason, until: until.map(|until| UnixTime::new(until.into())), by }
    }
}

prop_compose! {
    fn status()(
        user: String, uid: u32, generation: u64, marks in any::<[bool; 5]>(),
        keys in prop::collection::vec(key(), 0..4),
        origins in prop::collection::vec(origin(), 0..6),
        recovery_left: Option<u32>,
        invitation in prop::option::of(invitation()),
        times: [Option<u32>; 3],
        cool_down in prop::option::of(cool_down()),
    ) -> UserStatus {
        let [enrolled, suspended, disabled, expired, restored] = marks;
        let [lost_since, lost_until, password_until] =
            times.map(|seconds| seconds.map(|seconds| UnixTime::new(seconds.into())));
        UserStatus {
            user, uid, enrolled, generation, suspended, disabled, expired, restored, keys, origins, recovery_left, invitation,
            lost_since, lost_until, cool_down, password_until,
        }
    }
}

prop_compose! {
    fn unreadable()(uid: u32, user: Option<String>, reason: String) -> Unreadable {
        Unreadable { uid, user, reason }
    }
}

fn value(reply: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(reply).expect("a value")
}

#[test]
fn a_call_is_written_in_the_order_of_its_definition_without_what_is_absent() {
    let text = |call: &[u8]| std::str::from_utf8(call).expect("UTF-8").to_owned();
    let prompt = Prompt { tty: ShortText::new("tty", "pts/1".to_owned()).ok(), ..Prompt::default() };
    let shape = Shape { digits: Digits::new(8).ok(), ..Shape::default() };
    let rotate = Rotate {
        user: None,
        code: typed("123 456".to_owned()),
        key: KeyName::new("phone").ok(),
        shape,
        expires: None,
        prompt,
    };
    let call = encode(&Calling { method: Rotate::NAME, parameters: &rotate, more: false }).expect("encoded");
    let parameters = r#"{"code":"123 456","key":"phone","digits":8,"tty":"pts/1"}"#;
    assert_eq!(text(&call), format!("{{\"method\":\"io.pam-otp.Otp1.Rotate\",\"parameters\":{parameters}}}\0"));
    let list = |more| {
        encode(&Calling { method: List::NAME, parameters: &List { after: None, invited: None }, more })
            .expect("encoded")
    };
    assert_eq!(text(&list(false)), "{\"method\":\"io.pam-otp.Otp1.List\",\"parameters\":{}}\0");
    assert_eq!(text(&list(true)), "{\"method\":\"io.pam-otp.Otp1.List\",\"parameters\":{},\"more\":true}\0");
}

proptest! {
    #[test]
    fn a_beginning_arrives_as_it_left(
        user in user(),
        label in prop::option::of("[A-Za-z0-9._@-]{1,32}"),
        kind in prop::option::of(prop::sample::select(vec![Kind::Totp, Kind::Hotp])),
        algorithm in prop::option::of(algorithm()),
        digits in prop::option::of(6_i64..=8),
        period in prop::option::of(15_i64..=120), expires in prop::option::of(0..=253_402_300_799_u64),
    ) {
        let expires = expires.map(UnixTime::new);
        let label = label.and_then(|label| Label::new(&label).ok());
        let (digits, period) = (digits.and_then(|n| Digits::new(n).ok()), period.and_then(|n| Period::new(n).ok()));
        let sent = BeginEnrolment { user, key: WantedKey { label, shape: Shape { kind, algorithm, digits, period }, expires } };
        let Ok(Request::BeginEnrolment(found)) = delivered(&sent) else { panic!("refused") };
        prop_assert_eq!(value(&found), value(&sent));
    }

    #[test]
    fn a_code_arrives_as_it_left(code in plain(64)) {
        let sent = ConfirmEnrolment { code: typed(code) };
        let Ok(Request::ConfirmEnrolment(found)) = delivered(&sent) else { panic!("refused") };
        prop_assert_eq!(value(&found), value(&sent));
    }

    #[test]
    fn a_revocation_arrives_as_it_left(user in prop::option::of(user()), key in plain(32), code in prop::option::of(plain(64))) {
        let key = KeyName::new(&key).expect("a name of a key");
        let sent = Revoke { user, key, code: code.map(typed), last: None };
        let Ok(Request::Revoke(found)) = delivered(&sent) else { panic!("refused") };
        prop_assert_eq!(value(&found), value(&sent));
    }

    #[test]
    fn a_reopening_arrives_as_it_left(user in prop::option::of(user()), origin in prop::option::of(0..5_usize)) {
        let origin = origin.map(|number| otp_core::decision::origin::Origin::ALL[number]);
        let Ok(Request::Reopen(found)) = delivered(&Reopen { user: user.clone(), origin, code: None }) else { panic!() };
        prop_assert_eq!((found.user, found.origin, found.code.is_none()), (user, origin, true));
    }

    #[test]
    fn a_question_arrives_as_it_left(user in prop::option::of(user()), cool_down: Option<bool>) {
        let Ok(Request::Status(found)) = delivered(&Status { user: user.clone(), cool_down }) else { panic!("refused") };
        prop_assert_eq!((found.user, found.cool_down), (user, cool_down));
    }

    #[test]
    fn a_code_to_verify_arrives_as_it_left(
        user in prop::option::of(user()), code in plain(64), real_uid: Option<u32>,
        claims in prop::array::uniform5(text()),
    ) {
        let [action, config, service, rhost, tty] = claims;
        let prompt = Prompt { config, real_uid, service, rhost, tty };
        let sent = Verify { user, code: typed(code), action, prompt };
        let Ok(Request::Verify(found)) = delivered(&sent) else { panic!("refused") };
        prop_assert_eq!(value(&found), value(&sent));
    }

    #[test]
    fn a_verdict_arrives_as_it_left(accepted: bool, reason: String, key: Option<String>, wait: u64) {
        let reply = Verified { verdict: VerdictReply { accepted, reason, key, wait } };
        prop_assert_eq!(answered::<Verify>(&reply), value(&reply));
    }

    #[test]
    fn a_key_arrives_as_it_left(
        texts in prop::array::uniform5(any::<String>()),
        secret: String, uid: u32, digits: u8, period: u32, counter: Option<u64>, expires_in: u64, tries: u32,
    ) {
        let [user, label, kind, algorithm, uri] = texts;
        let (secret, uri) = (Zeroizing::new(secret), Zeroizing::new(uri));
        let (qr_svg, qr_dark, qr_light) = (uri.clone(), uri.clone(), uri.clone());
        let enrolment = Enrolment {
            user, uid, label, kind, algorithm, digits, period, counter, secret, uri, qr_svg, qr_dark, qr_light, expires_in, tries,
        };
        let reply = Begun { enrolment };
        prop_assert_eq!(answered::<BeginEnrolment>(&reply), value(&reply));
    }

    #[test]
    fn a_confirmation_arrives_as_it_left(user: String, uid: u32, key in key(), generation: u64) {
        let recovery_codes = vec![Zeroizing::new(user.clone())];
        let reply = Confirmed { user, uid, key, generation, recovery_codes };
        prop_assert_eq!(answered::<ConfirmEnrolment>(&reply), value(&reply));
    }

    #[test]
    fn a_redemption_arrives_as_it_left(random in prop::array::uniform9(0_u8..32), claims in prop::array::uniform4(text())) {
        let [config, service, rhost, tty] = claims;
        let prompt = Prompt { config, real_uid: Some(7), service, rhost, tty };
        let registration = RegistrationCode::new(CodeForm::Spoken, &random).expect("a code");
        let sent = Redeem { user: None, registration, key: samples::wanted_key(), prompt };
        let Ok(Request::Redeem(found)) = delivered(&sent) else { panic!("refused") };
        prop_assert_eq!(value(&found), value(&sent));
    }

    #[test]
    fn a_list_arrives_as_it_left(
        users in prop::collection::vec(status(), 0..4),
        unreadable in prop::collection::vec(unreadable(), 0..4),
    ) {
        let reply = UserList { users, unreadable };
        prop_assert_eq!(answered::<List>(&reply), value(&reply));
    }

    #[test]
    fn notices_arrive_as_they_left(
        numbers in prop::array::uniform4(any::<u64>()), small: (u32, u32, u8, Option<u8>), key: Option<String>,
        texts in prop::array::uniform4(any::<String>()), claims in prop::array::uniform3(any::<Option<String>>()),
    ) {
        let ([id, at, last, _], (by, times, shown, left)) = (numbers, small);
        let ([event, severity, text, line], [tty, rhost, service]) = (texts, claims);
        let from = ClaimedPlace { tty, rhost, service };
        let (at, last) = (UnixTime::new(at), UnixTime::new(last));
        let one = NoticeItem { id, event, severity, at, by, from, key, left, times, last, shown, text };
        let reply = NoticeList { notices: vec![one], lines: vec![line] };
        prop_assert_eq!(answered::<Notices>(&reply), value(&reply));
        let Ok(Request::NoticesShown(found)) = delivered(&NoticesShown { user: None, last: numbers[3] }) else { panic!() };
        prop_assert_eq!(found.last, numbers[3]);
    }

    #[test]
    fn whether_a_user_is_barred_arrives_as_it_left(user in prop::option::of(user()), barred: bool) {
        prop_assert_eq!(answered::<Barred>(&BarredReply { barred }), value(&BarredReply { barred }));
        let Ok(Request::Barred(found)) = delivered(&Barred { user: user.clone() }) else { panic!() };
        prop_assert_eq!(found.user, user);
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let parsed = Call::parse(&bytes).map(|call| Parameters::parse(call.parameters()).is_ok());
        prop_assert!(parsed.is_none() || std::str::from_utf8(&bytes).is_ok());
    }
}
