//! A moment in a message: its seconds since 1970, as a number. For `serde(with = "...")`.

use otp_core::unix_time::UnixTime;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a moment.
pub fn serialize<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.seconds())
}

/// Reads it back.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
    u64::deserialize(from).map(UnixTime::new)
}

/// A moment that may be left out or null; with `serde(default)`.
pub mod optional {
    use otp_core::unix_time::UnixTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes a moment, or null.
    pub fn serialize<S: Serializer>(time: &Option<UnixTime>, to: S) -> Result<S::Ok, S::Error> {
        time.map(UnixTime::seconds).serialize(to)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixTime>, D::Error> {
        Ok(Option::deserialize(from)?.map(UnixTime::new))
    }
}
