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

/// The meaning of each example, by the name of its file.
fn meanings() -> BTreeMap<&'static str, WholePolicy> {
    let networks = ["net:10.0.0.0/8", "net:2001:db8::/32"];
    let until_february = || ServicePolicy { allow_until: Some(FEBRUARY), ..ServicePolicy::default() };
    let roll_out =
        |exempt| services([("sshd", ServicePolicy { exempt, ..until_february() }), ("sudo", until_february())]);
    let pilot = || ServicePolicy { report_only: true, require: entries(&["group:pilot"]), ..ServicePolicy::default() };
    let letting = |one| ServicePolicy { exempt: vec![one], ..ServicePolicy::default() };
    let exempting = |one| sudo(letting(one));
    let ansible = || exempt_until("user:deploy", JULY, "Ansible");
    let enrolling = || ServicePolicy { unenrolled: Some(Unenrolled::Enrol), ..ServicePolicy::default() };
    let window = Window { back: 1, forward: 0 };
    let whole = Limits { window, guesses: [20, 10, 20, 5, 20], ..Limits::default() };
    let of_self = Limits { guesses: [20, 5, 20, 20, 20], ..Limits::default() };
    let rotation = Some(Rotation { max_age: 365, grace: 30, services: ["sshd", "sudo"].map(str::to_owned).to_vec() });
    let rotating = ServicePolicy { rotates: true, rotation: rotation.clone(), ..enrolling() };
    let xfce = ServicePolicy { unenrolled: Some(Unenrolled::Skip), ..ServicePolicy::default() };
    let alice = entries(&["user:alice"]);
    let strict = ServicePolicy { unenrolled: Some(Unenrolled::Deny), require: alice, ..ServicePolicy::default() };
    let mailed = Notify { command: vec!["/usr/local/sbin/otp-mail".to_owned()], deadline: Duration::from_secs(30) };
    BTreeMap::from([
        ("whole", host(HostPolicy { issuer: Some("Example".to_owned()), limits: whole, ..HostPolicy::default() })),
        ("roll-out", roll_out(exempt(&[&networks[..], &["user:backup"]].concat()))),
        (
            "roll-out-with-an-end",
            roll_out([exempt(&networks), vec![exempt_until("user:backup", JULY, "new host on order")]].concat()),
        ),
        ("pilot-of-sudo", sudo(ServicePolicy { digits: vec![6], limits: of_self, ..pilot() })),
        (
            "no-time-service",
            host(HostPolicy {
                limits: Limits { clock: ClockPolicy::Trusted, ..Limits::default() },
                ..HostPolicy::default()
            }),
        ),
        (
            "enrol-and-rotate",
            WholePolicy { host: HostPolicy { rotation, ..HostPolicy::default() }, ..services([("sshd", rotating)]) },
        ),
        ("readme", sudo(ServicePolicy { exempt: exempt(&["user:backup"]), ..until_february() })),
        (
            "readme-with-an-end",
            sudo(ServicePolicy {
                exempt: [exempt(&["user:backup"]), vec![exempt_until("user:bob", MARCH, "token on order")]].concat(),
                ..until_february()
            }),
        ),
        ("pilot", sudo(pilot())),
        ("day", sudo(ServicePolicy { exempt: exempt(&["user:backup"]), ..until_february() })),
        ("exception", exempting(exempt_until("user:backup", MARCH, "new host on order"))),
        ("on-leave", exempting(exempt_until("user:x", NEW_YEAR, "on leave"))),
        ("ansible", exempting(ansible())),
        ("ansible-in-both-sudos", services([("sudo", letting(ansible())), ("sudo-i", letting(ansible()))])),
        (
            "inner-network",
            services([("sshd", ServicePolicy { exempt: exempt(&["net:10.0.0.0/8"]), ..ServicePolicy::default() })]),
        ),
        ("notified", host(HostPolicy { notify: Some(mailed), ..HostPolicy::default() })),
        ("admin-enrols", host(HostPolicy { admin_enrol: true, ..HostPolicy::default() })),
        ("enrol-at-sudo", sudo(enrolling())),
        ("locker-of-xfce", services([("sudo", strict), ("xfce4.screensaver", xfce)])),
    ])
}

/// Those that also name the service of `sudo -i`.
fn meanings_for_both_sudos() -> [(&'static str, WholePolicy); 3] {
    let both = |one: fn() -> ServicePolicy| services([("sudo", one()), ("sudo-i", one())]);
    let day =
        || ServicePolicy { allow_until: Some(FEBRUARY), exempt: exempt(&["user:backup"]), ..ServicePolicy::default() };
    let bob = vec![exempt_until("user:bob", MARCH, "token on order")];
    let first = ServicePolicy { exempt: [exempt(&["user:backup"]), bob].concat(), ..day() };
    let pilot = || ServicePolicy { report_only: true, require: entries(&["group:pilot"]), ..ServicePolicy::default() };
    [
        ("first-day", services([("sudo", first), ("sudo-i", day())])),
        ("pilot-in-both-sudos", both(pilot)),
        ("day-in-both-sudos", both(day)),
    ]
}

#[test]
fn every_example_that_ever_stood_in_the_documents_means_what_it_meant() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/first-release/policies");
    let mut meanings = meanings();
    meanings.extend(meanings_for_both_sudos());
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a policy");
        assert!(text.starts_with("# "), "{name}: where it comes from");
        assert_eq!(WholePolicy::parse(&text), Ok(meanings.remove(name.as_str()).expect("a meaning")), "{name}");
    }
    assert_eq!(meanings.into_keys().collect::<Vec<_>>(), [""; 0], "a meaning without a file");
}
