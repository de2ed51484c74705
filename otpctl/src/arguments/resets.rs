//! `otpctl reset` and `otpctl resets`: new keys for somebody who has lost the old ones.

use clap::{Args, Subcommand};
use otp_core::codes::ids::ResetId;
use otp_core::files::reset::ResetReason;
use otp_core::keys::key::ValueError;
use otp_protocol::interface::NamedProof;

use crate::arguments::user::user;
use crate::arguments::wanted::wanted;

/// Ask for a reset of the keys of a user who has lost them
///
/// The user is notified at once, and at every login. After the delay `otpctl invite USER --replace` makes the registration code. A reset of
/// a member of otp-admin, or of root, needs a second administrator as well: `otpctl resets approve`.
#[derive(Args)]
pub(crate) struct ResetArgs {
    /// The user; not you, unless you are root
    #[arg(value_parser = user())]
    pub user: String,

    /// Why: 1 to 200 characters, for the log and for everybody who sees the reset
    #[arg(long, value_name = "TEXT", value_parser = wanted(ResetReason::new))]
    pub reason: ResetReason,

    /// How you made sure that it is the user: in-person, callback, factor or vouched:USER
    ///
    /// in-person: face to face, with a document; no delay. callback: you called a number that was on record. vouched:USER: that user
    /// vouches for the owner, and is notified. factor: the user has shown another factor, such as the password. These have a delay of
    /// 24 hours, for root and members of otp-admin 72.
    #[arg(long, value_parser = wanted(NamedProof::new))]
    pub proof: NamedProof,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Show, approve and cancel resets
#[derive(Args)]
pub(crate) struct ResetsArgs {
    #[command(subcommand)]
    pub act: ResetsAct,
}

#[derive(Subcommand)]
pub(crate) enum ResetsAct {
    List(ListResetsArgs),
    Approve(ApproveResetArgs),
    Cancel(CancelResetArgs),
}

impl ResetsAct {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::List(options) => options.json,
            Self::Approve(options) => options.json,
            Self::Cancel(options) => options.json,
        }
    }
}

/// List the resets that wait; users in no group see their own
#[derive(Args)]
pub(crate) struct ListResetsArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Agree to a reset that another administrator asked for
///
/// You must not be the user, nor have asked for the reset, nor vouch.
#[derive(Args)]
pub(crate) struct ApproveResetArgs {
    /// The id that `otpctl resets list` shows
    #[arg(value_parser = wanted(id))]
    pub id: ResetId,

    /// Agree although the user's password was changed a short time ago, and why
    ///
    /// 1 to 200 characters, in one line. Good for that change alone, and only if an administrator asked for the reset. The log
    /// repeats it, at alert.
    #[arg(long, value_name = "TEXT", value_parser = wanted(ResetReason::new))]
    pub reason: Option<ResetReason>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Cancel a reset, and a registration code that was made on it
///
/// For your own keys it asks for a code of any of them, or a recovery code.
#[derive(Args)]
pub(crate) struct CancelResetArgs {
    /// The id that `otpctl resets list` shows
    ///
    /// Default: the reset of your own keys
    #[arg(value_parser = wanted(id))]
    pub id: Option<ResetId>,

    /// Write JSON, and read the code from standard input
    #[arg(long)]
    pub json: bool,
}

fn id(text: &str) -> Result<ResetId, ValueError> {
    ResetId::parse(text).ok_or_else(|| ValueError::new("id", text, "eight digits or letters a to f"))
}
