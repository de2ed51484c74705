//! The words for what a code would be a code of, and their texts.

use otp_core::keys::device::Device;
use otp_core::keys::diagnosis::Diagnosis;

#[test]
fn each_word_is_read_back_and_has_a_text() {
    let cases = [
        ("SHA1", "the app makes codes with SHA1, whatever the key says"),
        ("SHA512", "the app makes codes with SHA512, whatever the key says"),
        ("digits 6", "the app makes codes of 6 digits, whatever the key says"),
        ("period 30", "the app makes codes for 30 seconds, whatever the key says"),
        ("clock-slow 240", "the phone's clock is slow by about 4 minutes, or this host's is fast; let"),
        ("clock-fast 90", "the phone's clock is fast by about 90 seconds, or this host's is slow; let"),
        ("clock-fast 900", "the phone's clock is 15 minutes fast, as after its time zone or summer time"),
        ("clock-fast 3600", "the phone's clock is one hour fast, as after its time zone or summer time"),
        ("clock-slow 20700", "the phone's clock is 5 hours and 45 minutes slow, as after"),
        ("clock-slow 86400", "the phone's clock is one day slow, as after"),
        ("clock-fast 0", "the phone's clock is fast by about 0 seconds"),
        ("next-code", "right so far: now type the next code of the app"),
    ];
    for (word, text) in cases {
        let found = Diagnosis::parse(word).unwrap();
        assert_eq!(found.word(), word);
        let told = found.text(Device::App);
        assert!(told.starts_with(text), "{told}");
    }
}

#[test]
fn a_token_is_never_called_a_phone_or_an_app_and_its_clock_cannot_be_set() {
    let cases = [
        ("SHA256", "the token makes codes with SHA256"),
        ("digits 8", "the token makes codes of 8 digits"),
        ("period 60", "the token makes codes for 60 seconds"),
        (
            "clock-slow 240",
            "the token's clock is slow by about 4 minutes, or this host's is fast; check this host's clock",
        ),
        ("clock-fast 3600", "the token's clock is fast by one hour, or this host's is slow; check this host's clock"),
        ("next-code", "right so far: now type the next code of the token"),
    ];
    for (word, text) in cases {
        let told = Diagnosis::parse(word).unwrap().text(Device::Token);
        assert!(told.starts_with(text) && !told.contains("phone") && !told.contains("app"), "{told}");
        assert!(!told.contains("clock") || told.ends_with("cannot be set, and must be replaced"), "{told}");
    }
}

#[test]
fn a_word_that_was_not_agreed_is_none() {
    let odd = [
        "",
        "\u{1b}[2J",
        "clock-slow",
        "clock-fast soon",
        "clock-slow -5",
        "digits",
        "digits six",
        "digits 9",
        "period -1",
        "period 5",
        "SHA3",
        "SHA1 ",
        "next-code 1",
    ];
    for word in odd {
        assert_eq!(Diagnosis::parse(word), None, "{word:?}");
    }
}
