//! Why a code is refused, who hears that, and in what words (R8).

use crate::decision::origin::Origin;
use crate::reasons::words::Worded as _;

/// The one text for every refusal whose reason is not told (R8).
pub const REFUSED: &str = "code refused; each code works once, wait for the next or use a recovery code";

/// The text for what has not the shape of a code. It follows from the input alone, so everybody hears it (R8).
pub const NOT_A_CODE: &str = "that is not a code: type the digits that your app shows, or a recovery code";

crate::reason_table! {
    /// Why a code is refused. The text is for the owner of the keys, where they are told.
    pub enum RefusalReason -> Option<&'static str> {
        /// Matches nothing in the window. The only refusal that counts.
        Wrong => "wrong", None;
        /// Matches a step that is used up.
        Replayed => "replayed", None;
        /// HOTP: the first of two consecutive codes; the next one opens. Neither accepted nor counted.
        Resync => "resync", None;
        /// Not a code by its shape.
        Junk => "junk", None;
        /// Too many wrong codes of late; nothing was evaluated.
        Waiting {
            /// Milliseconds that are left; 0 where nobody says how many.
            left_ms: u64
        } => "waiting", Some("too many wrong codes; wait before the next try; otpctl status says how long");
        /// This origin has used up its guesses.
        Closed => "closed",
            Some("too many wrong codes from here: closed; a recovery code or `otpctl reopen` opens it again");
        /// The user has used up all guesses; only a new key helps.
        Disabled => "disabled",
            Some("too many wrong codes in all: the keys are disabled; ask an admin for a new one");
        /// Suspended by an admin, or by the owner's "not me".
        Suspended => "suspended", Some("your keys are suspended; ask an admin");
        /// Every key has run out.
        Expired => "expired", Some("your key has expired; ask an admin for a new one");
        /// Enrolled, but without any key.
        NoKey => "no-key", Some("you have no key; ask an admin for a registration code");
        /// The clock lies behind the last accepted code.
        ClockBehind => "clock-behind",
            Some("this machine's clock is behind your last code; ask an admin to set it, or for a new key if it is right");
        /// The clock is far ahead of anything known and nobody vouches for it.
        ClockAhead => "clock-ahead",
            Some("this machine's clock jumped ahead and nothing vouches for it; ask an admin");
        /// HOTP and recovery codes: the record comes from a backup, and root has not accepted it.
        Restored => "restored-copy",
            Some("the file of your keys was put back from a backup, or another program has touched it: this code is off until \
                  an admin runs otpctl accept-restore");
        /// Positively never enrolled.
        NotEnrolled => "not-enrolled", None;
        /// No account has that name.
        UnknownUser => "unknown-user", None;
        /// The daemon has a reason that it does not tell this process.
        Undisclosed => "refused", None;
    }
}

/// The reader of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Root, and the log.
    Root,
    /// The owner of the keys, who logs in or asks from a process of their own.
    Owner,
    /// The owner, who changes keys and hears what their own status would tell.
    OwnerAtChange,
    /// Everybody else, and everybody who may be somebody else.
    Other,
}

impl Viewer {
    /// The reader of the answer to a code from there.
    pub fn at(origin: Origin) -> Self {
        match origin {
            Origin::Myself | Origin::Socket => Self::Owner,
            Origin::Other | Origin::Remote | Origin::Console => Self::Other,
        }
    }
}

impl RefusalReason {
    /// May they be told this reason (R8)? Wrong and used codes are never told apart but in the log, nor is who has a key.
    pub fn visible_to(self, viewer: Viewer) -> bool {
        match self {
            Self::Undisclosed => true,
            Self::Wrong | Self::Replayed | Self::Resync | Self::Junk | Self::NotEnrolled | Self::UnknownUser => {
                viewer == Viewer::Root
            }
            Self::NoKey => matches!(viewer, Viewer::Root | Viewer::OwnerAtChange),
            Self::Waiting { .. }
            | Self::Closed
            | Self::Disabled
            | Self::Suspended
            | Self::Expired
            | Self::ClockBehind
            | Self::ClockAhead
            | Self::Restored => viewer != Viewer::Other,
        }
    }

    /// The reason as they are told it.
    pub fn told_to(self, viewer: Viewer) -> Self {
        if self.visible_to(viewer) { self } else { Self::Undisclosed }
    }

    /// The text for them. It tells the owner what is wrong with the keys and what to do; everybody else hears the one text, or
    /// that what they typed is no code.
    pub fn text_for(self, viewer: Viewer) -> String {
        let own = matches!(viewer, Viewer::Owner | Viewer::OwnerAtChange) && self.visible_to(viewer);
        match self {
            Self::Junk => NOT_A_CODE.to_owned(),
            Self::Waiting { left_ms: 1.. } if own => {
                let wait = match self.seconds_left() {
                    seconds @ 0..=119 => format!("{seconds} s"),
                    seconds => format!("{} min", seconds.div_ceil(60)),
                };
                format!("too many wrong codes; wait {wait} before the next try")
            }
            // The command that the other text names is what they are trying.
            Self::Closed if viewer == Viewer::OwnerAtChange => {
                "too many wrong codes from here; ask an admin to reopen it".to_owned()
            }
            reason => reason.row_text().filter(|_| own).unwrap_or(REFUSED).to_owned(),
        }
    }

    /// Seconds until a code is looked at again, or 0.
    pub fn seconds_left(self) -> u64 {
        if let Self::Waiting { left_ms } = self { left_ms.div_ceil(1000) } else { 0 }
    }

    /// The reason of a word and a number of seconds that came over the wire.
    pub fn received(word: &str, seconds: u64) -> Option<Self> {
        match Self::parse(word)? {
            Self::Waiting { .. } => Some(Self::Waiting { left_ms: seconds.saturating_mul(1000) }),
            other => Some(other),
        }
    }
}
