//! The six entry points that libpam looks for (`pam_sm_authenticate` and so on, pam(3)).

use std::ffi::CStr;

use pam::constants::{PAM_CHANGE_EXPIRED_AUTHTOK, PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use pam::pam_hooks;

use crate::guard::guarded;
use crate::libpam::Libpam;
use crate::password::{self, Occasion, Phase};
use crate::{account, login};

struct Module;
pam_hooks!(Module);

impl PamHooks for Module {
    fn sm_authenticate(handle: &mut PamHandle, arguments: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(handle, |handle| login::authenticate(&mut Libpam::new(handle), &arguments))
    }

    /// There is nothing to set, but sshd drops a login whose setcred does not succeed.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    fn acct_mgmt(handle: &mut PamHandle, arguments: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(handle, |handle| account::manage(&mut Libpam::new(handle), &arguments))
    }

    fn sm_chauthtok(handle: &mut PamHandle, arguments: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        let pass = match flags & (PAM_PRELIM_CHECK | PAM_UPDATE_AUTHTOK) {
            PAM_PRELIM_CHECK => Phase::Check,
            PAM_UPDATE_AUTHTOK => Phase::Change,
            _ => return PamResultCode::PAM_AUTHTOK_ERR,
        };
        let occasion = if flags & PAM_CHANGE_EXPIRED_AUTHTOK == 0 { Occasion::Wish } else { Occasion::Due };
        guarded(handle, |handle| password::change(&mut Libpam::new(handle), &arguments, pass, occasion))
    }
}

// security/pam_modules.h
const PAM_PRELIM_CHECK: PamFlag = 0x4000;
const PAM_UPDATE_AUTHTOK: PamFlag = 0x2000;
