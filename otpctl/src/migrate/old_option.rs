//! The options of an old line, one by one: what each becomes on our line, in otp.toml, or why it becomes nothing.

use serde::Serialize;

use super::old_module::{OldModule, OptionRule};
use super::policy_block::PolicyWishes;

/// Where an option goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OptionOutcome {
    /// Onto our line.
    Option,
    /// Into otp.toml.
    Policy,
    /// It is always so here.
    AlwaysSo,
    /// It has no counterpart.
    NoCounterpart,
    /// Another option of the same line holds instead.
    Overridden,
    /// The old module has no such option that is known here.
    Unknown,
}

/// One option of an old line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OldOption {
    /// As it stands on the line.
    pub option: String,
    pub outcome: OptionOutcome,
    /// The option of our line, or the lines of otp.toml.
    pub becomes: Option<String>,
    pub why: String,
}

/// The password that is typed before a code, after this line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password {
    /// A later auth line takes the password that this one hands on.
    IsTakenLater,
    /// No later line does.
    StaysHere,
}

impl OldOption {
    /// All options of a line. The wishes for otp.toml are added to those of other lines.
    pub(crate) fn all(
        module: OldModule,
        arguments: &[String],
        password: Password,
        wishes: &mut PolicyWishes,
    ) -> Vec<Self> {
        let per_user = arguments.iter().any(|one| one.starts_with("usersfile=") && one.contains("${"));
        let counts = |at: usize| !is_overridden(module, arguments, at);
        let each = arguments.iter().enumerate().map(|(at, argument)| match counts(at) {
            true => Self::of(module, argument, (password, per_user), wishes),
            false => Self::overridden(argument),
        });
        each.collect()
    }

    fn of(
        module: OldModule,
        argument: &str,
        (password, per_user): (Password, bool),
        wishes: &mut PolicyWishes,
    ) -> Self {
        let Some((name, rule, text)) = module.known(argument) else {
            let why = format!("otpctl does not know such an option of {}", module.file());
            return Self { option: argument.to_owned(), outcome: OptionOutcome::Unknown, becomes: None, why };
        };
        let value = argument.strip_prefix(name).unwrap_or_default();
        let (outcome, becomes, why) = match rule {
            OptionRule::Same => (OptionOutcome::Option, Some(name.to_owned()), text.to_owned()),
            OptionRule::Named(ours) => (OptionOutcome::Option, Some(ours.to_owned()), text.to_owned()),
            OptionRule::Always => (OptionOutcome::AlwaysSo, None, text.to_owned()),
            OptionRule::Nothing => (OptionOutcome::NoCounterpart, None, text.to_owned()),
            OptionRule::Prompt => prompt(value, text),
            OptionRule::Window => window(value, wishes),
            OptionRule::Digits => digits(value, password, wishes),
            OptionRule::NoUsersFile if per_user => {
                (OptionOutcome::Option, Some("unenrolled=skip".to_owned()), text.to_owned())
            }
            OptionRule::NoUsersFile => (OptionOutcome::NoCounterpart, None, NO_USERS_FILE.to_owned()),
        };
        Self { option: argument.to_owned(), outcome, becomes, why }
    }

    fn overridden(argument: &str) -> Self {
        let why = "another option on this line replaces it".to_owned();
        Self { option: argument.to_owned(), outcome: OptionOutcome::Overridden, becomes: None, why }
    }

    /// In a line for people.
    pub(crate) fn told(&self) -> String {
        let becomes = self.becomes.as_deref().unwrap_or_default().replace('\n', ", ");
        let outcome = match self.outcome {
            OptionOutcome::Option if becomes == self.option => "stays".to_owned(),
            OptionOutcome::Option => format!("becomes {becomes}"),
            OptionOutcome::Policy => format!("goes into otp.toml: {becomes}"),
            OptionOutcome::AlwaysSo => "always applies here".to_owned(),
            OptionOutcome::NoCounterpart => "has no counterpart".to_owned(),
            OptionOutcome::Overridden => "has no effect".to_owned(),
            OptionOutcome::Unknown => "is unknown".to_owned(),
        };
        format!("{} {outcome}: {}", self.option, self.why)
    }
}

/// The modules take the last of two; pam_oath's `use_first_pass` is stronger than its `try_first_pass`, wherever it stands.
fn is_overridden(module: OldModule, arguments: &[String], at: usize) -> bool {
    let Some(argument) = arguments.get(at) else { return false };
    let group = |argument: &str| match (module.known(argument), argument) {
        (_, "try_first_pass" | "use_first_pass") => Some("first_pass"),
        (Some((_, OptionRule::Named(ours), _)), _) => Some(ours),
        (Some((name, _, _)), _) => Some(name),
        (None, _) => None,
    };
    let Some(own) = group(argument) else { return false };
    let rivals = || arguments.iter().enumerate().filter(|(place, one)| *place != at && group(one) == Some(own));
    match (module, argument.as_str()) {
        (OldModule::Oath, "try_first_pass") if rivals().any(|(_, one)| one == "use_first_pass") => true,
        (OldModule::Oath, "use_first_pass") => rivals().any(|(place, one)| place > at && one == "use_first_pass"),
        _ => rivals().any(|(place, _)| place > at),
    }
}

type Becomes = (OptionOutcome, Option<String>, String);

fn prompt(value: &str, text: &str) -> Becomes {
    let taken = (1..=128).contains(&value.len()) && !value.chars().any(char::is_control);
    match taken {
        true => (OptionOutcome::Option, Some(format!("prompt={value}")), text.to_owned()),
        false => {
            (OptionOutcome::NoCounterpart, None, "a prompt has 1 to 128 bytes without control characters".to_owned())
        }
    }
}

fn window(value: &str, wishes: &mut PolicyWishes) -> Becomes {
    let Ok(steps) = value.parse::<u64>() else {
        return (OptionOutcome::NoCounterpart, None, "wanted a number".to_owned());
    };
    let ours = steps.min(WIDEST);
    wishes.window = Some(wishes.window.map_or(ours, |other| other.max(ours)));
    let most = if steps > WIDEST { "at most 2 here, so the device's clock must be right; " } else { "" };
    let why = format!("{most}tokens that count may be 10 presses ahead, 50 with two codes in a row");
    (OptionOutcome::Policy, Some(format!("window = {{ back = {ours}, forward = {ours} }}")), why)
}

fn digits(value: &str, password: Password, wishes: &mut PolicyWishes) -> Becomes {
    let length = match value {
        "6" => 6,
        "7" => 7,
        "8" => 8,
        _ => return (OptionOutcome::NoCounterpart, None, "wanted 6, 7 or 8".to_owned()),
    };
    match password {
        Password::IsTakenLater => {
            let why = format!("the last {length} characters are the code, the rest goes on to the next module");
            (OptionOutcome::Option, Some(format!("forward_pass={length}")), why)
        }
        Password::StaysHere => {
            wishes.digits.insert(length);
            let why = "the length of new keys is set beside it; the password in the users file is not imported, and \
                       a first factor before this line asks for one";
            (OptionOutcome::Policy, Some(format!("digits = [{length}]")), why.to_owned())
        }
    }
}

/// Of `window` in otp.toml.
const WIDEST: u64 = 2;
const NO_USERS_FILE: &str =
    "one file is for everybody, and without a vault nobody passes; unenrolled=skip passes users who never had a key";

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(module: OldModule, line: &[&str]) -> Vec<(OptionOutcome, String)> {
        let arguments: Vec<String> = line.iter().map(|one| (*one).to_owned()).collect();
        let all = OldOption::all(module, &arguments, Password::StaysHere, &mut PolicyWishes::default());
        all.into_iter().map(|one| (one.outcome, one.becomes.unwrap_or_default())).collect()
    }

    #[test]
    fn the_last_of_two_counts_as_in_the_old_module() {
        use OptionOutcome::{Option, Overridden};
        let google =
            outcomes(OldModule::GoogleAuthenticator, &["use_first_pass", "nullok", "try_first_pass", "nullok"]);
        assert_eq!(google.iter().map(|one| one.0).collect::<Vec<_>>(), [Overridden, Overridden, Option, Option]);
        let oath = outcomes(OldModule::Oath, &["use_first_pass", "try_first_pass", "debug", "debug_syslog"]);
        assert_eq!(oath.iter().map(|one| one.0).collect::<Vec<_>>(), [Option, Overridden, Overridden, Option]);
    }

    #[test]
    fn an_option_is_known_by_its_whole_name() {
        for unknown in ["Nullok", "nullok=1", "secret", "window=5", ""] {
            assert_eq!(outcomes(OldModule::GoogleAuthenticator, &[unknown])[0].0, OptionOutcome::Unknown, "{unknown}");
        }
        assert_eq!(outcomes(OldModule::Oath, &["nullok"])[0].0, OptionOutcome::Unknown);
    }

    #[test]
    fn a_users_file_for_each_user_may_be_missing() {
        let of = |file| outcomes(OldModule::Oath, &["no_usersfile_okay", file])[0].clone();
        assert_eq!(of("usersfile=${HOME}/.oath"), (OptionOutcome::Option, "unenrolled=skip".to_owned()));
        assert_eq!(of("usersfile=/etc/users.oath").0, OptionOutcome::NoCounterpart);
    }
}
