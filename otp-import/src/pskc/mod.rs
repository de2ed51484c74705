//! PSKC (RFC 6030), as makers of hardware tokens deliver it: plain, under a key agreed beforehand, or under a passphrase.
//!
//! A file is read where everything in it is understood: no entities, no signature, no certificate, no policy but its dates. An
//! encrypted secret has a MAC, which is checked before anything is opened.

mod protection;
mod xml;

use otp_core::keys::key::{Algorithm, Digits, Kind, NewKey, Period};
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;
use roxmltree::{Document, Node, ParsingOptions};

use crate::fault::{ForeignFault, counter, number};
use crate::foreign_key::{ForeignKey, Holder, LeftBehind, Moving, Taken};
use crate::otpauth::first_code;
use crate::uri;
use protection::Protection;
use xml::{attribute, only, required, text};

pub use protection::{TransportKey, WantedTransportKey};

/// Reads a file: each key of it, or why one is none. Fails whole where the file is not PSKC or its keys cannot be opened.
pub fn read(file: &str, key: &TransportKey) -> Result<Vec<Result<ForeignKey, ForeignFault>>, ForeignFault> {
    let document = document(file)?;
    let container = container(&document)?;
    only(container, &["EncryptionKey", "MACMethod", "KeyPackage"])?;
    let protection = Protection::read(container, key)?;
    let packages = container.children().filter(|child| child.tag_name().name() == "KeyPackage");
    let mut lines = xml::LineCounter::new(file);
    let read = |package: Node<'_, '_>| {
        let line = lines.at(package.range().start);
        read_package(package, line, &protection).map_err(|fault| fault.in_line(line))
    };
    Ok(packages.map(read).collect())
}

/// The kind of key that a file must be read with.
pub fn wanted_key(file: &str) -> Result<WantedTransportKey, ForeignFault> {
    let document = document(file)?;
    protection::wanted_key(container(&document)?)
}

fn document(file: &str) -> Result<Document<'_>, ForeignFault> {
    xml::check_attributes(file)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(file, options).map_err(|error| {
        let line = usize::try_from(error.pos().row).unwrap_or_default();
        ForeignFault::new("no well-formed XML without entities", "PSKC (RFC 6030), at most 16 MiB").in_line(line)
    })
}

fn container<'a, 'i>(document: &'a Document<'i>) -> Result<Node<'a, 'i>, ForeignFault> {
    let container = document.root_element();
    if !container.has_tag_name((xml::PSKC, "KeyContainer")) {
        return Err(xml::fault(container, "an element of another kind", "KeyContainer of RFC 6030"));
    }
    if attribute(container, "Version") != Some("1.0") {
        return Err(xml::fault(container, "another version", "version 1.0"));
    }
    Ok(container)
}

/// The key of a package that begins in `line`.
fn read_package(package: Node<'_, '_>, line: usize, protection: &Protection) -> Result<ForeignKey, ForeignFault> {
    only(package, &["DeviceInfo", "CryptoModuleInfo", "Key"])?;
    let (device, key) = (xml::child(package, "DeviceInfo")?, required(package, "Key")?);
    only(
        key,
        &["Issuer", "AlgorithmParameters", "KeyProfileId", "KeyReference", "FriendlyName", "Data", "UserId", "Policy"],
    )?;
    let data = required(key, "Data")?;
    only(data, &["Secret", "Counter", "Time", "TimeInterval", "TimeDrift"])?;
    let parameters = required(key, "AlgorithmParameters")?;
    let moving = moving(kind(key)?, data)?;
    let (starts, expires) = dates(device, xml::child(key, "Policy")?)?;
    let drift = match xml::child(data, "TimeDrift")? {
        Some(drift) => number_in(drift, "a drift").map(|steps| i64::try_from(steps).unwrap_or(i64::MAX))?,
        None => 0,
    };
    Ok(ForeignKey {
        line: line + xml::LineCounter::lines_between(package, key),
        holder: holder(device, key)?,
        secret: Secret::new(protection.open(required(data, "Secret")?)?),
        moving,
        algorithm: algorithm(parameters)?,
        digits: digits(parameters)?,
        starts,
        expires,
        taken: Taken::Untold,
        left_behind: (drift != 0).then_some(LeftBehind::Skew(drift)).into_iter().chain(first_code(moving)).collect(),
    })
}

fn holder(device: Option<Node<'_, '_>>, key: Node<'_, '_>) -> Result<Holder, ForeignFault> {
    let of_device = |name| device.map_or(Ok(None), |device| xml::child(device, name));
    let shown = |node: Option<Node<'_, '_>>| {
        node.map(|node| uri::plain(&text(node)?, "a name").map(|text| text.into_owned())).transpose()
    };
    let serial = match (shown(of_device("SerialNo")?)?, attribute(key, "Id")) {
        (Some(serial), _) => serial,
        (None, Some(id)) => uri::plain(id, "an Id")?.into_owned(),
        (None, None) => return Err(xml::fault(key, "neither SerialNo nor Id", "the serial number of the token")),
    };
    Ok(Holder::Token { maker: shown(of_device("Manufacturer")?)?, serial })
}

fn kind(key: Node<'_, '_>) -> Result<Kind, ForeignFault> {
    let name = attribute(key, "Algorithm").unwrap_or_default();
    let name = name.strip_prefix(xml::PSKC).map_or(name, |rest| rest.trim_start_matches([':', '#']));
    Kind::parse(name).map_err(|_| xml::fault(key, "a key of another algorithm", "hotp or totp of RFC 6030"))
}

fn moving(kind: Kind, data: Node<'_, '_>) -> Result<Moving, ForeignFault> {
    match kind {
        Kind::Hotp => match xml::child(data, "Counter")? {
            Some(node) => {
                let found = counter(&plain_value(node)?).map_err(|fault| fault.in_line(xml::line(node)))?;
                Ok(Moving::Counter(found))
            }
            None => Ok(Moving::Counter(0)),
        },
        Kind::Totp => match xml::child(data, "TimeInterval")? {
            Some(node) => {
                let seconds = i64::try_from(number_in(node, "an interval")?).unwrap_or(i64::MAX);
                Ok(Moving::Time(
                    Period::new(seconds).map_err(|fault| ForeignFault::from(fault).in_line(xml::line(node)))?,
                ))
            }
            None => Ok(Moving::Time(NewKey::default().period)),
        },
    }
}

/// The hash; it does not follow from the length of the secret.
fn algorithm(parameters: Node<'_, '_>) -> Result<Algorithm, ForeignFault> {
    only(parameters, &["Suite", "ResponseFormat"])?;
    let Some(suite) = xml::child(parameters, "Suite")? else { return Ok(Algorithm::Sha1) };
    let name = text(suite)?.to_ascii_uppercase();
    let name = name.strip_prefix("HMAC-").unwrap_or(&name).replacen('-', "", 1);
    Algorithm::parse(&name).map_err(|_| xml::fault(suite, "another suite", "HMAC-SHA1, HMAC-SHA256 or HMAC-SHA512"))
}

fn digits(parameters: Node<'_, '_>) -> Result<Digits, ForeignFault> {
    let format = required(parameters, "ResponseFormat")?;
    let fault = |found| xml::fault(format, found, "6 to 8 decimal digits without a check digit");
    if attribute(format, "Encoding") != Some("DECIMAL") {
        return Err(fault("codes that are not decimal"));
    }
    if ["CheckDigits", "CheckDigit"]
        .into_iter()
        .any(|name| !matches!(attribute(format, name), None | Some("false" | "0")))
    {
        return Err(fault("codes with a check digit"));
    }
    let length = attribute(format, "Length").and_then(|length| length.parse().ok()).unwrap_or_default();
    Digits::new(length).map_err(|_| fault("codes of another length"))
}

/// When the key is good: the later of two beginnings, the earlier of two ends. Nothing here could keep another demand of a policy.
type Dates = (Option<UnixTime>, Option<UnixTime>);

fn dates(device: Option<Node<'_, '_>>, policy: Option<Node<'_, '_>>) -> Result<Dates, ForeignFault> {
    if let Some(policy) = policy {
        only(policy, &["StartDate", "ExpiryDate", "KeyUsage"])?;
        let uses: Vec<_> = policy.children().filter(|child| child.tag_name().name() == "KeyUsage").collect();
        if !uses.is_empty() && !uses.iter().any(|one| text(*one).is_ok_and(|text| text == "OTP")) {
            return Err(xml::fault(policy, "a key that is not for one-time passwords", "KeyUsage OTP"));
        }
    }
    let (mut starts, mut expires) = (None, None);
    for place in [device, policy].into_iter().flatten() {
        let date = |name| xml::child(place, name)?.map(xml::moment).transpose();
        starts = starts.max(date("StartDate")?);
        expires = [expires, date("ExpiryDate")?].into_iter().flatten().min();
    }
    Ok((starts, expires))
}

/// A number that is not encrypted.
fn plain_value(node: Node<'_, '_>) -> Result<String, ForeignFault> {
    only(node, &["PlainValue"])?;
    Ok(text(required(node, "PlainValue")?)?.into_owned())
}

fn number_in(node: Node<'_, '_>, what: &str) -> Result<u64, ForeignFault> {
    number(&plain_value(node)?, what, "a number").map_err(|fault| fault.in_line(xml::line(node)))
}

/// More than a file of 16 MiB needs.
const MOST_NODES: u32 = 2_000_000;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
