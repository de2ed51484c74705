//! Calls that are refused for a parameter, which the refusal names.

use otp_core::keys::key::{Algorithm, Digits, Label, Period};

use super::*;
use crate::interface::Request;

fn read(method: &str, parameters: &str) -> Result<Request, Refusal> {
    Request::read(method, Parameters::parse(Some(parameters))?)
}

fn begin(parameters: &str) -> Result<BeginEnrolment, Refusal> {
    match read(BeginEnrolment::NAME, parameters)? {
        Request::BeginEnrolment(begin) => Ok(begin),
        _ => panic!("another method"),
    }
}

fn refused_parameter(parameters: &str) -> Option<String> {
    match begin(parameters) {
        Err(Refusal::InvalidParameter { parameter }) => Some(parameter),
        _ => None,
    }
}

fn refused_value(parameters: &str) -> Option<String> {
    match begin(parameters) {
        Err(Refusal::InvalidValue { field, .. }) => Some(field),
        _ => None,
    }
}

#[test]
fn a_name_is_enough_to_begin() -> Result<(), Refusal> {
    let begin = begin(r#"{"user":"alice","label":null}"#)?;
    assert_eq!(&*begin.user, "alice");
    assert!(begin.key.label.is_none() && begin.key.shape.digits.is_none() && begin.key.shape.period.is_none());
    Ok(())
}

#[test]
fn every_parameter_arrives() -> Result<(), Refusal> {
    let begin = begin(r#"{"user":"alice","label":"ph\u006fne","algorithm":"SHA512","digits":8,"period":120}"#)?;
    assert_eq!(begin.key.label.as_ref().map(Label::as_str), Some("phone"));
    assert_eq!(begin.key.shape.algorithm, Some(Algorithm::Sha512));
    assert_eq!(begin.key.shape.digits.map(Digits::get), Some(8));
    assert_eq!(begin.key.shape.period.map(Period::seconds), Some(120));
    Ok(())
}

#[test]
fn the_parameter_at_fault_is_named() {
    let cases = [
        ("{}", "user"),
        (r#"{"user":null}"#, "user"),
        (r#"{"user":7}"#, "user"),
        (r#"{"user":"a","digits":"6"}"#, "digits"),
        (r#"{"user":"a","digits":6.5}"#, "digits"),
        (r#"{"user":"a","digits":99999999999999999999}"#, "digits"),
        (r#"{"user":"a","period":[30]}"#, "period"),
        (r#"{"user":"a","root":true}"#, "root"),
        (r#"{"user":"a","user":"b"}"#, "user"),
    ];
    for (parameters, fault) in cases {
        let found = refused_parameter(parameters);
        assert_eq!(found.as_deref(), Some(fault), "{parameters}");
    }
}

#[test]
fn the_value_at_fault_is_named() {
    let long = format!(r#"{{"user":"{}"}}"#, "a".repeat(257));
    let cases = [
        (r#"{"user":""}"#, "user"),
        (long.as_str(), "user"),
        (r#"{"user":"a\u0000b"}"#, "user"),
        (r#"{"user":"a\u009bb"}"#, "user"),
        (r#"{"user":"a","label":"\u001b[2J"}"#, "label"),
        (r#"{"user":"a","kind":"TOTP"}"#, "kind"),
        (r#"{"user":"a","algorithm":"MD5"}"#, "algorithm"),
        (r#"{"user":"a","algorithm":"sha1"}"#, "algorithm"),
        (r#"{"user":"a","digits":5}"#, "digits"),
        (r#"{"user":"a","digits":-250}"#, "digits"),
        (r#"{"user":"a","digits":262}"#, "digits"),
        (r#"{"user":"a","period":14}"#, "period"),
        (r#"{"user":"a","period":121}"#, "period"),
    ];
    for (parameters, fault) in cases {
        let found = refused_value(parameters);
        assert_eq!(found.as_deref(), Some(fault), "{parameters}");
    }
}

#[test]
fn a_refused_code_is_not_repeated() {
    let parameters = format!(r#"{{"code":"{}"}}"#, "123456".repeat(20));
    let Err(Refusal::InvalidValue { field, found, .. }) = read(ConfirmEnrolment::NAME, &parameters) else {
        panic!("taken")
    };
    assert_eq!(field, "code");
    assert!(!found.contains("123456"));
}

#[test]
fn a_registration_code_is_checked_for_typing_errors_and_not_repeated() {
    let refused = |typed: &str| match read(Repudiate::NAME, &format!(r#"{{"registration":"{typed}"}}"#)) {
        Err(Refusal::InvalidValue { field, found, wanted }) => Some((field, found, wanted)),
        _ => None,
    };
    assert_eq!(refused("e 07enw 3ahrm"), None);
    let (field, found, wanted) = refused("E-07ENW-3AHRN").expect("mistyped");
    assert_eq!((field.as_str(), wanted.contains("last symbol")), ("registration", true));
    assert!(found.starts_with("mistyped") && !found.contains("3AHRN"));
    let (_, found, _) = refused(&"E-07ENW-3AHRM".repeat(6)).expect("too long");
    assert_eq!(found, "78 bytes, not repeated here");
}

#[test]
fn an_unknown_method_is_named() {
    let found = read("io.pam-otp.Otp1.Nonsense", "{}").err();
    let method = "io.pam-otp.Otp1.Nonsense".to_owned();
    assert_eq!(found, Some(Refusal::MethodNotFound { method }));
}

#[test]
fn methods_without_parameters_take_none() {
    for method in [List::NAME, CancelEnrolment::NAME] {
        assert!(read(method, "{}").is_ok());
        assert!(read(method, r#"{"user":"alice"}"#).is_err());
    }
}
