//! A panic becomes PAM_ABORT and one log line (R9). The default hook would write to the caller's terminal, and with
//! RUST_BACKTRACE set by the caller of a setuid program it would print addresses.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

use otp_core::log_line::{LogLine, Urgency};
use pam::constants::PamResultCode;
use pam::module::PamHandle;

use crate::libpam;
use crate::reason::ModuleReason;

/// Where the last panic was, as file and line of our own source.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Runs `stage` and turns a panic into PAM_ABORT.
pub(crate) fn guarded(handle: &mut PamHandle, stage: impl FnOnce(&mut PamHandle) -> PamResultCode) -> PamResultCode {
    static HOOK: Once = Once::new();
    // The hook belongs to the copy of std inside this library; the host's own Rust code, if any, keeps its hook.
    HOOK.call_once(|| panic::set_hook(Box::new(remember)));
    match panic::catch_unwind(AssertUnwindSafe(|| stage(handle))) {
        Ok(code) => code,
        Err(payload) => {
            std::mem::forget(payload); // dropping it could panic again
            let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).take();
            let line = LogLine::default()
                .field("outcome", "failed")
                .field("reason", ModuleReason::Panic.word())
                .optional("place", place.as_deref());
            libpam::log(handle, Urgency::Alert, &line.finish());
            PamResultCode::PAM_ABORT
        }
    }
}

fn remember(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
}
