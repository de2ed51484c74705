//! The word by which owners who change their password say that the device with the key is gone. It stops their keys and opens nothing.

use otp_core::accounts::Account;
use otp_core::site::Unavailable;

use crate::check;
use crate::daemon;
use crate::host::{Host, Uids};

/// Ends the prompt where the word is taken.
pub(crate) const OFFER: &str = ", or lost if the device is gone";

/// No code looks like it.
const WORD: &[u8] = b"lost";

/// Is it taken here? Only from the owner, who runs a setuid program such as passwd, after another module has asked for the old password.
pub(crate) fn is_offered(host: &impl Host, account: &Account) -> bool {
    is_the_owners(host.uids(), account.uid) && host.holds_old_password()
}

fn is_the_owners(process: Uids, owner: u32) -> bool {
    process.effective == 0 && process.real == owner && owner != 0
}

/// Did they type it?
pub(crate) fn is_said(answer: &[u8]) -> bool {
    answer.trim_ascii().eq_ignore_ascii_case(WORD)
}

/// Has the daemon refuse every code of theirs, and tells them what comes next.
pub(crate) fn report(host: &mut impl Host, account: &Account) -> Result<(), Unavailable> {
    let reported = daemon::report_lost(&account.name);
    let text = match &reported {
        Ok(true) => format!("{REPORTED}\n{BACK}\n{NEXT}"),
        Ok(false) => format!("{REPORTED}\n{NEXT}"),
        Err(_) => NOT_REPORTED.to_owned(),
    };
    let _ = if reported.is_ok() { host.show_text(&text) } else { host.show_error(&text) }; // it is so, told or not
    reported.map(drop).map_err(check::unavailable)
}

const REPORTED: &str = "all your codes are now refused";
const BACK: &str = "within an hour you can take that back with a recovery code: otpctl lost --found";
const NEXT: &str = "for a new key, or to end this later, call an administrator";
const NOT_REPORTED: &str = "the loss could not be reported: otpctl status says whether your codes are still \
                            accepted; to stop them, call an administrator";

#[cfg(test)]
mod tests {
    use otp_core::decision::input::Typed;

    use super::*;

    #[test]
    fn the_word_is_no_code() {
        for said in ["lost", " Lost ", "LOST\t"] {
            assert!(is_said(said.as_bytes()) && matches!(Typed::parse(said.as_bytes()), Typed::Junk), "{said}");
        }
        for other in ["", "l o s t", "lost!", "123456", "found"] {
            assert!(!is_said(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn it_is_taken_from_the_owner_in_a_setuid_program_alone() {
        assert!(is_the_owners(Uids { real: 1001, effective: 0 }, 1001));
        assert!(!is_the_owners(Uids { real: 0, effective: 0 }, 1001), "root, sshd, login");
        assert!(!is_the_owners(Uids { real: 1002, effective: 0 }, 1001), "somebody else");
        assert!(!is_the_owners(Uids { real: 1001, effective: 1001 }, 1001), "a program of their own");
        assert!(!is_the_owners(Uids { real: 0, effective: 0 }, 0), "root's own");
    }
}
