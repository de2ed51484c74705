//! The resets that wait, as they are found on disk, and the facts about one of them at this moment.

use otp_core::codes::ids::ResetId;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Reset, ResetActor};
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

/// The actor behind a peer.
pub(super) fn actor_of(peer: Peer, actor: Actor) -> TieredActor {
    TieredActor { who: ResetActor { uid: peer.uid, person: peer.accountable_uid }, tier: groups::tier_of(actor) }
}

/// The facts about a reset at this moment; `cool_down` is what is in its way.
pub(super) fn now(reset: &Reset, cool_down: Option<CoolingDown>) -> ResetNow {
    ResetNow {
        target_tier: groups::tier(reset.account.uid),
        asker_tier: groups::known_tier(reset.asked_by.uid),
        cool_down,
        one_admin: groups::is_one_admin(),
        boot_ms: System.boot_ms(),
        wall: System.wall(),
    }
}

/// One line about a reset.
pub(super) fn line(what: &str, reset: &Reset, peer: Peer) -> LogLine {
    signed(about(what, &reset.account).field("reset", &reset.id.hex()), peer)
}
