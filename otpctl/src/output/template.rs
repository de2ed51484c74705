//! Texts with places to fill, in the syntax of Mustache: `{{name}}`, and lines between `{{#name}}` and `{{/name}}`, which are left
//! out where they do not apply.

use std::fmt;

use zeroize::Zeroizing;

/// The values for a template.
pub(crate) struct Filling<'a> {
    /// By the names of their places. One of several lines is indented as its place is, where that begins a line.
    pub texts: &'a [(&'a str, &'a str)],
    /// By name: do its lines apply?
    pub sections: &'a [(&'a str, bool)],
}

/// A fault in a template, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    line: usize,
    what: String,
}

/// A template in pieces, none of which is a copy of what fills it.
#[derive(Default)]
struct Pieces<'a> {
    pieces: Vec<&'a str>,
    /// Names of the places that are always filled.
    filled: Vec<&'a str>,
}

impl<'a> Filling<'a> {
    /// The text. A place that nothing fills is an error, also in lines that are left out.
    pub(crate) fn fill(&self, template: &str) -> Result<Zeroizing<String>, TemplateError> {
        let Pieces { pieces, .. } = self.pieces(template)?;
        // As long as it will be, so that it never grows and leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
        pieces.iter().for_each(|piece| text.push_str(piece));
        Ok(text)
    }

    /// Is it sound, and does it have these places, outside lines that may be left out?
    pub(crate) fn check(&self, template: &str, places: &[&str]) -> Result<(), TemplateError> {
        let Pieces { filled, .. } = self.pieces(template)?;
        let missing = places.iter().find(|place| !filled.contains(place));
        missing.map_or(Ok(()), |place| {
            let what = format!("the end, without {{{{{place}}}}} before it; wanted {}", list(places.iter().copied()));
            Err(TemplateError { line: template.lines().count(), what })
        })
    }

    fn pieces<'t>(&'t self, template: &'t str) -> Result<Pieces<'t>, TemplateError> {
        let mut all = Pieces::default();
        let mut section = None;
        for (number, line) in (1..).zip(template.split_inclusive('\n')) {
            let wrong = |what| TemplateError { line: number, what };
            match (tag(line), section) {
                (Some(("#", name)), None) => {
                    let applies = found(self.sections, name).ok_or_else(|| wrong(unknown(name, "#", self.sections)))?;
                    section = Some((name, applies));
                }
                (Some(("/", name)), Some((begun, _))) if name == begun => section = None,
                (Some((sign, name)), _) => return Err(wrong(format!("{{{{{sign}{name}}}}} is out of place"))),
                (None, _) => {
                    let line = self.line(line).map_err(wrong)?;
                    if section.is_none_or(|(_, applies)| applies) {
                        all.pieces.extend(line.pieces);
                    }
                    if section.is_none() {
                        all.filled.extend(line.filled);
                    }
                }
            }
        }
        match section {
            Some((name, _)) => {
                Err(TemplateError { line: template.lines().count(), what: format!("{{{{#{name}}}}} has no end") })
            }
            None => Ok(all),
        }
    }

    fn line<'t>(&'t self, line: &'t str) -> Result<Pieces<'t>, String> {
        let (mut all, mut rest) = (Pieces::default(), line);
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("{{ without its }}")?;
            let text = found(self.texts, name).ok_or_else(|| unknown(name, "", self.texts))?;
            all.pieces.push(before);
            all.filled.push(name);
            let indent = if all.filled.len() == 1 && before.trim().is_empty() { before } else { "" };
            for (number, part) in text.split_inclusive('\n').enumerate() {
                all.pieces.extend((number > 0).then_some(indent));
                all.pieces.push(part);
            }
            rest = after;
        }
        all.pieces.push(rest);
        Ok(all)
    }
}

/// Sign and name of a line that begins or ends a section.
fn tag(line: &str) -> Option<(&str, &str)> {
    let name = line.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    ["#", "/"].into_iter().find_map(|sign| Some((sign, name.strip_prefix(sign)?)))
}

fn found<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn unknown<T>(name: &str, sign: &str, all: &[(&str, T)]) -> String {
    let wanted = list(all.iter().map(|(known, _)| *known));
    let wanted =
        if wanted.is_empty() { "no such place".to_owned() } else { wanted.replace("{{", &format!("{{{{{sign}")) };
    format!("nothing can fill {{{{{sign}{name}}}}}; wanted {wanted}")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("{{{{{name}}}}}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [(&str, &str); 3] = [("user", "alice"), ("host", "{{user}}"), ("picture", "X.\n.X\n")];

    fn filled(template: &str, sections: &[(&str, bool)]) -> Result<String, TemplateError> {
        Filling { texts: &TEXTS, sections }.fill(template).map(|text| text.to_string())
    }

    #[test]
    fn places_are_filled_once_and_lines_that_do_not_apply_are_left_out() {
        assert_eq!(
            filled("{{user}} on {{host}}.\n", &[]).unwrap(),
            "alice on {{user}}.\n",
            "what fills is no template"
        );
        let section = "a\n{{#split}}\n{{user}}\n{{/split}}\nb";
        assert_eq!(filled(section, &[("split", true)]).unwrap(), "a\nalice\nb");
        assert_eq!(filled(section, &[("split", false)]).unwrap(), "a\nb");
    }

    #[test]
    fn several_lines_are_indented_as_their_place_is() {
        assert_eq!(filled("a\n  {{picture}}b {{picture}}", &[]).unwrap(), "a\n  X.\n  .X\nb X.\n.X\n");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let places = "wanted {{user}}, {{host}}, {{picture}}";
        let cases = [
            ("a\n{{colour}}", format!("line 2: nothing can fill {{{{colour}}}}; {places}")),
            ("{{#split}}\n{{colour}}\n{{/split}}", format!("line 2: nothing can fill {{{{colour}}}}; {places}")),
            ("{{#colour}}\n{{/colour}}", "line 1: nothing can fill {{#colour}}; wanted {{#split}}".to_owned()),
            ("{{user", "line 1: {{ without its }}".to_owned()),
            ("{{/split}}", "line 1: {{/split}} is out of place".to_owned()),
            ("{{#split}}\n{{#split}}", "line 2: {{#split}} is out of place".to_owned()),
            ("{{#split}}\n{{/user}}", "line 2: {{/user}} is out of place".to_owned()),
            ("a {{#split}}", format!("line 1: nothing can fill {{{{#split}}}}; {places}")),
            ("a\n{{#split}}\nb\n", "line 3: {{#split}} has no end".to_owned()),
        ];
        for (template, error) in cases {
            assert_eq!(filled(template, &[("split", false)]).unwrap_err().to_string(), error, "{template:?}");
        }
    }

    #[test]
    fn a_place_that_is_wanted_stands_where_it_is_always_filled() {
        let check = |template| Filling { texts: &TEXTS, sections: &[("split", true)] }.check(template, &["user"]);
        assert_eq!(check("a\n{{user}}\n"), Ok(()));
        for template in ["a\nb\nc\n", "{{#split}}\n{{user}}\n{{/split}}"] {
            let told = check(template).unwrap_err().to_string();
            assert_eq!(told, "line 3: the end, without {{user}} before it; wanted {{user}}");
        }
    }
}
