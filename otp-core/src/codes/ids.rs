//! Random names of 128 bits: of a ticket, and of a set of recovery codes.

use data_encoding::HEXLOWER;

/// Names a ticket, and so the registration code that it is of. What was made with that code descends from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketId([u8; 16]);

/// Names a set of recovery codes. The default is that of nobody's set: all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoverySetId([u8; 16]);

impl TicketId {
    /// From random bytes, or as they were stored.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
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
