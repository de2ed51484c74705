//! The figures of RFC 6030, a plain file, and hostile ones.

use std::time::Instant;

use super::*;
use zeroize::Zeroizing;

const FIGURE_6: &str = include_str!("../../tests/rfc6030-figure-6.xml");
const FIGURE_7: &str = include_str!("../../tests/rfc6030-figure-7.xml");
const PLAIN: &str = include_str!("../../tests/plain.xml");

fn shared(hex: &str) -> TransportKey {
    TransportKey::Shared(Zeroizing::new(data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()))
}

fn passphrase(text: &str) -> TransportKey {
    TransportKey::Passphrase(Zeroizing::new(text.to_owned()))
}

fn only_key(file: &str, key: &TransportKey) -> ForeignKey {
    let mut keys = read(file, key).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(keys.len(), 1);
    keys.remove(0).unwrap_or_else(|fault| panic!("{fault}"))
}

/// The first fault, of the file or of a key.
fn fault(file: &str, key: &TransportKey) -> String {
    let found = read(file, key).and_then(|keys| keys.into_iter().collect::<Result<Vec<_>, _>>());
    found.err().map(|fault| fault.to_string()).unwrap_or_default()
}

fn secret(key: &ForeignKey) -> Vec<u8> {
    key.secret.as_ref().map(|secret| secret.expose().to_vec()).unwrap_or_default()
}

#[test]
fn the_figures_of_the_rfc_open_with_their_keys() {
    let key = only_key(FIGURE_6, &shared("12345678901234567890123456789012"));
    assert_eq!((secret(&key), key.moving), (b"12345678901234567890".to_vec(), Moving::Counter(0)));
    let maker = Some("Manufacturer".to_owned());
    assert_eq!((key.holder, key.digits.get()), (Holder::Token { maker, serial: "987654321".to_owned() }, 8));
    let key = only_key(FIGURE_7, &passphrase("qwerty"));
    assert_eq!(secret(&key), b"12345678901234567890");
}

#[test]
fn a_plain_file_is_read_with_its_dates() {
    let key = only_key(PLAIN, &TransportKey::None);
    assert_eq!(secret(&key), b"12345678901234567890");
    assert_eq!((key.moving, key.algorithm), (Moving::Time(Period::new(60).unwrap()), Algorithm::Sha256));
    assert_eq!(key.starts.map(UnixTime::seconds), Some(1_343_779_200));
    assert_eq!(key.expires.map(UnixTime::seconds), Some(2_145_830_400));
    assert_eq!(key.left_behind, [LeftBehind::Skew(3)]);
}

#[test]
fn a_key_of_another_length_or_kind_opens_nothing() {
    let cases = [
        (TransportKey::None, "that key"),
        (passphrase("qwerty"), "that key"),
        (shared("1234567890123456789012345678901234567890123456789012345678901234"), "the length of the key"),
        (shared("12345678901234567890123456789013"), "the key or passphrase of this file"),
    ];
    for (key, wanted) in cases {
        assert!(fault(FIGURE_6, &key).contains(wanted), "{}", fault(FIGURE_6, &key));
    }
    assert!(!fault(FIGURE_7, &passphrase("qwertz")).is_empty());
}

#[test]
fn what_was_changed_or_stripped_is_refused() {
    let key = shared("12345678901234567890123456789012");
    let without = |from: &str, to: &str| {
        let (start, end) = (FIGURE_6.find(from).unwrap(), FIGURE_6.find(to).unwrap() + to.len());
        format!("{}{}", &FIGURE_6[..start], &FIGURE_6[end..])
    };
    let cases = [
        (without("<ValueMAC>", "</ValueMAC>"), "an encrypted secret without ValueMAC"),
        (without("<MACMethod", "</MACMethod>"), "one of EncryptionKey and MACMethod"),
        (without("<EncryptionKey>", "</EncryptionKey>"), "one of EncryptionKey and MACMethod"),
        (FIGURE_6.replace("AAECAwQFBgcICQoL", "AAECAwQFBgcICQoM"), "a secret whose MAC is another"),
        (
            FIGURE_6.replace("Su+NvtQfmvfJzF6bmQiJqoLRExc=", "Su+NvtQfmvfJzF6bmQiJqoLRExg="),
            "a secret whose MAC is another",
        ),
        (FIGURE_6.replace("Su+NvtQfmvfJzF6bmQiJqoLRExc=", ""), "a secret whose MAC is another"),
        (FIGURE_6.replace("#hmac-sha1", "#hmac-md5"), "another MAC"),
        (FIGURE_6.replace("aes128-cbc", "tripledes-cbc"), "another cipher"),
        (FIGURE_6.replace("ds:KeyName", "ds:X509Data"), "keys under something else"),
    ];
    for (file, wanted) in cases {
        assert!(fault(&file, &key).contains(wanted), "{wanted}: {}", fault(&file, &key));
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let cases = [
        ("Version=\"1.0\"", "Version=\"2.0\"", "another version"),
        ("keyprov:pskc\"", "keyprov:pskc:1.0\"", "an element of another kind"),
        ("keyprov:pskc:totp", "keyprov:pskc:ocra", "a key of another algorithm"),
        ("<Suite>HMAC-SHA256<", "<Suite>HMAC-MD5<", "another suite"),
        ("Encoding=\"DECIMAL\"", "Encoding=\"HEXADECIMAL\"", "codes that are not decimal"),
        ("Length=\"8\"", "Length=\"10\"", "codes of another length"),
        ("Length=\"8\"", "Length=\"8\" CheckDigits=\"true\"", "codes with a check digit"),
        ("<Policy>", "<Policy><PINPolicy MinLength=\"4\"/>", "the element PINPolicy"),
        ("<Policy>", "<Policy><NumberOfTransactions>3</NumberOfTransactions>", "the element NumberOfTransactions"),
        ("<Policy>", "<Policy><KeyUsage>CR</KeyUsage>", "a key that is not for one-time passwords"),
        ("<Policy>", "<Policy><StartDate>now</StartDate>", "a second StartDate"),
        ("2037-12-31T00:00:00Z", "31.12.2037", "a time in another notation"),
        ("<PlainValue>60<", "<PlainValue>600<", "period"),
        ("<PlainValue>60<", "<PlainValue>6<b/>0<", "an element with more than text"),
        (
            "<KeyPackage>",
            "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><KeyPackage>",
            "a signature, which nothing here checks",
        ),
        ("<KeyPackage>", "<KeyPackage><Key Id=\"0\"/>", "a second Key"),
        ("MTIz", "MTI", "a value that is not in base64"),
        (
            "<KeyContainer",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/shadow\">]><KeyContainer",
            "no well-formed XML",
        ),
        ("oath.X", "&b;", "no well-formed XML"),
        ("oath.X", "o\u{85}ath", "a name that is too long"),
    ];
    for (from, to, wanted) in cases {
        assert!(PLAIN.contains(from), "{from}");
        let found = fault(&PLAIN.replacen(from, to, 1), &TransportKey::None);
        assert!(found.starts_with("line ") && found.contains(wanted), "{to}: {found}");
    }
}

#[test]
fn one_wrong_key_does_not_spoil_the_next() {
    let (start, end) = (PLAIN.find("<KeyPackage>").unwrap(), PLAIN.find("</KeyContainer>").unwrap());
    let package = &PLAIN[start..end];
    let two = PLAIN.replacen(package, &format!("{}{package}", package.replace("DECIMAL", "BASE64")), 1);
    let keys = read(&two, &TransportKey::None).unwrap();
    assert!(matches!(keys.as_slice(), [Err(_), Ok(_)]));
}

/// Each would take minutes, or the stack, of a reader that takes all it is given.
#[test]
fn what_is_made_to_exhaust_is_refused_at_once() {
    let begin = Instant::now();
    let attributes: String = (0..100_000).map(|number| format!("a{number}='' ")).collect();
    let spaces: String = (0..65_000).map(|number| format!("<a xmlns:b{number}='u{number}'/>")).collect();
    let entities = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><a>&b;</a>";
    for file in [
        format!("<a {attributes}/>"),
        format!("<a>{spaces}</a>"),
        "<a>".repeat(1_000_000),
        format!("{}{}", "<a>".repeat(500_000), "</a>".repeat(500_000)),
        entities.to_owned(),
        PLAIN.replace("<KeyPackage>", &"<KeyPackage>".repeat(100_000)),
        FIGURE_7.replace("<IterationCount>1000<", "<IterationCount>4294967295<"),
        FIGURE_7.replace("<IterationCount>1000<", "<IterationCount>0<"),
        FIGURE_7.replace("<KeyLength>16<", "<KeyLength>1000000000<"),
    ] {
        assert!(!fault(&file, &passphrase("qwerty")).is_empty(), "{}", &file[..60]);
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}
