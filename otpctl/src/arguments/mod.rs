//! The command line: one definition gives the parser and the help; a test holds the man page to it.

pub(crate) mod keys;
mod user;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use otp_core::decision::origin::Origin;
use otp_core::emergency::{LONGEST_BYPASS_S, Reason};
use otp_core::keys::key::Label;

use crate::output::duration;
use crate::output::format::OutputFormat;

use user::user;

pub(crate) use user::user_name;

pub(crate) use keys::{
    AddArgs, AddTokenArgs, EnrolArgs, InviteArgs, RecoveryCodesArgs, RotateArgs, TokenAct, TokenArgs,
};

/// Enrol users for one-time codes and look at their state
///
/// Talks to the daemon otp-enrolld on its local socket, which alone decides who may do what. Wherever a user is named, uid:NUMBER
/// names the account of that uid.
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 daemon not reachable.
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
    Emergency(EmergencyArgs),
    HostKey(HostKeyArgs),
    Clock(ClockArgs),
    VaultVersion(VaultVersionArgs),
    Mend(MendArgs),
}

/// Show the keys and the wrong codes of a user, or of the caller
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The user to show; defaults to the caller
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Show unread notices about the keys of a user, or of the caller
///
/// On a terminal what is shown counts as seen; each notice is shown three times, here or at logins.
#[derive(Args)]
pub(crate) struct NoticesArgs {
    /// The user; defaults to the caller
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Write JSON; then nothing counts as seen
    #[arg(long)]
    pub json: bool,
}

/// List every enrolled user
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Refuse every code of a user until `otpctl resume`
#[derive(Args)]
pub(crate) struct SuspendArgs {
    /// The user
    #[arg(value_parser = user())]
    pub user: String,
}

/// End a suspension
#[derive(Args)]
pub(crate) struct ResumeArgs {
    /// The user
    #[arg(value_parser = user())]
    pub user: String,
}

/// Reopen what too many wrong codes have closed
///
/// Root, and otp-admin for others, are not asked for a code, and the total of wrong codes stays. Everybody else is asked for one.
#[derive(Args)]
pub(crate) struct ReopenArgs {
    /// The user; defaults to the caller
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Only this one: self, other, remote, console or socket
    #[arg(long, value_parser = origin)]
    pub origin: Option<Origin>,
}

/// Give a key another label
#[derive(Args)]
pub(crate) struct RenameArgs {
    /// The user
    #[arg(value_parser = user())]
    pub user: String,

    /// The key, by label or id
    pub key: String,

    /// Its new label
    #[arg(value_parser = Label::new)]
    pub label: Label,
}

/// Remove a key for good
///
/// After the last one the user is still enrolled, and refused. Root, and otp-admin for others, are not asked for a code; everybody
/// else is asked for one of that key. A recovery code will not do.
#[derive(Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RevokeArgs {
    /// The user; defaults to the caller
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// The key, by label or id
    pub key: String,

    /// Even if it is one's own last key: afterwards every code is refused until an administrator invites again
    #[arg(long)]
    pub last: bool,
}

/// Forget a user: never enrolled from now on
#[derive(Args)]
pub(crate) struct ForgetArgs {
    /// The user, or the name or uid of one whose account is gone
    #[arg(value_parser = user())]
    pub user: String,

    /// The account is gone for good, also where its directory may only be down
    #[arg(long)]
    pub gone: bool,
}

/// Take over the files of a former name or uid, after an account was renamed
///
/// With --all, those of everybody whose account has another name or uid than the files; look at --dry-run first, for a name or a uid
/// may have been given to another person.
#[derive(Args)]
pub(crate) struct AdoptArgs {
    /// The user, as the account is called now
    #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = user())]
    pub user: Option<String>,

    /// What the name or the uid was before; by default the same name under another uid, or the same uid under another name
    #[arg(long, value_name = "NAME|UID", conflicts_with = "all", value_parser = user())]
    pub from: Option<String>,

    /// The former account is gone for good, also where its directory may only be down
    #[arg(long, conflicts_with = "all")]
    pub gone: bool,

    /// Everybody
    #[arg(long)]
    pub all: bool,

    /// Change nothing and say what --all would do
    #[arg(long, conflicts_with = "user")]
    pub dry_run: bool,

    /// Write JSON, with --all
    #[arg(long, conflicts_with = "user")]
    pub json: bool,
}

/// Look for local accounts that are gone, and list every user who is refused because theirs was
///
/// Each is refused until `otpctl adopt`, if the account was made again for the same person, or `otpctl forget UID`.
#[derive(Args)]
pub(crate) struct GcArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Accept files restored from a backup
///
/// Turns HOTP keys on again, which then want two codes in a row, and takes a key file of another generation.
#[derive(Args)]
pub(crate) struct AcceptRestoreArgs {
    /// The user
    #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = user())]
    pub user: Option<String>,

    /// Every user
    #[arg(long)]
    pub all: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Check the policy file and the PAM stacks, or edit the policy
#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub act: ConfigAct,
}

#[derive(Subcommand)]
pub(crate) enum ConfigAct {
    Check(CheckConfigArgs),
    Edit(EditConfigArgs),
}

/// Check the policy file and the PAM stacks; needs no daemon
///
/// Follows every stack that names pam_otp.so, as libpam does, and says which let somebody in without it or past its refusal. Names
/// every entry of exempt and require that matches no account and no group, and shows exemptions that have ended or end within
/// 30 days. Exit code 1 if anything is wrong. Run it as root, who can read everything.
#[derive(Args)]
pub(crate) struct CheckConfigArgs {
    /// Another file than /etc/otp/otp.toml; root's too, as the module wants it
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Edit the policy file and put it into force only if it is in order
///
/// For root. A copy is opened in $VISUAL, $EDITOR or vi; it takes the file's place, in one step, when the module would read it.
#[derive(Args)]
pub(crate) struct EditConfigArgs {
    /// Another file than /etc/otp/otp.toml, which need not be there
    pub file: Option<PathBuf>,
}

/// Say that the clock is right, where nobody vouches for it; only with --offline
#[derive(Args)]
pub(crate) struct ClockArgs {}

/// Make the vault one that an older version of pam_otp can use; only with --offline
///
/// Names what version 1 could not see, if there is any such thing, and then changes nothing. The daemon of this version makes the vault version 2 again when it starts.
#[derive(Args)]
pub(crate) struct VaultVersionArgs {
    /// The version of vault.toml: 1
    #[arg(value_parser = clap::value_parser!(u8).range(1..=1))]
    pub version: u8,
}

/// Put owners, modes and link counts of the vault right; only with --offline
///
/// After a copy with other owners or modes, with hard links, or to a server on which the daemon's account has another uid. It never
/// accepts a restored copy: that is `otpctl accept-restore`.
#[derive(Args)]
pub(crate) struct MendArgs {
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Let a user past the gate without a code, whatever is broken, or end that
///
/// For root on this machine. Needs no daemon, vault, policy, host key or clock.
#[derive(Args)]
pub(crate) struct EmergencyArgs {
    #[command(subcommand)]
    pub act: EmergencyAct,
}

#[derive(Subcommand)]
pub(crate) enum EmergencyAct {
    Bypass(BypassArgs),
    End(EndBypassArgs),
    List(ListBypassesArgs),
}

/// Write a mark: from now on this user is not asked for a code
///
/// Every use of the mark is logged at alert. It lasts as long as --for says, or until `otpctl emergency end`.
#[derive(Args)]
pub(crate) struct BypassArgs {
    /// The user to let past the gate
    #[arg(value_parser = user())]
    pub user: String,

    /// Why; it stands in the log at every use
    #[arg(long, value_name = "TEXT", value_parser = Reason::new)]
    pub reason: Reason,

    /// How long, 30 days at most, for example 2h or 3d
    #[arg(long = "for", value_name = "DURATION", value_parser = bypass_duration, default_value = "24h")]
    pub lasts: u64,
}

/// List the marks: who is let past, why, since when and until when
#[derive(Args)]
pub(crate) struct ListBypassesArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Take the mark away: from now on this user is asked again
#[derive(Args)]
pub(crate) struct EndBypassArgs {
    /// The user, or the uid of one who is gone
    #[arg(value_parser = user())]
    pub user: String,
}

/// Export the host key to a safe, import it again, or check it
///
/// For root on this machine; needs no daemon. Without the host key every key and every recovery code is lost.
#[derive(Args)]
pub(crate) struct HostKeyArgs {
    #[command(subcommand)]
    pub act: HostKeyAct,
}

#[derive(Subcommand)]
pub(crate) enum HostKeyAct {
    Export(ExportHostKeyArgs),
    Import(ImportHostKeyArgs),
    Check(CheckHostKeyArgs),
}

/// Write the host key to a file, sealed with a passphrase, or show it once
///
/// The export is noted in /etc/otp/escrowed and logged at alert. From a pipe the passphrase is the first line.
#[derive(Args)]
pub(crate) struct ExportHostKeyArgs {
    /// The new file, mode 0600; nothing is overwritten
    #[arg(required_unless_present = "show", conflicts_with = "show")]
    pub file: Option<PathBuf>,

    /// Show it on the terminal instead, to be written down
    #[arg(long)]
    pub show: bool,
}

/// Put an exported host key back, if it is the one that the vault wants
///
/// Never over another one. Without a file the key itself is asked for, as `export --show` had shown it.
#[derive(Args)]
pub(crate) struct ImportHostKeyArgs {
    /// An export, or a copy of host.key
    pub file: Option<PathBuf>,
}

/// Say whether host key and vault belong together, and when the key was exported
#[derive(Args)]
pub(crate) struct CheckHostKeyArgs {
    /// Also open this export
    pub file: Option<PathBuf>,
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
            Self::Status(options) => options.format(),
            Self::Notices(options) => options.format(),
            Self::List(options) => options.format(),
            Self::AcceptRestore(options) => options.format(),
            Self::Adopt(options) => OutputFormat::of(options.json),
            Self::Gc(options) => OutputFormat::of(options.json),
            Self::Emergency(EmergencyArgs { act: EmergencyAct::List(options) }) => options.format(),
            _ => OutputFormat::Text,
        }
    }
}

impl StatusArgs {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }
}

impl NoticesArgs {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }
}

impl ListArgs {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }
}

impl AcceptRestoreArgs {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }
}

impl ListBypassesArgs {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }
}

fn bypass_duration(text: &str) -> Result<u64, String> {
    let seconds = duration::parse(text)?;
    match seconds <= LONGEST_BYPASS_S {
        true => Ok(seconds),
        false => Err(format!("{} is too long; wanted 30d at most", duration::told(seconds))),
    }
}

fn origin(text: &str) -> Result<Origin, &'static str> {
    Origin::parse(text).ok_or("wanted self, other, remote, console or socket")
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
