//! Rebuilds the index of names from the key files when the daemon starts, and logs the result. Gates keep working without a complete one.
//! The same pass reads the fingerprints of the keys.

use otp_core::files::key_file::Record;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::Vault;

use crate::fingerprints::{Fingerprints, KnownFingerprints, SecretFiles};
use crate::log::events::event;

/// Makes it again.
pub(crate) fn rebuild(vault: &Vault) -> Fingerprints<SecretFiles> {
    let mut known = KnownFingerprints::none(vault);
    let line = |what| LogLine::default().field("event", what);
    let mut learn = |uid, record: &Record| known.learn(uid, record.fingerprints());
    match vault.rebuild_names(&mut learn) {
        Ok(report) => {
            for (uid, error) in &report.unreadable {
                known.doubt(*uid);
                let line = line("names-incomplete").field("uid", &uid.to_string()).field("detail", &error.to_string());
                event(Urgency::Error, &line.finish());
            }
            if report.changed > 0 {
                event(Urgency::Notice, &line("names").field("changed", &report.changed.to_string()).finish());
            }
            Fingerprints::new(known)
        }
        Err(error) => {
            event(Urgency::Error, &line("names-incomplete").field("detail", &error.to_string()).finish());
            Fingerprints::default() // which are read when somebody asks
        }
    }
}
