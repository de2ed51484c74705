//! A call's parameters, taken one by one by name, so that a refusal names the one at fault and never repeats its value.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::interface::Refusal;

/// The rest of the parameters object.
pub(crate) struct Parameters<'a> {
    left: BTreeMap<String, &'a RawValue>,
}

impl<'a> Parameters<'a> {
    /// Splits the object without looking into the values; none and null are the empty object.
    pub(crate) fn parse(text: Option<&'a str>) -> Result<Self, Refusal> {
        let text = text.unwrap_or("{}");
        let object: Option<Object<'_>> = serde_json::from_str(text).map_err(|_| Refusal::parameter("parameters"))?;
        let object = object.unwrap_or_default();
        match object.repeated {
            Some(name) => Err(Refusal::parameter(&shortened(&name))),
            None => Ok(Self { left: object.fields }),
        }
    }

    /// Takes a parameter that must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Refusal> {
        let value = self.optional(name)?;
        value.ok_or_else(|| Refusal::parameter(name))
    }

    /// Takes a parameter that may be absent or null.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get()).map_err(|_| Refusal::parameter(name))
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        match self.left.keys().next() {
            Some(unknown) => Err(Refusal::parameter(&shortened(unknown))),
            None => Ok(()),
        }
    }
}

/// A JSON object whose values are kept as text, and the first name that came twice.
#[derive(Default)]
struct Object<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object::default();
        while let Some(name) = map.next_key::<String>()? {
            if object.fields.contains_key(&name) {
                map.next_value::<IgnoredAny>()?;
                object.repeated.get_or_insert(name);
            } else if object.fields.len() < MOST_FIELDS {
                object.fields.insert(name, map.next_value()?);
            } else {
                return Err(A::Error::custom("too many parameters"));
            }
        }
        Ok(object)
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARS).collect()
}

/// More than any method has.
const MOST_FIELDS: usize = 32;
const NAME_CHARS: usize = 64;
