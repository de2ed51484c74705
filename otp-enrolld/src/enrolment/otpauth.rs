//! The otpauth URI that an app scans (the key-URI format that Google Authenticator set). Its label is the account alone, in
//! which no colon can be; the issuer is a parameter. The secret is base32 in upper case without padding, and every parameter is
//! always present: apps that know it agree, the others pass over it. HOTP has a counter instead of the period.
//!
//! An app tells its entries apart by issuer and account. So the account names the host, and any label but the usual one.

use otp_core::keys::key::{Algorithm, Digits, Kind, Period};
use otp_core::keys::secret::Secret;
use otp_core::policy::host::{HostPolicy, issuer_for_apps};
use otp_system::host_name::host_name;
use zeroize::Zeroizing;

use crate::enrolment::pending::FIRST_COUNTER;

/// The name of the key in an app. Neither has a colon: some apps would cut there.
pub(crate) struct AppEntry {
    issuer: String,
    account: String,
}

impl AppEntry {
    /// Of a user's key, on this host.
    pub(crate) fn of(user: &str, label: &str, policy: &HostPolicy) -> Self {
        let host = policy.host.clone().unwrap_or_else(machine_name);
        let more = if label == USUAL_LABEL { String::new() } else { format!(" {label}") };
        let issuer = policy.issuer.clone().unwrap_or_else(|| issuer_for_apps(&host).to_owned());
        Self { issuer, account: format!("{user}@{host}{more}").replace(':', "-") }
    }
}

/// The name that the machine has, without what a name in an app cannot hold.
fn machine_name() -> String {
    let name = host_name();
    let odd = |c: char| c.is_control() || c.is_whitespace() || [':', '@'].contains(&c);
    if name.is_empty() { "localhost".to_owned() } else { name.replace(odd, "-") }
}

/// The parts of a URI besides the key.
pub(crate) struct Provisioning<'a> {
    /// Shown above the code, and beside it.
    pub entry: &'a AppEntry,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Time step.
    pub period: Period,
}

impl Provisioning<'_> {
    /// The whole URI.
    pub(crate) fn uri(&self, secret: &Secret) -> Zeroizing<String> {
        let (issuer, account) = (encoded(&self.entry.issuer), encoded(&self.entry.account));
        let letters = secret.base32();
        let moving = match self.kind {
            Kind::Totp => format!("period={}", self.period.seconds()),
            Kind::Hotp => format!("counter={FIRST_COUNTER}"),
        };
        let (algorithm, digits) = (self.algorithm.as_str(), self.digits.get());
        let rest = format!("&issuer={issuer}&algorithm={algorithm}&digits={digits}&{moving}");
        let head = format!("otpauth://{}/{account}?secret=", self.kind.as_str());
        let mut uri = Zeroizing::new(String::with_capacity(head.len() + letters.len() + rest.len()));
        uri.push_str(&head);
        uri.push_str(&letters);
        uri.push_str(&rest);
        uri
    }
}

/// Percent-encoding of everything but the unreserved characters (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The label of a key whose owner named none.
pub(crate) const USUAL_LABEL: &str = "phone";

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(issuer: Option<&str>, host: &str) -> HostPolicy {
        HostPolicy { issuer: issuer.map(str::to_owned), host: Some(host.to_owned()), ..HostPolicy::default() }
    }

    fn uri_of(kind: Kind, entry: &AppEntry) -> String {
        let secret = Secret::new(Zeroizing::new(b"12345678901234567890".to_vec())).ok().unwrap();
        let (digits, period) = (Digits::new(6).unwrap(), Period::new(30).unwrap());
        let provisioning = Provisioning { entry, kind, algorithm: Algorithm::Sha1, digits, period };
        provisioning.uri(&secret).to_string()
    }

    #[test]
    fn the_uri_that_apps_expect() {
        let entry = AppEntry::of("alice", "phone", &policy(Some("Example"), "web1"));
        let want = "otpauth://totp/alice%40web1?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA1&digits=6&period=30";
        assert_eq!(uri_of(Kind::Totp, &entry), want);
        let entry = AppEntry::of("alice", "tablet", &policy(None, "web1"));
        let want = "otpauth://hotp/alice%40web1%20tablet?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=web1&algorithm=SHA1&digits=6&counter=1";
        assert_eq!(uri_of(Kind::Hotp, &entry), want);
    }

    #[test]
    fn whatever_the_names_hold_there_is_no_colon_and_no_stray_separator() {
        let entry = AppEntry::of("CORP\\a+b c@d/e#f:g", "my phone", &policy(Some("Ex ample & Söhne?"), "büro"));
        let uri = uri_of(Kind::Totp, &entry);
        let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
        assert_eq!(label, "CORP%5Ca%2Bb%20c%40d%2Fe%23f-g%40b%C3%BCro%20my%20phone");
        assert_eq!(query.matches('&').count(), 4);
        assert!(query.contains("&issuer=Ex%20ample%20%26%20S%C3%B6hne%3F&"), "{query}");
    }

    #[test]
    fn a_long_name_of_a_host_is_cut_where_it_is_the_issuer() {
        let host = "ü".repeat(31);
        let entry = AppEntry::of("alice", "phone", &policy(None, &host));
        assert_eq!((entry.issuer, entry.account), ("ü".repeat(16), format!("alice@{host}")));
    }
}
