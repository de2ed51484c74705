//! `otpctl doctor`: what is wrong on this host, why it matters, and the command that mends it. It looks, and changes nothing.
//!
//! `ids` is the table of all findings. An area of checks is a file here with one function of the type [`Area`], and a line in
//! [`AREAS`]; it adds each [`finding::DoctorFinding`] to the `report`, and says with [`report::Report::not_looked_at`] what it could not look at.

pub(crate) mod bypasses;
pub(crate) mod clock;
pub(crate) mod conffiles;
mod denial;
pub(crate) mod denials;
pub(crate) mod disk;
pub(crate) mod finding;
pub(crate) mod gravity;
pub(crate) mod host;
pub(crate) mod host_key;
pub(crate) mod ids;
mod key_files;
pub(crate) mod letters;
pub(crate) mod module;
pub(crate) mod password_watch;
pub(crate) mod people;
pub(crate) mod places;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod sshd;
pub(crate) mod stacks;
pub(crate) mod su;
pub(crate) mod sudoers;
mod sudoers_rules;
pub(crate) mod textfile;
pub(crate) mod users;
pub(crate) mod vault;

use host::ExaminedHost;
use report::Report;

/// Looks at one area of this host.
pub(crate) type Area = fn(&ExaminedHost, &mut Report);

/// All areas, in the order in which they are looked at, each with the word that a terminal shows meanwhile.
const AREAS: [(&str, Area); 17] = [
    ("files", places::look),
    ("policy", policy::look),
    ("templates of letters", letters::look),
    ("host key", host_key::look),
    ("vault", vault::look),
    ("users", people::look),
    ("disks", disk::look),
    ("clock", clock::look),
    ("bypasses", bypasses::look),
    ("the module", module::look),
    ("PAM stacks", stacks::look),
    ("passwords", password_watch::look),
    ("files left by packages", conffiles::look),
    ("su", su::look),
    ("sudo", sudoers::look),
    ("sshd and login", sshd::look),
    ("SELinux and AppArmor", denials::look),
];

/// Looks at everything.
pub(crate) fn examine(host: &ExaminedHost) -> Report {
    let mut report = Report::default();
    for (what, look) in AREAS {
        host.progress.at(what);
        look(host, &mut report);
    }
    host.progress.done();
    report
}
