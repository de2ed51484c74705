//! What is left of a policy when the table of some service in it is no TOML: the rest of the file, so that a mistake in one
//! service refuses that one and no other. What is left must be whole TOML, else the mistake is everybody's.

use crate::policy::toml_table::{Document, TableError};

/// `text` with the tables of other services than `service` blanked in which a mistake was found, the first of which is `error`.
/// Lines keep their numbers. A mistake anywhere else, or in the table of `service` itself, comes back.
pub(crate) fn without_broken_services(text: &str, service: &str, mut error: TableError) -> Result<String, TableError> {
    let mut lines: Vec<&str> = text.lines().collect();
    loop {
        let start = header_before(&lines, error.line).ok_or_else(|| error.clone())?;
        match lines.get(start).copied().and_then(service_named) {
            Some(name) if name != service => {}
            _ => return Err(error),
        }
        let end = lines.iter().skip(start + 1).position(|line| is_header(line)).unwrap_or(lines.len());
        let alone = lines.get(start).is_some_and(|line| stands_alone(line));
        if !alone || !lines.iter().skip(start + 1).take(end).all(|line| is_of_a_table(line)) {
            return Err(error);
        }
        lines.iter_mut().skip(start).take(end + 1).for_each(|line| *line = "");
        let rest = lines.join("\n");
        match Document::parse(&rest).map(drop) {
            Ok(()) => return Ok(rest),
            Err(next) => error = next, // a header less each time
        }
    }
}

/// Index of the last header at or above `line`, which counts from 1.
fn header_before(lines: &[&str], line: usize) -> Option<usize> {
    lines.iter().take(line).rposition(|line| is_header(line))
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// A header with nothing behind it, whole or without its bracket.
fn stands_alone(header: &str) -> bool {
    let inside = header.trim_start().trim_start_matches('[');
    let (name, after) = inside.split_once(']').unwrap_or((inside, ""));
    !name.contains(['[', '=', '\r'])
        && !after.contains('\r')
        && matches!(after.trim_start().chars().next(), None | Some('#'))
}

/// Empty, a comment, or a key and its value, with nothing behind that could be the header of another table: of a line that may be
/// one which lost its bracket or its line end, nothing is thrown away.
fn is_of_a_table(line: &str) -> bool {
    let line = line.trim();
    if line.contains('\r') {
        return false; // to whoever wrote it perhaps the end of a line
    }
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let Some((key, value)) = line.split_once('=') else { return false };
    let value = value.trim_start();
    let after = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let rest = value.get(1..).unwrap_or_default();
            rest.rsplit_once(quote).map_or(rest, |(_, after)| after)
        }
        Some('[') => {
            let rest = value.get(1..).unwrap_or_default();
            rest.split_once(']').filter(|(inside, _)| !inside.contains('[')).map_or(rest, |(_, after)| after)
        }
        _ => value,
    };
    !key.contains(['[', ']']) && !after.split('#').next().unwrap_or_default().contains(['[', ']'])
}

/// `sudo` of `[service.sudo]` and `[service.sudo.window]`. Names in quotes are not looked into.
fn service_named(header: &str) -> Option<&str> {
    let name = header.trim_start().strip_prefix("[service.")?.split([']', '.']).next()?;
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!name.is_empty() && name.chars().all(bare)).then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    /// Which of three services can be used.
    fn usable(text: &str) -> String {
        let services = ["sudo", "su", "sshd"];
        services.into_iter().filter(|name| Policy::parse_for(text, name).is_ok()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_mistake_of_any_kind_in_one_service_refuses_that_one_only() {
        for wrong in [
            "prompt = \"a\"\nprompt = \"b\"",
            "window = { back = 1, back = 2 }",
            "allow_until = 2027-02-29",
            "prompt = unquoted",
            "prompt = \"no end",
            "[service.sudo]",
            "[service.sudo.window]\nback = 1\nback = 2",
        ] {
            let text =
                format!("issuer = \"x\"\n[service.su]\nprompt = \"s\"\n[service.sudo]\n{wrong}\n[service.sshd]\n");
            assert_eq!(usable(&text), "su sshd", "{wrong}");
            assert!(Policy::parse(&text).is_err(), "`config check` tells: {wrong}");
            let error = Policy::parse_for(&text, "sudo").unwrap_err();
            assert!((4..=8).contains(&error.line), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_the_others_say_still_holds() {
        let text = "[service.sudo]\nprompt = 1 2\n[service.su]\nguesses = { self = 3 }\n[guesses]\nremote = 4\n";
        let policy = Policy::parse_for(text, "su").unwrap();
        assert_eq!(policy.limits().guesses, [20, 3, 20, 4, 20]);
    }

    #[test]
    fn a_mistake_elsewhere_refuses_everybody() {
        for text in [
            "issuer = 'x\n[service.sudo]\n",
            "[guesses]\nself = 3\nself = 4\n[service.su]\n",
            "[service.\"sudo\"]\nprompt = 1 2\n",
            "[[service.sudo]]\nprompt = 1 2\n",
            "[service.sudo]\nprompt = \"x\"\nguesses]\nself = 3\n[service.sshd]\n",
            "[service.sudo]\nprompt = \"x\"\nrotation] # since spring\nmax_age = 90\n",
            "[service.sudo]\nservice.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\nprompt = \"a\" [guesses]\nself = 3\n",
            "[service.sudo]\ndigits = [6] [guesses]\nself = 3\n",
            "[service.sudo]\nwindow = { back = 1 } [guesses]\nself = 3\n",
            "[service.sudo]\nreport_only = true [guesses]\nself = 3\n",
            "[service.sudo]\ndigits = [\n6,\n6 7]\n",
            "[service.sudo] [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]prompt = \"x\" [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\ndigits = [6 [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\nexempt = [\"user:x\"[service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\nwindow = { back = 1 [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\nprompt = \"x [service.su]\nunenrolled = \"deny\"\n",
            "[service.sudo]\rx x\r[service.su]\runenrolled = \"deny\"\r",
            "[service.sudo]\nx x = 1 # a\r[service.su]\runenrolled = \"deny\"\n",
            "[service]\nsudo = { prompt = 1 2 }\n",
        ] {
            assert_eq!(usable(text), "", "{text}");
        }
    }

    #[test]
    fn a_mistake_that_swallows_other_tables_never_makes_their_services_milder() {
        for open_ended in ["prompt = \"\"\"no end", "prompt = '''no end", "digits = [6", "window = { back = 1"] {
            let text = format!("[service.sudo]\n{open_ended}\n[service.su]\nguesses = {{ self = 3 }}\n");
            assert!(Policy::parse_for(&text, "sudo").is_err(), "{open_ended}");
            let policy = Policy::parse_for(&text, "su");
            assert!(policy.is_err() || policy.is_ok_and(|found| found.limits().guesses[1] == 3), "{open_ended}");
        }
    }
}
