//! The calls of the interface and their answers, one variant each: what a connection reads, and what it sends back.

use serde::Serialize;

use super::admin::{Adopt, AdoptAll, Forget, ListGone, Rename, Reopen, Restored, Resume, Revoke, Suspend};
use super::enrolment::{AddKey, AddToken, Invite, Redeem, RenewRecoveryCodes, Repudiate, RevokeInvitation, Rotate};
use super::notice::{NoticeList, Notices, NoticesShown};
use super::reply::{
    AdoptedUsers, BarredReply, Begun, Cancelled, Confirmed, Done, GoneUsers, Invited, RecoveryCodes, Redeemed,
    Repudiated, RestoredUsers, Suspended, TokenBegun, UserList, UserStatusReply, Verified,
};
use super::request::{Barred, BeginEnrolment, CancelEnrolment, ConfirmEnrolment, List, Status, Verify};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// The answer to a call that was done. It must be the one that belongs to the method called: untagged, nothing on the
/// wire tells the variants apart.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// Answer to `BeginEnrolment`, `AddKey` and `Rotate`: the pending key with its secret.
    Begun(Begun),
    /// Answer to `Redeem`: the pending key with its secret, and an earlier use of the same registration code.
    Redeemed(Redeemed),
    /// Answer to `AddToken`: the time and the tries that are left to confirm it.
    TokenBegun(TokenBegun),
    /// Answer to `Invite`: the registration code, this once.
    Invited(Invited),
    /// Answer to `Repudiate`: the number of keys that are suspended.
    Repudiated(Repudiated),
    /// Answer to `RenewRecoveryCodes`: the new set, this once.
    RecoveryCodes(RecoveryCodes),
    /// Answer to `ConfirmEnrolment`: the stored key without its secret, and the recovery codes made with it.
    Confirmed(Confirmed),
    /// Answer to `CancelEnrolment`; empty.
    Cancelled(Cancelled),
    /// Answer to `Status`: the state of one user.
    Status(UserStatusReply),
    /// Answer to `Barred`: yes or no.
    Barred(BarredReply),
    /// Answer to `List`: the state of every enrolled user.
    List(UserList),
    /// Answer to `Suspend`: whether only a registration code ended.
    Suspended(Suspended),
    /// Answer to `Resume`, `Reopen`, `Rename`, `Revoke`, `Forget`, `Adopt`, `RevokeInvitation` and
    /// `NoticesShown`; empty.
    Done(Done),
    /// Answer to `AdoptAll`: whose files went over, and whose did not.
    Adopted(AdoptedUsers),
    /// Answer to `ListGone`: users whose account was seen missing.
    Gone(GoneUsers),
    /// Answer to `Restored`: names of the users for whom something changed.
    Restored(RestoredUsers),
    /// Answer to `Verify`: the verdict on a code, a refusal included.
    Verified(Verified),
    /// Answer to `Notices`: the notices that are still to be shown.
    Notices(NoticeList),
}

/// One call of `io.pam-otp.Otp1`, checked.
pub enum Request {
    /// `io.pam-otp.Otp1.BeginEnrolment` makes a key and shows it to root; answered by [`Begun`].
    BeginEnrolment(BeginEnrolment),
    /// `io.pam-otp.Otp1.ConfirmEnrolment` stores the pending key for one of its codes; answered by [`Confirmed`].
    ConfirmEnrolment(ConfirmEnrolment),
    /// `io.pam-otp.Otp1.CancelEnrolment` throws the pending key away; answered by [`Cancelled`].
    CancelEnrolment(CancelEnrolment),
    /// `io.pam-otp.Otp1.Status` reads the state of one user; answered by [`UserStatusReply`].
    Status(Status),
    /// `io.pam-otp.Otp1.Barred` asks whether a user is barred; answered by [`BarredReply`].
    Barred(Barred),
    /// `io.pam-otp.Otp1.List` reads the state of every enrolled user; answered by [`UserList`].
    List(List),
    /// `io.pam-otp.Otp1.Suspend` refuses every code of a user; answered by [`Suspended`].
    Suspend(Suspend),
    /// `io.pam-otp.Otp1.Resume` ends a suspension; answered by [`Done`].
    Resume(Resume),
    /// `io.pam-otp.Otp1.Reopen` reopens one origin or all; answered by [`Done`].
    Reopen(Reopen),
    /// `io.pam-otp.Otp1.Rename` gives a key another label; answered by [`Done`].
    Rename(Rename),
    /// `io.pam-otp.Otp1.Revoke` removes a key for good; answered by [`Done`].
    Revoke(Revoke),
    /// `io.pam-otp.Otp1.Forget` makes a user never enrolled; answered by [`Done`].
    Forget(Forget),
    /// `io.pam-otp.Otp1.Adopt` takes over the files of a former name or uid; answered by [`Done`].
    Adopt(Adopt),
    /// `io.pam-otp.Otp1.AdoptAll` does so for everybody; answered by [`AdoptedUsers`].
    AdoptAll(AdoptAll),
    /// `io.pam-otp.Otp1.ListGone` lists accounts that were seen missing; answered by [`GoneUsers`].
    ListGone(ListGone),
    /// `io.pam-otp.Otp1.Restored` accepts files from a backup; answered by [`RestoredUsers`].
    Restored(Restored),
    /// `io.pam-otp.Otp1.Verify` checks a code; answered by [`Verified`], also if the code is refused.
    Verify(Verify),
    /// `io.pam-otp.Otp1.Invite` makes a registration code; answered by [`Invited`].
    Invite(Invite),
    /// `io.pam-otp.Otp1.RevokeInvitation` makes a registration code worthless; answered by [`Done`].
    RevokeInvitation(RevokeInvitation),
    /// `io.pam-otp.Otp1.Redeem` begins an enrolment for a registration code; answered by [`Redeemed`].
    Redeem(Redeem),
    /// `io.pam-otp.Otp1.Repudiate` suspends all that came of a registration code; answered by [`Repudiated`].
    Repudiate(Repudiate),
    /// `io.pam-otp.Otp1.AddKey` begins an enrolment of one more key; answered by [`Begun`].
    AddKey(AddKey),
    /// `io.pam-otp.Otp1.Rotate` begins an enrolment that replaces a key; answered by [`Begun`].
    Rotate(Rotate),
    /// `io.pam-otp.Otp1.AddToken` begins the enrolment of a hardware token; answered by [`TokenBegun`].
    AddToken(AddToken),
    /// `io.pam-otp.Otp1.RenewRecoveryCodes` makes a new set of recovery codes; answered by [`RecoveryCodes`].
    RenewRecoveryCodes(RenewRecoveryCodes),
    /// `io.pam-otp.Otp1.Notices` reads the notices of a user; answered by [`NoticeList`].
    Notices(Notices),
    /// `io.pam-otp.Otp1.NoticesShown` counts notices as shown; answered by [`Done`].
    NoticesShown(NoticesShown),
}

impl Request {
    /// Reads the call of `method`, the full name, with its parameters.
    pub(crate) fn read(method: &str, parameters: Parameters<'_>) -> Result<Self, Refusal> {
        match method {
            BeginEnrolment::NAME => BeginEnrolment::read(parameters).map(Self::BeginEnrolment),
            ConfirmEnrolment::NAME => ConfirmEnrolment::read(parameters).map(Self::ConfirmEnrolment),
            CancelEnrolment::NAME => parameters.end().map(|()| Self::CancelEnrolment(CancelEnrolment {})),
            Status::NAME => Status::read(parameters).map(Self::Status),
            Barred::NAME => Barred::read(parameters).map(Self::Barred),
            List::NAME => parameters.end().map(|()| Self::List(List {})),
            Suspend::NAME => Suspend::read(parameters).map(Self::Suspend),
            Resume::NAME => Resume::read(parameters).map(Self::Resume),
            Reopen::NAME => Reopen::read(parameters).map(Self::Reopen),
            Rename::NAME => Rename::read(parameters).map(Self::Rename),
            Revoke::NAME => Revoke::read(parameters).map(Self::Revoke),
            Forget::NAME => Forget::read(parameters).map(Self::Forget),
            Adopt::NAME => Adopt::read(parameters).map(Self::Adopt),
            AdoptAll::NAME => AdoptAll::read(parameters).map(Self::AdoptAll),
            ListGone::NAME => parameters.end().map(|()| Self::ListGone(ListGone {})),
            Restored::NAME => Restored::read(parameters).map(Self::Restored),
            Verify::NAME => Verify::read(parameters).map(Self::Verify),
            Invite::NAME => Invite::read(parameters).map(Self::Invite),
            RevokeInvitation::NAME => RevokeInvitation::read(parameters).map(Self::RevokeInvitation),
            Redeem::NAME => Redeem::read(parameters).map(Self::Redeem),
            Repudiate::NAME => Repudiate::read(parameters).map(Self::Repudiate),
            AddKey::NAME => AddKey::read(parameters).map(Self::AddKey),
            Rotate::NAME => Rotate::read(parameters).map(Self::Rotate),
            AddToken::NAME => AddToken::read(parameters).map(Self::AddToken),
            RenewRecoveryCodes::NAME => RenewRecoveryCodes::read(parameters).map(Self::RenewRecoveryCodes),
            Notices::NAME => Notices::read(parameters).map(Self::Notices),
            NoticesShown::NAME => NoticesShown::read(parameters).map(Self::NoticesShown),
            other => Err(Refusal::MethodNotFound { method: other.to_owned() }),
        }
    }
}
