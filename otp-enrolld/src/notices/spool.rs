//! Notices for users about their keys, and who may read them.

use otp_core::accounts::Account;
use otp_core::environment::Clock;
use otp_core::files::notice::{Notice, NoticeEvent, Severity};
use otp_core::files::notice_file::Showing;
use otp_core::files::notice_lines::notice_lines;
use otp_core::keys::key::Label;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::manage::notify_owner::{self, Outbound};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{LockedUser, Posted, VaultError};
use otp_protocol::interface::{self, Done, NoticeList, Notices, NoticesShown};
use otp_protocol::peer::Peer;

use crate::access::check::target;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::log::events::{about, limited, trouble};
use crate::machine::System;
use crate::notices::wording::told_to;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// Spools a notice for `account`, and for the way out of this host. On disk when it returns. A caller that cannot give notice
    /// of something must not do it.
    pub(crate) fn notice(&self, account: &Account, notice: Notice) -> Result<(), Refused> {
        Ok(self.keep(account, notice)?)
    }

    /// The same for what must happen even without a notice: what takes rights away.
    pub(crate) fn notice_after(&self, account: &Account, notice: Notice) {
        let word = notice.event.word();
        if let Err(error) = self.keep(account, notice) {
            lost(word, account, &error);
        }
    }

    /// A user who is forgotten has no spool; only the outbox hears of it.
    pub(crate) fn notice_of_forgetting(&self, account: &Account, by: u32) {
        let notice = notify_owner::notice(NoticeEvent::Forgotten, by, System.wall(), None);
        tell_if_not_posted(self.outbound().post(self.vault(), account, notice));
    }

    fn keep(&self, account: &Account, notice: Notice) -> Result<(), VaultError> {
        if notice.event.severity() == Severity::Alarm {
            let line =
                about("notice", account).field("notice", notice.event.word()).field("by", &notice.by.to_string());
            // Where it cannot be kept, what it is about is refused, and can be asked for again without end.
            let line = line.optional("key", notice.key.as_ref().map(Label::as_str));
            limited(notice.event.word(), Urgency::Alert, account.uid, line);
        }
        let out = match self.outbound() {
            Outbound::Post(_) if !self.notice_quota.allows(account.uid, notice.event.severity()) => Outbound::Stay,
            out => out,
        };
        notify_owner::keep(self.vault(), account, notice, &out).map(tell_if_not_posted)
    }

    fn outbound(&self) -> Outbound {
        Outbound::of(&self.site.policy(), &self.site)
    }

    /// A recovery code may have been used at a gate that asked the files and not this daemon, or a code accepted after many wrong ones:
    /// its notice is made here, as soon as somebody asks. Killed in between it comes twice.
    pub(crate) fn notice_of_codes(&self, account: &Account) -> Result<(), Refused> {
        match self.vault().lock(account, &System)? {
            Some(mut locked) => self.notice_of_codes_locked(&mut locked),
            None => Ok(()),
        }
    }

    /// The same for a user who is locked already.
    pub(crate) fn notice_of_codes_locked(&self, locked: &mut LockedUser<'_>) -> Result<(), Refused> {
        let account = locked.account().clone();
        if let Some(left) = locked.untold_recovery() {
            let left = u8::try_from(left).unwrap_or(u8::MAX);
            self.notice_at_a_gate(&account, NoticeEvent::RecoveryCodeUsed { left }, System.wall())?;
            locked.recovery_told(&System).of(&account)?;
        }
        if locked.untold_wrong_codes() {
            self.notice_at_a_gate(&account, NoticeEvent::AcceptedAfterWrongCodes, System.wall())?;
            locked.wrong_codes_told(&System).of(&account)?;
        }
        Ok(())
    }

    /// A notice of what happened at a gate, where nobody but the owner of the keys is known.
    pub(crate) fn notice_at_a_gate(&self, account: &Account, event: NoticeEvent, at: UnixTime) -> Result<(), Refused> {
        self.notice(account, notify_owner::notice(event, account.uid, at, None))
    }

    /// The unread notices of a user.
    pub(crate) fn notices(&self, peer: Peer, wanted: &Notices) -> Result<NoticeList, Refused> {
        let (account, _) = target(peer, Act::ReadNotices, wanted.user.as_deref())?;
        self.notice_of_codes(&account)?;
        drop(self.settle_reset_notice(&account)); // the log has what is wrong; the notice stays
        let notices = self.vault().notices(&account)?;
        Ok(told_to(&account, &notices, |telling| NoticeList {
            notices: notices.iter().map(|one| interface::NoticeItem::of(one, telling)).collect(),
            lines: notice_lines(&notices, telling, System.wall()),
        }))
    }

    /// It was shown.
    pub(crate) fn notices_shown(&self, peer: Peer, wanted: &NoticesShown) -> Result<Done, Refused> {
        let (account, _) = target(peer, Act::ReadNotices, wanted.user.as_deref())?;
        let place = if peer.uid == 0 { Showing::AtALogin } else { Showing::OnRequest };
        self.vault().notices_shown(&account, wanted.last, place)?;
        Ok(Done {})
    }
}

fn tell_if_not_posted(posted: Posted) {
    let line = |what| LogLine::default().field("event", what);
    match posted {
        Posted::Kept => {}
        Posted::Full => trouble("outbox-full", Urgency::Error, line("outbox-full")),
        Posted::Failed(why) => trouble("outbox-failed", Urgency::Error, line("outbox-failed").field("detail", &why)),
    }
}

fn lost(word: &str, account: &Account, error: &VaultError) {
    let line = about("notice-lost", account).field("notice", word).field("detail", &error.to_string());
    trouble("notice-lost", Urgency::Alert, line);
}
