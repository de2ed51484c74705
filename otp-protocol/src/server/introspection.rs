//! `org.varlink.service`: what this socket speaks, told to anybody who asks.

use serde::Serialize;

use crate::interface::{self, Refusal, Reply};
use crate::varlink::parameters::Parameters;

/// The interface's name.
pub(crate) const INTERFACE: &str = "org.varlink.service";

/// Answer to `GetInfo`.
#[derive(Serialize)]
struct Product {
    vendor: &'static str,
    product: &'static str,
    version: &'static str,
    url: &'static str,
    interfaces: [&'static str; 2],
}

/// Answer to `GetInterfaceDescription`.
#[derive(Serialize)]
struct Description {
    description: &'static str,
}

/// Answers one method of the interface.
pub(crate) fn answer(method: &str, parameters: Parameters<'_>) -> Result<Reply, Refusal> {
    match method {
        "org.varlink.service.GetInfo" => product(parameters),
        "org.varlink.service.GetInterfaceDescription" => description(parameters),
        other => Err(Refusal::MethodNotFound { method: other.to_owned() }),
    }
}

fn product(parameters: Parameters<'_>) -> Result<Reply, Refusal> {
    parameters.end()?;
    Reply::of(&Product {
        vendor: "pam_otp",
        product: "otp-enrolld",
        version: env!("CARGO_PKG_VERSION"),
        url: "",
        interfaces: [INTERFACE, interface::INTERFACE],
    })
}

fn description(mut parameters: Parameters<'_>) -> Result<Reply, Refusal> {
    let interface: String = parameters.required("interface")?;
    parameters.end()?;
    let description = match interface.as_str() {
        INTERFACE => DEFINITION,
        interface::INTERFACE => interface::DEFINITION,
        _ => return Err(Refusal::InterfaceNotFound { interface }),
    };
    Reply::of(&Description { description })
}

/// As published at <https://varlink.org/Service>.
const DEFINITION: &str = include_str!("org.varlink.service.varlink");
