//! Who is asked for a code: lists of users, groups and networks. Groups compare by gid, networks by address; a name that
//! the DNS gave is never an address.

use crate::unix_time::UnixTime;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One entry of `exempt` or `require`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As written in the file.
    pub text: String,
    /// Whom it means.
    pub who: Who,
}

/// Whom an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `user:NAME`, turned into the account's own spelling by NSS when it is needed.
    User(String),
    /// `uid:NUMBER`.
    Uid(u32),
    /// `group:NAME`, turned into its gid by NSS when it is needed.
    Group(String),
    /// `gid:NUMBER`.
    Gid(u32),
    /// `net:ADDRESS` or `net:ADDRESS/BITS`.
    Net(Net),
}

/// An entry of `exempt`, with its end if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Whom it exempts.
    pub entry: Entry,
    /// From this day on it exempts nobody: the first moment of it, in UTC.
    pub until: Option<UnixTime>,
    /// Why, in the words of its author.
    pub reason: Option<String>,
}

crate::reason_table! {
    /// Why an entry means nobody who is known.
    pub enum Unmatched {
        /// No account has that name or uid.
        NoAccount => "no-such-account";
        /// No group has that name or gid.
        NoGroup => "no-such-group";
        /// NSS did not answer.
        NoAnswer => "lookup-failed";
    }
}

/// The relation of a candidate to an entry that means somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It means somebody else.
    Another,
    /// It names an account of the candidate's uid, by another name: it requires, for one uid is one person, and it exempts nobody,
    /// for only that name was exempt.
    SameUid,
    /// It means the candidate.
    Same,
}

/// An entry at a login that means nobody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedEntry<'a> {
    /// `exempt` or `require`.
    pub list: &'static str,
    /// As written in the file.
    pub entry: &'a str,
    /// Why.
    pub why: Unmatched,
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
    /// PAM_RHOST of a host that runs as root; none for a login at this machine.
    pub rhost: Option<&'a str>,
    /// The relation to this account or group. An answer of NSS, asked for every entry that is no network.
    pub relation: &'a dyn Fn(&Who) -> Result<Relation, Unmatched>,
}

/// The answer of both lists for a candidate.
#[derive(Debug, PartialEq, Eq)]
pub struct Audience<'a> {
    /// Is the candidate asked for a code?
    pub asked: bool,
    /// Entries that mean nobody who is known, for the log.
    pub unmatched: Vec<UnmatchedEntry<'a>>,
}

/// The forms of an entry, for an error.
const WANTED: &str = "wanted user:NAME, uid:NUMBER, group:NAME, gid:NUMBER or net:ADDRESS[/BITS]";

impl Entry {
    /// Reads `user:NAME`, `uid:NUMBER`, `group:NAME`, `gid:NUMBER` or `net:ADDRESS[/BITS]`; an error says what was found and wanted.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            let code = u32::from(control);
            return Err(format!(
                "{text:?}, with the control character U+{code:04X}; wanted a name without control characters \
                 (a backslash is \\\\ between double quotes, or \\ between single ones)"
            ));
        }
        let who = text.split_once(':').and_then(|(kind, value)| Who::parse(kind, value));
        who.map(|who| Self { text: text.to_owned(), who }).ok_or_else(|| format!("{text:?}; {WANTED}"))
    }
}

impl Exemption {
    /// Has its last day passed?
    pub fn has_ended(&self, now: UnixTime) -> bool {
        self.until.is_some_and(|day| now >= day)
    }
}

impl Who {
    fn parse(kind: &str, value: &str) -> Option<Self> {
        match kind {
            "user" if !value.is_empty() => Some(Self::User(value.to_owned())),
            "uid" => number(value).map(Self::Uid),
            "group" if !value.is_empty() => Some(Self::Group(value.to_owned())),
            "gid" => number(value).map(Self::Gid),
            "net" => Net::parse(value).map(Self::Net),
            _ => None,
        }
    }
}

impl From<bool> for Relation {
    fn from(same: bool) -> Self {
        if same { Self::Same } else { Self::Another }
    }
}

/// Is the candidate asked? `require`, if it has entries, asks those it means and nobody else; `exempt` takes out whom it
/// means; anyone in both is asked. Anything unknown, a host's address, an account or a group, requires and never exempts.
/// Every entry is looked up, whatever the others say: each login tells of each that means nobody.
pub fn audience<'a>(exempt: &'a [Entry], require: &'a [Entry], candidate: &Candidate<'_>) -> Audience<'a> {
    let mut unmatched = Vec::new();
    let mut means = |list, entry: &'a Entry| match &entry.who {
        Who::Net(net) => net.means(candidate.rhost).map(Relation::from),
        who => match (candidate.relation)(who) {
            Ok(relation) => Some(relation),
            Err(why) => {
                unmatched.push(UnmatchedEntry { list, entry: &entry.text, why });
                None
            }
        },
    };
    let required: Vec<_> = require.iter().map(|entry| means("require", entry).unwrap_or(Relation::Same)).collect();
    let exempted: Vec<_> = exempt.iter().map(|entry| means("exempt", entry).unwrap_or(Relation::Another)).collect();
    let is_required = required.iter().any(|relation| *relation != Relation::Another);
    let asked = is_required || (require.is_empty() && !exempted.contains(&Relation::Same));
    Audience { asked, unmatched }
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

    /// Does a login from `rhost` come from here? `None` where that is no address.
    fn means(&self, rhost: Option<&str>) -> Option<bool> {
        rhost.map_or(Some(false), |rhost| Some(self.holds(address_in(rhost)?)))
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differing = self.address ^ mapped(address);
        self.bits == 0 || differing.leading_zeros() >= self.bits
    }
}

/// The address in what a host says of the far end: one of IPv6 may have its zone, either may be in brackets, and a port may
/// follow (`fe80::1%eth0`, `[2001:db8::1]:4711`, `10.1.2.3:4711`). `None` for a name; no name has these signs.
fn address_in(rhost: &str) -> Option<IpAddr> {
    let bare = match rhost.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, "")) => inside,
        Some((inside, port)) => port.strip_prefix(':').filter(|port| is_port(port)).map(|_| inside)?,
        None => match rhost.split_once(':') {
            Some((v4, port)) if is_port(port) => return v4.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            _ => rhost,
        },
    };
    match bare.split_once('%') {
        Some((v6, zone)) if !zone.is_empty() => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        Some(_) => None,
        None => bare.parse().ok(),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && number(text).is_some()
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

    fn entries(texts: &[&str]) -> Vec<Entry> {
        texts.iter().map(|text| Entry::parse(text).unwrap()).collect()
    }

    /// Of a host with the accounts alice (1000, also called a.lice), whom it is about, and bob, and the groups staff, with alice in it, 7 and 8.
    fn asked(exempt: &[&str], require: &[&str], rhost: Option<&str>) -> (bool, Vec<String>) {
        let relation = |who: &Who| match who {
            Who::User(name) if name == "silent" => Err(Unmatched::NoAnswer),
            Who::User(name) if name == "a.lice" => Ok(Relation::SameUid),
            Who::User(name) if name == "alice" || name == "bob" => Ok(Relation::from(name == "alice")),
            Who::Uid(uid) if [1000, 1001].contains(uid) => Ok(Relation::from(*uid == 1000)),
            Who::Group(name) if name == "staff" => Ok(Relation::Same),
            Who::Gid(gid) if [7, 8].contains(gid) => Ok(Relation::from(*gid == 7)),
            Who::Group(_) | Who::Gid(_) => Err(Unmatched::NoGroup),
            _ => Err(Unmatched::NoAccount),
        };
        let (exempt, require) = (entries(exempt), entries(require));
        let found = audience(&exempt, &require, &Candidate { rhost, relation: &relation });
        let told = |one: &UnmatchedEntry<'_>| format!("{} {} {}", one.list, one.entry, one.why.word());
        (found.asked, found.unmatched.iter().map(told).collect())
    }

    #[test]
    fn everybody_is_asked_unless_a_list_says_otherwise() {
        let is_asked = |exempt: &[&str], require: &[&str]| asked(exempt, require, None) == (true, vec![]);
        assert!(is_asked(&[], &[]));
        assert!(!is_asked(&["user:alice"], &[]) && is_asked(&["user:bob"], &[]));
        assert!(!is_asked(&["uid:1000"], &[]) && is_asked(&["uid:1001"], &[]));
        assert!(!is_asked(&["gid:7"], &[]) && is_asked(&["gid:8"], &[]));
        assert!(!is_asked(&[], &["user:bob"]) && is_asked(&[], &["group:staff"]) && is_asked(&[], &["uid:1000"]));
        assert!(is_asked(&["user:alice"], &["gid:7"]), "who is in both is asked");
    }

    #[test]
    fn another_name_of_the_same_uid_requires_and_exempts_nobody() {
        assert_eq!(asked(&[], &["user:a.lice"], None), (true, vec![]));
        assert_eq!(asked(&[], &["user:bob", "user:a.lice"], None), (true, vec![]));
        assert_eq!(asked(&["user:a.lice"], &[], None), (true, vec![]));
        assert_eq!(asked(&["user:a.lice", "user:alice"], &[], None), (false, vec![]));
    }

    #[test]
    fn an_entry_that_means_nobody_requires_everybody_exempts_nobody_and_is_told() {
        for (entry, why) in [
            ("user:cral", "no-such-account"),
            ("user:Alice", "no-such-account"),
            ("user: alice", "no-such-account"),
            ("user:EX\\alice", "no-such-account"),
            ("user:1000", "no-such-account"),
            ("uid:4294967295", "no-such-account"),
            ("group:lost", "no-such-group"),
            ("gid:9", "no-such-group"),
            ("user:silent", "lookup-failed"),
        ] {
            let told = |list| vec![format!("{list} {entry} {why}")];
            assert_eq!(asked(&[], &[entry], None), (true, told("require")), "{entry}");
            assert_eq!(asked(&[entry], &[], None), (true, told("exempt")), "{entry}");
            for require in [["user:bob", entry], [entry, "user:bob"], [entry, "user:alice"], ["user:alice", entry]] {
                assert_eq!(asked(&[], &require, None), (true, told("require")), "{require:?}");
            }
            for exempt in [["user:alice", entry], [entry, "user:alice"]] {
                assert_eq!(asked(&exempt, &[], None), (false, told("exempt")), "{exempt:?}: the other one counts");
            }
        }
    }

    #[test]
    fn networks_compare_by_address_in_either_notation() {
        let exempt = |net: &str, rhost| asked(&[net], &[], rhost) == (false, vec![]);
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
        assert!(asked(&["net:127.0.0.0/8"], &[], Some("localhost")).0);
        assert!(asked(&[], &["net:192.0.2.0/24"], Some("intranet.example")).0, "unknown: required");
        assert!(!asked(&[], &["net:192.0.2.0/24"], Some("198.51.100.1")).0);
    }

    #[test]
    fn zone_brackets_and_port_are_no_part_of_an_address() {
        for (net, rhost) in [
            ("net:fe80::/10", "fe80::77%lo"),
            ("net:fe80::/10", "fe80::77%2"),
            ("net:fe80::1", "[fe80::1]"),
            ("net:fe80::1", "[fe80::1]:22"),
            ("net:fe80::1", "[fe80::1%eth0]:65535"),
            ("net:10.0.0.0/8", "10.1.2.3:4711"),
            ("net:10.0.0.0/8", "[10.1.2.3]"),
            ("net:10.0.0.0/8", "[::ffff:10.1.2.3]:1"),
            ("net:10.0.0.0/8", "::ffff:10.1.2.3%eth0"),
            ("net:::1:22", "::1:22"),
        ] {
            assert_eq!(asked(&[net], &[], Some(rhost)), (false, vec![]), "{net} {rhost}");
            assert_eq!(asked(&[], &["net:192.0.2.7"], Some(rhost)), (false, vec![]), "{rhost} is another address");
        }
        let names = "fe80::1%|%lo|10.1.2.3%lo|[fe80::1|fe80::1]|[]|[fe80::1]22|[fe80::1]:|[fe80::1]:65536|[fe80::1]:+1|10.1.2.3:|\
                     10.1.2.3:http|10.1.2.3:65536|10.1.2.3:+1|10.1.2.3:1:2|host:22|[host]|host%lo|10.1.2|010.1.2.3|[[fe80::1]]| fe80::1";
        for name in names.split('|') {
            assert!(asked(&["net:::/0", "net:0.0.0.0/0"], &[], Some(name)).0, "{name:?} exempts nobody");
            assert!(asked(&[], &["net:192.0.2.7"], Some(name)).0, "{name:?} requires");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let entries = "alice|user:|uid:|uid:x|uid:-1|uid:+1|uid:4294967296|group:|gid:|gid:x|gid:-1|gid:+1|gid:4294967296|net:localhost|net:10.0.0.1/33|net:10.0.0.1/+8|net:::/129|host:x";
        for bad in entries.split('|').chain([""]) {
            assert_eq!(Entry::parse(bad), Err(format!("{bad:?}; {WANTED}")), "{bad:?}");
        }
    }

    #[test]
    fn control_characters_are_refused_and_named() {
        for (bad, found) in [
            ("user:EX\u{8}ob", "U+0008"),
            ("user:EX\tim", "U+0009"),
            ("user:alice\n", "U+000A"),
            ("group:EX\u{c}rank", "U+000C"),
            ("group:\r", "U+000D"),
            ("user:\u{1b}[31m", "U+001B"),
            ("user:a\0b", "U+0000"),
            ("user:a\u{7f}", "U+007F"),
            ("user:a\u{85}", "U+0085"),
            ("gid:1\n", "U+000A"),
        ] {
            let error = Entry::parse(bad).unwrap_err();
            assert!(error.contains(found) && error.contains("wanted a name without control characters"), "{error}");
        }
        assert!(Entry::parse("user:EX\\bob").is_ok());
    }
}
