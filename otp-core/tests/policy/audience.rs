//! The people who are asked: exempt and require, and entries that mean nobody.

use otp_core::policy::audience::{Candidate, Entry, Relation, Unmatched, UnmatchedEntry, Who, audience};

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
    assert!(exempt("net:2001:db8::/32", Some("2001:db8:1::1")) && !exempt("net:2001:db8::/32", Some("2001:db9::1")));
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
        let wanted = "wanted user:NAME, uid:NUMBER, group:NAME, gid:NUMBER or net:ADDRESS[/BITS]";
        assert_eq!(Entry::parse(bad), Err(format!("{bad:?}; {wanted}")), "{bad:?}");
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
