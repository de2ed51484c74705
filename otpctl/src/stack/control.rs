//! The control of a line: how libpam goes on after each code that the module may return.

use super::code::PamCode;

/// How libpam goes on after a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StackAction {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// So many lines are jumped over.
    Jump(usize),
}

/// An action for every code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    actions: Vec<StackAction>,
    /// Why libpam could not read it; it then takes every code as bad.
    pub wrong: Option<&'static str>,
}

/// In the order in which libpam tries them; a beginning is enough.
const ACTIONS: [(&str, StackAction); 6] = [
    ("ignore", StackAction::Ignore),
    ("ok", StackAction::Ok),
    ("done", StackAction::Done),
    ("bad", StackAction::Bad),
    ("die", StackAction::Die),
    ("reset", StackAction::Reset),
];

impl Control {
    /// Every code is bad.
    pub(super) fn bad(wrong: Option<&'static str>) -> Self {
        Self { actions: PamCode::all().map(|_| StackAction::Bad).collect(), wrong }
    }

    /// Reads a word, or the pairs in brackets. The reader takes `include` and `substack` itself.
    pub(super) fn of(word: &str) -> Self {
        use StackAction::{Bad, Die, Done, Ignore, Ok};
        match word.to_ascii_lowercase().as_str() {
            "required" => Self::word(Ok, Bad, Ignore),
            "requisite" => Self::word(Ok, Die, Ignore),
            "optional" => Self::word(Ok, Ignore, Ignore),
            "sufficient" => Self::word(Done, Ignore, Ignore),
            _ => Self::pairs(word).unwrap_or_else(|wrong| Self::bad(Some(wrong))),
        }
    }

    pub(crate) fn action(&self, code: PamCode) -> StackAction {
        self.actions.get(code.index()).copied().unwrap_or(StackAction::Bad)
    }

    fn word(good: StackAction, default: StackAction, ignored: StackAction) -> Self {
        let of = |code| match code {
            PamCode::SUCCESS | PamCode::NEW_AUTHTOK_REQD => good,
            PamCode::IGNORE => ignored,
            _ => default,
        };
        Self { actions: PamCode::all().map(of).collect(), wrong: None }
    }

    /// `code=action …`. A later one of a code replaces an earlier one; `default` is for those that have none yet.
    fn pairs(text: &str) -> Result<Self, &'static str> {
        let mut found: Vec<Option<StackAction>> = PamCode::all().map(|_| None).collect();
        let mut rest = text.trim_start_matches(is_space);
        while !rest.is_empty() {
            let name = PamCode::all().map(PamCode::name).chain(["default"]).find(|name| rest.starts_with(name));
            let name = name.ok_or("a code was expected")?;
            rest = rest.get(name.len()..).unwrap_or_default().trim_start_matches(is_space);
            rest = rest.strip_prefix('=').ok_or("= was expected")?.trim_start_matches(is_space);
            let (action, after) = action(rest)?;
            rest = after.trim_start_matches(is_space);
            match PamCode::named(name).and_then(|code| found.get_mut(code.index())) {
                Some(place) => *place = Some(action),
                None => found.iter_mut().for_each(|place| *place = place.or(Some(action))),
            }
        }
        let actions = found.into_iter().map(|action| action.unwrap_or(StackAction::Bad)).collect();
        Ok(Self { actions, wrong: None })
    }
}

fn action(text: &str) -> Result<(StackAction, &str), &'static str> {
    let word = ACTIONS.iter().find_map(|(word, action)| Some((*action, text.strip_prefix(word)?)));
    if let Some(found) = word {
        return Ok(found);
    }
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, after) = text.split_at_checked(end).unwrap_or_default();
    if digits.is_empty() {
        return Err("an action was expected");
    }
    // A number that is too large jumps too far, in libpam as well.
    match digits.parse().unwrap_or(usize::MAX) {
        0 => Err("0 lines cannot be jumped over"),
        lines => Ok((StackAction::Jump(lines), after)),
    }
}

/// isspace(3) in the C locale.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str, code: PamCode) -> StackAction {
        Control::of(word).action(code)
    }

    #[test]
    fn the_four_words_are_what_the_manual_says() {
        let codes = [PamCode::SUCCESS, PamCode::NEW_AUTHTOK_REQD, PamCode::IGNORE, PamCode::AUTH_ERR];
        let all = |word: &str| codes.map(|code| of(word, code));
        use StackAction::{Bad, Die, Done, Ignore, Ok};
        assert_eq!(all("Required"), [Ok, Ok, Ignore, Bad]);
        assert_eq!(all("requisite"), [Ok, Ok, Ignore, Die]);
        assert_eq!(all("OPTIONAL"), [Ok, Ok, Ignore, Ignore]);
        assert_eq!(all("sufficient"), [Done, Done, Ignore, Ignore]);
    }

    #[test]
    fn brackets_are_read_from_left_to_right() {
        assert_eq!(of("success=2 default=ignore", PamCode::SUCCESS), StackAction::Jump(2));
        assert_eq!(of("success=2 default=ignore", PamCode::ABORT), StackAction::Ignore);
        assert_eq!(of("default=ignore auth_err=die default=ok", PamCode::AUTH_ERR), StackAction::Die);
        assert_eq!(of("default=ignore default=ok", PamCode::ABORT), StackAction::Ignore);
        assert_eq!(of("success=1default=die", PamCode::ABORT), StackAction::Die);
        assert_eq!(of(" success\t= ok ", PamCode::SUCCESS), StackAction::Ok);
        assert_eq!(of("success=ok", PamCode::ABORT), StackAction::Bad, "what is not named");
    }

    #[test]
    fn what_is_wrong_makes_every_code_bad() {
        for wrong in [
            "requird",
            "success",
            "success=",
            "success=0",
            "success=okay",
            "Success=ok",
            "success=ok x=ok",
            "=ok",
            "success=-1",
        ] {
            let control = Control::of(wrong);
            assert!(control.wrong.is_some(), "{wrong}");
            assert!(PamCode::all().all(|code| control.action(code) == StackAction::Bad), "{wrong}");
        }
    }
}
