//! Who is asked for a code: lists of users, groups and networks. Groups compare by gid, networks by address; a name that
//! the DNS gave is never an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One entry of `exempt` or `require`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `user:NAME`, compared with the canonical name.
    User(String),
    /// `group:NAME`, turned into its gid by NSS when it is needed.
    Group(String),
    /// `gid:NUMBER`.
    Gid(u32),
    /// `net:ADDRESS` or `net:ADDRESS/BITS`.
    Net(Net),
}

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    /// The address in IPv6's space; IPv4 as `::ffff:a.b.c.d`.
    address: u128,
    /// Leading bits that count, of 128.
    bits: u32,
}

/// What is known of the one who wants in.
pub struct Candidate<'a> {
    /// Canonical user name.
    pub user: &'a str,
    /// PAM_RHOST of a host that runs as root; none for a login at this machine.
    pub rhost: Option<&'a str>,
    /// Is the user in this group? An answer of NSS, asked only when an entry wants it; none if NSS cannot say, or knows no
    /// such group.
    pub in_group: &'a dyn Fn(&Entry) -> Option<bool>,
}

impl Entry {
    /// Reads `user:NAME`, `group:NAME`, `gid:NUMBER` or `net:ADDRESS[/BITS]`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':')?;
        match kind {
            "user" if !value.is_empty() => Some(Self::User(value.to_owned())),
            "group" if !value.is_empty() => Some(Self::Group(value.to_owned())),
            "gid" => number(value).map(Self::Gid),
            "net" => Net::parse(value).map(Self::Net),
            _ => None,
        }
    }

    /// Is the candidate meant? `None` where nobody can say.
    fn means(&self, candidate: &Candidate<'_>) -> Option<bool> {
        match self {
            Self::User(name) => Some(name == candidate.user),
            Self::Group(_) | Self::Gid(_) => (candidate.in_group)(self),
            Self::Net(net) => match candidate.rhost.map(str::parse) {
                None => Some(false),
                Some(Ok(address)) => Some(net.holds(address)),
                Some(Err(_)) => None,
            },
        }
    }
}

/// Is the candidate asked? `require`, if it has entries, asks those it means and nobody else; `exempt` takes out whom it
/// means; who is in both is asked. What cannot be known, a host's address or a group, requires and never exempts.
pub fn is_asked(exempt: &[Entry], require: &[Entry], candidate: &Candidate<'_>) -> bool {
    let required = require.iter().any(|entry| entry.means(candidate).unwrap_or(true));
    let exempted = exempt.iter().any(|entry| entry.means(candidate).unwrap_or(false));
    required || (require.is_empty() && !exempted)
}

impl Net {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(number(bits)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (widest, above) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.unwrap_or(widest);
        (bits <= widest).then(|| Self { address: mapped(address), bits: bits + above })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differing = self.address ^ mapped(address);
        self.bits == 0 || differing.leading_zeros() >= self.bits
    }
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// IPv4 in IPv6's space, so that `10.0.0.1` and `::ffff:10.0.0.1` are the same.
fn mapped(address: IpAddr) -> u128 {
    let v6 = match address {
        IpAddr::V4(v4) => Ipv4Addr::to_ipv6_mapped(&v4),
        IpAddr::V6(v6) => v6,
    };
    Ipv6Addr::to_bits(v6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(exempt: &[&str], require: &[&str], user: &str, rhost: Option<&str>) -> bool {
        let entries = |texts: &[&str]| texts.iter().map(|text| Entry::parse(text).unwrap()).collect::<Vec<_>>();
        let in_group = |entry: &Entry| match entry {
            Entry::Gid(gid) => Some(*gid == 7),
            Entry::Group(name) if name == "lost" => None,
            entry => Some(*entry == Entry::Group("staff".into())),
        };
        is_asked(&entries(exempt), &entries(require), &Candidate { user, rhost, in_group: &in_group })
    }

    #[test]
    fn everybody_is_asked_unless_a_list_says_otherwise() {
        assert!(asked(&[], &[], "alice", None));
        assert!(!asked(&["user:alice"], &[], "alice", None));
        assert!(asked(&["user:alice"], &[], "bob", None));
        assert!(!asked(&["gid:7"], &[], "alice", None) && asked(&["gid:8"], &[], "alice", None));
        assert!(!asked(&[], &["user:bob"], "alice", None) && asked(&[], &["group:staff"], "alice", None));
        assert!(asked(&["user:alice"], &["gid:7"], "alice", None), "who is in both is asked");
    }

    #[test]
    fn networks_compare_by_address_in_either_notation() {
        let exempt = |net: &str, rhost| !asked(&[net], &[], "alice", rhost);
        assert!(exempt("net:10.0.0.0/8", Some("10.1.2.3")) && exempt("net:10.0.0.0/8", Some("::ffff:10.1.2.3")));
        assert!(exempt("net:::ffff:10.0.0.1", Some("10.0.0.1")));
        assert!(!exempt("net:10.0.0.0/8", Some("11.0.0.1")) && !exempt("net:10.0.0.1", Some("10.0.0.2")));
        assert!(
            exempt("net:2001:db8::/32", Some("2001:db8:1::1")) && !exempt("net:2001:db8::/32", Some("2001:db9::1"))
        );
        assert!(exempt("net:0.0.0.0/0", Some("192.0.2.1")) && !exempt("net:0.0.0.0/0", Some("2001:db8::1")));
        assert!(!exempt("net:0.0.0.0/0", None), "a login at this machine comes from no network");
    }

    #[test]
    fn a_host_name_is_never_an_address() {
        assert!(asked(&["net:127.0.0.0/8"], &[], "alice", Some("localhost")));
        assert!(asked(&[], &["net:192.0.2.0/24"], "alice", Some("intranet.example")), "unknown: required");
        assert!(!asked(&[], &["net:192.0.2.0/24"], "alice", Some("198.51.100.1")));
    }

    #[test]
    fn a_group_that_nobody_can_look_up_requires_and_never_exempts() {
        assert!(asked(&["group:lost"], &[], "alice", None) && asked(&[], &["group:lost"], "alice", None));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let entries = "alice|user:|gid:|gid:x|gid:-1|gid:+1|gid:4294967296|net:localhost|net:10.0.0.1/33|net:10.0.0.1/+8|net:::/129|host:x";
        for bad in entries.split('|').chain([""]) {
            assert_eq!(Entry::parse(bad), None, "{bad:?}");
        }
    }
}
