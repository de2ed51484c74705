//! One call after another on a connection, each to the function that answers it.

use std::time::Duration;

use otp_core::log_line::{LogLine, Urgency};
use otp_protocol::interface::{Refusal, Reply, Request};
use otp_protocol::peer::Peer;
use otp_protocol::server::service::{Event, Service};

use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::cancel;
use crate::enrolment::pending::PENDING_TIMEOUT;
use crate::log::events::{event, lines_count_for, trouble};

impl Service for Daemon {
    type Session = Session;

    fn open(&self, peer: Peer) -> Session {
        lines_count_for(peer);
        Session { peer, pending: None }
    }

    fn call(&self, session: &mut Session, request: Request) -> Result<Reply, Refusal> {
        let answer = match request {
            Request::BeginEnrolment(wanted) => self.begin(session, wanted).map(Reply::Begun),
            Request::ConfirmEnrolment(typed) => self.confirm(session, &typed).map(Reply::Confirmed),
            Request::CancelEnrolment(_) => cancel(session).map(Reply::Cancelled),
            Request::Invite(wanted) => self.invite(session.peer, &wanted).map(Reply::Invited),
            Request::RevokeInvitation(wanted) => self.revoke_invitation(session.peer, &wanted).map(Reply::Done),
            Request::Redeem(wanted) => self.redeem(session, wanted).map(Reply::Redeemed),
            Request::Repudiate(wanted) => self.repudiate(session.peer, &wanted).map(Reply::Repudiated),
            Request::AddKey(wanted) => self.add_key(session, wanted).map(Reply::Begun),
            Request::Rotate(wanted) => self.rotate(session, wanted).map(Reply::Begun),
            Request::AddToken(wanted) => self.add_token(session, wanted).map(Reply::TokenBegun),
            Request::RenewRecoveryCodes(wanted) => self.renew_recovery(session.peer, &wanted).map(Reply::RecoveryCodes),
            Request::Status(wanted) => self.status(session.peer, &wanted).map(Reply::Status),
            Request::Barred(wanted) => self.barred(session.peer, &wanted).map(Reply::Barred),
            Request::List(_) => self.list(session.peer).map(Reply::List),
            Request::Verify(wanted) => self.verify(session.peer, &wanted).map(Reply::Verified),
            Request::Suspend(wanted) => self.suspend(session.peer, &wanted).map(Reply::Suspended),
            Request::ListGone(_) => self.list_gone(session.peer).map(Reply::Gone),
            Request::Restored(wanted) => self.restored(session.peer, &wanted).map(Reply::Restored),
            Request::Forget(wanted) => self.forget(session.peer, &wanted).map(Reply::Done),
            Request::Adopt(wanted) => self.adopt(session.peer, &wanted).map(Reply::Done),
            Request::AdoptAll(wanted) => self.adopt_all(session.peer, &wanted).map(Reply::Adopted),
            Request::Notices(wanted) => self.notices(session.peer, &wanted).map(Reply::Notices),
            Request::NoticesShown(wanted) => self.notices_shown(session.peer, &wanted).map(Reply::Done),
            change => self.change(session.peer, change),
        };
        answer.map_err(|refused| refused.0)
    }

    fn idle_limit(&self, session: &Session) -> Option<Duration> {
        session.pending.as_ref().map(|_| PENDING_TIMEOUT)
    }

    fn observe(&self, happened: Event) {
        let line = LogLine::default().field("event", &format!("{happened:?}"));
        match happened {
            Event::Panicked(_) => trouble("panicked", Urgency::Error, line),
            Event::AcceptFailed(_) | Event::TurnedAway(_) | Event::NoThread(_) => event(Urgency::Error, &line.finish()), // paced already
        }
    }
}
