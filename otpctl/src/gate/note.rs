//! Notes before the proof: the limits of the gate of a service, and those whom it refuses beside the admin.

use std::io::Write as _;

use otp_core::policy::WholePolicy;

use super::admin::with_a_working_key;
use super::service::GateService;
use super::sshd;

/// On standard error, so that standard output can be JSON.
pub(crate) fn before_the_proof(gate: &GateService, policy: &WholePolicy) {
    let note = match gate.name.as_str() {
        // The admin proves that the stack works; `su` alone asks for another key.
        "su" if with_a_working_key(Some("uid:0"), policy).is_err() => {
            "su asks for a code of the account that it opens, and root has no key that works: unless otp.toml lets users without a key \
             pass, nobody becomes root by su"
        }
        "sshd" if sshd::lets_keys_in() => {
            "sshd lets a key in without a code, because a login by key runs no auth line; \
             `AuthenticationMethods publickey,keyboard-interactive` in sshd_config asks for both"
        }
        _ => return,
    };
    drop(writeln!(std::io::stderr(), "otpctl: note: {note}"));
}
