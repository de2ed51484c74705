//! Parameters that travel together in several methods. On the wire they are parameters of the call itself.

use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use otp_core::unix_time::UnixTime;
use serde::ser::SerializeMap;

use super::field::{Field, fields};
use super::refusal::Refusal;
use super::values::{ShortText, TokenText};
use crate::varlink::parameters::Parameters;

fields! {
    /// Wishes for a new key; the host's policy fills in what is left out.
    #[derive(Default, Clone)]
    pub struct WantedKey {
        /// The owner's name for the device, unique among their keys (`label-taken`); `None` for `token` in
        /// [`AddToken`](super::AddToken), else for `phone`.
        pub label: Option<Label>,
        /// Kind and parameters of its codes.
        pub shape: Shape,
        /// The last second at which the key is good, in seconds since 1970; it must lie in the future. `None` for a key without
        /// an end.
        pub expires: Option<UnixTime>,
    }

    /// Kind and parameters of a key's codes.
    #[derive(Default, Clone)]
    pub struct Shape {
        /// TOTP (RFC 6238) or HOTP (RFC 4226); `None` for TOTP.
        pub kind: Option<Kind>,
        /// Hash of the HMAC (RFC 6238 section 1.2), which also sets the length of a new secret; `None` for that of
        /// `otp.toml`.
        pub algorithm: Option<Algorithm>,
        /// Digits of a code, 6 to 8 (RFC 4226 section 5.3); `None` for those of `otp.toml`.
        pub digits: Option<Digits>,
        /// Time step in seconds, 15 to 120 (`X` of RFC 6238 section 4.1); `None` for that of `otp.toml`. HOTP does not use
        /// it.
        pub period: Option<Period>,
    }

    /// Which hardware token, of those that nobody has yet.
    pub struct NamedToken {
        /// Serial number, exactly as the maker's file has it.
        pub serial: TokenText,
        /// Manufacturer, exactly as the maker's file has it. Where a token is looked for, `None` is any.
        pub manufacturer: Option<TokenText>,
    }

    /// The prompt at which a code was typed, as its process tells. The daemon believes it from root; from anybody else these
    /// are claims, which are logged and select nothing.
    #[derive(Default, Clone)]
    pub struct Prompt {
        /// Path of the policy file that the PAM line of the process names; `None` for the standard one. From root it is the
        /// file that `service` is looked up in.
        pub config: Option<ShortText>,
        /// Real uid of the process (credentials(7)). From root it selects, with `rhost`, the origin that a wrong code is
        /// charged to; `None` counts as 0, except that root redeeming or rotating for root is then charged as `socket`.
        pub real_uid: Option<u32>,
        /// PAM_SERVICE of the process (pam_get_item(3)). From root it selects the `[service.NAME]` table of the policy, which
        /// may lower the origin; for [`Verify`](super::Verify) also window and guesses.
        pub service: Option<ShortText>,
        /// PAM_RHOST of the process (pam_get_item(3)). From root, with a `real_uid` of 0, a name makes the origin `remote`;
        /// `None` or an empty one makes it `console`.
        pub rhost: Option<ShortText>,
        /// PAM_TTY of the process (pam_get_item(3)); only logged and shown.
        pub tty: Option<ShortText>,
    }
}
