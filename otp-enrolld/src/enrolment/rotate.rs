//! One more key, a replacement, a token, new recovery codes: what an owner gets for a code of an existing key. The code is used up whatever
//! happens afterwards.

use otp_core::accounts::Account;
use otp_core::decision::Proof;
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::environment::Clock;
use otp_core::files::key_file::{Key, Record};
use otp_core::files::notice::NoticeEvent;
use otp_core::files::ticket::TicketId;
use otp_core::keys::key::{KeyId, Kind};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::{Grounds, LockedUser, Replaces};
use otp_protocol::interface::{AddKey, AddToken, Begun, RecoveryCodes, RenewRecoveryCodes, Rotate, TokenBegun};
use otp_protocol::peer::Peer;

use crate::access::check::target;
use crate::access::rights::Act;
use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::{label, log_enrolment, new_key, plan, to_come};
use crate::enrolment::invite::notice;
use crate::enrolment::otpauth::USUAL_LABEL;
use crate::enrolment::pending::{EnrolmentPurpose, Plan, TRIES};
use crate::enrolment::slots::Earlier;
use crate::log::events::{about, paced, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// One more key, for a code of one that is there.
    pub(crate) fn add_key(&self, session: &mut Session, wanted: AddKey) -> Result<Begun, Refused> {
        let peer = session.peer;
        session.pending = None;
        let (account, _) = target(peer, Act::AddKey, None)?;
        let policy = self.policy(peer)?;
        to_come(wanted.key.expires)?; // before a code is used up
        let purpose = |key: &Key| EnrolmentPurpose {
            event: NoticeEvent::KeyAdded,
            grounds: Grounds::Key(key.id),
            replaces: Replaces::Nothing,
            recovery: false,
            ticket: None,
            redemption: key.redemption,
        };
        let mut locked = self.enrolled(&account)?;
        let name = wanted.key.label.clone().map_or_else(|| label(USUAL_LABEL), Ok)?;
        locked.has_room_for(&name, Replaces::Nothing).of(&account)?;
        let key = self.proven_key(
            &mut locked,
            Guess { typed: &wanted.code.sorted(), origin: Origin::Socket },
            &policy.limits,
            None,
        )?;
        drop(locked);
        let plan = plan(account, &wanted.key, &policy, purpose(&key))?;
        Ok(Begun { enrolment: self.start(session, plan, Earlier::Ends)? })
    }

    /// A key that replaces another, for a code of that one. A recovery code will do where root says that the UNIX password
    /// was asked for, too.
    pub(crate) fn rotate(&self, session: &mut Session, wanted: Rotate) -> Result<Begun, Refused> {
        let peer = session.peer;
        session.pending = None;
        let (account, _) = target(peer, Act::Rotate, wanted.user.as_deref())?;
        let policy = self.policy(peer)?;
        let expires = to_come(wanted.expires)?; // before a code is used up
        let typed = wanted.code.sorted();
        let origin = self.origin(peer, &wanted.prompt, account.uid)?; // asks for groups: never under the lock (R3)
        let guess = Guess { typed: &typed, origin };
        let _permit = self.permit(&account)?;
        let mut locked = self.enrolled(&account)?;
        let (old, grounds, redemption) = match &typed {
            Typed::Recovery(_) => {
                if peer.uid != 0 {
                    return Err(Refused::not_possible(&account, ChangeRefusal::NeedsPassword));
                }
                let old = only_key(&locked, wanted.key.as_deref())?;
                let room = old.as_ref().map_or(Ok(()), |key| locked.has_room_for(&key.label, Replaces::Key(key.id)));
                room.of(&account)?; // before the code is spent
                let redemption = self.proven_by_recovery(&mut locked, guess, &policy.limits)?;
                (old, Grounds::Recovery(locked.state().recovery.set), redemption)
            }
            _ => {
                let named = wanted.key.as_deref().map(|name| locked.key_named(name).cloned()).transpose();
                let named = named.of(&account)?;
                let old = self.proven_key(&mut locked, guess, &policy.limits, named.as_ref().map(|key| key.id))?;
                let (id, redemption) = (old.id, old.redemption);
                (Some(old), Grounds::Key(id), redemption)
            }
        };
        drop(locked);
        let purpose = EnrolmentPurpose {
            event: NoticeEvent::KeyRotated,
            grounds,
            replaces: old.as_ref().map_or(Replaces::All, |key| Replaces::Key(key.id)),
            recovery: false,
            ticket: None,
            redemption,
        };
        let kind = wanted.shape.kind.unwrap_or(Kind::Totp);
        let label = old.map_or_else(|| label(USUAL_LABEL), |key| Ok(key.label))?;
        let plan = Plan { account, label, kind, new: new_key(&wanted.shape, policy.key), expires, purpose };
        Ok(Begun { enrolment: self.start(session, plan, Earlier::Ends)? })
    }

    /// The secret of a hardware token, which somebody imports.
    pub(crate) fn add_token(&self, session: &mut Session, wanted: AddToken) -> Result<TokenBegun, Refused> {
        let peer = session.peer;
        session.pending = None;
        let (account, _) = target(peer, Act::AddToken, Some(&wanted.user))?;
        let mut plan = plan(account, &wanted.key, &self.policy(peer)?, EnrolmentPurpose::BY_AN_ADMIN)?;
        if wanted.key.label.is_none() {
            plan.label = label("token")?;
        }
        let pending = self.pending_enrolments.begin_with(plan, wanted.secret, &System)?;
        self.check_secret_is_new(&pending)?; // first: the label of a token that is there is taken, too
        self.check_room(pending.plan())?;
        log_enrolment("token-begun", peer, &pending, None);
        let expires_in = pending.time_left(&System).as_secs();
        session.pending = Some(pending);
        Ok(TokenBegun { expires_in, tries: TRIES })
    }

    /// A new set of recovery codes, for a code of a key. The old set no longer works.
    pub(crate) fn renew_recovery(&self, peer: Peer, wanted: &RenewRecoveryCodes) -> Result<RecoveryCodes, Refused> {
        let (account, _) = target(peer, Act::RenewRecoveryCodes, None)?;
        let limits = self.policy(peer)?.limits;
        let mut locked = self.enrolled(&account)?;
        let key = self.proven_key(
            &mut locked,
            Guess { typed: &wanted.code.sorted(), origin: Origin::Socket },
            &limits,
            None,
        )?;
        drop(locked);
        self.notice_of_codes(&account)?; // of the old set, which is about to go
        let mut locked = self.enrolled(&account)?;
        locked.has_grounds(Grounds::Key(key.id)).of(&account)?;
        let (hashes, recovery_codes) = self.recovery_set(&account, key.redemption)?;
        self.notice(&account, notice(NoticeEvent::RecoveryCodesRenewed, peer, System.wall()))?;
        locked.renew_recovery(hashes, &System).of(&account)?;
        self.pending_enrolments.end(account.uid);
        let line = signed(about("recovery-codes-renewed", &account), peer);
        paced("recovery-codes-renewed", Urgency::Notice, peer.accountable_uid, line);
        Ok(RecoveryCodes { recovery_codes })
    }

    fn enrolled(&self, account: &Account) -> Result<LockedUser<'_>, Refused> {
        let locked = self.vault().lock(account, &System)?;
        let locked = locked.filter(|locked| locked.record().is_some());
        locked.ok_or(ChangeRefusal::NotEnrolled).of(account)
    }

    /// The key that the code is of; it must be `wanted`, if one is. The code is used up.
    fn proven_key(
        &self,
        locked: &mut LockedUser<'_>,
        guess: Guess<'_>,
        limits: &Limits,
        wanted: Option<KeyId>,
    ) -> Result<Key, Refused> {
        let account = locked.account().clone();
        if !matches!(guess.typed, Typed::Code(_)) {
            return Err(Refused::not_possible(&account, ChangeRefusal::CodeRefused)); // a recovery code is not spent on this
        }
        let Proof::Key(label) = self.proven(locked, guess, limits)? else {
            return Err(Refused::not_possible(&account, ChangeRefusal::CodeRefused));
        };
        let key = locked.record().and_then(|record| record.keys.iter().find(|key| key.label == label).cloned());
        let key = key.filter(|key| wanted.is_none_or(|id| id == key.id));
        key.ok_or_else(|| Refused::not_possible(&account, ChangeRefusal::CodeRefused))
    }

    /// A recovery code is used up; what is made with it descends from what its set descends from.
    fn proven_by_recovery(
        &self,
        locked: &mut LockedUser<'_>,
        guess: Guess<'_>,
        limits: &Limits,
    ) -> Result<Option<TicketId>, Refused> {
        self.proven(locked, guess, limits)?;
        Ok(locked.record().and_then(|record: &Record| record.recovery.first()).and_then(|code| code.redemption))
    }
}

/// The key that a recovery code replaces: the one named, or the only one; none at all if there is none.
fn only_key(locked: &LockedUser<'_>, name: Option<&str>) -> Result<Option<Key>, Refused> {
    let account = locked.account();
    let keys = locked.record().map(|record| record.keys.as_slice()).unwrap_or_default();
    match (name, keys) {
        (Some(name), _) => locked.key_named(name).cloned().map(Some).of(account),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Err(Refused::not_possible(account, ChangeRefusal::SeveralKeys)),
    }
}
