//! The command line: one definition gives the parser and the help; a test holds the man page to it.

mod admin;
mod explain;
mod gate;
mod guide;
mod host;
mod import;
mod invite;
pub(crate) mod keys;
mod migrate_pam;
mod moment;
mod resets;
mod token;
mod user;
mod wanted;

use clap::{Parser, Subcommand};
use otp_system::screen::ColorWish;

use crate::output::format::OutputFormat;

pub(crate) use admin::{
    AcceptRestoreArgs, AdoptArgs, ExpireArgs, ForgetArgs, GcArgs, ListArgs, LostArgs, NoticesArgs, RenameArgs,
    ReopenArgs, ResumeArgs, RevokeArgs, StatusArgs, SuspendArgs,
};
pub(crate) use explain::ExplainArgs;
pub(crate) use gate::{
    ConfirmGateArgs, DisableGateArgs, EnableGateArgs, GateAct, GateArgs, GateStatusArgs, GateWishes, ProveArgs,
    TestGateArgs,
};
pub(crate) use guide::GUIDE;
pub(crate) use host::{
    BypassArgs, CheckConfigArgs, CheckHostKeyArgs, ClockArgs, ConfigAct, ConfigArgs, DoctorArgs, EditConfigArgs,
    EmergencyAct, EmergencyArgs, EndBypassArgs, EndSudoArgs, ExportHostKeyArgs, HostKeyAct, HostKeyArgs,
    ImportHostKeyArgs, ListBypassesArgs, MendArgs, TemplateArgs, VaultVersionArgs, WatchPasswordsArgs,
};
pub(crate) use import::{
    ImportAddressesArgs, ImportArgs, ImportHomesArgs, ImportHow, ImportOathArgs, ImportSource, ImportTokensArgs,
};
pub(crate) use invite::InviteArgs;
pub(crate) use keys::{AddArgs, EnrolArgs, RecoveryCodesArgs, RotateArgs};
pub(crate) use migrate_pam::MigratePamArgs;
pub(crate) use moment::KeyEnd;
pub(crate) use resets::{ApproveResetArgs, CancelResetArgs, ListResetsArgs, ResetArgs, ResetsAct, ResetsArgs};
pub(crate) use token::{AddTokenArgs, AssignTokenArgs, ListTokensArgs, RemoveTokenArgs, TokenAct, TokenArgs};
pub(crate) use user::user_name;

/// Make, show and change the keys of one-time codes
///
/// `otpctl COMMAND --help` says more about a command. A user can also be given as uid:NUMBER.
///
/// The daemon otp-enrolld decides who may do what. Exit status: 0 done, 1 refused, 2 wrong usage, 3 daemon not reachable, 4 nothing
/// to change (with --detailed-exit-code).
#[derive(Parser)]
#[command(name = "otpctl", version)]
pub(crate) struct Arguments {
    /// Work on the files without the daemon, as root; write it before the command
    #[arg(long)]
    pub offline: bool,

    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true)]
    pub color: ColorWish,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Invite(InviteArgs),
    Reset(ResetArgs),
    Resets(ResetsArgs),
    Enrol(EnrolArgs),
    Add(AddArgs),
    Rotate(RotateArgs),
    RecoveryCodes(RecoveryCodesArgs),
    Token(TokenArgs),
    Import(ImportArgs),
    MigratePam(MigratePamArgs),
    Status(StatusArgs),
    Notices(NoticesArgs),
    List(ListArgs),
    Lost(LostArgs),
    Suspend(SuspendArgs),
    Resume(ResumeArgs),
    Reopen(ReopenArgs),
    Rename(RenameArgs),
    Revoke(RevokeArgs),
    Expire(ExpireArgs),
    Forget(ForgetArgs),
    Adopt(AdoptArgs),
    Gc(GcArgs),
    #[command(alias = "restored")] // its name before the first release
    AcceptRestore(AcceptRestoreArgs),
    Doctor(DoctorArgs),
    Config(ConfigArgs),
    Explain(ExplainArgs),
    Gate(GateArgs),
    Emergency(EmergencyArgs),
    HostKey(HostKeyArgs),
    Clock(ClockArgs),
    VaultVersion(VaultVersionArgs),
    Mend(MendArgs),
    WatchPasswords(WatchPasswordsArgs),
    EndSudo(EndSudoArgs),
}

impl Command {
    /// Every command can be told as JSON. The parts of `gate` that only this program starts are never.
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(match self {
            Self::Invite(options) => options.json,
            Self::Reset(options) => options.json,
            Self::Resets(ResetsArgs { act }) => act.json(),
            Self::Enrol(options) => options.output.json,
            Self::Add(options) => options.output.json,
            Self::Rotate(options) => options.output.json,
            Self::RecoveryCodes(options) => options.json,
            Self::Token(TokenArgs { act }) => act.json(),
            Self::Import(options) => options.json(),
            Self::MigratePam(options) => options.json,
            Self::Status(options) => options.json,
            Self::Notices(options) => options.json,
            Self::List(options) => options.json,
            Self::Lost(options) => options.json,
            Self::Suspend(options) => options.json,
            Self::Resume(options) => options.json,
            Self::Reopen(options) => options.json,
            Self::Rename(options) => options.json,
            Self::Revoke(options) => options.json,
            Self::Expire(options) => options.json,
            Self::Forget(options) => options.json,
            Self::Adopt(options) => options.json,
            Self::Gc(options) => options.json,
            Self::AcceptRestore(options) => options.json,
            Self::Doctor(options) => options.json,
            Self::Explain(options) => options.json,
            Self::Config(ConfigArgs { act }) => act.json(),
            Self::Gate(GateArgs { act }) => act.json(),
            Self::Emergency(EmergencyArgs { act }) => act.json(),
            Self::HostKey(HostKeyArgs { act }) => act.json(),
            Self::Clock(options) => options.json,
            Self::VaultVersion(options) => options.json,
            Self::Mend(options) => options.json,
            Self::WatchPasswords(options) => options.json,
            Self::EndSudo(options) => options.json,
        })
    }
}

#[cfg(test)]
pub(crate) use keys::KeyWishes;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap_complete::{Shell, generate_to};

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    /// docs/json.md has the objects; tests/documents has every command write them.
    #[test]
    fn every_command_can_write_json() {
        let mut without = Vec::new();
        let mut all = vec![("otpctl".to_owned(), Arguments::command())];
        while let Some((path, command)) = all.pop() {
            let mut below = command.get_subcommands().filter(|one| !one.is_hide_set()).peekable();
            if below.peek().is_none() && command.get_arguments().all(|argument| argument.get_long() != Some("json")) {
                without.push(path.clone());
            }
            all.extend(below.map(|one| (format!("{path} {}", one.get_name()), one.clone())));
        }
        assert!(without.is_empty(), "{without:?}");
    }

    /// The new ones are left in target/completions, to be copied.
    #[test]
    fn the_completions_in_packaging_are_those_of_this_definition() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let fresh = root.join("target/completions");
        std::fs::create_dir_all(&fresh).unwrap();
        let is_old = |shell| {
            let new = generate_to(shell, &mut Arguments::command(), "otpctl", &fresh).unwrap();
            let kept = root.join("packaging/completions").join(new.file_name().unwrap());
            std::fs::read(kept).unwrap_or_default() != std::fs::read(new).unwrap()
        };
        let old: Vec<Shell> =
            [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().filter(|shell| is_old(*shell)).collect();
        assert!(old.is_empty(), "{old:?}: cp target/completions/* packaging/completions");
    }

    #[test]
    fn a_key_is_revoked_with_or_without_a_user() {
        let revoke = |words: &[&str]| match Arguments::try_parse_from([&["otpctl", "revoke"], words].concat()) {
            Ok(Arguments { command: Command::Revoke(found), .. }) => Some((found.user, found.key)),
            _ => None,
        };
        assert_eq!(revoke(&["phone"]), Some((None, "phone".to_owned())));
        assert_eq!(revoke(&["alice", "phone"]), Some((Some("alice".to_owned()), "phone".to_owned())));
        assert_eq!(revoke(&[]), None);
    }
}
