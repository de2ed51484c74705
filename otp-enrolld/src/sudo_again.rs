//! After keys were replaced or suspended sudo asks again: a mark for root, who removes sudo's time stamps. It bars nothing.

use otp_core::accounts::Account;
use otp_core::log_line::Urgency;
use otp_protocol::peer::Peer;

use crate::daemon::Daemon;
use crate::log::events::{about, paced, signed};

impl Daemon {
    /// After the commit: sudo takes what was typed before it for as good as a code.
    pub(crate) fn end_sudo_of(&self, peer: Peer, account: &Account) {
        let marks = self.site.sudo_marks();
        if let Err(error) = marks.leave(account.uid) {
            let detail = format!("{}: {error}", marks.0.display());
            let line = about("sudo-not-ended", account).field("detail", &detail);
            paced("sudo-not-ended", Urgency::Error, peer.accountable_uid, signed(line, peer));
        }
    }
}
