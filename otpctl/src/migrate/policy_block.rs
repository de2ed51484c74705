//! The part of the old lines that belongs into /etc/otp/otp.toml, as a block that our own parser has read.

use std::collections::BTreeSet;

use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;

/// The wishes of all lines of a service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyWishes {
    /// Steps on each side of the clock.
    pub window: Option<u64>,
    /// Lengths of a code.
    pub digits: BTreeSet<usize>,
}

impl PolicyWishes {
    /// The table of this service, and what hinders it from being added to the policy that is there; none without a wish. New keys
    /// have their length of code in it, whatever the old line said, or nobody could use them.
    pub(crate) fn block(&self, service: &str, policy: &str) -> Option<(String, Option<String>)> {
        let new = HostPolicy::parse(policy).unwrap_or_default().key.digits.get();
        let new = (!self.digits.is_empty()).then_some(usize::from(new));
        let digits: BTreeSet<usize> = self.digits.iter().copied().chain(new).collect();
        let digits: Vec<String> = digits.iter().map(ToString::to_string).collect();
        let digits = (!digits.is_empty()).then(|| format!("digits = [{}]\n", digits.join(", ")));
        let window = self.window.map(|steps| format!("window = {{ back = {steps}, forward = {steps} }}\n"));
        let values: String = digits.into_iter().chain(window).collect();
        (!values.is_empty()).then(|| {
            let block = format!("[service.{}]\n{values}", key(service));
            let hindrance = WholePolicy::parse(&format!("{policy}\n{block}")).err().map(|error| error.to_string());
            (block, hindrance)
        })
    }
}

/// A key of TOML: plain, or in quotes.
fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_what_the_parser_takes_and_says_what_hinders_it() {
        let wishes = PolicyWishes { window: Some(2), digits: BTreeSet::from([8]) };
        let (block, hindrance) = wishes.block("my.app", "issuer = \"x\"").expect("a block");
        let eight = wishes.block("sshd", "key.digits = 8").expect("a block");
        assert!(eight.0.contains("digits = [8]\n") && eight.1.is_none());
        assert_eq!(block, "[service.\"my.app\"]\ndigits = [6, 8]\nwindow = { back = 2, forward = 2 }\n");
        assert_eq!(hindrance, None);
        assert!(wishes.block("sshd", "[service.sshd]\norigin = \"remote\"").expect("a block").1.is_some());
        assert_eq!(PolicyWishes::default().block("sshd", ""), None);
    }
}
