//! Knowledge of modules: ours, by name; where they are; the answers of the simple ones of Linux-PAM.

use std::fs;
use std::path::{Path, PathBuf};

use super::code::PamCode;
use super::reader::{LineKind, StackLine, Stage};

pub(crate) const MODULE: &str = "pam_otp.so";

/// Modules that ask for a first factor.
const ASKING: [&str; 16] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_krb5.so",
    "pam_winbind.so",
    "pam_systemd_home.so",
    "pam_pwdfile.so",
    "pam_userdb.so",
    "pam_tcb.so",
    "pam_radius_auth.so",
    "pam_tacplus.so",
    "pam_mysql.so",
    "pam_pgsql.so",
    "pam_extrausers.so",
    "pam_unix2.so",
    "pam_himmelblau.so",
];

/// Programs that a user starts, whose real uid is therefore the user's: there pam_rootok lets nobody in but root. Where the
/// program runs as root for everybody, as sshd and login do, it lets everybody in.
const STARTED_BY_USERS: [&str; 12] =
    ["su", "su-l", "sudo", "sudo-i", "doas", "chfn", "chsh", "runuser", "runuser-l", "passwd", "chage", "polkit-1"];

/// Is this line ours?
pub(crate) fn is_ours(line: &StackLine) -> bool {
    matches!(&line.kind, LineKind::Module { path, .. } if file_name(path) == MODULE)
}

/// Is it our line that only notes changes of passwords?
pub(crate) fn is_watch(line: &StackLine) -> bool {
    let notes = |kind: &LineKind| matches!(kind, LineKind::Module { arguments, .. } if arguments.iter().any(|one| one == "watch"));
    line.stage == Stage::Password && is_ours(line) && notes(&line.kind)
}

/// Does it ask for a password or the like?
pub(crate) fn asks_first_factor(line: &StackLine) -> bool {
    matches!(&line.kind, LineKind::Module { path, .. } if line.stage == Stage::Auth && ASKING.contains(&file_name(path)))
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The answers that a module of somebody else may give: any, unless it is known better. A module that succeeds only for root is taken
/// never to: root passes no gate.
pub(crate) fn answers(line: &StackLine, service: &str) -> Vec<PamCode> {
    let LineKind::Module { path, arguments } = &line.kind else { return vec![PamCode::PERM_DENIED] };
    match file_name(path) {
        "pam_permit.so" => vec![PamCode::SUCCESS],
        "pam_deny.so" => vec![PamCode::AUTH_ERR],
        "pam_debug.so" => vec![told(line.stage, arguments)],
        name if only_root(name, arguments) && started_by_users(service) => {
            PamCode::all().filter(|code| *code != PamCode::SUCCESS).collect()
        }
        _ => PamCode::all().collect(),
    }
}

/// pam_debug answers what its line says.
pub(crate) fn told(stage: Stage, arguments: &[String]) -> PamCode {
    let event = match stage {
        Stage::Auth => "auth=",
        Stage::Account => "acct=",
        Stage::Password => "chauthtok=",
        Stage::Session => "open_session=",
    };
    let said = arguments.iter().find_map(|argument| argument.strip_prefix(event));
    said.and_then(PamCode::named).unwrap_or(PamCode::SUCCESS)
}

/// `pam_rootok.so`, and `pam_succeed_if.so uid = 0 use_uid`, which asks the same.
fn only_root(name: &str, arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !QUIET.contains(word)).collect();
    match name {
        "pam_rootok.so" => true,
        "pam_succeed_if.so" => {
            matches!(words.as_slice(), ["uid", "=" | "eq", "0", "use_uid"] | ["use_uid", "uid", "=" | "eq", "0"])
        }
        _ => false,
    }
}

pub(crate) const QUIET: [&str; 5] = ["debug", "quiet", "quiet_fail", "quiet_success", "audit"];

/// Also what begins like one of them, as `sudo-otp` for `pam_service` of sudo.
pub(crate) fn started_by_users(service: &str) -> bool {
    STARTED_BY_USERS.contains(&service) || matches!(family(service), "su" | "sudo")
}

/// Where nobody is asked (NOPASSWD), sudo lets in whom an expired password bars.
pub(crate) fn is_sudo(service: &str) -> bool {
    family(service) == "sudo"
}

pub(crate) fn family(service: &str) -> &str {
    service.split_once('-').map_or(service, |(family, _)| family)
}

/// Where libpam looks for modules that are named without a path.
#[derive(Debug, Clone)]
pub(crate) struct ModuleDirectories(pub Vec<PathBuf>);

impl ModuleDirectories {
    pub(crate) fn standard() -> Self {
        let plain = ["/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security"].map(PathBuf::from);
        let multiarch = ["/lib", "/usr/lib"].into_iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
        let multiarch = multiarch.map(|entry| entry.path().join("security"));
        Self(plain.into_iter().chain(multiarch).filter(|dir| dir.is_dir()).collect())
    }

    /// Is there such a module?
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.replace("$ISA", ".");
        match Path::new(&path).is_absolute() {
            true => Path::new(&path).is_file(),
            false => self.0.iter().any(|dir| dir.join(&path).is_file()),
        }
    }
}

/// Modules that others have written, whose names are as near to ours as a slip of the finger.
const NEIGHBOURS: [&str; 5] = ["pam_ftp.so", "pam_cap.so", "pam_oath.so", "pam_tcb.so", "pam_ssh.so"];

/// Is this meant to be ours? No module has that name, and it is no more than two slips away.
pub(crate) fn resembles_ours(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let stem = name.trim_end_matches(|c: char| c.is_whitespace() || c.is_ascii_digit() || c == '.');
    let stem = stem.strip_suffix(".so").unwrap_or(stem);
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    !NEIGHBOURS.contains(&name.as_str()) && (slips(stem, "pam_otp") <= 2 || stem.replace(['_', '-'], "") == "otp")
}

/// Letters too many, too few, wrong or changed about.
fn slips(found: &str, wanted: &str) -> usize {
    let (found, wanted): (Vec<char>, Vec<char>) = (found.chars().collect(), wanted.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=wanted.len()).collect()];
    for (i, letter) in found.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in wanted.iter().enumerate() {
            let at = |up: usize, left: usize| {
                let line = if up == 0 { Some(&row) } else { (i + 1).checked_sub(up).and_then(|place| rows.get(place)) };
                line.and_then(|line| line.get((j + 1).checked_sub(left)?)).copied().unwrap_or(usize::MAX - 1)
            };
            let changed = i > 0 && j > 0 && found.get(i - 1) == Some(other) && wanted.get(j - 1) == Some(letter);
            let swap = if changed { at(2, 2) + 1 } else { usize::MAX };
            row.push((at(1, 1) + usize::from(letter != other)).min(at(1, 0) + 1).min(at(0, 1) + 1).min(swap));
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_resembles_our_name_is_told_from_what_does_not() {
        let ours = [
            "pam_opt.so",
            "pam_otp",
            "pam-otp.so",
            "PAM_OTP.so",
            "libpam_otp.so",
            "pam_otp.so.1",
            "pam_otp.so\r",
            "pam_topt.so",
            "otp.so",
            "/x/pam_op.so",
            "pam_otp.o",
            "pam_totp.so",
        ];
        for name in ours {
            assert!(resembles_ours(name), "{name:?}");
        }
        for name in [
            "pam_unix.so",
            "pam_ftp.so",
            "pam_cap.so",
            "pam_oath.so",
            "pam_deny.so",
            "pam_env.so",
            "pam_sss.so",
            "pam_u2f.so",
            "pam_google_authenticator.so",
        ] {
            assert!(!resembles_ours(name), "{name:?}");
        }
    }

    #[test]
    fn root_alone_passes_only_where_the_program_is_started_by_its_user() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(only_root("pam_rootok.so", &[]) && only_root("pam_succeed_if.so", &words("uid = 0 use_uid quiet")));
        assert!(!only_root("pam_succeed_if.so", &words("uid = 0")), "that is anyone who becomes root");
        assert!(started_by_users("su") && started_by_users("sudo-otp"));
        assert!(!started_by_users("sshd") && !started_by_users("login"));
    }
}
