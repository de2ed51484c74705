//! The people who are asked for a code: lists of users, groups and networks. Groups compare by gid and networks by address; a name from the DNS is
//! never an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::unix_time::UnixTime;

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

/// Known facts about the person who wants in.
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
