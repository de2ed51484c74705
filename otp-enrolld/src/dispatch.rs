//! One call after another on a connection, each to the function that answers it.

use std::time::Duration;

use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::short_lock_deadline;
use otp_protocol::interface::{
    Barred, BarredReply, Method, Refusal, Reply, Request, Status, UserList, UserStatusReply,
};
use otp_protocol::peer::Peer;
use otp_protocol::server::service::{Event, Service};
use otp_protocol::status;

use crate::access::check::{allowed, target};
use crate::access::groups;
use crate::access::rights::Act;
use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::cancel;
use crate::enrolment::pending::PENDING_TIMEOUT;
use crate::log::events::{event, limited, lines_count_for, trouble};
use crate::machine::System;
use crate::refusals::unavailable;

impl Service for Daemon {
    type Session = Session;

    fn open(&self, peer: Peer) -> Session {
        lines_count_for(peer);
        Session { peer, pending: None }
    }

    fn call(&self, session: &mut Session, request: Request) -> Result<Reply, Refusal> {
        let peer = session.peer;
        match request {
            Request::BeginEnrolment(call) => call.answer(|wanted| self.begin(session, wanted)),
            Request::ConfirmEnrolment(call) => call.answer(|typed| self.confirm(session, &typed)),
            Request::CancelEnrolment(call) => call.answer(|_| cancel(session)),
            Request::Invite(call) => call.answer(|wanted| self.invite(peer, &wanted)),
            Request::RevokeInvitation(call) => call.answer(|wanted| self.revoke_invitation(peer, &wanted)),
            Request::Redeem(call) => call.answer(|wanted| self.redeem(session, wanted)),
            Request::Repudiate(call) => call.answer(|wanted| self.repudiate(peer, wanted)),
            Request::AddKey(call) => call.answer(|wanted| self.add_key(session, wanted)),
            Request::Rotate(call) => call.answer(|wanted| self.rotate(session, wanted)),
            Request::AddToken(call) => call.answer(|wanted| self.add_token(session, wanted)),
            Request::RenewRecoveryCodes(call) => call.answer(|wanted| self.renew_recovery(peer, &wanted)),
            Request::Status(call) => call.answer(|wanted| self.status(session, &wanted)),
            Request::Barred(call) => call.answer(|wanted| self.barred(peer, &wanted)),
            Request::List(call) => call.answer(|_| self.list(session)),
            Request::Verify(call) => call.answer(|wanted| self.verify(peer, &wanted)),
            Request::Suspend(call) => call.answer(|wanted| self.suspend(peer, &wanted)),
            Request::Resume(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::Reopen(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::Rename(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::Revoke(call) => call.answer(|wanted| self.change(peer, wanted.into())),
            Request::ListGone(call) => call.answer(|_| self.list_gone(peer)),
            Request::Restored(call) => call.answer(|wanted| self.restored(peer, &wanted)),
            Request::Forget(call) => call.answer(|wanted| self.forget(peer, &wanted)),
            Request::Adopt(call) => call.answer(|wanted| self.adopt(peer, &wanted)),
            Request::AdoptAll(call) => call.answer(|wanted| self.adopt_all(peer, &wanted)),
            Request::Notices(call) => call.answer(|wanted| self.notices(peer, &wanted)),
            Request::NoticesShown(call) => call.answer(|wanted| self.notices_shown(peer, &wanted)),
        }
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

impl Daemon {
    fn status(&self, session: &Session, wanted: &Status) -> Result<UserStatusReply, Refusal> {
        let (account, _) = self.target_on_file(session.peer, Act::ReadStatus, wanted.user.as_deref())?;
        let limits = self.policy(session.peer)?.limits;
        let status = status::of(self.vault(), &account, &limits, &System, short_lock_deadline());
        let status = status.map_err(|error| unavailable(&error))?;
        Ok(UserStatusReply { status: if session.peer.uid == 0 { status } else { status::without_counts(status) } })
    }

    /// Yes or no, from the same look as a status.
    fn barred(&self, peer: Peer, wanted: &Barred) -> Result<BarredReply, Refusal> {
        let (account, _) = target(peer, Act::AskBarred, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        let status = status::of(self.vault(), &account, &limits, &System, short_lock_deadline());
        let status = status.map_err(|error| unavailable(&error))?;
        let keyless = status.enrolled && status.keys.is_empty();
        Ok(BarredReply { barred: status.suspended || status.disabled || status.expired || keyless })
    }

    fn list(&self, session: &Session) -> Result<UserList, Refusal> {
        allowed(groups::actor(session.peer)?, session.peer, Act::List, None)?;
        let limits = self.policy(session.peer)?.limits;
        let list = status::all(self.vault(), &limits, &System, &mut |locked| self.make_up_for_notices(locked));
        let mut list = list.map_err(|error| unavailable(&error))?;
        if session.peer.uid != 0 {
            list.users = list.users.into_iter().map(status::without_counts).collect();
        }
        let (nameless, broken): (Vec<_>, Vec<_>) = list.unreadable.iter().partition(|one| status::without_account(one));
        if let (Some(first), count) = (nameless.first(), nameless.len()) {
            let line = LogLine::default().field("event", "without-account").field("users", &count.to_string());
            let line = line.field("first", &first.uid.to_string()).field("detail", &first.reason);
            event(Urgency::Error, &line.finish()); // one line: in an outage there may be thousands
        }
        for one in broken {
            let line = LogLine::default().field("event", "unreadable").field("uid", &one.uid.to_string());
            let line = line.optional("user", one.user.as_deref()).field("detail", &one.reason);
            limited("unreadable", Urgency::Error, one.uid, line); // each of them by itself, however often somebody lists
        }
        Ok(list)
    }
}
