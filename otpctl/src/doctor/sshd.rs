//! sshd beside its PAM file: the settings that are in force, as `sshd -T` tells them, and those of its Match blocks, as they are
//! written. Only where its stack asks for codes.

use std::fs;
use std::path::Path;

use otp_core::policy::audience::Who;
use otp_core::policy::service::{ServicePolicy, Unenrolled};

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::key_files::{self, KeyFiles};
use super::report::Report;
use crate::gate::sshd::settings;
use crate::gate::sshd_match::{BlockSetting, MatchBlock, blocks};
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, Stage};
use crate::stack::words::Dialect;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    enrolment_at_login(host, report);
    if !asks("sshd") {
        return;
    }
    if !host.is_seen_by_root() {
        return report.not_looked_at("the settings of sshd", RUN_AS_ROOT);
    }
    match settings(&[]) {
        Err(why) => report.not_looked_at("the settings of sshd", &why.to_string()),
        Ok(told) => {
            let settings = Settings(&told);
            let rules = rules(host, "sshd");
            settings.findings(&rules).into_iter().for_each(|one| report.add(one));
            if settings.keys_are_enough() {
                keys(&settings, report);
            }
        }
    }
    match_blocks(report);
}

/// Does the stack of this service ask for codes?
fn asks(service: &str) -> bool {
    let stacks = PamDirectories::standard().read(service, Dialect::New);
    stacks.is_some_and(|stacks| stacks.stage(Stage::Auth).iter().any(is_ours))
}

fn rules(host: &ExaminedHost, service: &str) -> ServicePolicy {
    host.site.service_policy(None, Some(service)).unwrap_or_default()
}

/// Lines of `sshd -T`: a name in small letters and its value.
struct Settings<'a>(&'a str);

impl Settings<'_> {
    fn values(&self, name: &str) -> Vec<&str> {
        self.0
            .lines()
            .filter_map(|line| line.split_once(' ').filter(|(found, _)| *found == name).map(|(_, value)| value))
            .collect()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.values(name).contains(&value)
    }

    fn findings(&self, rules: &ServicePolicy) -> Vec<DoctorFinding> {
        let mut found = Vec::new();
        if self.is("usepam", "no") {
            found.push(setting(
                FindingId::SshdWithoutPam,
                "UsePAM is no: sshd asks for the password by itself",
                "00-otp-pam.conf",
                "UsePAM yes",
            ));
        } else if self.is("kbdinteractiveauthentication", "no") {
            let what = "KbdInteractiveAuthentication is no: nobody can type a code";
            found.push(setting(FindingId::SshdCannotAsk, what, "00-otp-ask.conf", "KbdInteractiveAuthentication yes"));
        }
        let nets = rules
            .exempt
            .iter()
            .map(|one| &one.entry)
            .chain(&rules.require)
            .any(|entry| matches!(entry.who, Who::Net(_)));
        if nets && self.is("usedns", "yes") {
            let what = "UseDNS is yes, and [service.sshd] has networks: sshd names hosts, and a name is in no network";
            found.push(setting(FindingId::SshdUseDns, what, "00-otp-dns.conf", "UseDNS no"));
        }
        let grace = self.values("logingracetime").first().and_then(|text| text.parse::<u64>().ok());
        if let Some(grace) = grace.filter(|grace| rules.unenrolled == Some(Unenrolled::Enrol) && is_short(*grace)) {
            let what = format!("sshd ends a login after {grace} s (LoginGraceTime)");
            found.push(setting(FindingId::EnrolmentTimeShort, &what, "00-otp-time.conf", "LoginGraceTime 300"));
        }
        found
    }

    /// Is there a way in by a key alone? A list of methods without keyboard-interactive runs no auth stage; `any` is a list for each
    /// method that is on.
    fn keys_are_enough(&self) -> bool {
        self.values("authenticationmethods").into_iter().flat_map(str::split_whitespace).any(|list| match list {
            "any" => self.is("pubkeyauthentication", "yes"),
            list => asks_nothing(list),
        })
    }
}

/// A list of methods of which none goes by PAM's questions.
fn asks_nothing(list: &str) -> bool {
    !list.split(',').any(|method| method.starts_with("keyboard-interactive"))
}

fn setting(id: FindingId, what: &str, file: &str, line: &str) -> DoctorFinding {
    DoctorFinding::decide(id, what, RELOAD, format!("echo '{line}' >{DROP_INS}/{file}"))
}

/// Users who have a key there, which is all that sshd wants of them.
fn keys(settings: &Settings<'_>, report: &mut Report) {
    let root_may = !["no", "forced-commands-only"].iter().any(|value| settings.is("permitrootlogin", value));
    let files: Vec<&str> = settings.values("authorizedkeysfile").into_iter().flat_map(str::split_whitespace).collect();
    match key_files::owners(&files) {
        Err(why) => report.not_looked_at("the SSH keys of users", &why),
        Ok(KeyFiles { root, others }) => {
            let root = (root && root_may).then(|| "root".to_owned());
            let names: Vec<String> = root.into_iter().chain(others).collect();
            if !names.is_empty() {
                let shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
                let more = names.len().saturating_sub(MOST_NAMES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let what = format!("sshd lets these users in with an SSH key alone: {shown}{more}");
                report.add(DoctorFinding::decide(FindingId::SshdKeySkipsCode, what, KEYS, METHODS));
            }
        }
    }
}

/// Settings in Match blocks that let somebody in without a question, or keep the question away.
fn match_blocks(report: &mut Report) {
    for (block, setting) in loose(&blocks(Path::new(CONFIG))) {
        let (file, line) = (setting.file.display(), setting.line);
        let what = format!("{file} line {line}: in the block {:?}: {}", block.text, setting.text);
        let command = format!("sed -i --follow-symlinks '{line}s/^/#/' {}", path_word(&setting.file));
        report.add(DoctorFinding::decide(FindingId::SshdMatchSkipsCode, what, MATCH, command));
    }
}

/// Those of blocks that are for some people; one for all is told by `sshd -T`.
fn loose(blocks: &[MatchBlock]) -> impl Iterator<Item = (&MatchBlock, &BlockSetting)> {
    let settings = blocks.iter().filter(|block| !block.is_for_all());
    let settings = settings.flat_map(|block| block.settings.iter().map(move |setting| (block, setting)));
    settings.filter(|(_, setting)| match setting.keyword.as_str() {
        "kbdinteractiveauthentication" | "challengeresponseauthentication" => setting.values() == ["no"],
        "authenticationmethods" => setting.values().iter().any(|list| list != "any" && asks_nothing(list)),
        _ => false,
    })
}

/// login ends after LOGIN_TIMEOUT seconds, whatever the person is doing.
fn enrolment_at_login(host: &ExaminedHost, report: &mut Report) {
    if !asks("login") || rules(host, "login").unenrolled != Some(Unenrolled::Enrol) {
        return;
    }
    let text = fs::read_to_string(LOGIN_DEFS).unwrap_or_default();
    let said = text.lines().filter_map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().ok());
    let mut said =
        said.filter_map(|[name, value]: [&str; 2]| (name == "LOGIN_TIMEOUT").then(|| value.parse::<u64>().ok())?);
    let seconds = said.next_back();
    if is_short(seconds.unwrap_or(USUAL_TIMEOUT)) {
        let what = format!("login ends after {} s (LOGIN_TIMEOUT in {LOGIN_DEFS})", seconds.unwrap_or(USUAL_TIMEOUT));
        let command = match seconds {
            Some(_) => format!("sed -i -E 's/^([[:space:]]*LOGIN_TIMEOUT[[:space:]]+)[0-9]+/\\1300/' {LOGIN_DEFS}"),
            None => format!("echo 'LOGIN_TIMEOUT 300' >>{LOGIN_DEFS}"),
        };
        report.add(DoctorFinding::run(FindingId::EnrolmentTimeShort, what, command));
    }
}

/// Five minutes are wanted to scan a picture and to write codes down; 0 is without an end.
fn is_short(seconds: u64) -> bool {
    (1..300).contains(&seconds)
}

const CONFIG: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";
const LOGIN_DEFS: &str = "/etc/login.defs";
const USUAL_TIMEOUT: u64 = 60;
const MOST_NAMES: usize = 5;
const METHODS: &str = "echo 'AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam' >/etc/ssh/sshd_config.d/00-otp-methods.conf";
const RELOAD: &str = "after the command reload sshd with `systemctl reload ssh`, keep this session open, and log in \
                      from another window. The file counts only where sshd_config has `Include \
                      /etc/ssh/sshd_config.d/*.conf` above its first setting";
const KEYS: &str = "if an SSH key alone should be enough there, leave it so. Otherwise the command makes sshd ask \
                    for password and code after a key as well; then reload sshd with `systemctl reload ssh`, keep \
                    this session open, and log in from another window";
const MATCH: &str = "if these logins should need no code, leave it so. Otherwise the command comments the line out; \
                     then reload sshd with `systemctl reload ssh`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_alone_is_enough_where_a_list_of_methods_has_no_question() {
        let cases = [
            ("pubkeyauthentication yes\nauthenticationmethods any", true),
            ("pubkeyauthentication no\nauthenticationmethods any", false),
            ("pubkeyauthentication yes\nauthenticationmethods publickey,keyboard-interactive", false),
            ("authenticationmethods publickey,keyboard-interactive:pam publickey,publickey", true),
        ];
        for (told, wanted) in cases {
            assert_eq!(Settings(told).keys_are_enough(), wanted, "{told}");
        }
    }

    #[test]
    fn settings_that_keep_the_question_away_are_found() {
        let of = |told: &str, policy: &str| {
            let rules = ServicePolicy::parse(policy, Some("sshd")).unwrap();
            Settings(told).findings(&rules).into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        let sound = "usepam yes\nkbdinteractiveauthentication yes\nusedns no\nlogingracetime 120\n";
        assert_eq!(of(sound, ""), []);
        assert_eq!(of(&sound.replace("usepam yes", "usepam no"), ""), [FindingId::SshdWithoutPam]);
        assert_eq!(of(&sound.replace("authentication yes", "authentication no"), ""), [FindingId::SshdCannotAsk]);
        let net = "[service.sshd]\nexempt = [\"net:10.0.0.0/8\"]";
        assert_eq!((of(sound, net), of(&sound.replace("dns no", "dns yes"), "")), (vec![], vec![]));
        assert_eq!(of(&sound.replace("dns no", "dns yes"), net), [FindingId::SshdUseDns]);
        let enrol = "[service.sshd]\nunenrolled = \"enrol\"";
        assert_eq!(of(sound, enrol), [FindingId::EnrolmentTimeShort]);
        for long in ["300", "0", "600"] {
            assert_eq!(of(&sound.replace("120", long), enrol), [], "{long}");
        }
    }

    #[test]
    fn a_match_block_that_asks_nothing_is_found_by_its_line() {
        let text = "KbdInteractiveAuthentication no\nMatch User backup\n  AuthenticationMethods publickey\n\
                    match address 10.0.0.0/8\n\tKbdInteractiveAuthentication=no\n#AuthenticationMethods publickey\n\
                    AuthenticationMethods publickey,keyboard-interactive any\nMatch all\nAuthenticationMethods publickey\n";
        let file = std::env::temp_dir().join(format!("otp-doctor-sshd-{}", std::process::id()));
        fs::write(&file, text).expect("written");
        let blocks = blocks(&file);
        fs::remove_file(&file).expect("removed");
        let found: Vec<(usize, String)> =
            loose(&blocks).map(|(block, setting)| (setting.line, block.text.clone())).collect();
        assert_eq!(found, [(3, "Match User backup".to_owned()), (5, "match address 10.0.0.0/8".to_owned())]);
    }
}
