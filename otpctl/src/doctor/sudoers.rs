//! sudo beside its gates: time stamps that open a stronger gate, services without a file, rules without a password, logs that keep
//! what is shown. sudoers is read by sudo's own `cvtsudoers`, with every alias replaced.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use otp_core::vault::short_lock_deadline;

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use super::sudoers_rules::{Rule, SudoersRules};
use crate::machine::Machine;
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, Stage};
use crate::stack::words::Dialect;
use otp_system::screen::escape::shell_word;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let services = PamDirectories::standard();
    if services.file("sudo").is_none() {
        return; // there is no sudo
    }
    if !host.is_seen_by_root() {
        return report.not_looked_at("sudoers", RUN_AS_ROOT);
    }
    let rules = match read() {
        Ok(rules) => rules,
        Err(why) => return report.not_looked_at("sudoers", &why),
    };
    let asks = |service: &str| {
        services.read(service, Dialect::New).is_some_and(|stacks| stacks.stage(Stage::Auth).iter().any(is_ours))
    };
    let sudo = Sudo { rules: &rules, gated: asks("sudo"), commands: rules.commands_of(&asks) };
    let root = || root_has_a_key(host);
    let found = sudo.services(&services).into_iter().chain(sudo.time_stamps(&asks)).chain(sudo.nopasswd());
    let found = found.chain(sudo.shells()).chain(sudo.log_output()).chain(sudo.of_another(&root));
    found.for_each(|one| report.add(one));
}

/// As sudo itself reads it.
fn read() -> Result<SudoersRules, String> {
    let done = Command::new("cvtsudoers").args(["-e", "-f", "json", SUDOERS]).stdin(Stdio::null()).output();
    let done = done.map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no cvtsudoers, which comes with sudo".to_owned(),
        _ => format!("cvtsudoers: {error}"),
    })?;
    if !done.status.success() {
        return Err(format!("cvtsudoers: {}", String::from_utf8_lossy(&done.stderr).trim()));
    }
    SudoersRules::parse(&done.stdout)
        .ok_or_else(|| "cvtsudoers prints something that otpctl does not understand".to_owned())
}

/// sudo's rules and its gates.
struct Sudo<'a> {
    rules: &'a SudoersRules,
    /// Does every command ask for a code?
    gated: bool,
    /// Commands whose own service asks for one.
    commands: BTreeSet<String>,
}

impl Sudo<'_> {
    /// Services that sudo is told to use and that have no file: libpam then takes `other`.
    fn services(&self, host: &PamDirectories) -> Vec<DoctorFinding> {
        let names: BTreeSet<&str> = self.rules.services().collect();
        let lost = names.into_iter().filter(|name| host.file(&name.to_ascii_lowercase()).is_none());
        let finding = |name: &str| {
            let what = format!("sudoers names the PAM service {name:?}, which has no file");
            let command = format!("cp /etc/pam.d/sudo /etc/pam.d/{}", shell_word(&name.to_ascii_lowercase()));
            DoctorFinding::decide(FindingId::SudoServiceMissing, what, NO_SERVICE, command)
        };
        lost.filter(|name| !name.contains('/')).map(finding).collect()
    }

    /// One time stamp holds for all services: a password for one command then opens another that wants a code.
    fn time_stamps(&self, asks: &impl Fn(&str) -> bool) -> Vec<DoctorFinding> {
        let mut found = Vec::new();
        let shared = |commands: Vec<&str>, what: &str| {
            let list = commands.join(", ");
            let escaped: Vec<String> = commands.into_iter().map(escaped).collect();
            let alias = format!("Cmnd_Alias OTP_TIME_STAMP = {}", escaped.join(", "));
            let lines = [alias.as_str(), "Defaults!OTP_TIME_STAMP timestamp_timeout=0"];
            DoctorFinding::run(
                FindingId::SudoTimeStampShared,
                format!("{what}: {list}"),
                drop_in("zz-otp-time-stamp", &lines),
            )
        };
        if !self.gated {
            let open = self.commands.iter().filter(|command| !self.rules.asks_each_time(command));
            let open: Vec<&str> = open.map(String::as_str).collect();
            if !open.is_empty() {
                found.push(shared(
                    open,
                    "a password typed for another command opens these within minutes, without a code",
                ));
            }
        }
        let weaker = self.rules.commands_of(&|service: &str| !asks(service));
        if self.gated && !weaker.is_empty() && !self.rules.asks_each_time("") {
            let list = weaker.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!(
                "sudo asks for a code, but a password typed for one of these opens everything within minutes: {list}"
            );
            found.push(DoctorFinding::run(
                FindingId::SudoTimeStampShared,
                what,
                drop_in("zz-otp-time-stamp", &["Defaults timestamp_timeout=0"]),
            ));
        }
        let wide = self.rules.wide_time_stamps();
        if self.gated && !self.rules.asks_each_time("") && !wide.is_empty() {
            let (what, narrower): (Vec<&str>, Vec<&str>) = wide.into_iter().unzip();
            let what = format!("after one code sudo asks for none {}", what.join(", and "));
            let line = format!("Defaults {}", narrower.join(", "));
            found.push(DoctorFinding::run(
                FindingId::SudoTimeStampWide,
                what,
                drop_in("zz-otp-time-stamp-of-one-terminal", &[line.as_str()]),
            ));
        }
        found
    }

    /// Rules under which nobody is asked for anything.
    fn nopasswd(&self) -> Option<DoctorFinding> {
        let asked_for = self.gated || !self.commands.is_empty();
        let free = self.rules.without_a_password();
        let touches =
            |rule: &Rule| self.gated || rule.allows_all() || rule.commands().any(|one| self.commands.contains(one));
        let who: BTreeSet<String> =
            free.into_iter().filter(|rule| touches(rule)).flat_map(Rule::users).filter(|name| !is_root(name)).collect();
        let everybody = self.rules.authenticates_nobody();
        if !asked_for || (who.is_empty() && !everybody) {
            return None;
        }
        let users = if everybody {
            "those of a Defaults line with !authenticate".to_owned()
        } else {
            who.into_iter().collect::<Vec<_>>().join(", ")
        };
        let what = format!("sudo asks for neither password nor code under rules with NOPASSWD: {users}");
        Some(DoctorFinding::decide(FindingId::SudoNopasswd, what, NOPASSWD, without_nopasswd()))
    }

    /// A gated command, and users who may run a shell or everything: they need no gated command.
    fn shells(&self) -> Option<DoctorFinding> {
        if self.gated || self.commands.is_empty() {
            return None;
        }
        let free = |command: &str| command == "ALL" || (is_shell(command) && !self.commands.contains(command));
        let all = self.rules.all().filter(|rule| rule.commands().any(free));
        let who: BTreeSet<String> = all.flat_map(|rule| rule.users()).filter(|name| !is_root(name)).collect();
        (!who.is_empty()).then(|| {
            let what = format!(
                "{} want a code, and {} may run a shell, an editor or everything without one",
                self.commands.iter().cloned().collect::<Vec<_>>().join(", "),
                who.into_iter().collect::<Vec<_>>().join(", ")
            );
            DoctorFinding::decide(FindingId::SudoShellBesideCommand, what, SHELL, "otpctl gate enable sudo")
        })
    }

    /// A log that keeps what commands print keeps a new key, too.
    fn log_output(&self) -> Option<DoctorFinding> {
        let otpctl = env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/otpctl"));
        let otpctl = otpctl.to_string_lossy().into_owned();
        self.rules.logs_output_of(&otpctl).then(|| {
            let what = format!("sudo logs what commands print (log_output), {otpctl} included");
            DoctorFinding::run(
                FindingId::SudoLogOutput,
                what,
                drop_in("zz-otp-log", &[&format!("Defaults!{otpctl} !log_output")]),
            )
        })
    }

    /// With rootpw and the like the code that is asked for is that of another account.
    fn of_another(&self, root_has_a_key: &impl Fn() -> bool) -> Option<DoctorFinding> {
        let flags: Vec<&str> =
            ["rootpw", "targetpw", "runaspw"].into_iter().filter(|flag| self.rules.is_set(flag)).collect();
        let asked_for = self.gated || !self.commands.is_empty();
        (asked_for && !flags.is_empty() && !root_has_a_key()).then(|| {
            let what = format!(
                "sudo asks for the password and the code of root or of another account, and root has no key: {}",
                flags.join(", ")
            );
            DoctorFinding::decide(FindingId::SudoAsksForAnother, what, ANOTHER, FLAGS)
        })
    }
}

fn root_has_a_key(host: &ExaminedHost) -> bool {
    let looked = || {
        let root = otp_core::accounts::account_of(0).ok().flatten()?;
        let vault = host.site.open_vault().ok()?;
        vault.peek(&root, &Machine, short_lock_deadline()).ok()?.map(|view| view.record.is_some())
    };
    looked().unwrap_or(false)
}

fn is_root(name: &str) -> bool {
    ["root", "#0"].contains(&name)
}

/// A file of sudoers.d with these lines, which visudo then checks.
fn drop_in(name: &str, lines: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| shell_word(line)).collect();
    let file = format!("/etc/sudoers.d/{name}");
    format!(r"printf '%s\n' {} >{file} && chmod 0440 {file} && visudo -c", lines.join(" "))
}

/// A command with its arguments, as sudoers(5) has them.
fn escaped(command: &str) -> String {
    let letters = command.chars().flat_map(|letter| {
        let sign = matches!(letter, ',' | ':' | '=' | '\\').then_some('\\');
        sign.into_iter().chain([letter])
    });
    letters.collect()
}

/// Takes the words out of the files that have them.
fn without_nopasswd() -> String {
    let drop_ins = fs::read_dir("/etc/sudoers.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = drop_ins.chain([PathBuf::from(SUDOERS)]).filter(has_nopasswd).collect();
    files.sort();
    let files: Vec<String> = files.iter().map(|file| path_word(file)).collect();
    match files.is_empty() {
        true => "visudo".to_owned(),
        false => format!(
            "sed -i --follow-symlinks 's/NOPASSWD:[[:blank:]]*//g; s/!authenticate/authenticate/g' {} && visudo -c",
            files.join(" ")
        ),
    }
}

fn has_nopasswd(file: &PathBuf) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let plain = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    plain.into_iter().any(|line| line.contains("NOPASSWD:") || line.contains("!authenticate"))
}

/// Programs by which a user gets at everything else.
fn is_shell(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    program.contains('*') || program.ends_with('/') || SHELLS.contains(&name)
}

const SUDOERS: &str = "/etc/sudoers";
const SHELLS: [&str; 45] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "fish",
    "ash",
    "tcsh",
    "csh",
    "busybox",
    "su",
    "sudo",
    "env",
    "vi",
    "vim",
    "vim.basic",
    "vim.tiny",
    "nvim",
    "view",
    "nano",
    "emacs",
    "ed",
    "editor",
    "sensible-editor",
    "less",
    "more",
    "man",
    "find",
    "awk",
    "gawk",
    "mawk",
    "perl",
    "python",
    "ruby",
    "lua",
    "php",
    "tee",
    "cp",
    "mv",
    "dd",
    "tar",
    "rsync",
    "chroot",
    "systemd-run",
    "docker",
];
const FLAGS: &str = "grep -nr -e rootpw -e targetpw -e runaspw /etc/sudoers /etc/sudoers.d";
const NO_SERVICE: &str = "the command gives it the lines of sudo; if the name is a typo, correct it with visudo \
                          instead. Without a file of its own the service uses /etc/pam.d/other";
const NOPASSWD: &str = "leave it for an automation account that needs it, and see docs/hosts.md; otherwise the \
                        command removes NOPASSWD from these files, and sudo asks for password and code. Check first \
                        that these users have a password";
const SHELL: &str = "a gate for single commands stops only users who may run nothing but single commands. The \
                     command makes every sudo ask for a code; or give these users other rules with visudo";
const ANOTHER: &str = "give root a key (`otpctl invite root`); or make sudo ask for the caller's own password and \
                       code, by removing the flag with visudo. Check first that no rule then lets everybody run \
                       everything (`ALL ALL=(ALL) ALL`). The command shows where the flags are";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_starts_others_is_told_from_one_that_does_not() {
        for command in
            ["/bin/sh", "/usr/bin/python3.11", "/usr/bin/vim.basic", "/usr/bin/vi *", "/usr/bin/*", "/opt/tools/"]
        {
            assert!(is_shell(command), "{command}");
        }
        for command in ["/usr/sbin/reboot", "/usr/bin/passwd *", "/usr/bin/ssh-keygen", "ALL"] {
            assert!(!is_shell(command), "{command}");
        }
    }
}
