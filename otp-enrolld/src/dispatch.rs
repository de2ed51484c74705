//! Passes each call of a connection to the function that answers it, one after another.

use std::time::Duration;

use otp_core::log_line::{LogLine, Urgency};
use otp_protocol::interface::{Done, Method, Refusal, Reply, Request};
use otp_protocol::peer::Peer;
use otp_protocol::server::service::{Event, Parts, Service};

use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::cancel;
use crate::enrolment::pending::PENDING_TIMEOUT;
use crate::log::events::{event, lines_count_for, trouble};
use crate::refusals::Refused;

impl Service for Daemon {
    type Session = Session;

    fn open(&self, peer: Peer) -> Session {
        lines_count_for(peer);
        Session { peer, pending: None }
    }

    fn call(&self, session: &mut Session, request: Request, parts: &mut Parts<'_>) -> Result<Reply, Refusal> {
        let peer = session.peer;
        let answer = match request {
            Request::BeginEnrolment(call) => call.answer(|wanted| self.begin(session, wanted)),
            Request::ConfirmEnrolment(call) => call.answer(|typed| self.confirm(session, &typed)),
            Request::CancelEnrolment(call) => call.answer(|_| cancel(session)),
            Request::Invite(call) => call.answer(|wanted| self.invite(peer, &wanted)),
            Request::RevokeInvitation(call) => call.answer(|wanted| self.revoke_invitation(peer, &wanted)),
            Request::ExtendInvitation(call) => call.answer(|wanted| self.extend_invitation(peer, &wanted)),
            Request::RequestReset(call) => call.answer(|wanted| self.request_reset(peer, wanted)),
            Request::ListResets(call) => call.answer(|_| self.list_resets(peer)),
            Request::ApproveReset(call) => call.answer(|wanted| self.approve_reset(peer, &wanted)),
            Request::CancelReset(call) => call.answer(|wanted| self.cancel_reset(peer, &wanted)),
            Request::Redeem(call) => call.answer(|wanted| self.redeem(session, wanted)),
            Request::Repudiate(call) => call.answer(|wanted| self.repudiate(peer, wanted)),
            Request::AddKey(call) => call.answer(|wanted| self.add_key(session, wanted)),
            Request::Rotate(call) => call.answer(|wanted| self.rotate(session, wanted)),
            Request::AddToken(call) => call.answer(|wanted| self.add_token(session, wanted)),
            Request::ImportKey(call) => call.answer(|wanted| self.import_key(peer, wanted)),
            Request::ImportToken(call) => call.answer(|wanted| self.import_token(peer, wanted)),
            Request::ListTokens(call) => call.answer(|_| self.list_tokens(peer)),
            Request::AssignToken(call) => call.answer(|wanted| self.assign_token(session, wanted)),
            Request::RemoveToken(call) => call.answer(|wanted| self.remove_token(peer, &wanted)),
            Request::RenewRecoveryCodes(call) => call.answer(|wanted| self.renew_recovery(peer, &wanted)),
            Request::Status(call) => call.answer(|wanted| self.status(peer, &wanted)),
            Request::Barred(call) => call.answer(|wanted| self.barred(peer, &wanted)),
            Request::List(call) => {
                let in_parts = parts.are_taken();
                call.answer_in_parts(parts, |wanted, send| match in_parts {
                    true => self.list_in_parts(peer, &wanted, send),
                    false => self.list(peer, &wanted),
                })
            }
            Request::Verify(call) => call.answer(|wanted| self.verify(peer, &wanted)),
            Request::TryCode(call) => call.answer(|wanted| self.try_code(peer, wanted)),
            Request::Suspend(call) => call.answer(|wanted| self.suspend(peer, &wanted)),
            Request::Resume(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::ReportLost(call) => call.answer(|wanted| self.report_lost(peer, &wanted)),
            Request::TakeBackLost(call) => call.answer(|wanted| self.take_back_lost(peer, &wanted)),
            Request::Reopen(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::Rename(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::Revoke(call) => call.answer(|wanted| self.change(peer, wanted.into()).map(|_| Done {})),
            Request::SetExpiry(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::ListGone(call) => call.answer(|_| self.list_gone(peer)),
            Request::Restored(call) => call.answer(|wanted| self.restored(peer, &wanted)),
            Request::Forget(call) => call.answer(|wanted| self.forget(peer, &wanted)),
            Request::Adopt(call) => call.answer(|wanted| self.adopt(peer, &wanted)),
            Request::AdoptAll(call) => call.answer(|wanted| self.adopt_all(peer, &wanted)),
            Request::Notices(call) => call.answer(|wanted| self.notices(peer, &wanted)),
            Request::NoticesShown(call) => call.answer(|wanted| self.notices_shown(peer, &wanted)),
        };
        answer.map_err(|refused: Refused| refused.0)
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
