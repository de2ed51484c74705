//! A PAM file as lines and words, as libpam takes it apart.

/// Which libpam reads. They agree on everything that people write on purpose; where they do not, both are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// 1.5 and before (Debian 12): 1023 bytes at a time; a comment or a blank line does not end a line that goes on.
    Old,
    /// 1.6 and later (Debian 13): a comment or a blank line ends it; a line may be long.
    New,
}

/// A line as it is read, and from where to where it goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileLine {
    pub number: usize,
    pub last: usize,
    pub text: String,
}

/// All lines, and whether libpam gets to the end: a file that ends in the middle of a line is refused after the lines before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileLines {
    pub lines: Vec<FileLine>,
    pub torn: bool,
}

/// So many bytes libpam 1.5 reads at a time, without the one that ends them.
const OLD_BUFFER: usize = 1023;
pub(crate) const BLANKS: [char; 3] = [' ', '\t', '\n'];

/// One piece of a line.
enum LinePiece<'a> {
    Nothing,
    Begun(&'a str),
    Last(&'a str),
}

/// A backslash at the end goes on with the next line; what stands after a # is nothing, and ends the line.
pub(crate) fn lines(text: &str, dialect: Dialect) -> FileLines {
    let (mut lines, mut begun, mut first) = (Vec::new(), String::new(), None);
    let (mut number, mut rest, mut room) = (1, text, OLD_BUFFER);
    while !rest.is_empty() {
        let Some((physical, after)) = next_physical(rest, dialect, room) else {
            return FileLines { lines, torn: true };
        };
        rest = after;
        let here = number;
        number += usize::from(physical.ends_with('\n'));
        let whole = match piece(physical) {
            LinePiece::Nothing if dialect == Dialect::Old || first.is_none() => continue,
            LinePiece::Nothing => "",
            LinePiece::Begun(before) => {
                begun.push_str(before);
                begun.push(' ');
                room = room.saturating_sub(physical.trim_end_matches(BLANKS).len());
                first.get_or_insert(here);
                continue;
            }
            LinePiece::Last(whole) => whole,
        };
        begun.push_str(whole);
        lines.push(FileLine { number: first.take().unwrap_or(here), last: here, text: std::mem::take(&mut begun) });
        room = OLD_BUFFER;
    }
    FileLines { lines, torn: first.is_some() }
}

/// Up to the end of the line, or as much as fits; `None` if nothing does.
fn next_physical(text: &str, dialect: Dialect, room: usize) -> Option<(&str, &str)> {
    let line = text.find('\n').map_or(text.len(), |at| at + 1);
    let length = match dialect {
        Dialect::New => line,
        Dialect::Old => (1..=line.min(room)).rev().find(|at| text.is_char_boundary(*at))?,
    };
    text.split_at_checked(length)
}

fn piece(physical: &str) -> LinePiece<'_> {
    let line = physical.split('\0').next().unwrap_or_default().trim_start_matches(BLANKS); // C ends there
    if line.is_empty() || line.starts_with('#') {
        return LinePiece::Nothing;
    }
    match (line.split_once('#'), line.trim_end_matches(BLANKS).strip_suffix('\\')) {
        (Some((before, _)), _) => LinePiece::Last(before),
        (None, Some(before)) => LinePiece::Begun(before),
        (None, None) => LinePiece::Last(line),
    }
}

/// The words of a line. `[…]` is one word, without the brackets; `\]` in it is a bracket.
pub(crate) struct Words<'a>(pub &'a str);

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let text = self.0.trim_start_matches(BLANKS);
        if text.is_empty() {
            self.0 = "";
            return None;
        }
        let Some(bracket) = text.strip_prefix('[') else {
            let (word, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
            self.0 = rest;
            return Some(word.to_owned());
        };
        let mut word = String::new();
        let mut letters = bracket.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ']' => break,
                '\\' if letters.as_str().starts_with(']') => {
                    letters.next();
                    word.push(']');
                }
                other => word.push(other),
            }
        }
        self.0 = letters.as_str();
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Vec<(usize, String)> {
        let tidy = |line: FileLine| (line.number, line.text.split_whitespace().collect::<Vec<_>>().join(" "));
        lines(text, dialect).lines.into_iter().map(tidy).collect()
    }

    fn line(number: usize, text: &str) -> (usize, String) {
        (number, text.to_owned())
    }

    #[test]
    fn lines_are_put_together_as_each_libpam_does() {
        for dialect in [Dialect::Old, Dialect::New] {
            let ends =
                |text| lines(text, dialect).lines.iter().map(|line| (line.number, line.last)).collect::<Vec<_>>();
            assert_eq!(ends("a\n b \\\n c \\\n d\n\ne"), [(1, 1), (2, 4), (6, 6)]);
            assert_eq!(read("# a\n\n  b # c \\\nd \\ \n e\nf", dialect), [line(3, "b"), line(4, "d e"), line(6, "f")]);
            assert_eq!(read("# c:\\\nb\n", dialect), [line(2, "b")]);
            assert!(lines("b\nc \\\n", dialect).torn && !lines("b\n", dialect).torn);
        }
        let broken = "a \\\n# why\n\n b\n";
        assert_eq!(read(broken, Dialect::Old), [line(1, "a b")]);
        assert_eq!(read(broken, Dialect::New), [line(1, "a"), line(4, "b")]);
    }

    #[test]
    fn the_old_one_reads_a_long_comment_as_a_line() {
        let text = format!("#{}auth required pam_x.so\n", "x".repeat(1022));
        assert_eq!(read(&text, Dialect::Old), [line(1, "auth required pam_x.so")]);
        assert_eq!(read(&text, Dialect::New), []);
        assert_eq!(read(&"ö".repeat(600), Dialect::Old).len(), 2);
        assert!(lines(&"x \\\n".repeat(1024), Dialect::Old).torn);
    }

    #[test]
    fn words_end_at_blanks_and_brackets_only() {
        let words = |text: &str| Words(text).collect::<Vec<_>>();
        assert_eq!(
            words("auth\t[success=1 default=ignore]pam_x.so [a \\] b] c\r"),
            ["auth", "success=1 default=ignore", "pam_x.so", "a ] b", "c\r"]
        );
        assert_eq!(words(" a[b c] [unclosed d"), ["a[b", "c]", "unclosed d"]);
        assert_eq!(words(" \n"), [""; 0]);
    }
}
