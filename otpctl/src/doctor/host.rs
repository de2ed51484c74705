//! The examined host, as every area needs it: the looker and the policy.

use nix::unistd::{Group, Uid};
use otp_core::accounts::account_of;
use otp_core::membership::is_member;
use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::site::{Site, Unavailable};

use crate::output::progress::Progress;

/// This host, as it is looked at.
pub(crate) struct ExaminedHost {
    pub looker: Looker,
    pub site: Site,
    pub progress: Progress,
    /// The policy; `None` without the file, when everything is at its default.
    pub policy: Result<Option<WholePolicy>, Unavailable>,
}

/// The account that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looker {
    /// Reads everything.
    Root,
    /// A member of the group otp-viewer: reads what everybody may, and asks the daemon.
    Viewer,
}

impl Looker {
    /// The caller; `None` if they may not look.
    pub(crate) fn caller() -> Option<Self> {
        let uid = Uid::effective();
        if uid.is_root() {
            return Some(Self::Root);
        }
        let group = Group::from_name(VIEWERS).ok()??;
        let account = account_of(uid.as_raw()).ok()??;
        is_member(&account, &group).is_ok_and(|member| member).then_some(Self::Viewer)
    }
}

impl ExaminedHost {
    pub(crate) fn seen_by(looker: Looker) -> Self {
        let site = Site::STANDARD;
        Self { looker, site, progress: Progress::standard(), policy: site.whole_policy(None) }
    }

    pub(crate) fn is_seen_by_root(&self) -> bool {
        self.looker == Looker::Root
    }

    /// The rules of the host; the defaults where the policy cannot be read.
    pub(crate) fn rules(&self) -> HostPolicy {
        match &self.policy {
            Ok(Some(policy)) => policy.host.clone(),
            _ => HostPolicy::default(),
        }
    }
}

pub(crate) const VIEWERS: &str = "otp-viewer";
/// Why a viewer has not looked.
pub(crate) const RUN_AS_ROOT: &str = "only root may read it; run this as root";
