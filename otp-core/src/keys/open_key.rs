//! A key whose seal is open: what the decision and the codes need of it.

use crate::keys::hotp::Codes;
use crate::keys::key::{KeyId, Kind, Label, Period, Step};
use crate::unix_time::UnixTime;

/// A key whose secret is open, as the decision needs it.
pub struct OpenKey {
    /// Which key.
    pub id: KeyId,
    /// Its owner's name for it.
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

/// The facts that decide whether a key counts at all; its seal may be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFacts {
    /// Which key.
    pub id: KeyId,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Its time step, if it is TOTP.
    pub period: Period,
    /// As in [`OpenKey`].
    pub floor: Step,
    /// After this it no longer counts.
    pub expires: Option<UnixTime>,
}

impl From<&OpenKey> for KeyFacts {
    fn from(key: &OpenKey) -> Self {
        Self { id: key.id, kind: key.kind, period: key.period, floor: key.floor, expires: key.expires }
    }
}
