//! Random names, of 128 bits for a ticket or a set of recovery codes, and short for a reset, because people type it. Also the name of one
//! change of a password, which is not random.

use data_encoding::HEXLOWER;

/// Names a ticket, and so the registration code that it is of. Keys made with that code descend from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketId([u8; 16]);

/// Names a set of recovery codes. The default is that of nobody's set: all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoverySetId([u8; 16]);

/// Names a reset among those that wait: eight hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResetId([u8; 4]);

/// Names one change of one user's password, so that an override of the cool-down after it is good for that change and no other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordChange([u8; 8]);

impl TicketId {
    /// From random bytes, or as they were stored.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The same for a code that was made although `change` was fresh: that is the second half of the name.
    #[must_use]
    pub fn in_spite_of(self, change: PasswordChange) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        let [i, j, k, l, m, n, o, p] = change.0;
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Was its code made in spite of this change?
    pub fn is_in_spite_of(self, change: PasswordChange) -> bool {
        self == self.in_spite_of(change)
    }

    /// For the keyed hash of a code.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As files and the log spell it.
    pub fn hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl PasswordChange {
    /// From the first bytes of a hash over all that is known of it, or as it was stored.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// As files spell it.
    pub fn hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl RecoverySetId {
    /// From random bytes, or as they were stored.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// For the keyed hash of a code, and for the state file.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As the key file spells it.
    pub fn hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl ResetId {
    /// From random bytes.
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// Reads back what `hex` gave.
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// As files, messages and the log spell it.
    pub fn hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}
