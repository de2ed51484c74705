//! A method of the interface: its parameters, its answer, and `methods!`, which makes the whole of it from one definition.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::refusal::Refusal;
use crate::varlink::message::{Answering, encode};

/// A method: the type has the parameters, and the answer belongs to it.
pub trait Method: Serialize + Sized {
    /// The full name that goes over the wire.
    const NAME: &'static str;
    /// What the method returns.
    type Reply: Serialize + DeserializeOwned;

    /// Acts on the call, and makes the answer the message that goes back.
    fn answer<E: From<Refusal>>(self, act: impl FnOnce(Self) -> Result<Self::Reply, E>) -> Result<Reply, E> {
        Ok(Reply::of(&act(self)?)?)
    }
}

/// The message that answers a call. One of this interface comes from [`Method::answer`] alone, so it is the one that belongs to the
/// method called: nothing on the wire would tell it from another.
pub struct Reply(Zeroizing<Vec<u8>>);

impl Reply {
    pub(crate) fn of(parameters: &impl Serialize) -> Result<Self, Refusal> {
        let message = encode(&Answering { parameters });
        message.map(Self).ok_or_else(|| Refusal::unavailable("the answer is too long"))
    }

    pub(crate) fn into_message(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Each method by its name, its answer and its parameters; and `Request`, which is a call of any of them.
macro_rules! methods {
    ($($(#[$about:meta])* pub struct $method:ident -> $reply:ident { $($fields:tt)* })*) => {
        $(
            fields! { $(#[$about])* pub struct $method { $($fields)* } }

            impl Method for $method {
                const NAME: &'static str = concat!("io.pam-otp.Otp1.", stringify!($method));
                type Reply = $reply;
            }

            impl Serialize for $method {
                fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    let mut map = to.serialize_map(None)?;
                    self.write(&mut map, Self::NAME)?;
                    map.end()
                }
            }
        )*

        /// One call of `io.pam-otp.Otp1`, checked.
        pub enum Request { $($(#[$about])* $method($method),)* }

        impl Request {
            /// Reads the call of `method`, the full name, with its parameters.
            pub(crate) fn read(method: &str, mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
                let request = match method {
                    $($method::NAME => $method::read(&mut parameters, $method::NAME).map(Self::$method)?,)*
                    other => return Err(Refusal::MethodNotFound { method: other.to_owned() }),
                };
                parameters.end()?;
                Ok(request)
            }
        }
    };
}

pub(super) use methods;
