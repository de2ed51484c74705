//! What can be said on the socket: the interface `io.pam-otp.Otp1` as types.
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
pub use groups::{Prompt, Shape, WantedKey};
pub use method::{Method, Reply};
pub use methods::{
    AddKey, AddToken, Adopt, AdoptAll, Barred, BeginEnrolment, CancelEnrolment, ConfirmEnrolment, Forget, Invite, List,
    ListGone, Notices, NoticesShown, Redeem, Rename, RenewRecoveryCodes, Reopen, Repudiate, Request, Restored, Resume,
    Revoke, RevokeInvitation, Rotate, Status, Suspend, TryCode, Verify,
};
pub use notice::{NoticeItem, NoticeList};
pub use reason::{NotPossibleReason, RegistrationReason};
pub use refusal::Refusal;
pub use reply::{
    Adopted, AdoptedUsers, BarredReply, Begun, Cancelled, Confirmed, Done, Enrolment, GoneUser, GoneUsers, Invitation,
    Invited, KeyStatus, OriginStatus, RecoveryCodes, Redeemed, Redemption, Repudiated, RestoredUsers, Suspended,
    TokenBegun, TriedCode, Unreadable, UserList, UserStatus, UserStatusReply, VerdictReply, Verified,
};
pub use values::{KeyName, ShortText, TypedCode, UserName};

/// The interface's name.
pub const INTERFACE: &str = "io.pam-otp.Otp1";

/// The interface's definition, in Varlink's own language.
pub const DEFINITION: &str = include_str!("io.pam-otp.Otp1.varlink");
