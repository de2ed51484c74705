//! libpam, where pam-bindings does not reach (docs/decisions/pam-bindings-in-part.md): the log, the delay, the shadow line, and the
//! kernel's word on the clock. The only file of the module that talks to C, but for the unwinder's question in `unwinder`.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io::{IsTerminal as _, stderr};
use std::mem::MaybeUninit;

use nix::errno::Errno;
use nix::unistd::{geteuid, getuid};
use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::repair::Repair;
use otp_core::site::{Site, SiteVisit};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamResultCode};
use pam::conv::Conv;
use pam::items::{AuthTok, Item as _, ItemType, OldAuthTok, RHost, RUser, Service, Tty, User};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::host::{ConversationFailed, Host, Item, PamUser, Uids, UserError};
use crate::options::Echo;
use crate::password_age::PasswordAge;

/// Longer than any line of /etc/shadow, in bytes.
const SHADOW_LINE: usize = 16 * 1024;

unsafe extern "C" {
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_fail_delay(handle: *mut PamHandle, microseconds: c_uint) -> c_int;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
}

/// struct pam_message (pam_conv(3)).
#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

/// struct pam_response.
#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

/// struct pam_conv.
#[repr(C)]
struct Conversation {
    call: Option<unsafe extern "C" fn(c_int, *mut *const PamMessage, *mut *mut Response, *mut c_void) -> c_int>,
    context: *mut c_void,
}

/// The host, behind its PAM handle.
pub(crate) struct Libpam<'a> {
    handle: &'a mut PamHandle,
    uids: Uids,
    site: SiteVisit,
}

impl<'a> Libpam<'a> {
    /// Around the handle of the current call.
    pub(crate) fn new(handle: &'a mut PamHandle) -> Self {
        let uids = Uids { real: getuid().as_raw(), effective: geteuid().as_raw() };
        Self { handle, uids, site: Site::STANDARD.visit() }
    }

    fn conversation(&self) -> Option<Conv<'_>> {
        self.handle.get_item::<Conv<'_>>().ok().flatten()
    }
}

/// Writes one line through pam_syslog(3), which names module, service and stage.
pub(crate) fn log(handle: &PamHandle, urgency: Urgency, line: &str) {
    let priority = libc::c_int::from(urgency.severity());
    let Ok(line) = CString::new(line) else { return }; // a LogLine has no NUL
    // SAFETY: libpam gave us the handle for this call; format and argument are NUL-terminated and outlive it; the format
    // takes one string.
    unsafe { pam_syslog(handle, libc::LOG_AUTHPRIV | priority, c"%s".as_ptr(), line.as_ptr()) }
}

/// Shows a text of this style from a buffer that is wiped afterwards: pam-bindings would leave its copy behind.
fn tell(conversation: Conv<'_>, style: c_int, text: &str) -> Result<(), ConversationFailed> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    let text = CStr::from_bytes_with_nul(&bytes).map_err(|_| ConversationFailed)?;
    let message = PamMessage { style, text: text.as_ptr() };
    let (mut only, mut responses) = (&raw const message, std::ptr::null_mut());
    // SAFETY: PAM_CONV is the host's struct pam_conv, which libpam keeps for as long as this call lasts.
    let conversation = unsafe { &*conversation.into_raw().cast::<Conversation>() };
    let call = conversation.call.ok_or(ConversationFailed)?;
    // SAFETY: one message, NUL-terminated, and both pointers outlive the call; the context is the host's own.
    let answer = unsafe { call(1, &raw mut only, &raw mut responses, conversation.context) };
    if answer != 0 {
        return Err(ConversationFailed);
    }
    if !responses.is_null() {
        // SAFETY: after success this is an array of one response, from malloc, and it is ours (pam_conv(3)).
        let response: Response = unsafe { responses.read() };
        // SAFETY: an answer that nobody asked for is null or from malloc, and ours.
        unsafe { libc::free(response.text.cast()) };
        // SAFETY: the array is from malloc, and nothing refers to it any more.
        unsafe { libc::free(responses.cast()) };
    }
    Ok(())
}

impl Host for Libpam<'_> {
    fn user(&mut self) -> Result<PamUser, UserError> {
        match self.handle.get_user(None) {
            Ok(name) => Ok(PamUser::Text(name)),
            Err(PamResultCode::PAM_CONV_ERR | PamResultCode::PAM_CONV_AGAIN) => Err(UserError::Conversation),
            // pam-bindings says no more of a name that is not UTF-8.
            Err(_) => match self.handle.get_item::<User<'_>>().ok().flatten() {
                Some(User(name)) if name.to_str().is_err() => Ok(PamUser::Bytes(name.to_owned())),
                _ => Err(UserError::Unusable),
            },
        }
    }

    fn uid_of(&self, name: &CStr) -> Result<Option<u32>, Errno> {
        uid_of(name)
    }

    fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Zeroizing<Vec<u8>>, ConversationFailed> {
        let conversation = self.conversation().ok_or(ConversationFailed)?;
        let style = match echo {
            Echo::On => PAM_PROMPT_ECHO_ON,
            Echo::Off => PAM_PROMPT_ECHO_OFF,
        };
        match conversation.send(style, prompt) {
            Ok(Some(answer)) => Ok(Zeroizing::new(answer.as_bytes().to_vec())),
            Ok(None) | Err(_) => Err(ConversationFailed),
        }
    }

    fn first_pass(&self) -> Option<Zeroizing<Vec<u8>>> {
        let found = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        Some(Zeroizing::new(found.as_bytes().to_vec()))
    }

    fn set_first_pass(&mut self, password: &[u8]) -> Result<(), ConversationFailed> {
        let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        text.extend_from_slice(password);
        text.push(0);
        let text = CStr::from_bytes_with_nul(&text).map_err(|_| ConversationFailed)?;
        // SAFETY: libpam gave us the handle for this call and copies the NUL-terminated text, which outlives it.
        let answer = unsafe { pam_set_item(self.handle, ItemType::AuthTok as c_int, text.as_ptr().cast()) };
        if answer == 0 { Ok(()) } else { Err(ConversationFailed) }
    }

    fn holds_old_password(&self) -> bool {
        self.handle.get_item::<OldAuthTok<'_>>().ok().flatten().is_some_and(|found| !found.as_bytes().is_empty())
    }

    fn password_age(&self, account: &Account) -> Option<PasswordAge> {
        let name = CString::new(account.name.as_str()).ok()?;
        let mut strings = Zeroizing::new(vec![0; SHADOW_LINE]); // the password's hash is among them
        // SAFETY: `spwd` is pointers and plain numbers, for which all zeros are values.
        let mut entry: libc::spwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        let (place, room) = (strings.as_mut_ptr(), strings.len());
        // SAFETY: the name is NUL-terminated, `room` is the length of `place`, and all of them outlive the call.
        let answer = unsafe { libc::getspnam_r(name.as_ptr(), &raw mut entry, place, room, &raw mut found) };
        let there = answer == 0 && !found.is_null();
        there.then_some(PasswordAge { last_change: entry.sp_lstchg, max_age: entry.sp_max })
    }

    fn show_error(&mut self, text: &str) -> Result<(), ConversationFailed> {
        tell(self.conversation().ok_or(ConversationFailed)?, PAM_ERROR_MSG, text)
    }

    fn show_text(&mut self, text: &str) -> Result<(), ConversationFailed> {
        tell(self.conversation().ok_or(ConversationFailed)?, PAM_TEXT_INFO, text)
    }

    fn standard_error_is_terminal(&self) -> bool {
        stderr().is_terminal()
    }

    fn item(&self, item: Item) -> Option<String> {
        let text = |text: &CStr| text.to_string_lossy().into_owned();
        match item {
            Item::Service => self.handle.get_item::<Service<'_>>().ok().flatten().map(|item| text(item.0)),
            Item::Tty => self.handle.get_item::<Tty<'_>>().ok().flatten().map(|item| text(item.0)),
            Item::Rhost => self.handle.get_item::<RHost<'_>>().ok().flatten().map(|item| text(item.0)),
            Item::Ruser => self.handle.get_item::<RUser<'_>>().ok().flatten().map(|item| text(item.0)),
        }
    }

    fn log(&self, urgency: Urgency, line: &str) {
        log(self.handle, urgency, line);
    }

    fn delay_failure(&mut self, microseconds: u32) {
        // SAFETY: libpam gave us the handle for this call, and `&mut` means that nobody else uses it now.
        let answer = unsafe { pam_fail_delay(self.handle, microseconds) };
        let _: c_int = answer; // a host without delay is no reason to fail
    }

    fn uids(&self) -> Uids {
        self.uids
    }

    fn site(&self) -> &SiteVisit {
        &self.site
    }
}

impl Clock for Libpam<'_> {
    fn vouched(&self) -> bool {
        synchronised()
    }
}

impl Environment for Libpam<'_> {
    fn repaired(&self, _: &Account, _: Repair, line: LogLine) {
        log(self.handle, Urgency::Alert, &line.finish());
    }
}

/// The uid of a name as libpam has it (getpwnam_r(3)); nix takes UTF-8 alone.
fn uid_of(name: &CStr) -> Result<Option<u32>, Errno> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut buffer = vec![0; SMALLEST_BUFFER];
    loop {
        let mut found = std::ptr::null_mut();
        // SAFETY: the name is NUL-terminated; the entry, the buffer with its length and the result outlive the call.
        let error = unsafe {
            libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &raw mut found)
        };
        match error {
            // SAFETY: with 0 the result is null or points to the entry, which is filled.
            0 => return Ok(unsafe { found.as_ref() }.map(|entry| entry.pw_uid)),
            libc::ERANGE if buffer.len() < LARGEST_BUFFER => buffer.resize(buffer.len() * 2, 0),
            libc::EINTR => {}
            error => return Err(Errno::from_raw(error)),
        }
    }
}

/// For the strings of an entry of /etc/passwd, in bytes.
const SMALLEST_BUFFER: usize = 1024;
const LARGEST_BUFFER: usize = 1024 * 1024;

/// Does the kernel say that the clock is synchronised (adjtimex(2), STA_UNSYNC)?
fn synchronised() -> bool {
    // SAFETY: `timex` is plain numbers, for which all zeros are values.
    let mut answer: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `modes` is 0, so the call only fills the structure that it is given.
    let state = unsafe { libc::adjtimex(&raw mut answer) };
    state >= 0 && answer.status & libc::STA_UNSYNC == 0
}

/// The capability sets of this thread (capget(2)), as the kernel packs them: effective, permitted and inheritable, twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capabilities(pub(crate) [[u32; 3]; 2]);

impl Capabilities {
    /// Is every one that is permitted in force?
    pub(crate) fn are_all_in_force(&self) -> bool {
        self.0.iter().all(|[effective, permitted, _]| effective == permitted)
    }
}

/// struct __user_cap_header_struct: _LINUX_CAPABILITY_VERSION_3, and this thread.
const CAPABILITIES_OF_THIS_THREAD: [u32; 2] = [0x2008_0522, 0];

/// The capabilities of this thread, or `None` where they are not told.
pub(crate) fn capabilities() -> Option<Capabilities> {
    let (mut header, mut sets) = (CAPABILITIES_OF_THIS_THREAD, [[0; 3]; 2]);
    // SAFETY: both are as long as version 3 has it, and outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
    (answer == 0).then_some(Capabilities(sets))
}

/// Puts the same ones in force again. The kernel refuses any that are not permitted.
pub(crate) fn set_capabilities(wanted: &Capabilities) {
    let mut header = CAPABILITIES_OF_THIS_THREAD;
    // SAFETY: both are as long as version 3 has it, and outlive the call, which only reads the second.
    let answer = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), wanted.0.as_ptr()) };
    let _: libc::c_long = answer; // a sandbox that forbids it is no reason to fail
}

/// Is there a filter of system calls (PR_GET_SECCOMP)?
pub(crate) fn is_filtered() -> bool {
    // SAFETY: this request takes no argument.
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP) };
    mode > 0
}

/// May this process be dumped and traced (PR_GET_DUMPABLE)? -1 where that is not told.
pub(crate) fn dumpable() -> c_int {
    // SAFETY: this request takes no argument.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }
}

/// Sets that mark to 0 or 1; the kernel sets 2 by itself.
pub(crate) fn set_dumpable(mark: c_int) {
    // SAFETY: this request takes a number, and refuses any but 0 and 1.
    let answer = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, libc::c_long::from(mark)) };
    let _: c_int = answer;
}

/// The signal that this thread gets when its parent ends; 0 for none.
pub(crate) fn death_signal() -> c_int {
    let mut signal: c_int = 0;
    // SAFETY: this request fills the number that it is given, which outlives the call.
    let answer = unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal) };
    if answer == 0 { signal } else { 0 }
}

/// Sets that signal.
pub(crate) fn set_death_signal(signal: c_int) {
    // SAFETY: this request takes a number.
    let answer = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::c_long::from(signal)) };
    let _: c_int = answer;
}
