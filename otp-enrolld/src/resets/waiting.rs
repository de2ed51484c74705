//! The resets that are waiting on disk, and the facts about one of them right now.

use otp_core::codes::ids::ResetId;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Reset, ResetActor, Tier};
use otp_core::log_line::LogLine;
use otp_core::vault::{FoundReset, StoredReset};
use otp_core::watch::CoolingDown;
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::access::rights::Actor;
use crate::daemon::Daemon;
use crate::log::events::{about, signed};
use crate::machine::System;
use crate::refusals::{Refused, log_vault};
use crate::resets::decision::{ResetNow, TieredActor};

impl Daemon {
    /// Every reset that waits. One whose owner has a key by it is over: a kill kept its file.
    pub(super) fn found_resets(&self) -> Result<Vec<FoundReset>, Refused> {
        let mut waiting = Vec::new();
        for found in self.vault().resets()? {
            match &found.kept {
                Ok(kept) if self.is_used(&kept.reset) => self.drop_reset(&kept.reset)?,
                _ => waiting.push(found),
            }
        }
        Ok(waiting)
    }

    /// The same without the lock of resets, which is held for the look alone: one that is over may be found.
    pub(super) fn found_resets_alone(&self) -> Result<Vec<FoundReset>, Refused> {
        let _alone = self.reset_lock.lock();
        self.found_resets()
    }

    /// Where the owner's key file cannot be read, the reset goes on waiting: that allows nothing, and it can be cancelled.
    fn is_used(&self, reset: &Reset) -> bool {
        self.vault().is_used(reset).unwrap_or_else(|error| {
            log_vault(&error);
            false
        })
    }

    /// The reset of that id, if it waits.
    pub(super) fn found_reset(&self, id: ResetId) -> Result<Option<FoundReset>, Refused> {
        Ok(self.found_resets()?.into_iter().find(|found| found.id == id))
    }

    /// The reset of the keys of `uid`. One that cannot be read may be anybody's.
    pub(super) fn reset_of(&self, uid: u32) -> Result<Option<StoredReset>, Refused> {
        for found in self.found_resets()? {
            let kept = found.kept?;
            if kept.reset.account.uid == uid {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// It is over, and its owner need not be told of it any more.
    pub(super) fn drop_reset(&self, reset: &Reset) -> Result<(), Refused> {
        self.vault().drop_reset(reset.id)?;
        let told = self.vault().unspool(&reset.account, NoticeEvent::ResetAsked);
        told.unwrap_or_else(|error| log_vault(&error)); // the next look at the notices takes it away
        Ok(())
    }

    /// Notes how much of every delay has passed: after a boot that is all that counts. A start and every hour do it.
    pub(crate) fn note_delays(&self) -> Result<(), Refused> {
        let _alone = self.reset_lock.lock();
        for kept in self.found_resets()?.into_iter().filter_map(|found| found.kept.ok()).filter(|kept| !kept.restored) {
            let waited = kept.reset.waited.at(System.boot_ms());
            self.vault().store_reset(&Reset { waited, ..kept.reset }, &System)?;
        }
        Ok(())
    }
}

/// The actor behind a peer. The person is the one who logged in, whatever accounts came after that; nobody knows who where
/// the process was gone before it was looked at.
pub(super) fn actor_of(peer: Peer, actor: Actor) -> TieredActor {
    let person = peer.login_uid.unwrap_or(peer.accountable_uid);
    let who = ResetActor { uid: peer.uid, person };
    TieredActor { who, accountable: peer.accountable_uid, tier: groups::tier_of(actor) }
}

/// The group database's word on a reset. It may take seconds: it is asked for before the lock of resets is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResetGroups {
    pub(super) target_tier: Tier,
    asker_tier: Tier,
    one_admin: bool,
}

impl ResetGroups {
    /// On one of the keys of `target`, for which `asker` asks.
    pub(super) fn of(target: u32, asker: u32) -> Self {
        let (target_tier, asker_tier) = (groups::tier(target), groups::known_tier(asker));
        Self { target_tier, asker_tier, one_admin: groups::is_one_admin() }
    }

    /// On this one.
    pub(super) fn of_reset(reset: &Reset) -> Self {
        Self::of(reset.account.uid, reset.asked_by.uid)
    }

    /// With the clocks of this moment; `cool_down` is what is in its way.
    pub(super) fn now(self, cool_down: Option<CoolingDown>) -> ResetNow {
        let Self { target_tier, asker_tier, one_admin } = self;
        ResetNow { target_tier, asker_tier, cool_down, one_admin, boot_ms: System.boot_ms(), wall: System.wall() }
    }
}

/// One line about a reset.
pub(super) fn line(what: &str, reset: &Reset, peer: Peer) -> LogLine {
    signed(about(what, &reset.account).field("reset", &reset.id.hex()), peer)
}
