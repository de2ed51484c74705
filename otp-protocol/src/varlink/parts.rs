//! The answers of one call that others follow (Varlink's `more` and `continues`): each goes out before the next one is made, so that neither
//! side needs room for all of them.

use std::time::Duration;

use crate::varlink::deadline::Deadline;
use crate::varlink::error::WireError;
use crate::varlink::frame::Wire;
use crate::varlink::message::Call;

/// Where the answers go.
pub struct Parts<'w> {
    wire: &'w mut Wire,
    /// Does the caller take more than one?
    several: bool,
    end: Deadline,
    failed: Option<WireError>,
}

/// The caller did not take an answer in time, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl<'w> Parts<'w> {
    /// For this call; all but the last must have left within `time`.
    pub(crate) fn new(wire: &'w mut Wire, call: &Call<'_>, time: Duration) -> Self {
        Self { wire, several: call.takes_more(), end: Deadline::after(time, WireError::Unread), failed: None }
    }

    /// Does the caller take more than one?
    pub fn are_taken(&self) -> bool {
        self.several
    }

    /// Sends a message that others follow. After an error the connection ends, and nothing more is sent.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), NotTaken> {
        let sent = self.end.left().and_then(|_| self.wire.send(message));
        sent.map_err(|error| {
            self.failed = Some(error);
            NotTaken
        })
    }

    /// The reason for which the connection must end, if a message was not taken.
    pub(crate) fn end(self) -> Result<(), WireError> {
        self.failed.map_or(Ok(()), Err)
    }
}
