//! Patterns of sshd_config (ssh_config(5), PATTERNS): `*` and `?`, and lists of them with `!`.

/// Does this pattern match the whole text?
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))
        }
        Some(letter) => {
            let mut text = text.chars();
            text.next().is_some_and(|found| letter == '?' || letter == found)
                && matches(letters.as_str(), text.as_str())
        }
    }
}

/// Does one of these match, and none that is refused?
pub(super) fn list_matches(patterns: &str, text: &str) -> bool {
    let patterns: Vec<&str> = patterns.split(',').map(str::trim).collect();
    let refused = patterns.iter().filter_map(|one| one.strip_prefix('!')).any(|one| matches(one, text));
    !refused && patterns.iter().any(|one| !one.starts_with('!') && matches(one, text))
}

/// A text that these match, with this one for each `*`.
pub(super) fn first_literal(patterns: &str, star: &str) -> Option<String> {
    let positive = patterns.split(',').map(str::trim).filter(|one| !one.starts_with('!') && !one.is_empty());
    positive.map(|one| one.replace('*', star).replace('?', "x")).find(|text| list_matches(patterns, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_those_of_sshd() {
        for (pattern, text, matched) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a?c", "ac", false),
            ("ä?", "äö", true),
            ("", "a", false),
            ("*.conf", "50-cloud-init.conf", true),
        ] {
            assert_eq!(matches(pattern, text), matched, "{pattern} {text}");
        }
        assert!(list_matches("!bob,*", "alice") && !list_matches("!bob,*", "bob") && !list_matches("!bob", "alice"));
        assert_eq!(first_literal("!x,*,git-?", "x"), Some("git-x".to_owned()));
        assert_eq!(first_literal("!*", "x"), None);
    }
}
