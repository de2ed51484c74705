//! The daemon's state for all calls, and that of one connection. The policy is read again at each call.

use std::collections::HashSet;
use std::path::Path;

use otp_core::policy::host::HostPolicy;
use otp_core::policy::service::ServicePolicy;
use otp_core::site::{Site, Unavailable};
use otp_core::unlocked::Unlocked;
use otp_core::vault::Vault;
use otp_protocol::interface::Prompt;
use otp_protocol::peer::Peer;

use crate::access::concurrency::{Concurrency, LockWaits};
use crate::access::turns::Turns;
use crate::enrolment::pending::PendingEnrolment;
use crate::enrolment::slots::PendingEnrolments;
use crate::enrolment::throttle::Throttle;
use crate::fingerprints::{Fingerprints, SecretFiles, TokenFiles};
use crate::lock::Lock;
use crate::notices::quota::NoticeQuota;
use crate::refusals::{Refused, log_obstacle};
use crate::resets::pace::ResetPace;

/// The daemon's values for every call.
pub(crate) struct Daemon {
    /// Where the policy is; it is read at every call, so that a change needs no restart.
    pub site: Site,
    /// The open vault, and the key of this host.
    pub unlocked: Unlocked,
    /// The holders of all secrets.
    pub fingerprints: Fingerprints<SecretFiles>,
    /// The secrets of tokens that nobody has yet.
    pub token_fingerprints: Fingerprints<TokenFiles>,
    /// Enrolments of all connections.
    pub pending_enrolments: PendingEnrolments,
    /// Codes that are being checked.
    pub verifying: Concurrency,
    /// Those of them that wait for somebody's lock.
    pub waiting: LockWaits,
    /// Threads that want the lock of the same user.
    pub turns: Turns,
    /// Wrong registration codes.
    pub throttle: Throttle,
    /// Held while a reset is looked at and changed.
    pub reset_lock: Lock<()>,
    /// Resets that were asked for.
    pub reset_pace: ResetPace,
    /// Held from the search for a secret that was imported until it is stored: two users must not find it new at once (R4).
    pub import_lock: Lock<()>,
    /// Registration codes that are being looked at, by the user whose they are said to be.
    pub redeeming: Concurrency,
    /// Notices that leave this host.
    pub notice_quota: NoticeQuota,
    /// Users whose keys were found disabled, and who were told so.
    pub known_disabled: Lock<HashSet<u32>>,
    /// Users for whom many wrong codes are typed, and who were told so.
    pub known_guesses: Lock<HashSet<u32>>,
}

/// One connection.
pub(crate) struct Session {
    pub(crate) peer: Peer,
    pub(crate) pending: Option<PendingEnrolment>,
}

impl Daemon {
    pub(crate) fn new(site: Site, unlocked: Unlocked, fingerprints: Fingerprints<SecretFiles>) -> Self {
        let told = unlocked.vault().told_of_disabling().unwrap_or_default(); // each is looked for again before a notice
        Self {
            site,
            unlocked,
            fingerprints,
            token_fingerprints: Fingerprints::default(),
            pending_enrolments: PendingEnrolments::default(),
            verifying: Concurrency::default(),
            waiting: LockWaits::default(),
            turns: Turns::default(),
            throttle: Throttle::default(),
            reset_lock: Lock::default(),
            reset_pace: ResetPace::default(),
            import_lock: Lock::default(),
            redeeming: Concurrency::default(),
            notice_quota: NoticeQuota::default(),
            known_disabled: Lock::new(told.into_iter().collect()),
            known_guesses: Lock::default(),
        }
    }

    pub(crate) fn vault(&self) -> &Vault {
        self.unlocked.vault()
    }

    /// The policy of the host.
    pub(crate) fn policy(&self, peer: Peer) -> Result<HostPolicy, Refused> {
        self.site.policy().map_err(|unavailable| unusable(peer, unavailable))
    }

    /// The policy of the service that `prompt` names, by the file that its PAM line names; without it, of a caller that is no
    /// service. The peer must be root where there is one: from anybody else these are claims.
    pub(crate) fn service_policy(&self, peer: Peer, prompt: Option<&Prompt>) -> Result<ServicePolicy, Refused> {
        let named = prompt.and_then(|prompt| prompt.config.as_deref()).map(Path::new);
        let service = prompt.and_then(|prompt| prompt.service.as_deref());
        self.site.service_policy(named, service).map_err(|unavailable| unusable(peer, unavailable))
    }
}

/// The fault of a policy is told to root alone.
fn unusable(peer: Peer, unavailable: Unavailable) -> Refused {
    log_obstacle(&unavailable);
    Refused::unavailable(match peer.uid {
        0 => unavailable.detail,
        _ => "the policy cannot be used; the log says why".to_owned(),
    })
}
