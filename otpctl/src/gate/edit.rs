//! The stack with our lines in it: a pure function from the text of a PAM file to the texts that it may become, the likeliest first.
//! Which of them lets nobody past is for `stack::findings` to say.

use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::modules::{MODULE, asks_first_factor, file_name, is_ours};
use crate::stack::reader::{OwnLine, ServiceStacks, StackLine, Stage};
use crate::stack::walk::is_jumped_over;

/// The rules of the README and of docs/hosts.md.
const AUTH_RULE: &str = "auth required pam_otp.so";
const ACCOUNT_RULE: &str = "account required pam_otp.so";
const PASSWORD_RULE: &str = "password [success=done ignore=ignore default=die] pam_otp.so";
/// Where a service has no password line of its own, libpam takes those of `other`, which our line would end.
const PASSWORD_AFTER: &str = "@include common-password";
/// Of sshd. It takes the first value that it reads.
pub(super) const SSHD_SETTINGS: [&str; 3] =
    ["UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no"];
/// Of sudoers: the beginning of the line with the commands, and the line that gives them their service.
pub(super) const SUDOERS_ALIAS: &str = "Cmnd_Alias GATED = ";
pub(super) const SUDOERS_DEFAULTS: &str =
    "Defaults!GATED pam_service=sudo-otp, pam_login_service=sudo-otp, timestamp_timeout=0";
/// The comment over an `include` that is a substack now.
const CHANGED: &str = "# `include` was made `substack` by `otpctl gate enable`; `otpctl gate disable` changes it back";
/// The comment over each of them.
const MARK: &str = "# added by `otpctl gate enable`; `otpctl gate disable` takes it out";

/// Is a line wanted that asks for a new key when one is due?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordRule {
    Wanted,
    NotWanted,
}

/// Some lines, put before the line with this number.
#[derive(Debug, Clone)]
struct Insertion {
    before: usize,
    rules: &'static [&'static str],
    include: IncludeBefore,
}

/// The line before an insertion, where it includes the first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IncludeBefore {
    Stays,
    /// An `include` that a `sufficient` line ends would end the whole stage, and a substack ends alone.
    BecomesSubstack,
}

/// Every text that this one may become. None if the service has our lines; an error says why nothing can be added.
pub(crate) fn variants(
    text: &str,
    service: &ServiceStacks,
    password: PasswordRule,
) -> Result<Vec<String>, &'static str> {
    let missing = |stage| !service.lines.iter().any(|line| line.stage == stage && is_ours(line));
    let auth = if missing(Stage::Auth) { after_first_factor(text, service)? } else { Vec::new() };
    let account = if missing(Stage::Account) { before_its_end(service)? } else { Vec::new() };
    let wanted = password == PasswordRule::Wanted && missing(Stage::Password);
    let password = wanted.then(|| before_password(&service.stage(Stage::Password)));
    let one_of = |places: Vec<Insertion>| match places.is_empty() {
        true => vec![None],
        false => places.into_iter().map(Some).collect(),
    };
    let (auth, account) = (one_of(auth), one_of(account));
    let pairs = auth.iter().flat_map(|auth| account.iter().map(move |account| [auth, account]));
    let all = pairs.map(|pair| pair.into_iter().flatten().chain(&password).cloned().collect::<Vec<_>>());
    Ok(all.filter(|insertions| !insertions.is_empty()).map(|insertions| with(text, insertions)).collect())
}

/// Takes out each rule of ours under its comment, and a line there that still names our module: with an option that somebody has added
/// it would go on asking, and nothing would undo it. Everything else stays.
pub(crate) fn without_ours(text: &str) -> String {
    let rules = [AUTH_RULE, ACCOUNT_RULE, PASSWORD_RULE, PASSWORD_AFTER, SUDOERS_DEFAULTS];
    let rules: Vec<&str> = rules.into_iter().chain(SSHD_SETTINGS).collect();
    let is_rule =
        |line: &str| rules.contains(&line.trim_end()) || line.starts_with(SUDOERS_ALIAS) || names_our_module(line);
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
            _ => left.push_str(line),
        }
    }
    left
}

/// In one line: of one that goes on, the rest would be left alone.
fn names_our_module(line: &str) -> bool {
    line.split_whitespace().any(|word| file_name(word) == MODULE) && !line.trim_end().ends_with('\\')
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

/// After the line that asks for the first factor last, or after a later one: nearer to the first factor first.
fn after_first_factor(text: &str, service: &ServiceStacks) -> Result<Vec<Insertion>, &'static str> {
    let stack = service.stage(Stage::Auth);
    let stack = stack.as_slice();
    if stack.is_empty() {
        return Err("it has no auth line of its own, and takes those of the service `other`");
    }
    let last = stack.iter().rev().find(|line| asks_first_factor(line));
    let from = last
        .ok_or("no auth line asks for a password that this command knows; wanted one, for example pam_unix.so")?
        .own;
    let places = own_lines(stack).filter(|own| *own >= from);
    let free = places.filter(|own| !is_jumped_over(stack, stack.iter().take_while(|line| line.own <= *own).count()));
    let insertion = |own: OwnLine, include| Insertion { before: own.last + 1, rules: &[AUTH_RULE], include };
    let mut all: Vec<Insertion> = free.map(|own| insertion(own, IncludeBefore::Stays)).collect();
    let line = text.lines().nth(from.first.saturating_sub(1)).unwrap_or_default();
    let begins = stack.iter().take_while(|line| line.own < from).count();
    if from.first == from.last && second_word(line) == Some("include") && !is_jumped_over(stack, begins) {
        all.push(insertion(from, IncludeBefore::BecomesSubstack));
    }
    Ok(all)
}

/// The control of a line that includes, if nobody has written it in capitals.
fn second_word(line: &str) -> Option<&str> {
    line.split_whitespace().nth(1)
}

/// Before the first line that can end the stage or includes another file, or before an earlier one. Where every line is plain,
/// before the last.
fn before_its_end(service: &ServiceStacks) -> Result<Vec<Insertion>, &'static str> {
    let (stack, file) = (service.stage(Stage::Account), service.files.first());
    let stack = stack.as_slice();
    if stack.is_empty() {
        return Err("it has no account line of its own, and takes those of the service `other`");
    }
    let ends = |own: &OwnLine| {
        let mut lines = stack.iter().filter(|line| line.own == *own);
        lines.any(|line| Some(&line.place.file) != file || can_end(line))
    };
    let all: Vec<OwnLine> = own_lines(stack).collect();
    let upto = all.iter().position(ends).unwrap_or(all.len().saturating_sub(1));
    let places = all.into_iter().take(upto + 1).rev();
    let free = places.filter(|own| !is_jumped_over(stack, stack.iter().take_while(|line| line.own < *own).count()));
    Ok(free.map(|own| Insertion { before: own.first, rules: &[ACCOUNT_RULE], include: IncludeBefore::Stays }).collect())
}

/// Before everything that changes a password.
fn before_password(stack: &[StackLine]) -> Insertion {
    match own_lines(stack).next() {
        Some(own) => Insertion { before: own.first, rules: &[PASSWORD_RULE], include: IncludeBefore::Stays },
        None => {
            Insertion { before: usize::MAX, rules: &[PASSWORD_RULE, PASSWORD_AFTER], include: IncludeBefore::Stays }
        }
    }
}

/// The lines of the service's own file that a stack comes from, in their order.
fn own_lines(stack: &[StackLine]) -> impl Iterator<Item = OwnLine> {
    let mut before = None;
    let own: Vec<OwnLine> =
        stack.iter().map(|line| line.own).filter(|own| before.replace(*own) != Some(*own)).collect();
    own.into_iter()
}

fn can_end(line: &StackLine) -> bool {
    let ends = |action| matches!(action, StackAction::Done | StackAction::Die | StackAction::Jump(_));
    PamCode::all().any(|code| ends(line.control.action(code)))
}

/// The text with these insertions.
fn with(text: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_by_key(|one| one.before);
    let deeper = insertions.iter().find(|one| one.include == IncludeBefore::BecomesSubstack).map(|one| one.before);
    let mut insertions = insertions.into_iter().peekable();
    let mut found = String::with_capacity(text.len() + 256);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        while let Some(due) = insertions.next_if(|one| one.before <= number) {
            add(&mut found, &due);
        }
        match deeper == Some(number + 1) {
            true => found.push_str(&format!("{CHANGED}\n{}", line.replacen("include", "substack", 1))),
            false => found.push_str(line),
        }
    }
    insertions.for_each(|rest| add(&mut found, &rest));
    found
}

fn add(text: &mut String, insertion: &Insertion) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&marked(insertion.rules));
}

/// Each of them under its comment.
pub(super) fn marked(rules: &[&str]) -> String {
    rules.iter().map(|rule| format!("{MARK}\n{rule}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::stack::reader::PamDirectories;
    use crate::stack::words::Dialect;

    /// The variants of this text, which may include `part`.
    fn of(text: &str, part: &str, password: PasswordRule) -> Result<Vec<String>, &'static str> {
        let directory = std::env::temp_dir().join(format!("otp-gate-edit-{:?}", std::thread::current().id()));
        fs::create_dir_all(&directory).expect("made");
        fs::write(directory.join("tried"), text).expect("written");
        fs::write(directory.join("part"), part).expect("written");
        let service = PamDirectories(vec![directory.clone()]).read("tried", Dialect::New).expect("read");
        fs::remove_dir_all(directory).expect("removed");
        variants(text, &service, password)
    }

    /// Without our comments, which stand over each line of ours.
    fn rules(text: &str) -> Vec<&str> {
        text.lines().filter(|line| ![MARK, CHANGED].contains(line)).collect()
    }

    const PART: &str = "auth sufficient pam_unix.so\nauth required pam_deny.so\naccount required pam_unix.so\n";

    #[test]
    fn the_first_variant_is_the_recipe_of_the_readme() {
        let text = "# mine\n@include part\nsession required pam_limits.so\n";
        let found = of(text, PART, PasswordRule::NotWanted).expect("variants");
        let expected = ["# mine", ACCOUNT_RULE, "@include part", AUTH_RULE, "session required pam_limits.so"];
        assert_eq!(rules(found.first().expect("one")), expected);
    }

    #[test]
    fn an_include_becomes_a_substack_in_the_last_variant() {
        let found = of("auth include part\naccount include part", PART, PasswordRule::NotWanted).expect("variants");
        let expected = ["auth substack part", AUTH_RULE, ACCOUNT_RULE, "account include part"];
        assert_eq!(rules(found.last().expect("one")), expected);
    }

    #[test]
    fn a_password_line_comes_before_all_others_or_with_what_libpam_would_take_else() {
        let text = "auth required pam_unix.so\naccount required pam_unix.so\n";
        let with = |more: &str| of(&format!("{text}{more}"), PART, PasswordRule::Wanted).expect("variants").remove(0);
        assert_eq!(rules(&with("")).split_off(4), [PASSWORD_RULE, PASSWORD_AFTER]);
        assert_eq!(
            rules(&with("password required pam_unix.so\n")).split_off(4),
            [PASSWORD_RULE, "password required pam_unix.so"]
        );
    }

    #[test]
    fn what_is_put_in_is_taken_out_and_nothing_else() {
        let texts = [
            "auth include part\naccount include part\n",
            "auth \\\n required \\\n pam_unix.so\naccount required pam_unix.so\nauth required pam_env.so\n",
            "@include part\n@include common-password\n",
        ];
        for text in texts {
            for password in [PasswordRule::Wanted, PasswordRule::NotWanted] {
                let found = of(text, PART, password).expect("variants");
                assert!(found.iter().all(|one| one != text && without_ours(one) == text), "{found:?}");
            }
            assert_eq!(without_ours(text), text);
        }
        let by_hand = format!("{AUTH_RULE}\n{MARK}\n@include part\n{MARK}\nauth required pam_otp.so \\\n debug\n");
        assert_eq!(without_ours(&by_hand), by_hand, "none of them is ours");
    }

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
    fn a_stack_with_our_lines_has_no_variant_and_one_without_a_password_no_place() {
        let gated = format!("auth required pam_unix.so\n{AUTH_RULE}\n{ACCOUNT_RULE}\n");
        assert_eq!(of(&gated, PART, PasswordRule::NotWanted), Ok(Vec::new()));
        for text in [
            "auth required pam_permit.so\naccount required pam_unix.so\n",
            "account required pam_unix.so\n",
            "@include nothing\n",
        ] {
            assert!(of(text, PART, PasswordRule::NotWanted).is_err(), "{text}");
        }
    }
}
