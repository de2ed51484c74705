//! The words for what a code would be a code of, and their texts.

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
        ("next-code", "right so far: now the next code of the token"),
    ];
    for (word, text) in cases {
        let found = Diagnosis::parse(word).unwrap();
        assert_eq!(found.word(), word);
        assert!(found.text().starts_with(text), "{}", found.text());
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
