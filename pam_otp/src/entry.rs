//! The six entry points that libpam looks for (`pam_sm_authenticate` and so on, pam(3)).

use std::ffi::CStr;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use pam::pam_hooks;

use crate::guard::guarded;
use crate::libpam::Libpam;
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

    /// Keys are not changed through PAM; the default would be PAM_IGNORE, and a password line must not pass by doing nothing.
    fn sm_chauthtok(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_AUTHTOK_ERR
    }
}
