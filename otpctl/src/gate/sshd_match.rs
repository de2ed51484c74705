//! The Match blocks of sshd_config: where they are, what they set, and a connection that each of them is for.

use std::fs;
use std::path::{Path, PathBuf};

use super::pattern::{first_literal, list_matches, matches};

/// A Match block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchBlock {
    pub file: PathBuf,
    pub line: usize,
    /// The Match line of the file.
    pub text: String,
    /// Each criterion in small letters, and its patterns; those of a block around it come first.
    criteria: Vec<(String, String)>,
    pub settings: Vec<BlockSetting>,
}

/// A line in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockSetting {
    pub file: PathBuf,
    pub line: usize,
    /// In small letters.
    pub keyword: String,
    pub text: String,
}

/// A connection as `sshd -T -C` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshConnection {
    pub user: String,
    pub host: String,
    pub address: String,
    pub local_address: String,
    pub local_port: String,
    pub domain: String,
}

impl SshConnection {
    pub(super) fn spec(&self) -> String {
        let Self { user, host, address, local_address, local_port, domain } = self;
        format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port},rdomain={domain}")
    }
}

/// People of this host, for blocks that are for some of them.
pub(super) trait SshPeople {
    /// Somebody whose name these patterns match.
    fn named(&self, patterns: &str) -> Option<String>;
    /// Somebody with a group that these patterns match.
    fn in_group(&self, patterns: &str) -> Option<String>;
}

/// All blocks of a file, with those of the files that it includes. A file that cannot be read has none: sshd tells of it.
pub(crate) fn blocks(config: &Path) -> Vec<MatchBlock> {
    let mut found = Vec::new();
    read(config, 0, None, &mut found);
    found
}

impl BlockSetting {
    /// Its values in small letters.
    pub(crate) fn values(&self) -> Vec<String> {
        keyword(&self.text).map_or_else(Vec::new, |(_, rest)| words(&rest.to_ascii_lowercase()))
    }
}

impl MatchBlock {
    /// Is it for everybody, as `Match all` is?
    pub(crate) fn is_for_all(&self) -> bool {
        self.criteria.iter().all(|(criterion, _)| criterion == "all")
    }

    /// A connection that is like this one where the block leaves it open; `None` where this program knows none.
    pub(super) fn connection(&self, like: &SshConnection, people: &dyn SshPeople) -> Option<SshConnection> {
        let mut found = like.clone();
        for (criterion, patterns) in &self.criteria {
            let place = match criterion.as_str() {
                "all" => continue,
                "user" => {
                    found.user = people.named(patterns).or_else(|| first_literal(patterns, "x"))?;
                    continue;
                }
                "group" => {
                    found.user = people.in_group(patterns)?;
                    continue;
                }
                "address" => &mut found.address,
                "localaddress" => &mut found.local_address,
                "host" => &mut found.host,
                "localport" => &mut found.local_port,
                "rdomain" => &mut found.domain,
                _ => return None,
            };
            *place = match criterion.ends_with("address") {
                true => address(patterns)?,
                false => first_literal(patterns, "x")?,
            };
        }
        Some(found)
    }
}

fn read(path: &Path, depth: usize, around: Option<usize>, found: &mut Vec<MatchBlock>) {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let mut block = around;
    for (number, text) in (1..).zip(text.lines().map(str::trim)) {
        let Some((keyword, rest)) = keyword(text) else { continue };
        match keyword.as_str() {
            "include" if depth < DEEPEST => {
                words(rest)
                    .iter()
                    .flat_map(|word| included(word))
                    .for_each(|file| read(&file, depth + 1, block, found));
            }
            "match" => {
                let outer = around.and_then(|around| found.get(around)).map(|block| block.criteria.clone());
                let criteria = outer.unwrap_or_default().into_iter().chain(criteria(rest)).collect();
                let (file, text) = (path.to_owned(), text.to_owned());
                block = Some(found.len());
                found.push(MatchBlock { file, line: number, text, criteria, settings: Vec::new() });
            }
            _ => {
                let setting = BlockSetting { file: path.to_owned(), line: number, keyword, text: text.to_owned() };
                if let Some(block) = block.and_then(|block| found.get_mut(block)) {
                    block.settings.push(setting);
                }
            }
        }
    }
}

/// The keyword of a line, and the rest; `=` may stand between them.
fn keyword(line: &str) -> Option<(String, &str)> {
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    (!keyword.is_empty() && !keyword.starts_with('#')).then(|| (keyword.to_ascii_lowercase(), rest))
}

/// Words, which may be in quotes; a comment ends them.
fn words(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        found.push(word.to_owned());
        rest = after.trim_start();
    }
    found
}

fn criteria(text: &str) -> Vec<(String, String)> {
    let mut words = words(text).into_iter();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), value.to_owned()),
            None => {
                let name = word.to_ascii_lowercase();
                let value = if ALONE.contains(&name.as_str()) { None } else { words.next() };
                (name, value.unwrap_or_default())
            }
        };
        found.push((name, value));
    }
    found
}

/// The files that an Include means, in the order of their names. Only the name of a file may have wildcards.
fn included(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(SSH).join(pattern);
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .is_some_and(|found| (!found.starts_with('.') || name.starts_with('.')) && matches(name, found))
    });
    let mut found: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// An address that these patterns match: the first of a network, or numbers for the wildcards.
fn address(patterns: &str) -> Option<String> {
    let positive = patterns.split(',').map(str::trim).find(|one| !one.starts_with('!') && !one.is_empty())?;
    let bare = positive.split('/').next().unwrap_or_default();
    let filled = match (bare.contains('*'), bare.contains(':')) {
        (false, _) => bare.replace('?', "1"),
        (true, true) => format!("{}::1", bare.split('*').next().unwrap_or_default().trim_end_matches(':')),
        (true, false) => {
            let numbers: Vec<String> = bare.split('.').map(|part| part.replace(['*', '?'], "1")).collect();
            let missing = 4_usize.saturating_sub(numbers.len());
            [numbers, vec!["1".to_owned(); missing]].concat().join(".")
        }
    };
    // A network is not matched by its text.
    (positive.contains('/') || list_matches(patterns, &filled)).then_some(filled)
}

const SSH: &str = "/etc/ssh";
/// sshd's own limit.
const DEEPEST: usize = 16;
/// Criteria without a pattern.
const ALONE: [&str; 2] = ["all", "invalid-user"];

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl SshPeople for Nobody {
        fn named(&self, patterns: &str) -> Option<String> {
            list_matches(patterns, "alice").then(|| "alice".to_owned())
        }

        fn in_group(&self, patterns: &str) -> Option<String> {
            list_matches(patterns, "wheel").then(|| "bob".to_owned())
        }
    }

    fn like() -> SshConnection {
        let [user, host, address, local_address, local_port] =
            ["root", "h", "127.0.0.1", "::1", "22"].map(str::to_owned);
        SshConnection { user, host, address, local_address, local_port, domain: String::new() }
    }

    #[test]
    fn blocks_are_read_with_the_files_that_they_include() {
        let directory = std::env::temp_dir().join(format!("otp-sshd-match-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("made");
        let part = directory.join("10-part.conf");
        fs::write(&part, "PasswordAuthentication yes\nMatch User eve\nX11Forwarding no\n").expect("written");
        let config = directory.join("sshd_config");
        let text = format!(
            "Include {0}/*.conf\n# Match all\nUsePAM yes\n\nmatch = Address 10.0.0.0/8 User=\"a*\"\n\tPasswordAuthentication=yes # why\nInclude \"{0}/1?-part.conf\"\nMatch all\n",
            directory.display()
        );
        fs::write(&config, text).expect("written");
        let found = blocks(&config);
        let told: Vec<_> = found.iter().map(|one| (one.line, one.settings.len(), one.criteria.len())).collect();
        // eve's of the first include, the one with two settings, eve's within it, and the last
        assert_eq!(told, [(2, 1, 1), (5, 2, 2), (2, 1, 3), (8, 0, 1)]);
        assert_eq!((found[1].settings[1].file.clone(), found[1].settings[1].line), (part, 1));
        assert_eq!(found[1].settings[0].keyword, "passwordauthentication");
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn each_block_has_a_connection_that_it_is_for() {
        let cases = [
            ("all", Some(("root", "127.0.0.1"))),
            ("User alice", Some(("alice", "127.0.0.1"))),
            ("User !alice,*", Some(("x", "127.0.0.1"))),
            ("User git-*", Some(("git-x", "127.0.0.1"))),
            ("Group wheel Address !10.0.0.1,10.0.0.0/8", Some(("bob", "10.0.0.0"))),
            ("Address 192.168.*", Some(("root", "192.168.1.1"))),
            ("Address 2001:db8:*", Some(("root", "2001:db8::1"))),
            ("Group nobody", None),
            ("Version OpenSSH_9", None),
        ];
        for (text, expected) in cases {
            let block = MatchBlock {
                file: PathBuf::new(),
                line: 1,
                text: text.to_owned(),
                criteria: criteria(text),
                settings: Vec::new(),
            };
            let found = block.connection(&like(), &Nobody).map(|one| (one.user, one.address));
            assert_eq!(found, expected.map(|(user, address)| (user.to_owned(), address.to_owned())), "{text}");
        }
    }
}
