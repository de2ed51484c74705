//! `otpctl --offline`: for root, on the vault itself. Opens the host key, if there is one, while it is root; then becomes the
//! daemon's account for good, and does what the daemon would with the same functions under the same locks (R7). The daemon
//! may run or not.

mod key_changes;
mod opened;
mod vault_care;

use otp_core::environment::Moment;
use otp_core::site::Site;
use otp_core::vault::{LockedUser, MarkKind, short_lock_deadline};
use otp_core::watch::PasswordHistory;
use otp_protocol::cool_down_status::{PasswordView, with_cool_down};
use otp_protocol::interface::{GoneUsers, UserStatus};
use otp_protocol::status::{self, InvitedToo, Listing, UserPages};

use crate::arguments::{Command, StatusArgs};
use crate::command::gc::show_gone;
use crate::command::key_change::{done, resumed, tell};
use crate::command::list::listed;
use crate::command::status::show_one;
use crate::machine::Machine;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

use opened::{Offline, log, note, open, stopped};

pub(crate) fn run(terminal: &mut Terminal, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Invite(_)
        | Command::Enrol(_)
        | Command::Add(_)
        | Command::Rotate(_)
        | Command::RecoveryCodes(_)
        | Command::Token(_)
        | Command::Import(_) => {
            let text = "not with --offline: the daemon makes keys and codes, because a new key waits in its memory for the first \
                        code; to let somebody in without a code, use `otpctl emergency bypass`";
            return Err(Failure::Usage(text.to_owned()));
        }
        Command::Notices(_) => {
            return Err(Failure::Usage(
                "not with --offline: only the daemon reads notices; leave out --offline".to_owned(),
            ));
        }
        Command::Lost(_) => {
            let text = "not with --offline: the daemon asks for the code; as root, use `otpctl --offline suspend USER`";
            return Err(Failure::Usage(text.to_owned()));
        }
        Command::Mend(options) => return crate::command::mend::run(terminal, options),
        Command::Gate(options) => return crate::command::gate::run(terminal, &options.act),
        Command::Emergency(options) => return crate::command::emergency::run(terminal, &options.act),
        Command::Config(options) => return crate::command::config::run(terminal, &options.act),
        Command::WatchPasswords(options) => return crate::command::watch_passwords::watch_passwords(terminal, options),
        Command::EndSudo(options) => return crate::command::end_sudo::end_sudo(terminal, options),
        Command::Doctor(options) => return crate::command::doctor::run(terminal, options),
        Command::Explain(options) => return crate::command::explain::explain(terminal, options),
        Command::HostKey(options) => return crate::command::host_key::run(terminal, &options.act),
        _ => {}
    }
    open()?.act(terminal, command)
}

impl Offline {
    fn act(&self, terminal: &mut Terminal, command: &Command) -> Result<(), Failure> {
        match command {
            Command::Status(options) if options.try_code => {
                Err(Failure::Usage("--try-code asks the daemon: leave out --offline".to_owned()))
            }
            Command::Status(options) => self.status(terminal, options),
            Command::List(options) => listed(terminal, options, &mut |take| {
                let mut put_right = |_: LockedUser<'_>| ();
                let listing = Listing::PuttingRight(&mut put_right);
                let pages = UserPages::new(&self.vault, &self.limits, &Machine, listing);
                pages.and(InvitedToo::Listed).each(None, take)
            }),
            Command::Clock(options) => self.take_clock(terminal, options),
            Command::Gc(options) => {
                let looked = self.vault.mark_missing(&Machine, &mut |_| ());
                let found = looked.and_then(|()| self.vault.marked(MarkKind::Gone));
                let gone = GoneUsers::of(found.map_err(|error| stopped(&error.to_string()))?);
                show_gone(terminal, options, &gone)
            }
            Command::VaultVersion(options) => self.back_to_version_1(terminal, options),
            Command::AcceptRestore(options) => self.accept_restore(terminal, options),
            Command::Adopt(options) => self.adopt(terminal, options),
            command => {
                let reach = self.change_keys(command)?;
                if reach.is_a_change() {
                    log(&done(command, reach));
                }
                match command {
                    Command::Resume(options) if command.format() == OutputFormat::Text => {
                        terminal.show(&resumed(&self.status_of(Some(&options.user))?, reach))
                    }
                    _ => tell(terminal, command, reach),
                }
            }
        }
    }

    fn status(&self, terminal: &mut Terminal, options: &StatusArgs) -> Result<(), Failure> {
        show_one(&self.status_of(options.user.as_deref())?, terminal, OutputFormat::of(options.json))
    }

    /// Of root where nobody is named.
    fn status_of(&self, user: Option<&str>) -> Result<UserStatus, Failure> {
        let account = self.account(user.unwrap_or("root"))?;
        let status = status::of(&self.vault, &account, &self.limits, &Machine, short_lock_deadline());
        let status = status.map_err(|error| stopped(&error.to_string()))?;
        let (history, obstacle) = PasswordHistory::of(&Site::STANDARD.watch(), account.uid);
        note(obstacle.as_ref());
        let replaced = self.vault.last_replacement(&account).unwrap_or(None); // doctor names tickets that cannot be read
        let (policy, now) = (self.cool_down, Moment::of(&Machine));
        Ok(with_cool_down(status, &PasswordView { history: &history, replaced, policy, now }))
    }
}
