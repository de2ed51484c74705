//! One line of the log: `name=value` pairs that nothing typed or claimed by anybody can break out of.

use std::fmt::Write as _;

/// Longest value in characters; what is longer is cut and marked with `...`.
const LONGEST: usize = 128;
/// The same of the name of a PAM service: as long as that of a file can be.
const LONGEST_SERVICE: usize = 255;

/// Priority of a line (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody should look now.
    Alert,
    /// Something could not be done or decided.
    Error,
    /// Something in the policy does not do what its author meant.
    Warning,
    /// A change, or a refusal.
    Notice,
    /// Something was allowed, or only read.
    Info,
    /// The option `debug`.
    Debug,
}

impl Urgency {
    /// The severity that syslog(3) and the journal have for it.
    pub fn severity(self) -> u8 {
        match self {
            Self::Alert => 1,
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }
}

/// A line under construction.
#[derive(Default)]
pub struct LogLine(String);

impl LogLine {
    /// Adds `name=value`. A value that is not plain is put in double quotes, with everything odd as `\xNN`.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.cut(name, value, LONGEST)
    }

    /// Adds the PAM service, if there is one. Its name is whole, so that the table of the policy is found by it.
    pub fn service(self, service: Option<&str>) -> Self {
        match service {
            Some(service) => self.cut("service", service, LONGEST_SERVICE),
            None => self,
        }
    }

    fn cut(mut self, name: &str, value: &str, longest: usize) -> Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@%+-".contains(c);
        let cut: String = value.chars().take(longest).collect();
        let marker = if cut.len() < value.len() { "..." } else { "" };
        let written = if !cut.is_empty() && cut.chars().all(plain) {
            write!(self.0, "{name}={cut}{marker}")
        } else {
            write!(self.0, "{name}=\"{}{marker}\"", escaped(&cut))
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        self
    }

    /// Adds `name=value` if there is a value.
    pub fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// The finished line.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Printable ASCII as it is; quotes, backslashes and every byte of anything else as `\xNN`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                let written = write!(out, "\\x{byte:02x}");
                debug_assert!(written.is_ok(), "writing to a String does not fail");
            }
            printable => out.push(char::from(printable)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_values_stay_plain_and_the_rest_is_quoted() {
        let line = LogLine::default()
            .field("outcome", "accepted")
            .field("tty", "/dev/pts/1")
            .field("key", "my phone")
            .field("rhost", "")
            .optional("absent", None)
            .field("user", "a\nb\"c\\\u{1b}[31mé")
            .finish();
        let user = r#"user="a\x0ab\x22c\x5c\x1b[31m\xc3\xa9""#;
        assert_eq!(line, format!(r#"outcome=accepted tty=/dev/pts/1 key="my phone" rhost="" {user}"#));
    }

    #[test]
    fn a_long_value_is_cut() {
        let line = LogLine::default().field("rhost", &"x".repeat(5000)).finish();
        assert_eq!(line, format!("rhost={}...", "x".repeat(LONGEST)));
        let line = |length| LogLine::default().service(Some(&"x".repeat(length))).finish();
        assert_eq!(line(255), format!("service={}", "x".repeat(255)), "the name of a service is whole");
        assert_eq!(line(256), format!("service={}...", "x".repeat(255)));
    }

    proptest! {
        #[test]
        fn nothing_breaks_out_of_its_value(value: String) {
            let line = LogLine::default().field("a", &value).field("b", "end").finish();
            prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            let inner = line.strip_prefix("a=").unwrap().strip_suffix(" b=end").unwrap();
            let quoted = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let unbroken = quoted.map_or(!inner.contains(' '), |quoted| !quoted.contains('"'));
            prop_assert!(unbroken, "{}", line);
        }
    }
}
