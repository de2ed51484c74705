//! Varlink's envelopes: a call and an answer as JSON objects. Secrets inside are read in place and written into one buffer of the exact size.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::varlink::frame::REPLY_BYTES;

/// A call as it arrived; its parameters are not looked into yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call<'a> {
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(borrow, default)]
    pub parameters: Option<&'a RawValue>,
    #[serde(default)]
    oneway: Option<bool>,
    #[serde(default)]
    more: Option<bool>,
    #[serde(default)]
    upgrade: Option<bool>,
}

/// A call as it leaves.
#[derive(Serialize)]
pub(crate) struct Calling<'a, P> {
    pub method: &'a str,
    pub parameters: &'a P,
    /// The caller takes several answers.
    #[serde(skip_serializing_if = "is_no")]
    pub more: bool,
}

/// An answer to a call that was done, as it leaves.
#[derive(Serialize)]
pub(crate) struct Answering<'a, P> {
    pub parameters: &'a P,
    /// Others follow it.
    #[serde(skip_serializing_if = "is_no")]
    pub continues: bool,
}

/// A flag that is not set is left out, as in messages of the first release.
fn is_no(flag: &bool) -> bool {
    !flag
}

/// An answer as it arrived; only one of the two is looked into.
#[derive(Deserialize)]
pub(crate) struct Answer<'a> {
    #[serde(borrow, default)]
    pub parameters: Option<&'a RawValue>,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub continues: Option<bool>,
}

impl<'a> Call<'a> {
    /// `None` unless the bytes are UTF-8 and a call object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }

    /// The caller wants no answer.
    pub(crate) fn is_oneway(&self) -> bool {
        self.oneway == Some(true)
    }

    /// The caller takes several answers.
    pub(crate) fn takes_more(&self) -> bool {
        self.more == Some(true) && !self.is_oneway()
    }

    /// The caller wants to speak another protocol from here on.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.upgrade == Some(true)
    }

    /// The parameters as text.
    pub(crate) fn parameters(&self) -> Option<&'a str> {
        self.parameters.map(RawValue::get)
    }
}

/// The message's bytes with its NUL, in a buffer that never grew; `None` if it exceeds the cap.
pub(crate) fn encode(message: &impl Serialize) -> Option<Zeroizing<Vec<u8>>> {
    let length = length(message);
    if length > REPLY_BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(1)));
    serde_json::to_writer(&mut *bytes, message).ok()?;
    bytes.push(0);
    Some(bytes)
}

/// How many bytes of JSON it is; of what is none, more than any message has.
pub(crate) fn length(value: &impl Serialize) -> usize {
    let mut size = SizeCounter(0);
    serde_json::to_writer(&mut size, value).map_or(usize::MAX, |()| size.0)
}

/// Counts what would be written.
struct SizeCounter(usize);

impl Write for SizeCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
