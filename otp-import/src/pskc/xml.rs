//! Elements by name, each where it is wanted and once.

use std::borrow::Cow;

use otp_core::unix_time::UnixTime;
use roxmltree::Node;

use crate::fault::ForeignFault;

/// The namespace of RFC 6030.
pub(super) const PSKC: &str = "urn:ietf:params:xml:ns:keyprov:pskc";

/// The XML reader compares each attribute of an element with every other one, so there must not be many. An element begins with a
/// `<`, and its attributes hold none.
pub(super) fn check_attributes(file: &str) -> Result<(), ForeignFault> {
    let mut line = 1;
    for piece in file.split('<') {
        if piece.bytes().filter(|byte| *byte == b'=').count() > MOST_ATTRIBUTES {
            return Err(ForeignFault::new("an element with more attributes", "at most 64").in_line(line));
        }
        line += piece.bytes().filter(|byte| *byte == b'\n').count();
    }
    Ok(())
}

/// A fault in the line of an element.
pub(super) fn fault(node: Node<'_, '_>, found: &str, wanted: &'static str) -> ForeignFault {
    ForeignFault::new(found, wanted).in_line(line(node))
}

/// Where an element begins, from 1.
pub(super) fn line(node: Node<'_, '_>) -> usize {
    usize::try_from(node.document().text_pos_at(node.range().start).row).unwrap_or_default()
}

/// Counts the lines of a file once, however many elements it has: to count from the beginning for each takes a minute in a large one.
pub(super) struct LineCounter<'i> {
    file: &'i str,
    at: usize,
    line: usize,
}

impl<'i> LineCounter<'i> {
    pub(super) fn new(file: &'i str) -> Self {
        Self { file, at: 0, line: 1 }
    }

    /// The line of a byte, which is not before the one that was asked for last.
    pub(super) fn at(&mut self, place: usize) -> usize {
        self.line += newlines(self.file, self.at, place);
        self.at = place;
        self.line
    }

    /// So many lines lie between the beginnings of two elements.
    pub(super) fn lines_between(first: Node<'_, '_>, later: Node<'_, '_>) -> usize {
        newlines(first.document().input_text(), first.range().start, later.range().start)
    }
}

fn newlines(file: &str, from: usize, to: usize) -> usize {
    file.as_bytes().get(from..to).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
}

/// Has it no element but these? One that is not understood may change what the others mean.
pub(super) fn only(node: Node<'_, '_>, names: &[&str]) -> Result<(), ForeignFault> {
    let understood = |child: &Node<'_, '_>| {
        child.has_tag_name((PSKC, child.tag_name().name())) && names.contains(&child.tag_name().name())
    };
    match node.children().filter(Node::is_element).find(|child| !understood(child)) {
        None => Ok(()),
        Some(child) if child.tag_name().name() == "Signature" => Err(fault(
            child,
            "a signature, which nothing here checks",
            "an unsigned file; check it with `pskctool --verify` first",
        )),
        Some(child) => {
            let name: String = child.tag_name().name().escape_default().take(40).collect();
            Err(fault(
                child,
                &format!("the element {name}, which is not understood there"),
                "what RFC 6030 has for one-time passwords",
            ))
        }
    }
}

/// The element of this name, which is there once at most.
pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Result<Option<Node<'a, 'i>>, ForeignFault> {
    let mut found = node.children().filter(|child| child.is_element() && child.tag_name().name() == name);
    match (found.next(), found.next()) {
        (_, Some(second)) => Err(fault(second, &format!("a second {name}"), "one")),
        (first, None) => Ok(first),
    }
}

/// The element of this name, which must be there.
pub(super) fn required<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Result<Node<'a, 'i>, ForeignFault> {
    child(node, name)?.ok_or_else(|| fault(node, &format!("no {name}"), "that element"))
}

/// An attribute without a namespace.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attribute(name)
}

/// The text of an element that holds nothing else, without blanks round it.
pub(super) fn text<'a>(node: Node<'a, '_>) -> Result<Cow<'a, str>, ForeignFault> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (None, _) => Ok(Cow::Borrowed("")),
        (Some(only), None) if only.is_text() => Ok(Cow::Borrowed(only.text().unwrap_or_default().trim_ascii())),
        _ => Err(fault(node, "an element with more than text", "text alone")),
    }
}

/// A moment of XML Schema in UTC, whole seconds: `2037-12-31T00:00:00Z`.
pub(super) fn moment(node: Node<'_, '_>) -> Result<UnixTime, ForeignFault> {
    let text = text(node)?;
    seconds(&text)
        .map(UnixTime::new)
        .ok_or_else(|| fault(node, "a time in another notation", "YYYY-MM-DDTHH:MM:SSZ, from 1970 on"))
}

fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400; // up to and with that year
    let before: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[u64; 3]> {
    let mut found = [0; 3];
    let mut pieces = text.split(between);
    for (place, length) in found.iter_mut().zip(lengths) {
        let piece =
            pieces.next().filter(|piece| piece.len() == length && piece.bytes().all(|byte| byte.is_ascii_digit()))?;
        *place = piece.parse().ok()?;
    }
    pieces.next().is_none().then_some(found)
}

/// RFC 6030 needs ten.
const MOST_ATTRIBUTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn moments_are_read_and_no_other_text_is() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(seconds("2037-12-31T00:00:00.500Z"), Some(2_145_830_400));
        for wrong in [
            "",
            "2037-12-31",
            "2037-12-31T00:00:00",
            "2037-02-29T00:00:00Z",
            "2037-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2037-00-01T00:00:00Z",
            "2037-1-01T00:00:00Z",
            "2037-12-31T24:00:00Z",
            "+037-12-31T00:00:00Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
