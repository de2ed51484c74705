//! The text of a PAM file with other lines in it: by the numbers of its lines, with the jumps that lead over them.

use std::collections::BTreeMap;

use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::reader::{OwnLine, StackLine};

/// The lines that stand for those of a file.
pub(super) type Replacements = BTreeMap<OwnLine, Vec<String>>;

/// The text with these lines, and with one before the line of that number.
pub(super) fn with(text: &str, replacements: &Replacements, inserted: Option<(usize, &str)>) -> String {
    let mut found = String::with_capacity(text.len() + 256);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some((_, rule)) = inserted.filter(|(before, _)| *before == number) {
            push(&mut found, rule);
        }
        match replacements.iter().find(|(own, _)| (own.first..=own.last).contains(&number)) {
            None => found.push_str(line),
            Some((own, lines)) if own.first == number => lines.iter().for_each(|line| push(&mut found, line)),
            Some(_) => {}
        }
    }
    if let Some((_, rule)) = inserted.filter(|(before, _)| *before > text.lines().count()) {
        push(&mut found, rule);
    }
    found
}

fn push(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// Does a line of the stack jump at all?
pub(super) fn jumps(line: &StackLine) -> bool {
    PamCode::all().any(|code| matches!(line.control.action(code), StackAction::Jump(_)))
}

/// The line with each number of its control in brackets changed.
pub(super) fn with_jumps(line: &str, new: impl Fn(usize) -> usize) -> String {
    let Some((before, rest)) = line.split_once('[') else { return line.to_owned() };
    let Some((control, after)) = rest.split_once(']') else { return line.to_owned() };
    let mut parts = control.split('=');
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.trim_start();
        let (blanks, end) = (part.len() - digits.len(), digits.bytes().take_while(u8::is_ascii_digit).count());
        let (number, tail) = digits.split_at_checked(end).unwrap_or((digits, ""));
        let number = number.parse().map_or_else(|_| number.to_owned(), |lines| new(lines).to_string());
        changed.push_str(&format!("={}{number}{tail}", part.get(..blanks).unwrap_or_default()));
    }
    format!("{before}[{changed}]{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_in_brackets_changes_and_nothing_else() {
        let line = "auth [success=2 default= 1 ignore=ignore] pam_x.so [a=3]";
        assert_eq!(with_jumps(line, |lines| lines + 2), "auth [success=4 default= 3 ignore=ignore] pam_x.so [a=3]");
        assert_eq!(with_jumps("auth required pam_x.so a=3", |lines| lines + 2), "auth required pam_x.so a=3");
    }

    #[test]
    fn lines_that_go_on_are_replaced_as_a_whole() {
        let own = |first, last| OwnLine { first, last };
        let lines = Replacements::from([(own(2, 3), vec!["x".to_owned(), "y".to_owned()])]);
        assert_eq!(with("a\nb \\\n c\nd", &lines, Some((4, "new"))), "a\nx\ny\nnew\nd");
        assert_eq!(with("a\nb", &Replacements::new(), Some((usize::MAX, "new"))), "a\nb\nnew\n");
    }
}
