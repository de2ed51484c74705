//! `otpctl --offline`: for root, on the vault itself. Opens the host key, if there is one, while it is root; then becomes the
//! daemon's account for good, and does what the daemon would with the same functions under the same locks (R7). The daemon
//! may run or not.

use nix::sys::prctl;
use nix::unistd::{Uid, User};
use otp_core::accounts::{Account, may_have_been, no_answer};
use otp_core::decision::limits::Limits;
use otp_core::environment::{Clock as _, Moment};
use otp_core::files::date::utc;
use otp_core::files::notice::{Notice, NoticeEvent};
use otp_core::keys::seal::{HostKey, Nonce};
use otp_core::log_line::LogLine;
use otp_core::manage::adoption::{self, AdoptionRequest, Rehearsal};
use otp_core::manage::changes::{self, Change};
use otp_core::manage::notify_owner::{self, Outbound};
use otp_core::manage::on_file::on_file;
use otp_core::manage::suspension::{self, Suspension};
use otp_core::manage::vault_version::{WayBack, back_to_1};
use otp_core::policy::cool_down::CoolDown;
use otp_core::reasons::ChangeRefusal;
use otp_core::site::{Site, fits};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{ChangeError, ClockMark, LockedUser, MarkKind, Posted, Reseal, Vault, short_lock_deadline};
use otp_core::watch::PasswordHistory;
use otp_protocol::cool_down_status::{PasswordView, with_cool_down};
use otp_protocol::database::may_be_away;
use otp_protocol::interface::{GoneUsers, RestoredUsers, UserStatus};
use otp_protocol::status::{self, InvitedToo, Listing, UserPages};
use otp_system::privileges::{become_for_good, group_of};
use otp_system::random;
use serde_json::json;

use crate::arguments::{AcceptRestoreArgs, AdoptArgs, ClockArgs, Command, ForgetArgs, StatusArgs, VaultVersionArgs};
use crate::command::adopt;
use crate::command::emergency::{named, no_such_user, who};
use crate::command::gc::show_gone;
use crate::command::key_change::{Reach, done, resumed, tell, tell_restored};
use crate::command::list::listed;
use crate::command::status::show_one;
use crate::machine::Machine;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::stderr;
use crate::output::terminal::Terminal;

/// The commands without a daemon.
struct Offline {
    vault: Vault,
    limits: Limits,
    cool_down: CoolDown,
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
        | Command::Token(_)
        | Command::Import(_) => {
            let text = "not with --offline: the daemon makes keys and codes, because a new key waits in its memory for the first \
                        code; to let somebody in without a code, use `otpctl emergency bypass`";
            return Err(Failure::Usage(text.to_owned()));
        }
        Command::Notices(_) => {
            return Err(Failure::Usage(
                "not with --offline: the daemon alone reads notices; leave out --offline".to_owned(),
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
    let vault = site.open_vault().map_err(|unavailable| stopped(&unavailable.detail))?;
    let host_key = host_key.and_then(|key| fits(&key, &vault).map(|()| key));
    note(host_key.as_ref().err());
    note(policy.as_ref().err());
    let out = Outbound::of(&policy, &site);
    let (limits, cool_down) = policy.map_or_else(|_| Default::default(), |policy| (policy.limits, policy.cool_down));
    Ok(Offline { vault, limits, cool_down, host_key: host_key.ok(), out })
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

    fn change_keys(&self, command: &Command) -> Result<Reach, Failure> {
        match command {
            Command::Suspend(options) => self.suspend(&self.account(&options.user)?, command),
            Command::Forget(options) => {
                let Some(uid) = self.forgettable(options)? else { return Ok(Reach::Already) };
                match self.vault.forget(uid) {
                    Ok(()) => {
                        self.post_of_forgetting(Account { name: options.user.clone(), uid });
                        Ok(Reach::Files)
                    }
                    Err(ChangeError::Refused(ChangeRefusal::NotEnrolled)) if may_have_been(&options.user) => {
                        Ok(Reach::Already)
                    }
                    Err(error) => Err(not_done(&error)),
                }
            }
            other => {
                let (user, change) = change(other).ok_or_else(|| stopped("not possible offline"))?;
                self.change(&self.account(&user)?, &change)
            }
        }
    }

    /// A mark of the last day is as good as one of now: the daemon moves it as often.
    fn take_clock(&self, terminal: &mut Terminal, options: &ClockArgs) -> Result<(), Failure> {
        let (now, before) = (Machine.wall(), self.vault.clock_mark().ok());
        let format = OutputFormat::of(options.json);
        let is_fresh = before.is_some_and(|before| before <= now && now.since(before) < DAY_S);
        let object = |changed: bool| {
            let before = before.map(UnixTime::seconds);
            json!({ "changed": changed, "now": now.seconds(), "before": before })
        };
        if is_fresh {
            let text = format!("the clock was taken as it is within the last day; nothing was changed: {}\n", utc(now));
            return terminal.tell(format, &object(false), &text);
        }
        let before = self.vault.set_clock_mark(now).map_err(|error| stopped(&error.to_string()))?;
        log("clock");
        terminal.tell(format, &object(true), &clock_taken(before, now))
    }

    fn back_to_version_1(&self, terminal: &mut Terminal, options: &VaultVersionArgs) -> Result<(), Failure> {
        let (changed, text) = match back_to_1(&self.vault, &Machine).map_err(|error| stopped(&error.to_string()))? {
            WayBack::Already => (false, "the vault is of version 1 already; nothing was changed\n"),
            WayBack::Done => {
                log("vault-version 1");
                let text = "the vault is of version 1: an older version of pam_otp can use it. The daemon of this one makes it version 2 \
                            again when it starts\n";
                (true, text)
            }
            WayBack::Blocked(found) => {
                let lines: Vec<String> = found.iter().map(|one| escaped(&one.to_string())).collect();
                return Err(Failure::Stopped(format!("version 1 could not see this:\n{}", lines.join("\n"))));
            }
        };
        terminal.tell(OutputFormat::of(options.json), &json!({ "changed": changed, "version": options.version }), text)
    }

    fn accept_restore(&self, terminal: &mut Terminal, options: &AcceptRestoreArgs) -> Result<(), Failure> {
        let users = match &options.user {
            Some(name) => {
                let account = self.account(name)?;
                match self.vault.restored(&account, &Machine) {
                    Err(ChangeError::Refused(ChangeRefusal::NothingRestored)) => Ok(Vec::new()),
                    restored => restored.map(|()| vec![account.name]),
                }
            }
            None => changes::restored_all(&self.vault, &Machine, &|uid, error| {
                note(Some(format_args!("uid {uid}: {error}")));
            })
            .map_err(ChangeError::from),
        };
        let users = users.map_err(|error| not_done(&error))?;
        if !users.is_empty() {
            log(&format!("restored {}", options.user.as_deref().unwrap_or("--all")));
        }
        tell_restored(terminal, OutputFormat::of(options.json), &RestoredUsers { users })
    }

    /// The uid of a user who is to be forgotten, if there is one; not while their directory may only be down, unless root says that they are gone.
    fn forgettable(&self, options: &ForgetArgs) -> Result<Option<u32>, Failure> {
        let uid = match otp_core::accounts::uid_named(&options.user) {
            Ok(Some(uid)) => uid,
            known => match on_file(&self.vault, &options.user).map_err(|error| stopped(&error.to_string()))? {
                Some(owner) => owner.uid,
                None if known.is_ok() && !may_have_been(&options.user) => {
                    return Err(no_such_user(&options.user));
                }
                None => return known.map_err(|errno| stopped(&no_answer(errno))),
            },
        };
        let enrolled = self.vault.enrolled_uids().map_err(|error| stopped(&error.to_string()))?;
        if !options.gone && may_be_away(uid, &enrolled) {
            return Err(stopped(&format!("{}: {}", options.user, ChangeRefusal::PerhapsAway)));
        }
        Ok(Some(uid))
    }

    /// A user who is forgotten has no spool; only the outbox hears of it.
    fn post_of_forgetting(&self, account: Account) {
        let notice = notify_owner::notice(NoticeEvent::Forgotten, 0, Machine.wall(), None);
        note(not_posted(self.out.post(&self.vault, &account, notice)));
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

    /// Reseals, so it cannot do without the host key.
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
            let reach = match adopted {
                Err(ChangeError::Refused(ChangeRefusal::AlreadyAdopted)) if adopt::may_have_been_former(options) => {
                    Reach::Already
                }
                adopted => adopted.map(|_| Reach::Files).map_err(|error| adopt::not_done(user, &error))?,
            };
            if reach.is_a_change() {
                log(&adopt::done(user, options.from.as_deref()));
            }
            return adopt::show_one(terminal, options, user, reach);
        }
        let rehearsal = if options.dry_run { Rehearsal::Dry } else { Rehearsal::Real };
        let all = adoption::adopt_all(&self.vault, rehearsal, &reseal, &Machine);
        let all = all.map_err(|error| stopped(&error.to_string()))?;
        if rehearsal == Rehearsal::Real && !all.adopted.is_empty() {
            log("adopted --all");
        }
        adopt::show_all(terminal, options, &all.into())
    }

    /// Ends what is on its way before it, so that no key is stored meanwhile, and after it.
    fn suspend(&self, account: &Account, command: &Command) -> Result<Reach, Failure> {
        let ended = self.vault.end_invitation(account, &Machine).map_err(|error| stopped(&error.to_string()));
        let reached = suspension::suspend(&self.vault, account, &Machine).map_err(|error| not_done(&error))?;
        if reached != Suspension::NeverEnrolled {
            let left = Site::STANDARD.sudo_marks().leave(account.uid);
            note(left.err().map(|error| format!("sudo may not ask for some minutes: {error}")));
        }
        match reached {
            Suspension::NeverEnrolled => return Ok(ended?.map_or(Reach::NoKeys, |_| Reach::Invitation)),
            Suspension::Already => return Ok(ended?.map_or(Reach::Already, |_| Reach::Files)),
            Suspension::Stored | Suspension::Aside(_) | Suspension::OfGone => {}
        }
        let notice = notify_owner::notice(NoticeEvent::KeysSuspended, 0, Machine.wall(), None);
        self.keep(account, notice);
        self.vault.end_invitation(account, &Machine).map(|_| Reach::Files).map_err(|error| {
            log(&format!("{}, but what is on its way is not ended", done(command, Reach::Files)));
            stopped(&format!("suspended, but a code that is on its way may still be good: {error}"))
        })
    }

    fn change(&self, account: &Account, change: &Change) -> Result<Reach, Failure> {
        if let Change::SetExpiry { expires: Some(end), .. } = change
            && *end <= Machine.wall()
        {
            return Err(stopped("that time is over; to end a key now, use otpctl revoke"));
        }
        note(change.settle(&self.vault, account, &Machine).err());
        let locked = self.vault.lock(account, &Machine).map_err(|error| stopped(&error.to_string()))?;
        let mut locked = locked.ok_or_else(|| not_done(&ChangeRefusal::NotEnrolled.into()))?;
        if change.is_so(&locked) || was_made_before(change, &locked) {
            return Ok(Reach::Already);
        }
        let notice = notify_owner::of_change(change, &locked, 0, Machine.wall()).map_err(|error| not_done(&error))?;
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = self.host_key.as_ref().map(|host_key| Reseal { host_key, nonce: &nonce });
        change.apply(&mut locked, reseal.as_ref(), &Machine).map_err(|error| not_done(&error))?;
        drop(locked);
        notice.into_iter().for_each(|notice| self.keep(account, notice));
        Ok(Reach::Files)
    }

    /// Offline is for emergencies: the change counts, a notice that has no room is only told.
    fn keep(&self, account: &Account, notice: Notice) {
        note(match notify_owner::keep(&self.vault, account, notice, &self.out) {
            Ok(posted) => not_posted(posted),
            Err(error) => Some(error.to_string()),
        });
    }
}

/// Why a notice does not leave this host.
fn not_posted(posted: Posted) -> Option<String> {
    match posted {
        Posted::Kept => None,
        Posted::Full => Some("the outbox is full: nobody is told of this outside this host".to_owned()),
        Posted::Failed(detail) => Some(detail),
    }
}

/// The key is gone, and where it was to get another label, a key has that.
fn was_made_before(change: &Change, locked: &LockedUser<'_>) -> bool {
    let is_gone = change
        .key()
        .is_some_and(|key| matches!(locked.key_named(key), Err(ChangeError::Refused(ChangeRefusal::NoSuchKey))));
    is_gone
        && match change {
            Change::Rename { label, .. } => locked.key_named(label.as_str()).is_ok(),
            Change::SetExpiry { .. } => false,
            _ => true,
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
        Command::Expire(options) => {
            let (key, expires) = (options.key.clone(), options.end.time());
            Some((options.user.clone(), Change::SetExpiry { key, expires }))
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

/// Logs a change of the vault past the daemon.
fn log(done: &str) {
    alert(&LogLine::default().field("event", "offline").field("done", done).field("by", &who()).finish());
}

/// Other faults, which do not stop this.
fn note(found: Option<impl std::fmt::Display>) {
    if let Some(found) = found {
        stderr::note(&escaped(&found.to_string()));
    }
}

fn not_done(error: &ChangeError) -> Failure {
    stopped(&error.to_string())
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

/// The clock mark of a vault whose daemon runs is never older, in seconds.
const DAY_S: u64 = 86_400;
