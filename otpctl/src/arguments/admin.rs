//! Commands about users and the keys that they have.

use clap::Args;
use otp_core::decision::origin::Origin;
use otp_core::keys::key::Label;

use super::moment::{KeyEnd, key_end};
use super::user::user;
use super::wanted::wanted;

/// Show your keys, or those of a user, and whether codes are refused
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The user to show; another user only for root, otp-admin, otp-helpdesk and otp-viewer
    ///
    /// Default: you
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Try a code of one of your keys: is it accepted, or is the device's clock wrong?
    ///
    /// This counts as a login: an accepted code is used up, and a wrong one is counted.
    #[arg(long, conflicts_with = "user")]
    pub try_code: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Show unread notices about your keys, or about those of a user
///
/// Each notice is shown three times, here or at logins. Only what its owner sees on a terminal counts.
#[derive(Args)]
pub(crate) struct NoticesArgs {
    /// The user; another user only for root
    ///
    /// Default: you
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Write JSON; then no notice counts as seen
    #[arg(long)]
    pub json: bool,
}

/// Show every enrolled or invited user, one a line
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Show only the members of this group
    ///
    /// Default: every user
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,

    /// Show accounts that have no key: of the group, or all that the account database lists
    ///
    /// Without --group: root, and every account with a uid from 1000 on and a login shell. Many directories list no accounts, only the
    /// members of a group.
    #[arg(long)]
    pub not_enrolled: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Refuse all your codes at once, because a device is lost
///
/// Asks for a code of any of your keys or a recovery code, which is used up. You can take it back with --found within an hour, unless
/// somebody else suspends you; later an administrator can.
#[derive(Args)]
pub(crate) struct LostArgs {
    /// Take your report back: the device is found
    ///
    /// Asks for a recovery code, or a code of the key with which you reported the loss.
    #[arg(long)]
    pub found: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Refuse every code of a user, until `otpctl resume`
#[derive(Args)]
pub(crate) struct SuspendArgs {
    /// The user to suspend
    #[arg(value_parser = user())]
    pub user: String,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// End a suspension: accept the user's codes again
#[derive(Args)]
pub(crate) struct ResumeArgs {
    /// The user to resume; not you, unless you are root
    #[arg(value_parser = user())]
    pub user: String,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Reopen what too many wrong codes have closed
///
/// Asks for a code, except from root, and from otp-admin for another user. The total of wrong codes stays.
#[derive(Args)]
pub(crate) struct ReopenArgs {
    /// The user; another user only for root and otp-admin
    ///
    /// Default: you
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// Where the codes came from: self (sudo, su), other (other users here), remote (the network), console or socket (lockers, applications)
    ///
    /// Default: all of them
    #[arg(long, value_parser = origin)]
    pub origin: Option<Origin>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Give a key another label
#[derive(Args)]
pub(crate) struct RenameArgs {
    /// The owner of the key; another user only for root
    #[arg(value_parser = user())]
    pub user: String,

    /// The key, by its label, its id or the first characters of its id
    pub key: String,

    /// Its new label, 1 to 32 letters, digits, spaces or any of -_.@
    #[arg(value_parser = wanted(Label::new))]
    pub label: Label,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Remove a key for good
///
/// Asks for a code of that key, not a recovery code, except from root, and from otp-admin for another user. A user whose last key is
/// removed stays enrolled, and every code is refused.
#[derive(Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct RevokeArgs {
    /// The owner of the key; another user only for root and otp-admin
    ///
    /// Default: you
    #[arg(value_parser = user())]
    pub user: Option<String>,

    /// The key, by its label, its id or the first characters of its id
    pub key: String,

    /// Also your last key; then every code is refused until an administrator invites you again
    #[arg(long)]
    pub last: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Set or remove the end of a key
///
/// The end is a day, to its last second, or a time, in local time or with a Z in UTC: 2027-01-31, 2027-01-31T18:00, 2027-01-31T17:00Z. The
/// owner is reminded at logins 30 and 14 days before, and from 7 days before on; after the end every code of the key is refused. To end
/// a key now, use `otpctl revoke`.
///
/// For your own key, unless you are root, it asks for a code of that key and takes only an earlier end.
#[derive(Args)]
pub(crate) struct ExpireArgs {
    /// The owner of the key; another user only for root and otp-admin
    #[arg(value_parser = user())]
    pub user: String,

    /// The key, by its label, its id or the first characters of its id
    pub key: String,

    /// Its new end, or never
    #[arg(value_name = "DATE|never", value_parser = key_end)]
    pub end: KeyEnd,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Remove everything stored about a user, who then counts as never enrolled
#[derive(Args)]
pub(crate) struct ForgetArgs {
    /// The user; if the account is gone, the former name or uid:NUMBER
    #[arg(value_parser = user())]
    pub user: String,

    /// The account is gone for good, although its directory may only be down
    #[arg(long)]
    pub gone: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Give an account the keys of its former name or uid
///
/// For an account that was renamed or got another uid; until then every code of that user is refused. With --all, for every such
/// account: look at --dry-run first, because a name or a uid may have been given to another person.
#[derive(Args)]
pub(crate) struct AdoptArgs {
    /// The user, by the name that the account has now
    #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = user())]
    pub user: Option<String>,

    /// The former name, or the former uid as uid:NUMBER
    ///
    /// Default: the same name under another uid, or the same uid under another name
    #[arg(long, value_name = "NAME|UID", conflicts_with = "all", value_parser = user())]
    pub from: Option<String>,

    /// The former account is gone for good, although its directory may only be down
    #[arg(long, conflicts_with = "all")]
    pub gone: bool,

    /// Every account that has another name or uid than its keys
    #[arg(long)]
    pub all: bool,

    /// Say what --all would do, and change nothing
    #[arg(long, conflicts_with = "user")]
    pub dry_run: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// List enrolled users whose local account is gone
///
/// Every code of such a user is refused, even if the account was made again. If it is the same person, use `otpctl adopt`; if it is
/// not, `otpctl forget uid:NUMBER`.
#[derive(Args)]
pub(crate) struct GcArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Accept files that were restored from a backup
///
/// Also files that another program has touched. HOTP keys, recovery codes and registration codes work again; a HOTP key first wants
/// two codes in a row.
#[derive(Args)]
pub(crate) struct AcceptRestoreArgs {
    /// The user whose files were restored
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
