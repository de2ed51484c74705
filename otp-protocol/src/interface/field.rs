//! The fields of a call: the type of each says how it is read from the wire, what is allowed, and how it is written.
//! `fields!` makes a struct of them.

use otp_core::keys::key::ValueError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;

use super::refusal::Refusal;
use crate::varlink::parameters::Parameters;

/// One parameter, or several that travel together.
pub(crate) trait Field: Sized {
    /// Takes the parameter `name`; several that travel together take those of their own names.
    fn read(from: &mut Parameters<'_>, name: &'static str) -> Result<Self, Refusal>;

    /// Writes it under that name; an absent one is left out.
    fn write<M: SerializeMap>(&self, to: &mut M, name: &'static str) -> Result<(), M::Error>;
}

/// The value of one parameter.
pub(crate) trait Scalar: Sized {
    /// Its type in JSON.
    type Json: DeserializeOwned;

    /// Checks the value that was found in the parameter `name`.
    fn of_json(found: Self::Json, name: &'static str) -> Result<Self, ValueError>;

    /// The value in JSON.
    fn json(&self) -> impl Serialize;
}

impl<S: Scalar> Field for S {
    fn read(from: &mut Parameters<'_>, name: &'static str) -> Result<Self, Refusal> {
        Ok(S::of_json(from.required(name)?, name)?)
    }

    fn write<M: SerializeMap>(&self, to: &mut M, name: &'static str) -> Result<(), M::Error> {
        to.serialize_entry(name, &self.json())
    }
}

impl<S: Scalar> Field for Option<S> {
    fn read(from: &mut Parameters<'_>, name: &'static str) -> Result<Self, Refusal> {
        Ok(from.optional(name)?.map(|found| S::of_json(found, name)).transpose()?)
    }

    fn write<M: SerializeMap>(&self, to: &mut M, name: &'static str) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |value| value.write(to, name))
    }
}

/// Structs whose fields are parameters of the same names. As the field of another struct each stands for all of its own.
macro_rules! fields {
    ($($(#[$about:meta])* pub struct $name:ident { $($(#[$says:meta])* pub $field:ident: $type:ty,)* })*) => { $(
        $(#[$about])*
        pub struct $name { $($(#[$says])* pub $field: $type,)* }

        impl Field for $name {
            // without fields there is nothing to read or write
            fn read(_from: &mut Parameters<'_>, _: &'static str) -> Result<Self, Refusal> {
                Ok(Self { $($field: Field::read(_from, stringify!($field))?,)* })
            }

            fn write<M: SerializeMap>(&self, _to: &mut M, _: &'static str) -> Result<(), M::Error> {
                $(self.$field.write(_to, stringify!($field))?;)*
                Ok(())
            }
        }
    )* };
}

pub(super) use fields;
