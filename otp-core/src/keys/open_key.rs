//! A key whose seal is open: what the decision and the codes need of it.

use crate::keys::hotp::Codes;
use crate::keys::key::{KeyId, Kind, Label, Period, Step};
use crate::unix_time::UnixTime;

/// A key whose secret is open, as the decision needs it.
pub struct OpenKey {
    /// Which key.
    pub id: KeyId,
    /// What its owner calls it.
    pub label: Label,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Its codes.
    pub codes: Codes,
    /// Its time step, if it is TOTP.
    pub period: Period,
    /// Never accept this step or counter or an earlier one, whatever the state says: the one burnt at confirmation.
    pub floor: Step,
    /// After this it no longer counts.
    pub expires: Option<UnixTime>,
}
