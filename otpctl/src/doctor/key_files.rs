//! Local users who have a file of keys for sshd: root, and people, who have a shell.

use std::fs;

/// Whose files there are.
pub(super) struct KeyFiles {
    pub root: bool,
    /// Names, in the order of /etc/passwd.
    pub others: Vec<String>,
}

/// `patterns` are those of AuthorizedKeysFile, with its tokens.
pub(super) fn owners(patterns: &[&str]) -> Result<KeyFiles, String> {
    let accounts = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let mut found = KeyFiles { root: false, others: Vec::new() };
    for line in accounts.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, home, shell] = fields.as_slice() else { continue };
        let closed = ["nologin", "false"].iter().any(|end| shell.ends_with(end));
        let has = || patterns.iter().any(|pattern| holds_a_key(&path(pattern, name, uid, home)));
        match *uid {
            "0" if has() => found.root = true,
            _ if !closed && is_a_person(uid) && has() => found.others.push((*name).to_owned()),
            _ => {}
        }
    }
    Ok(found)
}

fn is_a_person(uid: &str) -> bool {
    uid.parse::<u32>().is_ok_and(|uid| uid >= FIRST_PERSON && uid != NOBODY)
}

/// The tokens of sshd_config(5); a path without a slash at its beginning is in the home directory.
fn path(pattern: &str, name: &str, uid: &str, home: &str) -> String {
    let whole = if pattern.starts_with('/') || pattern.starts_with("%h") {
        pattern.to_owned()
    } else {
        format!("%h/{pattern}")
    };
    let (mut path, mut letters) = (String::new(), whole.chars());
    while let Some(letter) = letters.next() {
        match (letter, letter == '%') {
            (_, true) => match letters.next() {
                Some('h') => path.push_str(home),
                Some('u') => path.push_str(name),
                Some('U') => path.push_str(uid),
                other => path.extend(other),
            },
            (letter, false) => path.push(letter),
        }
    }
    path
}

/// A line that is no comment.
fn holds_a_key(path: &str) -> bool {
    let plain = fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() <= MOST_BYTES);
    let text = if plain { fs::read(path).unwrap_or_default() } else { Vec::new() };
    String::from_utf8_lossy(&text).lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65_534;
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_sshd_are_replaced() {
        let of = |pattern| path(pattern, "alice", "1000", "/home/alice");
        assert_eq!(of(".ssh/authorized_keys"), "/home/alice/.ssh/authorized_keys");
        assert_eq!(of("/etc/ssh/keys/%u-%U"), "/etc/ssh/keys/alice-1000");
        assert_eq!(of("%h/k%%"), "/home/alice/k%");
        assert!(is_a_person("1000") && !is_a_person("65534") && !is_a_person("12") && !is_a_person("x"));
    }
}
