//! The command line: one definition gives the parser and the help; a test holds the man page to it.

mod admin;
mod gate;
mod host;
pub(crate) mod keys;
mod user;

use clap::{Parser, Subcommand};

use crate::output::format::OutputFormat;

pub(crate) use admin::{
    AcceptRestoreArgs, AdoptArgs, ForgetArgs, GcArgs, ListArgs, NoticesArgs, RenameArgs, ReopenArgs, ResumeArgs,
    RevokeArgs, StatusArgs, SuspendArgs,
};
pub(crate) use gate::{
    ConfirmGateArgs, DisableGateArgs, EnableGateArgs, GateAct, GateArgs, GateStatusArgs, ProveArgs, TestGateArgs,
};
pub(crate) use host::{
    BypassArgs, CheckConfigArgs, CheckHostKeyArgs, ClockArgs, ConfigAct, ConfigArgs, EmergencyAct, EmergencyArgs,
    EndBypassArgs, ExportHostKeyArgs, HostKeyAct, HostKeyArgs, ImportHostKeyArgs, ListBypassesArgs, MendArgs,
    VaultVersionArgs,
};
pub(crate) use keys::{
    AddArgs, AddTokenArgs, EnrolArgs, InviteArgs, RecoveryCodesArgs, RotateArgs, TokenAct, TokenArgs,
};
pub(crate) use user::user_name;

/// Enrol users for one-time codes and look at their state
///
/// Talks to the daemon otp-enrolld on its local socket, which alone decides who may do what. Wherever a user is named, uid:NUMBER
/// names the account of that uid.
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 daemon not reachable, 4 nothing to change (with --detailed-exit-code).
#[derive(Parser)]
#[command(name = "otpctl", version)]
pub(crate) struct Arguments {
    /// Without the daemon, as root: on the files themselves, under the same locks
    #[arg(long)]
    pub offline: bool,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Invite(InviteArgs),
    Enrol(EnrolArgs),
    Add(AddArgs),
    Rotate(RotateArgs),
    RecoveryCodes(RecoveryCodesArgs),
    Token(TokenArgs),
    Status(StatusArgs),
    Notices(NoticesArgs),
    List(ListArgs),
    Suspend(SuspendArgs),
    Resume(ResumeArgs),
    Reopen(ReopenArgs),
    Rename(RenameArgs),
    Revoke(RevokeArgs),
    Forget(ForgetArgs),
    Adopt(AdoptArgs),
    Gc(GcArgs),
    #[command(alias = "restored")] // its name before the first release
    AcceptRestore(AcceptRestoreArgs),
    Config(ConfigArgs),
    Gate(GateArgs),
    Emergency(EmergencyArgs),
    HostKey(HostKeyArgs),
    Clock(ClockArgs),
    VaultVersion(VaultVersionArgs),
    Mend(MendArgs),
}

impl Command {
    pub(crate) fn format(&self) -> OutputFormat {
        match self {
            Self::Invite(options) => OutputFormat::of(options.json),
            Self::Enrol(options) => OutputFormat::of(options.output.json),
            Self::Add(options) => OutputFormat::of(options.output.json),
            Self::Rotate(options) => OutputFormat::of(options.output.json),
            Self::RecoveryCodes(options) => OutputFormat::of(options.json),
            Self::Token(TokenArgs { act: TokenAct::Add(options) }) => OutputFormat::of(options.json),
            Self::Status(options) => OutputFormat::of(options.json),
            Self::Notices(options) => OutputFormat::of(options.json),
            Self::List(options) => OutputFormat::of(options.json),
            Self::AcceptRestore(options) => OutputFormat::of(options.json),
            Self::Adopt(options) => OutputFormat::of(options.json),
            Self::Gc(options) => OutputFormat::of(options.json),
            Self::Gate(GateArgs { act }) => act.format(),
            Self::Emergency(EmergencyArgs { act: EmergencyAct::List(options) }) => OutputFormat::of(options.json),
            _ => OutputFormat::Text,
        }
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
