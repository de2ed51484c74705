//! Calls that read: the status of one user, whether they are barred, the list of all users.

use otp_core::accounts::Account;
use otp_core::decision::limits::Limits;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::{LockedUser, VaultError, short_lock_deadline};
use otp_protocol::interface::{Barred, BarredReply, List, Status, Unreadable, UserList, UserStatus, UserStatusReply};
use otp_protocol::peer::Peer;
use otp_protocol::status::{self, InvitedToo, Listing, UserPages, seen_with};

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
        let policy = self.policy(peer)?;
        let status = self.status_of(&account, &policy.limits)?;
        let status = match wanted.cool_down {
            Some(true) => self.with_cool_down(status, &account, policy.cool_down),
            _ => status,
        };
        // Groups matter where somebody else is asked about, and so were asked for before.
        let actor = if account.uid == peer.uid { groups::by_uid(peer) } else { groups::actor(peer)? };
        Ok(UserStatusReply { status: seen_with(actor.sight(account.uid), status) })
    }

    /// Yes or no, from the same look as a status.
    pub(crate) fn barred(&self, peer: Peer, wanted: &Barred) -> Result<BarredReply, Refused> {
        let (account, _) = target(peer, Act::AskBarred, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        let status = self.status_of(&account, &limits)?;
        let keyless = status.enrolled && status.keys.is_empty();
        Ok(BarredReply { barred: status.suspended || status.disabled || status.expired || keyless })
    }

    fn status_of(&self, account: &Account, limits: &Limits) -> Result<UserStatus, VaultError> {
        let deadline = short_lock_deadline();
        let _turn = self.turns.take(account.uid, deadline);
        status::of(self.vault(), account, limits, &System, deadline)
    }

    /// Everybody in one answer, as clients of earlier versions want it.
    pub(crate) fn list(&self, peer: Peer, wanted: &List) -> Result<UserList, Refused> {
        let (mut list, mut bytes) = (UserList::default(), 0);
        self.each_page(peer, wanted, &mut |page| match list.take_in(page, &mut bytes) {
            true => Ok(()),
            false => Err(Refused::unavailable(TOO_MANY)),
        })?;
        Ok(list)
    }

    /// Some users in each answer: all but the last are sent.
    pub(crate) fn list_in_parts(
        &self,
        peer: Peer,
        wanted: &List,
        send: &mut dyn FnMut(&UserList) -> Result<(), Refused>,
    ) -> Result<UserList, Refused> {
        let mut last = None;
        self.each_page(peer, wanted, &mut |page| last.replace(page).map_or(Ok(()), |before| send(&before)))?;
        Ok(last.unwrap_or_default())
    }

    fn each_page(
        &self,
        peer: Peer,
        wanted: &List,
        take: &mut dyn FnMut(UserList) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let actor = groups::actor(peer)?;
        allowed(actor, peer, Act::List, None)?;
        let limits = self.policy(peer)?.limits;
        let mut make_up = |locked: LockedUser<'_>| self.make_up_for_notices(locked);
        let listing = if actor.only_views() { Listing::Looking } else { Listing::PuttingRight(&mut make_up) };
        let invited = if wanted.invited == Some(true) { InvitedToo::Listed } else { InvitedToo::LeftOut };
        let mut nameless = Nameless::default();
        let pages = UserPages::new(self.vault(), &limits, &System, listing).and(invited);
        let done = pages.each(wanted.after, &mut |mut page| {
            page.users = page.users.into_iter().map(|user| seen_with(actor.sight(user.uid), user)).collect();
            page.unreadable.iter().for_each(|one| nameless.count_or_log(one));
            take(page)
        });
        nameless.log();
        done
    }
}

/// Users of a list whom the account database does not know, or about whom it says nothing: one line for all, for in an outage there may be
/// thousands.
#[derive(Default)]
struct Nameless {
    first: Option<Unreadable>,
    count: usize,
}

impl Nameless {
    /// Anybody else who cannot be read has a line of their own, however often somebody lists.
    fn count_or_log(&mut self, one: &Unreadable) {
        if status::without_account(one) {
            self.count += 1;
            self.first.get_or_insert_with(|| one.clone());
            return;
        }
        let line = LogLine::default().field("event", "unreadable").field("uid", &one.uid.to_string());
        let line = line.optional("user", one.user.as_deref()).field("detail", &one.reason);
        limited("unreadable", Urgency::Error, one.uid, line);
    }

    fn log(self) {
        let Some(first) = self.first else { return };
        let line = LogLine::default().field("event", "without-account").field("users", &self.count.to_string());
        let line = line.field("first", &first.uid.to_string()).field("detail", &first.reason);
        event(Urgency::Error, &line.finish());
    }
}

/// To a client that takes one reply.
const TOO_MANY: &str = "there are too many users for one reply; an otpctl of the daemon's version takes several, and so does a call with \"more\": true";
