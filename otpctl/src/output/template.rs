//! Texts with places to fill, in the syntax of Mustache: `{{name}}`, and lines between `{{#name}}` and `{{/name}}`, which are left
//! out where they do not apply.

use std::fmt;

/// What goes into a template.
pub(crate) struct Filling<'a> {
    /// By the names of their places.
    pub texts: &'a [(&'a str, &'a str)],
    /// By name: do its lines apply?
    pub sections: &'a [(&'a str, bool)],
}

/// What is wrong with a template, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    line: usize,
    what: String,
}

impl Filling<'_> {
    /// The text. A place that nothing fills is an error, also in lines that are left out.
    pub(crate) fn fill(&self, template: &str) -> Result<String, TemplateError> {
        let mut text = String::new();
        let mut section = None;
        for (number, line) in (1..).zip(template.split_inclusive('\n')) {
            let wrong = |what| TemplateError { line: number, what };
            match (tag(line), section) {
                (Some(("#", name)), None) => {
                    let applies = found(self.sections, name).ok_or_else(|| wrong(unknown(name)))?;
                    section = Some((name, applies));
                }
                (Some(("/", name)), Some((begun, _))) if name == begun => section = None,
                (Some((sign, name)), _) => return Err(wrong(format!("{{{{{sign}{name}}}}} is out of place"))),
                (None, _) => {
                    let line = self.line(line).map_err(wrong)?;
                    text.push_str(if section.is_some_and(|(_, applies)| !applies) { "" } else { &line });
                }
            }
        }
        match section {
            Some((name, _)) => {
                Err(TemplateError { line: template.lines().count(), what: format!("{{{{#{name}}}}} has no end") })
            }
            None => Ok(text),
        }
    }

    fn line(&self, line: &str) -> Result<String, String> {
        let (mut text, mut rest) = (String::new(), line);
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("{{ without its }}")?;
            text.push_str(before);
            text.push_str(found(self.texts, name).ok_or_else(|| unknown(name))?);
            rest = after;
        }
        Ok(text + rest)
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

fn unknown(name: &str) -> String {
    format!("nothing fills {{{{{name}}}}}")
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, sections: &[(&str, bool)]) -> Result<String, TemplateError> {
        let texts = [("user", "alice"), ("host", "{{user}}")];
        Filling { texts: &texts, sections }.fill(template)
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
    fn what_is_wrong_is_told_with_its_line() {
        let cases = [
            ("a\n{{colour}}", "line 2: nothing fills {{colour}}"),
            ("{{#split}}\n{{colour}}\n{{/split}}", "line 2: nothing fills {{colour}}"),
            ("{{#colour}}\n{{/colour}}", "line 1: nothing fills {{colour}}"),
            ("{{user", "line 1: {{ without its }}"),
            ("{{/split}}", "line 1: {{/split}} is out of place"),
            ("{{#split}}\n{{#split}}", "line 2: {{#split}} is out of place"),
            ("{{#split}}\n{{/user}}", "line 2: {{/user}} is out of place"),
            ("a {{#split}}", "line 1: nothing fills {{#split}}"),
            ("a\n{{#split}}\nb\n", "line 3: {{#split}} has no end"),
        ];
        for (template, error) in cases {
            assert_eq!(filled(template, &[("split", false)]).unwrap_err().to_string(), error, "{template:?}");
        }
    }
}
