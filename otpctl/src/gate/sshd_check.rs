//! Does sshd ask everybody? Its Match blocks have the last word for some people and addresses, so it is asked about a connection that
//! each of them is for, about the admin's and about root's, with the settings that the drop-in is going to make.

use std::env;
use std::ffi::CString;
use std::fs;
use std::path::Path;

use nix::unistd::{Gid, Group, getgrouplist};
use otp_core::accounts::Account;

use super::pam_copy::PamCopy;
use super::pattern::{list_matches, matches};
use super::sshd::{missing, never_asks, settings, wanted, without_a_prompt};
use super::sshd_match::{BlockSetting, MatchBlock, SshConnection, SshPeople, blocks};
use crate::arguments::GateWishes;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// The notes on sshd before it is gated. An error where the admin would not be asked.
pub(super) fn notes(admin: &Account, wishes: GateWishes, copy: &PamCopy) -> Result<Vec<String>, Failure> {
    let config = SshdAsGated::of(wishes, copy)?;
    let (own, everybody) = (of_admin(&admin.name), without_a_prompt(&config.told(None)?));
    let mut notes = Vec::new();
    match (wishes.without_password, admin.uid) {
        (true, 0) => {
            return Err(stopped(
                "--without-password ends root's logins by ssh (PermitRootLogin no), and the admin is root; name another one with --admin",
            ));
        }
        (true, _) => notes.push("root can no longer log in by ssh: the drop-in has PermitRootLogin no".to_owned()),
        (false, _) => {}
    }
    if !everybody.is_empty() {
        notes.push(format!(
            "sshd lets {} in without a code, because such a login runs no auth line; \
             `AuthenticationMethods publickey,keyboard-interactive` in sshd_config asks for both, and --with-key puts it there",
            everybody.join(", ")
        ));
    }
    let found = blocks(Path::new(CONFIG));
    let short = config.missing(&own)?;
    if short.is_empty() && never_asks(&config.told(Some(&own))?) {
        return Err(stopped(&format!(
            "sshd never asks {} for a code: {METHODS} has no keyboard-interactive, by {}; nothing was changed. \
             Change it; if it is for everybody, --with-key overrides it",
            escaped(&admin.name),
            culprits(&found, &[METHODS])
        )));
    }
    if !short.is_empty() {
        return Err(stopped(&format!(
            "sshd has other settings for {}: not {}, by {}; nothing was changed. Change that block, or name another admin",
            escaped(&admin.name),
            short.join(", "),
            culprits(&found, &short)
        )));
    }
    let root = SshConnection { user: "root".to_owned(), ..own.clone() };
    let short = config.missing(&root)?;
    if !short.is_empty() && !settings(&["-C", &root.spec()])?.lines().any(|line| line == "permitrootlogin no") {
        notes.push(format!(
            "sshd has other settings for root: not {}, by {}",
            short.join(", "),
            culprits(&found, &short)
        ));
    }
    for block in &found {
        notes.extend(config.note(block, &own, &everybody)?);
    }
    Ok(notes)
}

/// sshd with the settings of the gate before its own.
struct SshdAsGated {
    wanted: Vec<&'static str>,
    file: String,
}

impl SshdAsGated {
    fn of(wishes: GateWishes, copy: &PamCopy) -> Result<Self, Failure> {
        let wanted = wanted(wishes);
        let text = format!("{}\nInclude {CONFIG}\n", wanted.join("\n"));
        copy.put(NAME, &text).map_err(|error| stopped(&format!("{}: {error}", copy.path().display())))?;
        Ok(Self { wanted, file: copy.path().join(NAME).display().to_string() })
    }

    fn told(&self, connection: Option<&SshConnection>) -> Result<String, Failure> {
        match connection.map(SshConnection::spec) {
            Some(spec) => settings(&["-f", &self.file, "-C", &spec]),
            None => settings(&["-f", &self.file]),
        }
    }

    fn missing(&self, connection: &SshConnection) -> Result<Vec<&'static str>, Failure> {
        Ok(missing(&self.wanted, &self.told(Some(connection))?))
    }

    /// Of a block that changes who is asked.
    fn note(&self, block: &MatchBlock, like: &SshConnection, everybody: &[&str]) -> Result<Option<String>, Failure> {
        let ours: Vec<&BlockSetting> =
            block.settings.iter().filter(|one| MATTERS.contains(&one.keyword.as_str())).collect();
        let Some(first) = ours.first() else { return Ok(None) };
        let at = format!("{} line {} ({})", first.file.display(), first.line, block.text);
        let Some(connection) = block.connection(like, &LocalPeople) else {
            let lines: Vec<&str> = ours.iter().map(|one| one.text.as_str()).collect();
            return Ok(Some(format!(
                "{at}: this command knows no user that the block applies to, and cannot ask sshd about it; the \
                 block sets {}",
                lines.join(", ")
            )));
        };
        let told = self.told(Some(&connection))?;
        let short = missing(&self.wanted, &told);
        let past: Vec<&str> = without_a_prompt(&told).into_iter().filter(|one| !everybody.contains(one)).collect();
        let why = match (short.is_empty(), past.is_empty()) {
            (false, _) => format!("does not have {}", short.join(", ")),
            (true, false) => format!("lets {} in without a code", past.join(", ")),
            (true, true) if never_asks(&told) => {
                format!("never asks for a code: {METHODS} has no keyboard-interactive")
            }
            (true, true) => return Ok(None),
        };
        Ok(Some(format!("{at}: there sshd {why}, asked about {}", connection.spec())))
    }
}

/// The lines in Match blocks that set these otherwise.
fn culprits(blocks: &[MatchBlock], short: &[&str]) -> String {
    let keyword = |setting: &str| setting.split(' ').next().unwrap_or_default().to_ascii_lowercase();
    let wanted: Vec<String> = short.iter().map(|setting| setting.to_ascii_lowercase()).collect();
    let short: Vec<String> = short.iter().map(|setting| keyword(setting)).collect();
    let sets = |one: &&BlockSetting| {
        let words = one.text.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
        let same = words
            .skip(1)
            .take(1)
            .any(|value| wanted.contains(&format!("{} {value}", modern(&one.keyword)).to_ascii_lowercase()));
        short.iter().any(|keyword| keyword == modern(&one.keyword)) && !same
    };
    let lines = blocks.iter().flat_map(|block| block.settings.iter().filter(sets).map(move |one| (block, one)));
    let told: Vec<String> =
        lines.map(|(block, one)| format!("{} line {} ({})", one.file.display(), one.line, block.text)).collect();
    if told.is_empty() { format!("a line outside of the Match blocks of {CONFIG}") } else { told.join("; ") }
}

/// The name that sshd tells for an older one.
fn modern(keyword: &str) -> &str {
    match keyword {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        same => same,
    }
}

/// As this session's, if it came by ssh; else from this machine itself.
fn of_admin(user: &str) -> SshConnection {
    let told = env::var("SSH_CONNECTION").unwrap_or_default();
    let plain = |word: &&str| !word.is_empty() && !word.contains(',');
    let words: Vec<&str> = told.split(' ').filter(plain).collect();
    let (address, local, port) = match words.as_slice() {
        [address, _, local, port] => (*address, *local, *port),
        _ => ("127.0.0.1", "127.0.0.1", "22"),
    };
    SshConnection {
        user: user.to_owned(),
        host: address.to_owned(),
        address: address.to_owned(),
        local_address: local.to_owned(),
        local_port: port.to_owned(),
        domain: String::new(),
    }
}

/// The accounts of /etc/passwd, and members of groups, from wherever the host has them.
struct LocalPeople;

impl LocalPeople {
    fn accounts() -> Vec<(String, u32)> {
        let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = |line: &str| {
            let fields: Vec<&str> = line.split(':').collect();
            Some(((*fields.first()?).to_owned(), fields.get(3)?.parse().ok()?))
        };
        text.lines().filter_map(account).collect()
    }
}

impl SshPeople for LocalPeople {
    fn named(&self, patterns: &str) -> Option<String> {
        Self::accounts().into_iter().map(|(name, _)| name).find(|name| list_matches(patterns, name))
    }

    fn in_group(&self, patterns: &str) -> Option<String> {
        let group = |gid: Gid| Group::from_gid(gid).ok().flatten().map(|group| group.name);
        let belongs = |name: &str, gid: u32| -> Option<bool> {
            let groups = getgrouplist(&CString::new(name).ok()?, Gid::from_raw(gid)).ok()?;
            let names: Vec<String> = groups.into_iter().filter_map(group).collect();
            let refused = patterns.split(',').filter_map(|one| one.trim().strip_prefix('!'));
            let refused = refused.into_iter().any(|one| names.iter().any(|name| matches(one, name)));
            Some(!refused && names.iter().any(|name| list_matches(patterns, name)))
        };
        let local = Self::accounts().into_iter().find(|(name, gid)| belongs(name, *gid) == Some(true));
        let elsewhere = || {
            let groups = patterns.split(',').filter_map(|one| Group::from_name(one.trim()).ok().flatten());
            groups.flat_map(|group| group.mem).next()
        };
        local.map(|(name, _)| name).or_else(elsewhere)
    }
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

const CONFIG: &str = "/etc/ssh/sshd_config";
/// In the copy; no program has such a service.
const NAME: &str = ".sshd_config";
const METHODS: &str = "AuthenticationMethods";
/// The settings that decide whether somebody is asked.
const MATTERS: [&str; 10] = [
    "usepam",
    "permitrootlogin",
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
    "skeyauthentication",
    "passwordauthentication",
    "authenticationmethods",
    "pubkeyauthentication",
    "hostbasedauthentication",
    "gssapiauthentication",
];
