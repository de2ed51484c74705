//! A method of the interface: its parameters, its answer, and `methods!`, which makes the whole of it from one definition.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::refusal::Refusal;
use crate::varlink::message::{Answering, encode};
use crate::varlink::parts::Parts;

/// A method: the type has the parameters, and the answer belongs to it.
pub trait Method: Serialize + Sized {
    /// The full name that goes over the wire.
    const NAME: &'static str;
    /// The method's answer.
    type Reply: Serialize + DeserializeOwned;

    /// Acts on the call, and makes the answer the message that goes back.
    fn answer<E: From<Refusal>>(self, act: impl FnOnce(Self) -> Result<Self::Reply, E>) -> Result<Reply, E> {
        Ok(Reply::of(&act(self)?)?)
    }

    /// Acts on a call that several answers may follow: `act` hands each but the last to its second argument, which fails when nobody
    /// takes them any more, and returns the last.
    fn answer_in_parts<E: From<Refusal>>(
        self,
        parts: &mut Parts<'_>,
        act: impl FnOnce(Self, &mut dyn FnMut(&Self::Reply) -> Result<(), E>) -> Result<Self::Reply, E>,
    ) -> Result<Reply, E> {
        let last = act(self, &mut |part| {
            let gone = |_| Refusal::unavailable("the caller takes no more answers"); // which nobody hears
            Ok(parts
                .send(&Reply::with(&Answering { parameters: part, continues: true })?.into_message())
                .map_err(gone)?)
        })?;
        Ok(Reply::of(&last)?)
    }
}

/// The message that answers a call. One of this interface comes from [`Method::answer`] alone, so it is the one that belongs to the
/// method called: nothing on the wire would tell it from another.
pub struct Reply(Zeroizing<Vec<u8>>);

impl Reply {
    pub(crate) fn of(parameters: &impl Serialize) -> Result<Self, Refusal> {
        Self::with(&Answering { parameters, continues: false })
    }

    fn with(answer: &Answering<'_, impl Serialize>) -> Result<Self, Refusal> {
        let message = encode(answer);
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
