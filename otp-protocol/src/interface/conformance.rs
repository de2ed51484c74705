//! The interface file and the types say the same, both ways: names, fields, types, what may be absent.

use std::collections::BTreeSet;

use otp_core::reasons::words::Received;
use serde::Serialize;
use serde_json::{Map, Value};

use super::idl::{Fields, Interface};
use super::samples::LookAt;
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

#[test]
fn the_file_is_of_this_interface() {
    assert_eq!(interface().name, INTERFACE);
}

/// Checks each method against the file, and keeps its name.
struct AgainstTheFile(Interface, BTreeSet<String>);

impl LookAt for AgainstTheFile {
    fn method<M: Method>(&mut self, call: &M, reply: &M::Reply) {
        let Self(interface, seen) = self;
        let name = M::NAME.strip_prefix("io.pam-otp.Otp1.").expect("our interface");
        let (parameters, results) = interface.methods.get(name).expect(name);
        assert_is(interface, name, parameters, call);
        assert_is(interface, name, results, reply);
        assert_may_be_absent(name, parameters, &object(call));
        seen.insert(name.to_owned());
    }
}

/// A parameter may be absent if the file calls it optional, and no other.
fn assert_may_be_absent(name: &str, parameters: &Fields, call: &Map<String, Value>) {
    for (field, kind) in parameters {
        let mut part = call.clone();
        part.remove(field);
        let text = Value::Object(part).to_string();
        let read = Request::read(&format!("{INTERFACE}.{name}"), Parameters::parse(Some(&text)).expect("object"));
        assert_eq!(read.is_ok(), kind.starts_with('?'), "{name}.{field}");
    }
}

#[test]
fn every_method_type_has_the_fields_of_the_file_and_the_file_has_no_other_method() {
    let mut against = AgainstTheFile(interface(), BTreeSet::new());
    samples::each_method(&mut against);
    let AgainstTheFile(interface, seen) = against;
    assert_eq!(seen, interface.methods.into_keys().collect());
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
        Refusal::NotPossible { user: text(), reason: Received::Unknown(text()) },
        Refusal::NothingPending {},
        Refusal::CodeRefused { tries_left: 2, diagnosis: Some(text()) },
        Refusal::RegistrationRefused { reason: Received::Unknown(text()), wait: 7 },
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
