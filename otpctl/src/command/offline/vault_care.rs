//! Work on the vault as a whole, or on the accounts of many: clock, version, restored files, adoptions.

use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::keys::seal::Nonce;
use otp_core::manage::adoption::{self, AdoptionRequest, Rehearsal};
use otp_core::manage::changes::{self};
use otp_core::manage::vault_version::{WayBack, back_to_1};
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{ChangeError, ClockMark, Reseal};
use otp_protocol::database::may_be_away;
use otp_protocol::interface::RestoredUsers;
use otp_system::random;
use serde_json::json;

use super::opened::{Offline, log, not_done, note, stopped};
use crate::arguments::{AcceptRestoreArgs, AdoptArgs, ClockArgs, VaultVersionArgs};
use crate::command::adopt;
use crate::command::emergency::{named, no_such_user};
use crate::command::key_change::{Reach, tell_restored};
use crate::machine::Machine;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

impl Offline {
    /// A mark of the last day is as good as one of now: the daemon moves it as often.
    pub(super) fn take_clock(&self, terminal: &mut Terminal, options: &ClockArgs) -> Result<(), Failure> {
        let (now, before) = (Machine.wall(), self.vault.clock_mark().ok());
        let format = OutputFormat::of(options.json);
        let is_fresh = before.is_some_and(|before| before <= now && now.since(before) < DAY_S);
        let object = |changed: bool| {
            let before = before.map(UnixTime::seconds);
            json!({ "changed": changed, "now": now.seconds(), "before": before })
        };
        if is_fresh {
            let text = format!("the clock was accepted within the last day; nothing was changed: {}\n", utc(now));
            return terminal.tell(format, &object(false), &text);
        }
        let before = self.vault.set_clock_mark(now).map_err(|error| stopped(&error.to_string()))?;
        log("clock");
        terminal.tell(format, &object(true), &clock_taken(before, now))
    }

    pub(super) fn back_to_version_1(&self, terminal: &mut Terminal, options: &VaultVersionArgs) -> Result<(), Failure> {
        let (changed, text) = match back_to_1(&self.vault, &Machine).map_err(|error| stopped(&error.to_string()))? {
            WayBack::Already => (false, "the vault already has version 1; nothing was changed\n"),
            WayBack::Done => {
                log("vault-version 1");
                let text = "the vault now has version 1: an older version of pam_otp can use it. This version's \
                            daemon makes it version 2 again when it starts\n";
                (true, text)
            }
            WayBack::Blocked(found) => {
                let lines: Vec<String> = found.iter().map(|one| escaped(&one.to_string())).collect();
                return Err(Failure::Stopped(format!("version 1 would not see this:\n{}", lines.join("\n"))));
            }
        };
        terminal.tell(OutputFormat::of(options.json), &json!({ "changed": changed, "version": options.version }), text)
    }

    pub(super) fn accept_restore(&self, terminal: &mut Terminal, options: &AcceptRestoreArgs) -> Result<(), Failure> {
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

    /// Reseals, so it cannot do without the host key.
    pub(super) fn adopt(&self, terminal: &mut Terminal, options: &AdoptArgs) -> Result<(), Failure> {
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
}

fn clock_taken(before: ClockMark, now: UnixTime) -> String {
    let taken = format!("the clock is accepted: {}\n", utc(now));
    match before {
        ClockMark::Unreadable => format!("{taken}the vault's clock mark could not be read and was made again\n"),
        ClockMark::At(before) if before > now => {
            format!("{taken}the vault's clock mark was ahead, at {}, and was set back\n", utc(before))
        }
        ClockMark::At(_) => taken,
    }
}

/// The clock mark of a vault whose daemon runs is never older, in seconds.
const DAY_S: u64 = 86_400;
