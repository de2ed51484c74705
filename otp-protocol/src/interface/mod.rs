//! The language of the socket: the interface `io.pam-otp.Otp1` as types.
//!
//! The interface file in this crate is the reference; a test holds the types to it, both ways.
//! Nothing here has `Debug`, `Display` or `Clone` if it carries a secret or a code.

mod claimed_place;
mod field;
mod groups;
mod method;
mod methods;
mod notice;
mod reason;
mod refusal;
mod reply;
mod token;
mod user_status;
mod values;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod idl;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
pub(crate) mod samples;

pub use claimed_place::ClaimedPlace;
pub use groups::{NamedToken, Prompt, Shape, WantedKey};
pub use method::{Method, Reply};
pub use methods::{
    AddKey, AddToken, Adopt, AdoptAll, ApproveReset, AssignToken, Barred, BeginEnrolment, CancelEnrolment, CancelReset,
    ConfirmEnrolment, ExtendInvitation, Forget, ImportKey, ImportToken, Invite, List, ListGone, ListResets, ListTokens,
    Notices, NoticesShown, Redeem, RemoveToken, Rename, RenewRecoveryCodes, Reopen, ReportLost, Repudiate, Request,
    RequestReset, Restored, Resume, Revoke, RevokeInvitation, Rotate, SetExpiry, Status, Suspend, TakeBackLost,
    TryCode, Verify,
};
pub use notice::{NoticeItem, NoticeList};
pub use reason::{NotPossibleReason, RegistrationReason};
pub use refusal::Refusal;
pub use reply::{
    Adopted, AdoptedUsers, BarredReply, Begun, Cancelled, CancelledReset, Changed, Confirmed, Done, Enrolment,
    ExtendedInvitation, GoneUser, GoneUsers, Imported, Invitation, Invited, LostReply, RecoveryCodes, Redeemed,
    Redemption, Repudiated, ResetList, ResetReply, ResetStatus, RestoredUsers, Suspended, TriedCode, UnreadableReset,
    VerdictReply, Verified,
};
pub use token::{ImportedToken, TokenBegun, TokenList, TokenStatus, UnreadableToken};
pub use user_status::{
    CoolDownStatus, InvitationStatus, KeyStatus, OriginStatus, Unreadable, UserList, UserStatus, UserStatusReply,
};
pub use values::{KeyName, NamedProof, NextCounter, ShortText, TokenText, TypedCode, UsedStep, UserName};

/// The interface's name.
pub const INTERFACE: &str = "io.pam-otp.Otp1";

/// The interface's definition, in Varlink's own language.
pub const DEFINITION: &str = include_str!("io.pam-otp.Otp1.varlink");
