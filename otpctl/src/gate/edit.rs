//! The stack with our lines in it: a pure function from the text of a PAM file to the texts that it may become, the likeliest first.
//! Which of them lets nobody past is for `stack::findings` to say.

use std::collections::BTreeSet;

use super::insertion::{IncludeBefore, Insertion, with};
use super::instead::instead_of_password;
use super::marks::{ACCOUNT_RULE, AUTH_RULE, PASSWORD_AFTER, PASSWORD_RULE, REPLACEMENT_RULE, second_word};
use super::shape::GateShape;
use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::modules::{asks_first_factor, is_ours, is_watch};
use crate::stack::reader::{OwnLine, ServiceStacks, StackLine, Stage};
use crate::stack::walk::is_jumped_over;

/// Is a line wanted that asks for a new key when one is due?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordRule {
    Wanted,
    NotWanted,
}

/// The lines that a service is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WantedLines {
    pub shape: GateShape,
    pub account: AccountRule,
    pub password: PasswordRule,
}

/// Is a line wanted that keeps suspended users out?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountRule {
    Wanted,
    /// Screen lockers run no account stage, most of them, and let nobody in who was not in before.
    IfThereIsSuchAStage,
    NotWanted,
}

/// Every text that this one may become. None if the service has our lines; an error says why nothing can be added.
pub(crate) fn variants(text: &str, service: &ServiceStacks, wanted: WantedLines) -> Result<Vec<String>, String> {
    let (auth, out_of_use) = auth(text, service, wanted.shape)?;
    let account = account(service, wanted.account)?;
    let password = password(service, wanted)?;
    let one_of = |places: Vec<Insertion>| match places.is_empty() {
        true => vec![None],
        false => places.into_iter().map(Some).collect(),
    };
    let (auth, account) = (one_of(auth), one_of(account));
    let pairs = auth.iter().flat_map(|auth| account.iter().map(move |account| [auth, account]));
    let all = pairs.map(|pair| pair.into_iter().flatten().chain(&password).cloned().collect::<Vec<_>>());
    Ok(all.filter(|insertions| !insertions.is_empty()).map(|insertions| with(text, insertions, &out_of_use)).collect())
}

/// The places for the auth line or, where our lines stand for the password's, that place and the lines out of use.
fn auth(text: &str, service: &ServiceStacks, shape: GateShape) -> Result<(Vec<Insertion>, BTreeSet<usize>), String> {
    let none = BTreeSet::new();
    let Some(rules) = shape.instead_of_password() else {
        let asks = shape == GateShape::KeyReplacement || !is_missing(service, Stage::Auth);
        return Ok((if asks { Vec::new() } else { after_first_factor(text, service)? }, none));
    };
    let is_own = |line: &StackLine| line.stage == Stage::Auth && service.files.first() == Some(&line.place.file);
    if service.lines.iter().any(|line| is_own(line) && is_ours(line) && !is_watch(line)) {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let lines: Vec<_> = text.lines().map(words).collect();
        return match rules.iter().all(|rule| lines.contains(&words(rule))) {
            true => Ok((Vec::new(), none)),
            false => Err("it already asks for a code, by other lines than those wanted here; remove them first, \
                          with `otpctl gate disable` if it has made them"
                .to_owned()),
        };
    }
    instead_of_password(text, service, &rules).map(|(insertion, lines)| (vec![insertion], lines))
}

fn account(service: &ServiceStacks, wanted: AccountRule) -> Result<Vec<Insertion>, String> {
    let is_there = || !service.stage(Stage::Account).is_empty();
    match wanted {
        AccountRule::Wanted => {}
        AccountRule::IfThereIsSuchAStage if is_there() => {}
        _ => return Ok(Vec::new()),
    }
    if is_missing(service, Stage::Account) { Ok(before_its_end(service)?) } else { Ok(Vec::new()) }
}

/// The lines before which an account line of ours may stand, the likeliest first; none if there is one.
pub(crate) fn account_places(service: &ServiceStacks) -> Result<Vec<usize>, String> {
    Ok(account(service, AccountRule::Wanted)?.into_iter().map(|one| one.before).collect())
}

fn password(service: &ServiceStacks, wanted: WantedLines) -> Result<Option<Insertion>, String> {
    if !is_missing(service, Stage::Password) {
        return Ok(None);
    }
    let stack = service.stage(Stage::Password);
    match (wanted.shape, wanted.password) {
        (GateShape::KeyReplacement, _) => {
            let first = own_lines(&stack).next();
            let own = first.ok_or("it has no password line of its own, and uses those of the service `other`")?;
            Ok(Some(Insertion::new(own.first, &[REPLACEMENT_RULE])))
        }
        (_, PasswordRule::Wanted) => Ok(Some(before_password(&stack))),
        (_, PasswordRule::NotWanted) => Ok(None),
    }
}

fn is_missing(service: &ServiceStacks, stage: Stage) -> bool {
    !service.lines.iter().any(|line| line.stage == stage && is_ours(line) && !is_watch(line))
}

/// After the line that asks for the first factor last, or after a later one: nearer to the first factor first.
fn after_first_factor(text: &str, service: &ServiceStacks) -> Result<Vec<Insertion>, &'static str> {
    let stack = service.stage(Stage::Auth);
    let stack = stack.as_slice();
    if stack.is_empty() {
        return Err("it has no auth line of its own, and uses those of the service `other`");
    }
    let last = stack.iter().rev().find(|line| asks_first_factor(line));
    let from = last
        .ok_or(
            "no auth line asks for a password, as far as this command knows; wanted one that does, for example \
             pam_unix.so",
        )?
        .own;
    let places = own_lines(stack).filter(|own| *own >= from);
    let free = places.filter(|own| !is_jumped_over(stack, stack.iter().take_while(|line| line.own <= *own).count()));
    let insertion = |own: OwnLine, include| Insertion { include, ..Insertion::new(own.last + 1, &[AUTH_RULE]) };
    let mut all: Vec<Insertion> = free.map(|own| insertion(own, IncludeBefore::Stays)).collect();
    let line = text.lines().nth(from.first.saturating_sub(1)).unwrap_or_default();
    let begins = stack.iter().take_while(|line| line.own < from).count();
    if from.first == from.last && second_word(line) == Some("include") && !is_jumped_over(stack, begins) {
        all.push(insertion(from, IncludeBefore::BecomesSubstack));
    }
    some(all)
}

/// Before the first line that can end the stage or includes another file, or before an earlier one. Where every line is plain,
/// before the last.
fn before_its_end(service: &ServiceStacks) -> Result<Vec<Insertion>, &'static str> {
    let (stack, file) = (service.stage(Stage::Account), service.files.first());
    let stack = stack.as_slice();
    if stack.is_empty() {
        return Err("it has no account line of its own, and uses those of the service `other`");
    }
    let ends = |own: &OwnLine| {
        let mut lines = stack.iter().filter(|line| line.own == *own);
        lines.any(|line| Some(&line.place.file) != file || can_end(line))
    };
    let all: Vec<OwnLine> = own_lines(stack).collect();
    let upto = all.iter().position(ends).unwrap_or(all.len().saturating_sub(1));
    let places = all.into_iter().take(upto + 1).rev();
    let free = places.filter(|own| !is_jumped_over(stack, stack.iter().take_while(|line| line.own < *own).count()));
    some(free.map(|own| Insertion::new(own.first, &[ACCOUNT_RULE])).collect())
}

fn some(places: Vec<Insertion>) -> Result<Vec<Insertion>, &'static str> {
    if places.is_empty() {
        Err("a jump skips every place for a line of pam_otp.so; write the line by hand")
    } else {
        Ok(places)
    }
}

/// Before everything that changes a password.
fn before_password(stack: &[StackLine]) -> Insertion {
    match own_lines(stack).next() {
        Some(own) => Insertion::new(own.first, &[PASSWORD_RULE]),
        None => Insertion::new(usize::MAX, &[PASSWORD_RULE, PASSWORD_AFTER]),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::marks::{CHANGED, CODE_ALONE, MARK, OUT_OF_USE, TYPED_AS_ONE, without_ours};
    use super::*;
    use crate::stack::reader::PamDirectories;
    use crate::stack::words::Dialect;

    /// The variants of this text, which may include `part`.
    fn of(text: &str, part: &str, password: PasswordRule) -> Result<Vec<String>, String> {
        let wanted = WantedLines { shape: GateShape::AfterPassword, account: AccountRule::Wanted, password };
        lines_of(text, part, wanted)
    }

    fn lines_of(text: &str, part: &str, wanted: WantedLines) -> Result<Vec<String>, String> {
        let directory = std::env::temp_dir().join(format!("otp-gate-edit-{:?}", std::thread::current().id()));
        fs::create_dir_all(&directory).expect("made");
        fs::write(directory.join("tried"), text).expect("written");
        fs::write(directory.join("part"), part).expect("written");
        let service = PamDirectories::of(vec![directory.clone()]).read("tried", Dialect::New).expect("read");
        fs::remove_dir_all(directory).expect("removed");
        variants(text, &service, wanted)
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

    /// Instead of the password, as of a locker.
    fn instead(text: &str, shape: GateShape) -> Result<Vec<String>, String> {
        lines_of(text, PART, WantedLines { shape, account: AccountRule::NotWanted, password: PasswordRule::NotWanted })
    }

    #[test]
    fn our_lines_stand_for_those_of_the_password_and_for_what_these_jump_over() {
        let out = |line: &str| format!("{OUT_OF_USE}{line}");
        let [first, second] = TYPED_AS_ONE.map(str::to_owned);
        let cases = [
            ("auth include part", vec![first.clone(), second.clone(), out("auth include part")]),
            (
                "auth required pam_env.so\n@include part\n",
                vec![
                    "auth required pam_env.so".to_owned(),
                    first.clone(),
                    second.clone(),
                    "account include part".to_owned(),
                    out("@include part"),
                ],
            ),
            (
                "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
                vec![
                    first,
                    second,
                    out("auth [success=1 default=ignore] pam_unix.so"),
                    out("auth requisite pam_deny.so"),
                    "auth required pam_permit.so".to_owned(),
                ],
            ),
        ];
        for (text, expected) in cases {
            let found = instead(text, GateShape::TypedAsOne).expect("variants");
            assert_eq!((found.len(), rules(&found[0])), (1, expected.iter().map(String::as_str).collect()), "{text}");
            assert_eq!(without_ours(&found[0]), text);
            assert_eq!(instead(&found[0], GateShape::TypedAsOne), Ok(Vec::new()), "{text}");
            assert!(instead(&found[0], GateShape::CodeAlone).expect_err("another one").contains("other lines"));
        }
        let alone = instead("auth include part\n", GateShape::CodeAlone).expect("variants");
        assert!(rules(&alone[0]).starts_with(&CODE_ALONE));
    }

    #[test]
    fn another_first_factor_or_none_is_nothing_to_stand_for() {
        for (text, why) in [
            ("auth sufficient pam_unix.so\nauth required pam_sss.so\n", "line 2: pam_sss.so asks for a first factor"),
            ("auth [success=3 default=die] pam_unix.so\n", "line 1: it jumps beyond the end"),
            ("auth required pam_permit.so\n", "no auth line asks"),
        ] {
            assert!(instead(text, GateShape::CodeAlone).expect_err("refused").contains(why), "{text}");
        }
    }

    #[test]
    fn passwd_asks_before_a_new_password_and_nowhere_else() {
        let wanted = WantedLines {
            shape: GateShape::KeyReplacement,
            account: AccountRule::NotWanted,
            password: PasswordRule::NotWanted,
        };
        let found = lines_of("# mine\n@include other\npassword required pam_unix.so\n", PART, wanted);
        assert!(found.is_err(), "a file that is not there");
        let found = lines_of("# mine\npassword required pam_unix.so\n", PART, wanted).expect("variants");
        assert_eq!(rules(&found[0]), ["# mine", REPLACEMENT_RULE, "password required pam_unix.so"]);
        assert!(
            lines_of("auth required pam_unix.so\n", PART, wanted).expect_err("refused").contains("no password line")
        );
    }
}
