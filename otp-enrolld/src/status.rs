//! Calls that read: the status of one user, whether they are barred, the list of all users.

use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::short_lock_deadline;
use otp_protocol::interface::{Barred, BarredReply, Status, UserList, UserStatusReply};
use otp_protocol::peer::Peer;
use otp_protocol::status;

use crate::access::check::{allowed, target};
use crate::access::groups;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::log::events::{event, limited};
use crate::machine::System;
use crate::refusals::Refused;

impl Daemon {
    pub(crate) fn status(&self, peer: Peer, wanted: &Status) -> Result<UserStatusReply, Refused> {
        let (account, _) = self.target_on_file(peer, Act::ReadStatus, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        let status = status::of(self.vault(), &account, &limits, &System, short_lock_deadline())?;
        Ok(UserStatusReply { status: if peer.uid == 0 { status } else { status::without_counts(status) } })
    }

    /// Yes or no, from the same look as a status.
    pub(crate) fn barred(&self, peer: Peer, wanted: &Barred) -> Result<BarredReply, Refused> {
        let (account, _) = target(peer, Act::AskBarred, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        let status = status::of(self.vault(), &account, &limits, &System, short_lock_deadline())?;
        let keyless = status.enrolled && status.keys.is_empty();
        Ok(BarredReply { barred: status.suspended || status.disabled || status.expired || keyless })
    }

    pub(crate) fn list(&self, peer: Peer) -> Result<UserList, Refused> {
        allowed(groups::actor(peer)?, peer, Act::List, None)?;
        let limits = self.policy(peer)?.limits;
        let mut list = status::all(self.vault(), &limits, &System, &mut |locked| self.make_up_for_notices(locked))?;
        if peer.uid != 0 {
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
