//! The calls of the interface and their answers, each one variant: what a connection reads, and what it sends back.

use serde::Serialize;

use super::admin::{Adopt, Forget, Rename, Reopen, Restored, Resume, Revoke, Suspend};
use super::enrolment::{AddKey, AddToken, Invite, Redeem, RenewRecoveryCodes, Repudiate, RevokeInvitation, Rotate};
use super::notice::{NoticeList, Notices, NoticesShown};
use super::reply::{
    Begun, Cancelled, Confirmed, Done, Invited, RecoveryCodes, Redeemed, Repudiated, RestoredUsers, TokenBegun,
    UserList, UserStatusReply, Verified,
};
use super::request::{BeginEnrolment, CancelEnrolment, ConfirmEnrolment, List, Status, Verify};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// The answer to a call that was done; its content must be that of the method called.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Reply {
    Begun(Begun),
    Redeemed(Redeemed),
    TokenBegun(TokenBegun),
    Invited(Invited),
    Repudiated(Repudiated),
    RecoveryCodes(RecoveryCodes),
    Confirmed(Confirmed),
    Cancelled(Cancelled),
    Status(UserStatusReply),
    List(UserList),
    Done(Done),
    Restored(RestoredUsers),
    Verified(Verified),
    Notices(NoticeList),
}

/// One call of `io.pam-otp.Otp1`, checked.
pub enum Request {
    BeginEnrolment(BeginEnrolment),
    ConfirmEnrolment(ConfirmEnrolment),
    CancelEnrolment(CancelEnrolment),
    Status(Status),
    List(List),
    Suspend(Suspend),
    Resume(Resume),
    Reopen(Reopen),
    Rename(Rename),
    Revoke(Revoke),
    Forget(Forget),
    Adopt(Adopt),
    Restored(Restored),
    Verify(Verify),
    Invite(Invite),
    RevokeInvitation(RevokeInvitation),
    Redeem(Redeem),
    Repudiate(Repudiate),
    AddKey(AddKey),
    Rotate(Rotate),
    AddToken(AddToken),
    RenewRecoveryCodes(RenewRecoveryCodes),
    Notices(Notices),
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
            List::NAME => parameters.end().map(|()| Self::List(List {})),
            Suspend::NAME => Suspend::read(parameters).map(Self::Suspend),
            Resume::NAME => Resume::read(parameters).map(Self::Resume),
            Reopen::NAME => Reopen::read(parameters).map(Self::Reopen),
            Rename::NAME => Rename::read(parameters).map(Self::Rename),
            Revoke::NAME => Revoke::read(parameters).map(Self::Revoke),
            Forget::NAME => Forget::read(parameters).map(Self::Forget),
            Adopt::NAME => Adopt::read(parameters).map(Self::Adopt),
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
