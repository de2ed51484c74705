//! What can be said on the socket: the interface `io.pam-otp.Otp1` as types.
//!
//! The interface file in this crate is the reference; a test holds the types to it, both ways.
//! Nothing here has `Debug`, `Display` or `Clone` if it carries a secret or a code.

pub(crate) mod admin;
mod claimed_place;
pub(crate) mod enrolment;
mod methods;
mod notice;
mod refusal;
mod reply;
mod request;
mod values;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod idl;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
pub(crate) mod samples;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use admin::{Adopt, AdoptAll, Forget, ListGone, Rename, Reopen, Restored, Resume, Revoke, Suspend};
pub use claimed_place::ClaimedPlace;
pub use enrolment::{
    AddKey, AddToken, From, Invite, Redeem, RenewRecoveryCodes, Repudiate, RevokeInvitation, Rotate, Shape, WantedKey,
};
pub use methods::{Reply, Request};
pub use notice::{NoticeItem, NoticeList, Notices, NoticesShown};
pub use refusal::Refusal;
pub use reply::{
    Adopted, AdoptedUsers, BarredReply, Begun, Cancelled, Confirmed, Done, Enrolment, GoneUser, GoneUsers, Invitation,
    Invited, KeyStatus, OriginStatus, RecoveryCodes, Redeemed, Redemption, Repudiated, RestoredUsers, Suspended,
    TokenBegun, Unreadable, UserList, UserStatus, UserStatusReply, VerdictReply, Verified,
};
pub use request::{Barred, BeginEnrolment, CancelEnrolment, ConfirmEnrolment, List, Status, Verify};

/// The interface's name.
pub const INTERFACE: &str = "io.pam-otp.Otp1";

/// The interface's definition, in Varlink's own language.
pub const DEFINITION: &str = include_str!("io.pam-otp.Otp1.varlink");

/// A method as its caller sees it: the parameters are the type, the answer belongs to it.
pub trait Method: Serialize {
    /// The full name that goes over the wire.
    const NAME: &'static str;
    /// What the method returns.
    type Reply: Serialize + DeserializeOwned;
}
