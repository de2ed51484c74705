//! One refusal of SELinux or AppArmor, as the kernel logs it: `avc:  denied  { … }` or `apparmor="DENIED"`.

use std::fmt;
use std::path::Path;

use otp_core::unix_time::UnixTime;

/// A refusal, and to whom; refusals that are equal in all of it are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LsmDenial {
    pub by: DeniedBy,
    /// The program.
    command: String,
    /// The domain of SELinux, or the profile of AppArmor.
    confined_as: String,
    /// The rights, in the words of the log.
    rights: String,
    /// The file or socket, as far as the log names it.
    object: String,
    /// The type of SELinux that the object has; empty for AppArmor.
    object_type: String,
    /// Was it only logged, and let pass?
    permissive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DeniedBy {
    SeLinux,
    AppArmor,
}

/// Names by which a line of SELinux, which often has no path, can be told to be about our files.
const OUR_NAMES: [&str; 6] = ["otp.toml", "host.key", "vault.toml", "otp.sock", "pam_otp.so", "otp-emergency"];
const OUR_PLACES: [&str; 5] = ["/etc/otp", "/var/lib/otp", "/run/otp", "/var/lib/otp-notify", "/run/otp-"];

impl LsmDenial {
    /// Reads a line of the log: the refusal, and when it was. `None` for every other line.
    pub(crate) fn read(line: &str) -> Option<(Self, UnixTime)> {
        let at = audit_time(line)?;
        let denial = Self::of_selinux(line).or_else(|| Self::of_apparmor(line))?;
        Some((denial, at))
    }

    fn of_selinux(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("avc:")?;
        let (head, rest) = rest.split_once('{')?;
        if head.trim() != "denied" {
            return None;
        }
        let (rights, fields) = rest.split_once('}')?;
        let context = |name| field(fields, name).and_then(|text| text.split(':').nth(2).map(str::to_owned));
        Some(Self {
            by: DeniedBy::SeLinux,
            command: field(fields, "comm").unwrap_or_default(),
            confined_as: context("scontext").unwrap_or_default(),
            rights: format!("{} ({})", rights.trim(), field(fields, "tclass").unwrap_or_default()),
            object: field(fields, "path").or_else(|| field(fields, "name")).unwrap_or_default(),
            object_type: context("tcontext").unwrap_or_default(),
            permissive: field(fields, "permissive").is_some_and(|text| text == "1"),
        })
    }

    fn of_apparmor(line: &str) -> Option<Self> {
        if field(line, "apparmor")? != "DENIED" {
            return None;
        }
        let mask = field(line, "denied_mask").or_else(|| field(line, "denied"));
        Some(Self {
            by: DeniedBy::AppArmor,
            command: field(line, "comm").unwrap_or_default(),
            confined_as: field(line, "profile").unwrap_or_default(),
            rights: mask.or_else(|| field(line, "operation")).unwrap_or_default(),
            object: field(line, "name").or_else(|| of_no_file(line)).unwrap_or_default(),
            object_type: String::new(),
            permissive: false,
        })
    }

    /// Is it about our programs or files?
    pub(crate) fn is_ours(&self) -> bool {
        let program =
            |name: &str| name.starts_with("otp-") || name.starts_with("otpctl") || name.contains("/otp-enrolld");
        let place = OUR_PLACES.iter().any(|place| self.object.starts_with(place));
        program(&self.command)
            || program(&self.confined_as)
            || self.confined_as.starts_with("otp_")
            || self.object_type.starts_with("otp_")
            || place
            || OUR_NAMES.iter().any(|name| self.object.rsplit('/').next() == Some(*name))
    }

    /// The file of the profile, where it is the usual one and its name is plain.
    pub(crate) fn profile_file(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let name = self.confined_as.trim_start_matches('/').replace('/', ".");
        let file = format!("/etc/apparmor.d/{name}");
        (!name.is_empty() && !name.contains("..") && name.chars().all(plain) && Path::new(&file).is_file())
            .then_some(file)
    }
}

impl fmt::Display for LsmDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, confined_as, rights, object, object_type, .. } = self;
        let object = if object.is_empty() { "something unnamed" } else { object };
        match self.by {
            DeniedBy::SeLinux => {
                let how = if self.permissive { "would refuse (it is permissive)" } else { "refused" };
                write!(f, "SELinux {how} {rights} of {object} (type {object_type}) to {command} (domain {confined_as})")
            }
            DeniedBy::AppArmor => {
                let rule = if object.starts_with('/') { format!("{object} {rights},") } else { format!("{object},") };
                write!(
                    f,
                    "AppArmor refused {object} ({rights}) to {command}; the profile {confined_as} lacks the rule `{rule}`"
                )
            }
        }
    }
}

/// A capability, or a kind of socket, as a rule of AppArmor has it.
fn of_no_file(line: &str) -> Option<String> {
    let capability = field(line, "capname").map(|name| format!("capability {name}"));
    let socket = || Some(format!("network {} {}", field(line, "family")?, field(line, "sock_type")?));
    capability.or_else(socket)
}

/// `audit(1764428400.123:456)`: the seconds.
fn audit_time(line: &str) -> Option<UnixTime> {
    let (_, rest) = line.split_once("audit(")?;
    rest.split('.').next()?.parse().ok().map(UnixTime::new)
}

/// `name=value`, `name="value"`, or the value in hexadecimal digits, as the kernel writes what has blanks or quotes.
fn field(line: &str, name: &str) -> Option<String> {
    let start = line.match_indices(name).find_map(|(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        let after = line.get(at + name.len()..)?.strip_prefix('=')?;
        before.is_none_or(char::is_whitespace).then_some(after)
    })?;
    if let Some(quoted) = start.strip_prefix('"') {
        return quoted.split('"').next().map(str::to_owned);
    }
    let word = start.split_whitespace().next()?;
    let hexadecimal = ENCODED.contains(&name) && word.len() >= 2 && word.len().is_multiple_of(2);
    let decoded = hexadecimal.then(|| data_encoding::HEXUPPER_PERMISSIVE.decode(word.as_bytes()).ok()).flatten();
    Some(decoded.map_or_else(|| word.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Fields that the kernel quotes, unless it encodes them.
const ENCODED: [&str; 5] = ["comm", "name", "path", "profile", "exe"];

#[cfg(test)]
mod tests {
    use super::*;

    const SELINUX: &str = "type=AVC msg=audit(1764428400.123:456): avc:  denied  { read open } for  pid=812 comm=\"sshd\" path=\"/etc/otp/otp.toml\" dev=\"vda1\" ino=1234 scontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tcontext=system_u:object_r:otp_etc_t:s0 tclass=file permissive=0";
    const CONNECT: &str = "audit: type=1400 audit(1764428401.001:77): avc:  denied  { connectto } for  pid=9 comm=\"i3lock\" path=\"/run/otp/otp.sock\" scontext=staff_u:staff_r:screen_locker_t:s0 tcontext=system_u:system_r:init_t:s0 tclass=unix_stream_socket permissive=1";
    const APPARMOR: &str = "audit: type=1400 audit(1764428402.500:88): apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"otp-enrolld\" name=\"/etc/otp/otp.toml\" pid=512 comm=\"otp-enrolld\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";
    const OF_AUDITD: &str = "type=AVC msg=audit(1764428402.500:88): apparmor=\"DENIED\" operation=\"capable\" class=\"cap\" profile=\"/usr/sbin/sshd\" pid=512 comm=6F74702D656E726F6C6C64 capability=1  capname=\"dac_override\"";

    fn read(line: &str) -> (String, bool, u64) {
        let (denial, at) = LsmDenial::read(line).unwrap();
        (denial.to_string(), denial.is_ours(), at.seconds())
    }

    #[test]
    fn every_form_in_which_the_kernel_logs_a_refusal_is_read() {
        let cases = [
            (SELINUX, "SELinux refused read open (file) of /etc/otp/otp.toml (type otp_etc_t) to sshd (domain sshd_t)"),
            (
                CONNECT,
                "SELinux would refuse (it is permissive) connectto (unix_stream_socket) of /run/otp/otp.sock (type init_t) to i3lock (domain screen_locker_t)",
            ),
            (
                APPARMOR,
                "AppArmor refused /etc/otp/otp.toml (r) to otp-enrolld; the profile otp-enrolld lacks the rule `/etc/otp/otp.toml r,`",
            ),
            (
                OF_AUDITD,
                "AppArmor refused capability dac_override (capable) to otp-enrolld; the profile /usr/sbin/sshd lacks the rule `capability dac_override,`",
            ),
        ];
        for (line, text) in cases {
            assert_eq!(read(line).0, text);
            assert!(read(line).1, "{line}");
        }
        assert_eq!(read(SELINUX).2, 1_764_428_400);
    }

    #[test]
    fn what_is_granted_allowed_or_about_others_is_none_of_ours() {
        for line in [
            &SELINUX.replace("denied", "granted"),
            &APPARMOR.replace("DENIED", "ALLOWED"),
            "type=USER_AUTH msg=audit(1764428400.123:456): op=PAM:authentication",
            "apparmor=\"DENIED\" without a time",
            "avc:  denied  { read",
            "",
        ] {
            assert_eq!(LsmDenial::read(line), None, "{line}");
        }
        let others = SELINUX.replace("/etc/otp/otp.toml", "/etc/shadow").replace("otp_etc_t", "shadow_t");
        assert!(!read(&others).1);
        let named = SELINUX.replace("path=\"/etc/otp/otp.toml\"", "name=\"host.key\"").replace("otp_etc_t", "etc_t");
        assert!(read(&named).1);
    }
}
