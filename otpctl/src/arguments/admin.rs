//! Commands about users and the keys that they have.

use clap::Args;
use otp_core::decision::origin::Origin;
use otp_core::keys::key::Label;

use super::user::user;

/// Show the keys and the wrong codes of a user, or of the caller
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The user to show; defaults to the caller
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Ask for a code of one of your keys, and say whether it is accepted or how wrong the clock of the device is
    ///
    /// It is a login: an accepted code is used up, and a wrong one is counted.
    #[arg(long, conflicts_with = "user")]
    pub try_code: bool,

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

fn origin(text: &str) -> Result<Origin, &'static str> {
    Origin::parse(text).ok_or("wanted self, other, remote, console or socket")
}
