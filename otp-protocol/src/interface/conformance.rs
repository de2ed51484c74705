//! The interface file and the types say the same, both ways: names, fields, types, what may be absent.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::idl::{Fields, Interface};
use super::*;
use crate::varlink::parameters::Parameters;

fn interface() -> Interface {
    Interface::parse(DEFINITION)
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        other => panic!("not an object: {other:?}"),
    }
}

/// Checks an object against the fields of the interface file, by name and by type.
fn assert_is(interface: &Interface, what: &str, fields: &Fields, value: &impl Serialize) {
    let object = object(value);
    let ours: BTreeSet<&String> = object.keys().collect();
    assert_eq!(ours, fields.keys().collect(), "{what}");
    for (name, kind) in fields {
        assert_kind(interface, &format!("{what}.{name}"), kind, &object[name]);
    }
}

fn assert_kind(interface: &Interface, what: &str, kind: &str, value: &Value) {
    if let Some(inner) = kind.strip_prefix("[]") {
        let elements = value.as_array().expect(what);
        assert!(!elements.is_empty(), "{what}: an empty sample proves nothing");
        return elements.iter().for_each(|element| assert_kind(interface, what, inner, element));
    }
    match kind.trim_start_matches('?') {
        "string" => assert!(value.is_string(), "{what}"),
        "int" => assert!(value.is_i64(), "{what}"),
        "bool" => assert!(value.is_boolean(), "{what}"),
        named => assert_is(interface, what, &interface.types[named], value),
    }
}

fn assert_method<M: Method>(request: &M, reply: &M::Reply) {
    let interface = interface();
    let name = M::NAME.strip_prefix("io.pam-otp.Otp1.").expect("our interface");
    let (parameters, results) = interface.methods.get(name).expect(name);
    assert_is(&interface, name, parameters, request);
    assert_is(&interface, name, results, reply);
}

#[test]
fn the_file_is_of_this_interface() {
    assert_eq!(interface().name, INTERFACE);
}

#[test]
fn every_method_type_has_the_fields_of_the_file() {
    assert_method(&samples::begin(), &Begun { enrolment: samples::enrolment() });
    assert_method(&samples::confirm(), &samples::confirmed());
    assert_method(&CancelEnrolment {}, &Cancelled {});
    assert_method(&Status { user: Some("alice".to_owned()) }, &UserStatusReply { status: samples::status() });
    assert_method(&List {}, &UserList { users: vec![samples::status()], unreadable: vec![samples::unreadable()] });
    let user = || "alice".to_owned();
    assert_method(&Suspend { user: user() }, &Suspended { invitation_only: Some(true) });
    assert_method(&Resume { user: user() }, &Done {});
    assert_method(&samples::reopen(), &Done {});
    assert_method(&samples::rename(), &Done {});
    assert_method(&samples::revoke(), &Done {});
    assert_method(&Forget { user: user() }, &Done {});
    assert_method(&samples::adopt(), &Done {});
    assert_method(&AdoptAll { dry_run: Some(true) }, &samples::adopted());
    assert_method(&ListGone {}, &samples::gone());
    assert_method(&Restored { user: Some(user()) }, &RestoredUsers { users: vec![user()] });
    assert_method(&samples::invite(), &samples::invited());
    assert_method(&RevokeInvitation { user: user() }, &Done {});
    assert_method(&samples::redeem(), &samples::redeemed());
    assert_method(&samples::repudiate(), &Repudiated { keys: 2 });
    assert_method(&samples::add_key(), &Begun { enrolment: samples::enrolment() });
    assert_method(&samples::rotate(), &Begun { enrolment: samples::enrolment() });
    assert_method(&samples::add_token(), &TokenBegun { expires_in: 900, tries: 6 });
    assert_method(&samples::renew(), &samples::recovery_codes());
    assert_method(&samples::verify(), &Verified { verdict: samples::verdict() });
    assert_method(&Barred { user: Some(user()) }, &BarredReply { barred: true });
    assert_method(&Notices { user: Some(user()) }, &NoticeList { notices: vec![samples::notice()] });
    assert_method(&NoticesShown { user: Some(user()), last: 1 }, &Done {});
}

#[test]
fn every_method_of_the_file_is_known_here() {
    for name in interface().methods.keys() {
        let parameters = Parameters::parse(None).expect("none");
        let found = Request::read(&format!("{INTERFACE}.{name}"), parameters);
        assert!(!matches!(found, Err(Refusal::MethodNotFound { .. })), "{name}");
    }
}

#[test]
fn what_the_file_calls_optional_may_be_absent_and_nothing_else() {
    let user = || "a".to_owned();
    let full = [
        (BeginEnrolment::NAME, object(&samples::begin())),
        (ConfirmEnrolment::NAME, object(&samples::confirm())),
        (Status::NAME, object(&Status { user: Some(user()) })),
        (Barred::NAME, object(&Barred { user: Some(user()) })),
        (Suspend::NAME, object(&Suspend { user: user() })),
        (Resume::NAME, object(&Resume { user: user() })),
        (Reopen::NAME, object(&samples::reopen())),
        (Rename::NAME, object(&samples::rename())),
        (Revoke::NAME, object(&samples::revoke())),
        (Forget::NAME, object(&Forget { user: user() })),
        (Adopt::NAME, object(&samples::adopt())),
        (AdoptAll::NAME, object(&AdoptAll { dry_run: Some(true) })),
        (Restored::NAME, object(&Restored { user: Some(user()) })),
        (Verify::NAME, object(&samples::verify())),
        (Invite::NAME, object(&samples::invite())),
        (RevokeInvitation::NAME, object(&RevokeInvitation { user: user() })),
        (Redeem::NAME, object(&samples::redeem())),
        (Repudiate::NAME, object(&samples::repudiate())),
        (AddKey::NAME, object(&samples::add_key())),
        (Rotate::NAME, object(&samples::rotate())),
        (AddToken::NAME, object(&samples::add_token())),
        (RenewRecoveryCodes::NAME, object(&samples::renew())),
        (Notices::NAME, object(&Notices { user: Some(user()) })),
        (NoticesShown::NAME, object(&NoticesShown { user: Some(user()), last: 1 })),
    ];
    for (name, full) in full {
        let short = name.rsplit('.').next().expect("a name");
        for (field, kind) in &interface().methods[short].0 {
            let mut part = full.clone();
            part.remove(field);
            let text = Value::Object(part).to_string();
            let read = Request::read(name, Parameters::parse(Some(&text)).expect("object"));
            assert_eq!(read.is_ok(), kind.starts_with('?'), "{short}.{field}");
        }
    }
}

#[test]
fn every_error_type_has_the_fields_of_the_file() {
    let interface = interface();
    let mut ours = BTreeSet::new();
    for error in errors() {
        let wire = object(&error);
        let name = wire["error"].as_str().expect("a name");
        let name = name.strip_prefix("io.pam-otp.Otp1.").expect("our interface");
        assert_is(&interface, name, interface.errors.get(name).expect(name), &wire["parameters"]);
        ours.insert(name.to_owned());
    }
    assert_eq!(ours, interface.errors.keys().cloned().collect());
}

#[test]
fn every_type_of_the_file_is_used_in_it() {
    let interface = interface();
    let results = interface.methods.values().flat_map(|(_, results)| results.values());
    let nested = interface.types.values().flat_map(|fields| fields.values());
    let used: BTreeSet<&str> = results.chain(nested).map(|kind| kind.trim_start_matches(['?', '[', ']'])).collect();
    assert!(interface.types.keys().all(|name| used.contains(name.as_str())));
}

/// One of each error of the interface; the match makes a new one a compile error until it is here.
fn errors() -> Vec<Refusal> {
    let text = || "x".to_owned();
    let all = vec![
        Refusal::NotAllowed { reason: text() },
        Refusal::NoSuchUser { user: text() },
        Refusal::NotPossible { user: text(), reason: text() },
        Refusal::NothingPending {},
        Refusal::CodeRefused { tries_left: 2, diagnosis: Some(text()) },
        Refusal::RegistrationRefused { reason: text(), wait: 7 },
        Refusal::RegistrationSpent { used: samples::redemption() },
        Refusal::EnrolmentExpired {},
        Refusal::InvalidValue { field: text(), found: text(), wanted: text() },
        Refusal::Unavailable { reason: text() },
        Refusal::Busy { reason: text() },
    ];
    for error in &all {
        match error {
            Refusal::NotAllowed { .. }
            | Refusal::NoSuchUser { .. }
            | Refusal::NotPossible { .. }
            | Refusal::NothingPending {}
            | Refusal::CodeRefused { .. }
            | Refusal::EnrolmentExpired {}
            | Refusal::RegistrationRefused { .. }
            | Refusal::RegistrationSpent { .. }
            | Refusal::InvalidValue { .. }
            | Refusal::Unavailable { .. }
            | Refusal::Busy { .. } => (),
            Refusal::InterfaceNotFound { .. }
            | Refusal::MethodNotFound { .. }
            | Refusal::MethodNotImplemented { .. }
            | Refusal::InvalidParameter { .. } => panic!("Varlink's own"),
        }
    }
    all
}
