//! Every example of an `otp.toml` that ever stood in the documents (tests/first-release/policies) is read for ever, and means
//! what it meant.

#![expect(clippy::expect_used, reason = "a broken corpus must fail the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use otp_core::decision::limits::{ClockPolicy, Limits, Window};
use otp_core::policy::WholePolicy;
use otp_core::policy::audience::{Entry, Exemption};
use otp_core::policy::host::HostPolicy;
use otp_core::policy::notify::Notify;
use otp_core::policy::rotation::Rotation;
use otp_core::policy::service::{ServicePolicy, Unenrolled};
use otp_core::unix_time::UnixTime;

const FEBRUARY: UnixTime = UnixTime::of_day(20_850); // 2027-02-01
const MARCH: UnixTime = UnixTime::of_day(20_878);
const JULY: UnixTime = UnixTime::of_day(21_000);
const NEW_YEAR: UnixTime = UnixTime::of_day(20_819);

fn entries(texts: &[&str]) -> Vec<Entry> {
    texts.iter().map(|text| Entry::parse(text).expect(text)).collect()
}

fn exempt(texts: &[&str]) -> Vec<Exemption> {
    entries(texts).into_iter().map(|entry| Exemption { entry, until: None, reason: None }).collect()
}

fn exempt_until(text: &str, until: UnixTime, reason: &str) -> Exemption {
    let entry = Entry::parse(text).expect(text);
    Exemption { entry, until: Some(until), reason: Some(reason.to_owned()) }
}

fn host(host: HostPolicy) -> WholePolicy {
    WholePolicy { host, services: Vec::new() }
}

fn services<const N: usize>(services: [(&str, ServicePolicy); N]) -> WholePolicy {
    let services = services.map(|(name, service)| (name.to_owned(), service)).into();
    WholePolicy { host: HostPolicy::default(), services }
}

fn sudo(service: ServicePolicy) -> WholePolicy {
    services([("sudo", service)])
}

type Meanings = BTreeMap<&'static str, WholePolicy>;

/// The meaning of each example, by the name of its file.
fn meanings() -> Meanings {
    let mut all = of_hosts();
    all.append(&mut of_roll_outs());
    all.append(&mut of_services());
    all
}

fn of_hosts() -> Meanings {
    let window = Window { back: 1, forward: 0 };
    let whole = Limits { window, guesses: [20, 10, 20, 5, 20], ..Limits::default() };
    let trusted = Limits { clock: ClockPolicy::Trusted, ..Limits::default() };
    let rotation = Some(Rotation { max_age: 365, grace: 30, services: ["sshd", "sudo"].map(str::to_owned).to_vec() });
    let rotating = ServicePolicy { rotates: true, rotation: rotation.clone(), ..enrolling() };
    let mailed = Notify { command: vec!["/usr/local/sbin/otp-mail".to_owned()], deadline: Duration::from_secs(30) };
    BTreeMap::from([
        ("whole", host(HostPolicy { issuer: Some("Example".to_owned()), limits: whole, ..HostPolicy::default() })),
        ("no-time-service", host(HostPolicy { limits: trusted, ..HostPolicy::default() })),
        (
            "enrol-and-rotate",
            WholePolicy { host: HostPolicy { rotation, ..HostPolicy::default() }, ..services([("sshd", rotating)]) },
        ),
        ("notified", host(HostPolicy { notify: Some(mailed), ..HostPolicy::default() })),
        ("admin-enrols", host(HostPolicy { admin_enrol: true, ..HostPolicy::default() })),
    ])
}

fn of_roll_outs() -> Meanings {
    let networks = ["net:10.0.0.0/8", "net:2001:db8::/32"];
    let from_february = |exempt| ServicePolicy { allow_until: Some(FEBRUARY), exempt, ..ServicePolicy::default() };
    let roll_out = |exempt| services([("sshd", from_february(exempt)), ("sudo", from_february(Vec::new()))]);
    let backup = || from_february(exempt(&["user:backup"]));
    let backup_and_bob =
        || from_february([exempt(&["user:backup"]), vec![exempt_until("user:bob", MARCH, "token on order")]].concat());
    let pilot = || ServicePolicy { report_only: true, require: entries(&["group:pilot"]), ..ServicePolicy::default() };
    let of_self = Limits { guesses: [20, 5, 20, 20, 20], ..Limits::default() };
    BTreeMap::from([
        ("roll-out", roll_out(exempt(&[&networks[..], &["user:backup"]].concat()))),
        (
            "roll-out-with-an-end",
            roll_out([exempt(&networks), vec![exempt_until("user:backup", JULY, "new host on order")]].concat()),
        ),
        ("pilot-of-sudo", sudo(ServicePolicy { digits: vec![6], limits: of_self, ..pilot() })),
        ("readme", sudo(backup())),
        ("readme-with-an-end", sudo(backup_and_bob())),
        ("first-day", services([("sudo", backup_and_bob()), ("sudo-i", backup())])),
        ("pilot", sudo(pilot())),
        ("pilot-in-both-sudos", services([("sudo", pilot()), ("sudo-i", pilot())])),
        ("day", sudo(backup())),
        ("day-in-both-sudos", services([("sudo", backup()), ("sudo-i", backup())])),
    ])
}

fn of_services() -> Meanings {
    let letting = |one| ServicePolicy { exempt: vec![one], ..ServicePolicy::default() };
    let exempting = |one| sudo(letting(one));
    let ansible = || exempt_until("user:deploy", JULY, "Ansible");
    let xfce = ServicePolicy { unenrolled: Some(Unenrolled::Skip), ..ServicePolicy::default() };
    let alice = entries(&["user:alice"]);
    let strict = ServicePolicy { unenrolled: Some(Unenrolled::Deny), require: alice, ..ServicePolicy::default() };
    let inner = ServicePolicy { exempt: exempt(&["net:10.0.0.0/8"]), ..ServicePolicy::default() };
    BTreeMap::from([
        ("exception", exempting(exempt_until("user:backup", MARCH, "new host on order"))),
        ("on-leave", exempting(exempt_until("user:x", NEW_YEAR, "on leave"))),
        ("ansible", exempting(ansible())),
        ("ansible-in-both-sudos", services([("sudo", letting(ansible())), ("sudo-i", letting(ansible()))])),
        ("inner-network", services([("sshd", inner)])),
        ("enrol-at-sudo", sudo(enrolling())),
        ("locker-of-xfce", services([("sudo", strict), ("xfce4.screensaver", xfce)])),
    ])
}

fn enrolling() -> ServicePolicy {
    ServicePolicy { unenrolled: Some(Unenrolled::Enrol), ..ServicePolicy::default() }
}

#[test]
fn every_example_that_ever_stood_in_the_documents_means_what_it_meant() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/first-release/policies");
    let mut meanings = meanings();
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a policy");
        assert!(text.starts_with("# "), "{name}: where it comes from");
        assert_eq!(WholePolicy::parse(&text), Ok(meanings.remove(name.as_str()).expect("a meaning")), "{name}");
    }
    assert_eq!(meanings.into_keys().collect::<Vec<_>>(), [""; 0], "a meaning without a file");
}
