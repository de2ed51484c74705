//! The lines that gates put into files, each under a comment, and how they are taken out again.

use crate::stack::modules::{MODULE, file_name};

/// The rules of docs/hosts.md.
pub(super) const AUTH_RULE: &str = "auth required pam_otp.so";
pub(crate) const ACCOUNT_RULE: &str = "account required pam_otp.so";
pub(crate) const PASSWORD_RULE: &str = "password [success=done ignore=ignore default=die] pam_otp.so";
/// Where a service has no password line of its own, libpam takes those of `other`, which our line would end.
pub(crate) const PASSWORD_AFTER: &str = "@include common-password";
/// Of screen lockers, which give one answer: the password, then the code.
pub(super) const TYPED_AS_ONE: [&str; 2] =
    ["auth requisite pam_otp.so forward_pass", "auth required pam_unix.so use_first_pass"];
/// After something that stands for the password; users who are not asked for a code are asked for theirs.
pub(super) const CODE_ALONE: [&str; 2] =
    ["auth [success=done ignore=ignore default=die] pam_otp.so", "auth required pam_unix.so"];
/// Of passwd.
pub(super) const REPLACEMENT_RULE: &str = "password requisite pam_otp.so rotate=ask";
/// Of sshd. It takes the first value that it reads.
pub(super) const SSHD_SETTINGS: [&str; 3] =
    ["UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no"];
/// Of sshd that wants a key as well, and of one whose keys stand for the password.
pub(super) const SSHD_KEY: &str = "AuthenticationMethods publickey,keyboard-interactive";
pub(super) const SSHD_NO_ROOT: &str = "PermitRootLogin no";
/// Of sudoers: the beginning of the line with the commands, and the line that gives them their service.
pub(super) const SUDOERS_ALIAS: &str = "Cmnd_Alias GATED = ";
pub(super) const SUDOERS_DEFAULTS: &str =
    "Defaults!GATED pam_service=sudo-otp, pam_login_service=sudo-otp, timestamp_timeout=0";
/// The comment over an `include` that is a substack now.
pub(super) const CHANGED: &str =
    "# `include` was made `substack` by `otpctl gate enable`; `otpctl gate disable` changes it back";
/// The comment over each of them.
pub(super) const MARK: &str = "# added by `otpctl gate enable`; `otpctl gate disable` takes it out";
/// Before a line that ours stand for.
pub(super) const OUT_OF_USE: &str = "# out of use by `otpctl gate enable`: ";

/// Each of them under its comment.
pub(super) fn marked<T: AsRef<str>>(rules: &[T]) -> String {
    rules.iter().map(|rule| format!("{MARK}\n{}\n", rule.as_ref())).collect()
}

/// The control of a line that includes, if nobody has written it in capitals.
pub(super) fn second_word(line: &str) -> Option<&str> {
    line.split_whitespace().nth(1)
}

/// Takes out each rule of ours under its comment, and a line there that still names our module: with an option that somebody has added
/// it would go on asking, and nothing would undo it. A line that was out of use is in use again. Everything else stays.
pub(crate) fn without_ours(text: &str) -> String {
    let mut lines = text.split_inclusive('\n').peekable();
    let mut left = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or_default();
        match line.trim_end() {
            MARK if is_rule(next) => drop(lines.next()),
            CHANGED if second_word(next) == Some("substack") => {
                left.push_str(&next.replacen("substack", "include", 1));
                lines.next();
            }
            _ => left.push_str(line.strip_prefix(OUT_OF_USE).unwrap_or(line)),
        }
    }
    left
}

/// The same, and every line that names our module where there was none `before`: somebody may have taken our comments away.
pub(crate) fn without_gate(text: &str, before: Option<&str>) -> String {
    let left = without_ours(text);
    if before.is_some_and(|before| before.contains(MODULE)) {
        return left;
    }
    let mut goes_on = false;
    let stays = |line: &&str| {
        let part = std::mem::replace(&mut goes_on, line.trim_end().ends_with('\\'));
        part || line.starts_with('#') || !names_our_module(line)
    };
    left.split_inclusive('\n').filter(stays).collect()
}

/// May this line be one that a gate has put in?
fn is_rule(line: &str) -> bool {
    let rules = [AUTH_RULE, ACCOUNT_RULE, PASSWORD_RULE, PASSWORD_AFTER, REPLACEMENT_RULE, SUDOERS_DEFAULTS];
    let of_sshd = [SSHD_KEY, SSHD_NO_ROOT];
    let mut rules = rules.into_iter().chain(TYPED_AS_ONE).chain(CODE_ALONE).chain(SSHD_SETTINGS).chain(of_sshd);
    rules.any(|rule| rule == line.trim_end())
        || line.starts_with(SUDOERS_ALIAS)
        || names_our_module(line)
        || stands_for_an_include(line)
}

/// In one line: of one that goes on, the rest would be left alone.
fn names_our_module(line: &str) -> bool {
    line.split_whitespace().any(|word| file_name(word) == MODULE) && !line.trim_end().ends_with('\\')
}

/// The other stages of a file whose auth lines are out of use.
fn stands_for_an_include(line: &str) -> bool {
    matches!(line.split_whitespace().collect::<Vec<_>>().as_slice(), ["account" | "password" | "session", "include", _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_with_an_option_of_somebody_is_taken_out_too() {
        for changed in
            ["auth required pam_otp.so debug", "auth\trequired\tpam_otp.so", "-auth optional /lib/security/pam_otp.so"]
        {
            assert_eq!(without_ours(&format!("@include part\n{MARK}\n{changed}\n# mine\n")), "@include part\n# mine\n");
        }
    }

    #[test]
    fn a_rule_without_its_comment_goes_where_none_was_before() {
        let text = format!("@include part\n{AUTH_RULE}\n# pam_otp.so\n{ACCOUNT_RULE}\nauth \\\n required pam_otp.so\n");
        let left = "@include part\n# pam_otp.so\nauth \\\n required pam_otp.so\n";
        assert_eq!(without_gate(&text, Some("@include part\n")), left);
        assert_eq!(without_gate(&text, Some(AUTH_RULE)), text);
    }

    #[test]
    fn a_line_that_was_out_of_use_is_in_use_again_to_the_byte() {
        let gated = format!("{}{OUT_OF_USE}auth \\\n{OUT_OF_USE}\tinclude login", marked(&TYPED_AS_ONE));
        assert_eq!(without_ours(&gated), "auth \\\n\tinclude login");
        let whole =
            format!("{}{OUT_OF_USE}@include login\n", marked(&["account include login", "session include login"]));
        assert_eq!(without_ours(&whole), "@include login\n");
    }
}
