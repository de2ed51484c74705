//! One key of any source: whose it is, how its codes are made, and what cannot be imported.

use std::fmt;

use otp_core::keys::key::{Algorithm, Digits, Kind, Period, Step};
use otp_core::keys::secret::{Secret, SecretLengthError};
use otp_core::unix_time::UnixTime;

/// A key that another program keeps. Neither printed nor copied: it holds the secret.
pub struct ForeignKey {
    /// The line where it begins, from 1.
    pub line: usize,
    /// Whose it is, as far as the source tells.
    pub holder: Holder,
    /// Its secret, or how long one is that cannot be taken over.
    pub secret: Result<Secret, SecretLengthError>,
    /// TOTP, or HOTP with the counter that is accepted next.
    pub moving: Moving,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Not good before this.
    pub starts: Option<UnixTime>,
    /// Not good after this.
    pub expires: Option<UnixTime>,
    /// Codes of it that were accepted there.
    pub taken: Taken,
    /// Properties that cannot be carried over.
    pub left_behind: Vec<LeftBehind>,
}

/// The thing that changes from code to code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// The time, in steps of this length.
    Time(Period),
    /// A counter; this value of it is accepted next.
    Counter(u64),
}

/// Codes that were accepted, as far as the source tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Taken {
    /// Nothing.
    #[default]
    Untold,
    /// The latest one that was is of this step.
    UpTo(Step),
    /// Each one so many steps ahead of the clock may have been.
    Ahead(u64),
    /// The last one that was, as a number.
    Code(u32),
}

/// Whose a key is, in the words of its source; none of them is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The source does not say.
    Unsaid,
    /// A user of this host.
    User(String),
    /// A name in an app, with who gave the key.
    Account {
        /// The account.
        name: String,
        /// The issuer.
        issuer: Option<String>,
    },
    /// A device.
    Token {
        /// Its maker.
        maker: Option<String>,
        /// Its serial number.
        serial: String,
    },
}

/// Something that a key had there and has not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBehind {
    /// Codes so many steps away from this host's clock were expected.
    Skew(i64),
    /// So many codes were accepted at a time.
    Window(u64),
    /// Logins were limited.
    RateLimit,
    /// So many codes that work once, in plain text.
    ScratchCodes(usize),
    /// So many logins were remembered, after which no code was asked for.
    Grace(usize),
    /// A code was good more than once.
    Reuse,
    /// A password was asked for with the code.
    Password,
    /// The very first code, of counter 0, is below every watermark.
    FirstCode,
}

impl Moving {
    /// In a word.
    pub fn kind(self) -> Kind {
        match self {
            Self::Time(_) => Kind::Totp,
            Self::Counter(_) => Kind::Hotp,
        }
    }
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skew(steps) => write!(f, "a clock that is {steps} steps off: set the device's own clock"),
            Self::Window(codes) => write!(f, "a window of {codes} codes: otp.toml has one for everybody"),
            Self::RateLimit => f.write_str("a limit on logins: here only wrong codes are counted"),
            Self::ScratchCodes(1) => f.write_str("1 scratch code, which no longer works"),
            Self::ScratchCodes(codes) => write!(f, "{codes} scratch codes, which no longer work"),
            Self::Grace(logins) => write!(f, "{logins} remembered logins: here each login asks for a code"),
            Self::Reuse => f.write_str("codes that work twice: here each works once"),
            Self::Password => f.write_str("a password beside the code: that is another module's task"),
            Self::FirstCode => f.write_str("the token's first code, of counter 0: the second one works"),
        }
    }
}
