//! `org.varlink.service`: what this socket speaks, told to anybody who asks.

use serde::Serialize;

use crate::interface::{self, Refusal};
use crate::varlink::parameters::Parameters;

/// The interface's name.
pub(crate) const INTERFACE: &str = "org.varlink.service";

/// An answer of `org.varlink.service`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Introspection {
    Product(Product),
    Interface { description: &'static str },
}

/// Answer to `GetInfo`.
#[derive(Serialize)]
pub(crate) struct Product {
    vendor: &'static str,
    product: &'static str,
    version: &'static str,
    url: &'static str,
    interfaces: [&'static str; 2],
}

/// Answers one method of the interface.
pub(crate) fn answer(method: &str, parameters: Parameters<'_>) -> Result<Introspection, Refusal> {
    match method {
        "org.varlink.service.GetInfo" => parameters.end().map(|()| product()),
        "org.varlink.service.GetInterfaceDescription" => description(parameters),
        other => Err(Refusal::MethodNotFound { method: other.to_owned() }),
    }
}

fn product() -> Introspection {
    Introspection::Product(Product {
        vendor: "pam_otp",
        product: "otp-enrolld",
        version: env!("CARGO_PKG_VERSION"),
        url: "",
        interfaces: [INTERFACE, interface::INTERFACE],
    })
}

fn description(mut parameters: Parameters<'_>) -> Result<Introspection, Refusal> {
    let interface: String = parameters.required("interface")?;
    parameters.end()?;
    let description = match interface.as_str() {
        INTERFACE => DEFINITION,
        interface::INTERFACE => interface::DEFINITION,
        _ => return Err(Refusal::InterfaceNotFound { interface }),
    };
    Ok(Introspection::Interface { description })
}

/// As published at <https://varlink.org/Service>.
const DEFINITION: &str = include_str!("org.varlink.service.varlink");
