//! A PAM module for tests: pam_otp's own login and guard, around a host that panics at the step named by the first argument
//! (`at=user`, `ask`, `answered`, `item`, `delay`, `show` or `bomb`). The other arguments are pam_otp's.

#![expect(dead_code, reason = "the account stage is not wrapped")]

#[path = "../../../pam_otp/src/account.rs"]
mod account;
#[path = "../../../pam_otp/src/answer.rs"]
mod answer;
#[path = "../../../pam_otp/src/daemon/mod.rs"]
mod daemon;
#[path = "../../../pam_otp/src/check.rs"]
mod check;
#[path = "../../../pam_otp/src/enrolment.rs"]
mod enrolment;
#[path = "../../../pam_otp/src/show_key.rs"]
mod show_key;
#[path = "../../../pam_otp/src/rules.rs"]
mod rules;
#[path = "../../../pam_otp/src/file_uid.rs"]
mod file_uid;
#[path = "../../../pam_otp/src/guard.rs"]
mod guard;
#[path = "../../../pam_otp/src/host.rs"]
mod host;
#[path = "../../../pam_otp/src/libpam.rs"]
mod libpam;
#[path = "../../../pam_otp/src/login.rs"]
mod login;
#[path = "../../../pam_otp/src/notices.rs"]
mod notices;
#[path = "../../../pam_otp/src/options.rs"]
mod options;
#[path = "../../../pam_otp/src/outcome.rs"]
mod outcome;
#[path = "../../../pam_otp/src/printable.rs"]
mod printable;
#[path = "../../../pam_otp/src/reason.rs"]
mod reason;
#[path = "../../../pam_otp/src/account_status.rs"]
mod account_status;
#[path = "../../../pam_otp/src/password_age.rs"]
mod password_age;
#[path = "../../../pam_otp/src/person.rs"]
mod person;
#[path = "../../../pam_otp/src/unasked.rs"]
mod unasked;
#[cfg(own_find_object)]
#[path = "../../../pam_otp/src/unwinder.rs"]
mod unwinder;

use std::ffi::CStr;

use nix::errno::Errno;
use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::repair::Repair;
use otp_core::site::SiteVisit;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use pam::pam_hooks;
use zeroize::Zeroizing;

use guard::guarded;
use host::{ConversationFailed, Host, Item, Uids, UserError, PamUser};
use libpam::Libpam;

struct Module;
pam_hooks!(Module);

impl PamHooks for Module {
    fn sm_authenticate(handle: &mut PamHandle, arguments: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(handle, |handle| {
            let (at, rest) = arguments.split_first().expect("the first argument says where to panic");
            let at = at.to_str().expect("plain text");
            login::authenticate(&mut Panicking { host: Libpam::new(handle), at }, rest)
        })
    }

    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }
}

struct Panicking<'a> {
    host: Libpam<'a>,
    at: &'a str,
}

/// A payload that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload went off");
    }
}

impl Panicking<'_> {
    fn step(&self, name: &str) {
        if self.at == format!("at={name}") {
            panic!("secret words of a panic at {name}");
        }
    }
}

impl Host for Panicking<'_> {
    fn user(&mut self) -> Result<PamUser, UserError> {
        self.step("user");
        self.host.user()
    }

    fn uid_of(&self, name: &CStr) -> Result<Option<u32>, Errno> {
        self.host.uid_of(name)
    }

    fn first_pass(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.host.first_pass()
    }

    fn set_first_pass(&mut self, password: &[u8]) -> Result<(), ConversationFailed> {
        self.host.set_first_pass(password)
    }

    fn ask(&mut self, prompt: &str, echo: options::Echo) -> Result<Zeroizing<Vec<u8>>, ConversationFailed> {
        self.step("ask");
        let answer = self.host.ask(prompt, echo);
        self.step("answered");
        if self.at == "at=bomb" {
            std::panic::panic_any(Bomb);
        }
        answer
    }

    fn holds_old_password(&self) -> bool {
        self.host.holds_old_password()
    }

    fn password_age(&self, account: &Account) -> Option<password_age::PasswordAge> {
        self.host.password_age(account)
    }

    fn show_error(&mut self, text: &str) -> Result<(), ConversationFailed> {
        self.step("show");
        self.host.show_error(text)
    }

    fn show_text(&mut self, text: &str) -> Result<(), ConversationFailed> {
        self.host.show_text(text)
    }

    fn standard_error_is_terminal(&self) -> bool {
        self.host.standard_error_is_terminal()
    }

    fn item(&self, item: Item) -> Option<String> {
        self.step("item");
        self.host.item(item)
    }

    fn log(&self, urgency: Urgency, line: &str) {
        self.host.log(urgency, line);
    }

    fn delay_failure(&mut self, microseconds: u32) {
        self.step("delay");
        self.host.delay_failure(microseconds);
    }

    fn uids(&self) -> Uids {
        self.host.uids()
    }

    fn site(&self) -> &SiteVisit {
        self.host.site()
    }
}

impl Environment for Panicking<'_> {
    fn repaired(&self, account: &Account, what: Repair, line: LogLine) {
        self.host.repaired(account, what, line);
    }
}

impl Clock for Panicking<'_> {
    fn wall(&self) -> otp_core::unix_time::UnixTime {
        self.step("clock");
        self.host.wall()
    }

    fn boot_ms(&self) -> u64 {
        self.host.boot_ms()
    }

    fn vouched(&self) -> bool {
        self.host.vouched()
    }
}
