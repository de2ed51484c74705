//! One connection from its first call to its end: receive, answer, send; what the peer did wrong ends it.

use std::os::unix::net::UnixStream;

use zeroize::Zeroizing;

use crate::interface::{INTERFACE, Refusal, Reply, Request};
use crate::peer::Peer;
use crate::server::admission::ConnectionPermit;
use crate::server::introspection;
use crate::server::limits::ServerLimits;
use crate::server::service::Service;
use crate::varlink::error::WireError;
use crate::varlink::frame::{Bounds, CALL_BYTES, Wire};
use crate::varlink::message::{Call, encode};
use crate::varlink::parameters::Parameters;
use crate::varlink::parts::Parts;

/// Answers call after call until the peer leaves or breaks a rule, and says which.
pub(crate) fn converse<S: Service>(
    service: &S,
    peer: Peer,
    stream: UnixStream,
    limits: &ServerLimits,
    permit: &mut ConnectionPermit,
) -> WireError {
    let mut wire = Wire::new(stream, bounds(limits));
    let mut session = service.open(peer);
    loop {
        match service.idle_limit(&session) {
            Some(_) => permit.count_as_pending(),
            None => permit.count_as_usual(),
        }
        if let Err(end) = exchange(service, &mut session, &mut wire, limits) {
            return end;
        }
    }
}

/// One call and its answer.
fn exchange<S: Service>(
    service: &S,
    session: &mut S::Session,
    wire: &mut Wire,
    limits: &ServerLimits,
) -> Result<(), WireError> {
    let idle = service.idle_limit(session).unwrap_or(limits.idle);
    let message = wire.receive(idle)?;
    let Some(call) = Call::parse(&message) else {
        wire.send(&refusal(&Refusal::parameter("call")))?;
        return Err(WireError::Malformed);
    };
    let mut parts = Parts::new(wire, &call, limits.parts);
    let answer = answer(service, session, &call, &mut parts);
    parts.end()?;
    if call.is_oneway() {
        return Ok(());
    }
    wire.send(&answer.map_or_else(|error| refusal(&error), Reply::into_message))
}

/// The answer to one well-formed call, or the last word.
fn answer<S: Service>(
    service: &S,
    session: &mut S::Session,
    call: &Call<'_>,
    parts: &mut Parts<'_>,
) -> Result<Reply, Refusal> {
    if call.is_upgrade() {
        return Err(Refusal::parameter("upgrade"));
    }
    let (interface, _) = call.method.rsplit_once('.').unwrap_or_default();
    match interface {
        INTERFACE => {
            let request = Request::read(&call.method, Parameters::parse(call.parameters())?)?;
            service.call(session, request, parts)
        }
        introspection::INTERFACE => introspection::answer(&call.method, Parameters::parse(call.parameters())?),
        other => Err(Refusal::InterfaceNotFound { interface: other.to_owned() }),
    }
}

/// The bytes of an error reply. One that cannot be encoded, which no type here allows, is the empty message.
pub(crate) fn refusal(error: &Refusal) -> Zeroizing<Vec<u8>> {
    encode(error).unwrap_or_else(|| Zeroizing::new(vec![0]))
}

fn bounds(limits: &ServerLimits) -> Bounds {
    Bounds { bytes: CALL_BYTES, message: limits.message, write: limits.write }
}
