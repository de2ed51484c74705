//! `otpctl --offline`: for root, on the vault itself. Opens the host key, if there is one, while it is root; then becomes the
//! daemon's account for good, and does what the daemon would with the same functions under the same locks (R7). The daemon
//! may run or not.

use std::io::Write as _;

use nix::sys::prctl;
use nix::unistd::{Uid, User};
use otp_core::accounts::{Account, no_answer};
use otp_core::decision::limits::Limits;
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::files::notice::NoticeEvent;
use otp_core::keys::seal::{HostKey, Nonce};
use otp_core::log_line::LogLine;
use otp_core::manage::adoption::{self, AdoptionRequest, Rehearsal};
use otp_core::manage::changes::{self, Change};
use otp_core::manage::notify_owner::{self, Outbound};
use otp_core::manage::on_file::on_file;
use otp_core::manage::suspension::{self, Suspension};
use otp_core::manage::vault_version::{WayBack, back_to_1};
use otp_core::reasons::ChangeRefusal;
use otp_core::site::{Site, fits};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{ChangeError, ClockMark, MarkKind, Posted, Reseal, Vault, as_it_is, short_lock_deadline};
use otp_protocol::database::may_be_away;
use otp_protocol::interface::{GoneUsers, RestoredUsers};
use otp_protocol::status;
use otp_system::privileges::{become_for_good, group_of};
use otp_system::random;

use crate::arguments::{AdoptArgs, Command, ForgetArgs, StatusArgs};
use crate::command::admin::{done, invitation_ended, show_restored, suspended};
use crate::command::adopt;
use crate::command::emergency::{named, no_such_user, who};
use crate::command::gc::show_gone;
use crate::command::status::{show, show_one};
use crate::machine::Machine;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// What there is without a daemon.
struct Offline {
    vault: Vault,
    limits: Limits,
    /// None if it is lost or of another vault.
    host_key: Option<HostKey>,
    out: Outbound,
}

pub(crate) fn run(terminal: &mut Terminal, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Invite(_)
        | Command::Enrol(_)
        | Command::Add(_)
        | Command::Rotate(_)
        | Command::RecoveryCodes(_)
        | Command::Token(_) => {
            let text = "not offline: new keys and codes are made by the daemon, and a key waits for its first code in the \
                        daemon's memory. To let somebody in, see `otpctl emergency bypass`";
            return Err(Failure::Usage(text.to_owned()));
        }
        Command::Notices(_) => return Err(Failure::Usage("notices: not offline; ask the daemon".to_owned())),
        Command::Mend(options) => return crate::command::mend::run(terminal, options),
        Command::Gate(options) => return crate::command::gate::run(terminal, &options.act),
        Command::Emergency(options) => return crate::command::emergency::run(terminal, &options.act),
        Command::Config(options) => return crate::command::config::run(terminal, &options.act),
        Command::HostKey(options) => return crate::command::host_key::run(terminal, &options.act),
        _ => {}
    }
    let who = who();
    let tell = |done: &str| {
        alert(&LogLine::default().field("event", "offline").field("done", done).field("by", &who).finish())
    };
    let offline = open()?;
    if let Command::Suspend(options) = command {
        let done = offline.suspend(&offline.account(&options.user)?, &tell)?;
        tell(&done);
        return terminal.show(&format!("{done}\n"));
    }
    offline.act(terminal, command)?;
    if !matches!(
        command,
        Command::Status(_) | Command::List(_) | Command::Gc(_) | Command::Adopt(AdoptArgs { dry_run: true, .. })
    ) {
        tell(&done_or_name(command));
    }
    Ok(())
}

/// As root what only root can; then the vault as its own account.
fn open() -> Result<Offline, Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("--offline is for root; without it the daemon is asked, where it can answer"));
    }
    let site = Site::STANDARD;
    let user = User::from_name(site.account).map_err(|errno| stopped(errno.desc()))?;
    let user = user.ok_or_else(|| stopped(&format!("account {} does not exist", site.account)))?;
    let host_key = site.host_key();
    let policy = site.policy();
    prctl::set_dumpable(false).map_err(|errno| stopped(errno.desc()))?;
    become_for_good(&user, &group_of(site.notifier)).map_err(|error| stopped(&error.to_string()))?;
    let vault = site.open_vault(as_it_is).map_err(|unavailable| stopped(&unavailable.detail))?;
    let host_key = host_key.and_then(|key| fits(&key, &vault).map(|()| key));
    note(host_key.as_ref().err());
    note(policy.as_ref().err());
    let out = Outbound::of(&policy, &site);
    let limits = policy.map_or_else(|_| Limits::default(), |policy| policy.limits);
    Ok(Offline { vault, limits, host_key: host_key.ok(), out })
}

impl Offline {
    fn act(&self, terminal: &mut Terminal, command: &Command) -> Result<(), Failure> {
        match command {
            Command::Status(options) if options.try_code => {
                return Err(Failure::Usage("--try-code asks the daemon: leave out --offline".to_owned()));
            }
            Command::Status(options) => return self.status(terminal, options),
            Command::List(options) => {
                let list = status::all(&self.vault, &self.limits, &Machine, &mut |_| ());
                let list = list.map_err(|error| stopped(&error.to_string()))?;
                return show(&list, terminal, OutputFormat::of(options.json));
            }
            Command::Clock(_) => {
                let now = Machine.wall();
                let before = self.vault.set_clock_mark(now).map_err(|error| stopped(&error.to_string()))?;
                return terminal.show(&clock_taken(before, now));
            }
            Command::Gc(options) => {
                let found = self.vault.mark_missing(&Machine).and_then(|_| self.vault.marked(MarkKind::Gone));
                let gone = GoneUsers::of(found.map_err(|error| stopped(&error.to_string()))?);
                return show_gone(terminal, options, &gone);
            }
            Command::VaultVersion(_) => return self.back_to_version_1(terminal),
            Command::AcceptRestore(options) => {
                let users = match &options.user {
                    Some(name) => {
                        let account = self.account(name)?;
                        self.vault.restored(&account, &Machine).map(|()| vec![account.name])
                    }
                    None => changes::restored_all(&self.vault, &Machine, &|uid, error| {
                        note(Some(format_args!("uid {uid}: {error}")));
                    })
                    .map_err(ChangeError::from),
                };
                let users = users.map_err(|error| not_done(&error))?;
                return show_restored(terminal, OutputFormat::of(options.json), RestoredUsers { users });
            }
            Command::Forget(options) => {
                let uid = self.forgettable(options)?;
                self.vault.forget(uid).map_err(|error| not_done(&error))?;
            }
            Command::Adopt(options) => return self.adopt(terminal, options),
            other => {
                let (user, change) = change(other).ok_or_else(|| stopped("not possible offline"))?;
                self.change(&self.account(&user)?, &change)?;
            }
        }
        terminal.show(&format!("{}\n", done(command)))
    }

    fn back_to_version_1(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        match back_to_1(&self.vault, &Machine).map_err(|error| stopped(&error.to_string()))? {
            WayBack::Already => terminal.show("the vault is of version 1 already\n"),
            WayBack::Done => terminal.show(
                "the vault is of version 1: an older version of pam_otp can use it. The daemon of this one makes it version 2 again \
                 when it starts\n",
            ),
            WayBack::Blocked(found) => {
                let lines: Vec<String> = found.iter().map(|one| escaped(&one.to_string())).collect();
                Err(Failure::Stopped(format!("version 1 could not see this:\n{}", lines.join("\n"))))
            }
        }
    }

    /// The uid of a user who is to be forgotten; not while their directory may only be down, unless root says that they are gone.
    fn forgettable(&self, options: &ForgetArgs) -> Result<u32, Failure> {
        let uid = match otp_core::accounts::uid_named(&options.user) {
            Ok(Some(uid)) => uid,
            known => match on_file(&self.vault, &options.user).map_err(|error| stopped(&error.to_string()))? {
                Some(owner) => owner.uid,
                None => {
                    return Err(known.map_or_else(|errno| stopped(&no_answer(errno)), |_| no_such_user(&options.user)));
                }
            },
        };
        let enrolled = self.vault.enrolled_uids().map_err(|error| stopped(&error.to_string()))?;
        if !options.gone && may_be_away(uid, &enrolled) {
            return Err(stopped(&format!("{}: {}", options.user, ChangeRefusal::PerhapsAway)));
        }
        Ok(uid)
    }

    /// Whom a name or `uid:NUMBER` means: an account or, where there is none now, whose files have it.
    fn account(&self, name: &str) -> Result<Account, Failure> {
        match named(name) {
            Ok(Some(account)) => Ok(account),
            known => {
                let owner = on_file(&self.vault, name).map_err(|error| stopped(&error.to_string()))?;
                owner.ok_or_else(|| known.err().unwrap_or_else(|| no_such_user(name)))
            }
        }
    }

    fn status(&self, terminal: &mut Terminal, options: &StatusArgs) -> Result<(), Failure> {
        let account = self.account(options.user.as_deref().unwrap_or("root"))?;
        let status = status::of(&self.vault, &account, &self.limits, &Machine, short_lock_deadline());
        let status = status.map_err(|error| stopped(&error.to_string()))?;
        show_one(&status, terminal, OutputFormat::of(options.json))
    }

    /// Reseals, so this is the one command that cannot do without the host key.
    fn adopt(&self, terminal: &mut Terminal, options: &AdoptArgs) -> Result<(), Failure> {
        let host_key =
            self.host_key.as_ref().ok_or_else(|| stopped("without the right host key no key can be sealed"))?;
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = Reseal { host_key, nonce: &nonce };
        if let Some(user) = &options.user {
            let account = named(user)?.ok_or_else(|| no_such_user(user))?; // it must exist
            let enrolled = self.vault.enrolled_uids().map_err(|error| stopped(&error.to_string()))?;
            let away = |uid| !options.gone && may_be_away(uid, &enrolled);
            let request = AdoptionRequest { from: options.from.as_deref(), to: &account, away: &away };
            let adopted = adoption::adopt(&self.vault, &request, &reseal, &Machine);
            adopted.map_err(|error| not_done(&error))?;
            return terminal.show(&format!("{}\n", adopt::done(user, options.from.as_deref())));
        }
        let rehearsal = if options.dry_run { Rehearsal::Dry } else { Rehearsal::Real };
        let all = adoption::adopt_all(&self.vault, rehearsal, &reseal, &Machine);
        let all = all.map_err(|error| stopped(&error.to_string()))?;
        adopt::show_all(terminal, options, &all.into())
    }

    /// Ends what is on its way before it, so that no key is stored meanwhile, and after it. Says what was done.
    fn suspend(&self, account: &Account, tell: &dyn Fn(&str)) -> Result<String, Failure> {
        let ended = self.vault.end_invitation(account, &Machine);
        if suspension::suspend(&self.vault, account, &Machine).map_err(|error| not_done(&error))?
            == Suspension::NeverEnrolled
        {
            let ended = ended.map_err(|error| stopped(&error.to_string()))?;
            return ended
                .map(|_| invitation_ended(&account.name))
                .ok_or_else(|| not_done(&ChangeRefusal::NotEnrolled.into()));
        }
        let notice = notify_owner::notice(NoticeEvent::KeysSuspended, 0, Machine.wall(), None);
        note(notify_owner::keep(&self.vault, account, notice, &self.out).err());
        let done = suspended(&account.name);
        self.vault.end_invitation(account, &Machine).map(|_| done.clone()).map_err(|error| {
            tell(&format!("{done}, but what is on its way is not ended"));
            stopped(&format!("suspended, but a code that is on its way may still be good: {error}"))
        })
    }

    fn change(&self, account: &Account, change: &Change) -> Result<(), Failure> {
        note(change.settle(&self.vault, account, &Machine).err());
        let locked = self.vault.lock(account, &Machine).map_err(|error| stopped(&error.to_string()))?;
        let mut locked = locked.ok_or_else(|| not_done(&ChangeRefusal::NotEnrolled.into()))?;
        let notice = notify_owner::of_change(change, &locked, 0, Machine.wall()).map_err(|error| not_done(&error))?;
        change.apply(&mut locked, &Machine).map_err(|error| not_done(&error))?;
        drop(locked);
        // Offline is for emergencies: the change counts, a notice that has no room is only told.
        let kept =
            notice.map_or(Ok(Posted::Kept), |notice| notify_owner::keep(&self.vault, account, notice, &self.out));
        note(match kept {
            Ok(Posted::Failed(detail)) => Some(detail),
            kept => kept.err().map(|error| error.to_string()),
        });
        Ok(())
    }
}

/// Whose keys, and what is done to them.
fn change(command: &Command) -> Option<(String, Change)> {
    let root = || "root".to_owned();
    match command {
        Command::Resume(options) => Some((options.user.clone(), Change::Resume)),
        Command::Reopen(options) => Some((options.user.clone().unwrap_or_else(root), Change::Reopen(options.origin))),
        Command::Rename(options) => {
            let (key, label) = (options.key.clone(), options.label.clone());
            Some((options.user.clone(), Change::Rename { key, label }))
        }
        Command::Revoke(options) => {
            Some((options.user.clone().unwrap_or_else(root), Change::Revoke { key: options.key.clone() }))
        }
        _ => None,
    }
}

fn clock_taken(before: ClockMark, now: UnixTime) -> String {
    let taken = format!("the clock is taken as it is: {}\n", utc(now));
    match before {
        ClockMark::Unreadable => format!("{taken}the clock mark of the vault could not be read, and is made again\n"),
        ClockMark::At(before) if before > now => {
            format!("{taken}the clock mark of the vault was ahead of it, at {}, and is set back\n", utc(before))
        }
        ClockMark::At(_) => taken,
    }
}

fn done_or_name(command: &Command) -> String {
    match command {
        Command::Clock(_) => "clock".to_owned(),
        Command::VaultVersion(_) => "vault-version 1".to_owned(),
        Command::Adopt(AdoptArgs { user: Some(user), from, .. }) => adopt::done(user, from.as_deref()),
        Command::Adopt(_) => "adopted --all".to_owned(),
        Command::AcceptRestore(options) => format!("restored {}", options.user.as_deref().unwrap_or("--all")),
        other => done(other),
    }
}

/// What is broken besides, and does not stop this.
fn note(found: Option<impl std::fmt::Display>) {
    if let Some(found) = found {
        drop(writeln!(std::io::stderr(), "otpctl: note: {}", escaped(&found.to_string())));
    }
}

fn not_done(error: &ChangeError) -> Failure {
    stopped(&error.to_string())
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
