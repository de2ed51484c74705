//! Notes before the proof: the limits of the gate of a service, and those whom it refuses beside the admin.

use otp_core::accounts::{Account, account_of};
use otp_core::policy::WholePolicy;

use super::admin::with_a_working_key;
use super::pam_copy::PamCopy;
use super::service::GateService;
use super::sshd_check;
use crate::arguments::GateWishes;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::stderr;

/// The gate that is to be proved, and by whom.
pub(crate) struct WantedGate<'a> {
    pub gate: &'a GateService,
    pub admin: &'a Account,
    pub wishes: GateWishes,
}

/// On standard error, so that standard output can be JSON. An error where the admin would not be asked.
pub(crate) fn before_the_proof(wanted: &WantedGate<'_>, policy: &WholePolicy, copy: &PamCopy) -> Result<(), Failure> {
    let notes = match wanted.gate.name.as_str() {
        // The admin proves that the stack works; `su` alone asks for another key.
        "su" if account_of(0).ok().flatten().is_none_or(|root| with_a_working_key(root, policy).is_err()) => vec![
            "su asks for a code of the target account, and root has no working key: unless otp.toml lets users \
             without a key pass, nobody can become root by su"
                .to_owned(),
        ],
        "sshd" => sshd_check::notes(wanted.admin, wanted.wishes, copy)?,
        _ => return Ok(()),
    };
    notes.iter().for_each(|note| stderr::note(&escaped(note)));
    Ok(())
}
