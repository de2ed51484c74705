//! The events that users are notified of: a closed list, with the severity and the text of each.

/// The event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeEvent {
    /// A registration code was made for the user.
    RegistrationCodeIssued,
    /// It was redeemed: a key is about to be shown.
    RegistrationCodeUsed,
    /// A used registration code came back.
    RegistrationCodeReplayed,
    /// Somebody else typed the user's registration code.
    RegistrationCodeTriedByAnother,
    /// The first key is in force.
    KeyEnrolled,
    /// One more key is in force.
    KeyAdded,
    /// A key took the place of another.
    KeyRotated,
    /// A key was removed.
    KeyRevoked,
    /// A key has another end than before, or none.
    KeyExpirySet,
    /// Every code is refused.
    KeysSuspended,
    /// Codes are accepted again.
    KeysResumed,
    /// A recovery code was used up.
    RecoveryCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// There is a new set of recovery codes; the old one no longer works.
    RecoveryCodesRenewed,
    /// The user said of a change that it was somebody else's.
    Repudiated,
    /// Somebody else than the user made a key for the user, and saw it.
    AdminEnrolled,
    /// A key that another program kept was taken over.
    KeyImported,
    /// Too many wrong codes: the keys are off until a new one is bound.
    Disabled,
    /// The user counts as never enrolled.
    Forgotten,
    /// Somebody has asked for a reset of the keys. Told until it is over, however often it was shown.
    ResetAsked,
    /// A second admin agreed to it.
    ResetApproved,
    /// It will not happen.
    ResetCancelled,
    /// Somebody has named the user as the one who vouches for another who wants new keys.
    NamedAsVoucher,
    /// The user reported a device as lost: every code is refused.
    ReportedLost,
    /// A registration code of the user is good for longer than was said before.
    RegistrationCodeExtended,
    /// Wrong codes were typed for the user, many in a row, and none was accepted since.
    WrongCodes,
    /// A code was accepted after many wrong ones in a row.
    AcceptedAfterWrongCodes,
}

/// How much it matters. In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Expected by the one who did it.
    Info,
    /// A change that an intruder would make, too.
    Warning,
    /// Somebody should look now.
    Alarm,
}

impl NoticeEvent {
    /// The word in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::RegistrationCodeIssued => "registration-code-issued",
            Self::RegistrationCodeUsed => "registration-code-used",
            Self::RegistrationCodeReplayed => "registration-code-replayed",
            Self::RegistrationCodeTriedByAnother => "registration-code-tried-by-another",
            Self::KeyEnrolled => "key-enrolled",
            Self::KeyAdded => "key-added",
            Self::KeyRotated => "key-rotated",
            Self::KeyRevoked => "key-revoked",
            Self::KeyExpirySet => "key-expiry-set",
            Self::KeysSuspended => "keys-suspended",
            Self::KeysResumed => "keys-resumed",
            Self::RecoveryCodeUsed { .. } => "recovery-code-used",
            Self::RecoveryCodesRenewed => "recovery-codes-renewed",
            Self::Repudiated => "repudiated",
            Self::AdminEnrolled => "admin-enrolled",
            Self::KeyImported => "key-imported",
            Self::Disabled => "disabled",
            Self::Forgotten => "forgotten",
            Self::ResetAsked => "reset-asked",
            Self::ResetApproved => "reset-approved",
            Self::ResetCancelled => "reset-cancelled",
            Self::NamedAsVoucher => "named-as-voucher",
            Self::ReportedLost => "reported-lost",
            Self::RegistrationCodeExtended => "registration-code-extended",
            Self::WrongCodes => "wrong-codes",
            Self::AcceptedAfterWrongCodes => "accepted-after-wrong-codes",
        }
    }

    /// Reads the word back; `left` is that of a recovery code and of nothing else.
    pub fn parse(word: &str, left: Option<u8>) -> Option<Self> {
        let used = left.map(|left| Self::RecoveryCodeUsed { left });
        let others = Self::OTHERS.into_iter().filter(|_| left.is_none());
        others.chain(used).find(|event| event.word() == word)
    }

    /// How many recovery codes are left, where it is about one.
    pub fn left(self) -> Option<u8> {
        match self {
            Self::RecoveryCodeUsed { left } => Some(left),
            _ => None,
        }
    }

    /// Is it told as long as it holds, however often it was shown?
    pub fn stays(self) -> bool {
        self == Self::ResetAsked
    }

    /// Is it about wrong codes, of which nobody knows who typed them?
    pub(crate) fn is_of_guesses(self) -> bool {
        matches!(self, Self::Disabled | Self::WrongCodes | Self::AcceptedAfterWrongCodes)
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::RegistrationCodeIssued | Self::RegistrationCodeExtended | Self::KeyEnrolled | Self::KeyImported => {
                Severity::Info
            }
            Self::RegistrationCodeUsed
            | Self::KeyAdded
            | Self::KeyRotated
            | Self::KeyRevoked
            | Self::KeyExpirySet
            | Self::KeysSuspended
            | Self::ReportedLost
            | Self::KeysResumed
            | Self::WrongCodes
            | Self::RecoveryCodeUsed { .. }
            | Self::RecoveryCodesRenewed
            | Self::Forgotten
            | Self::ResetCancelled => Severity::Warning,
            Self::RegistrationCodeReplayed
            | Self::RegistrationCodeTriedByAnother
            | Self::Repudiated
            | Self::AdminEnrolled
            | Self::Disabled
            | Self::ResetAsked
            | Self::ResetApproved
            | Self::NamedAsVoucher
            | Self::AcceptedAfterWrongCodes => Severity::Alarm,
        }
    }

    /// The event in words, and its meaning for the owner of the keys.
    pub(crate) fn sentence(self) -> String {
        let text = match self {
            Self::RegistrationCodeIssued => "a registration code was made for you",
            Self::RegistrationCodeUsed => "your registration code was used to begin an enrolment",
            Self::RegistrationCodeReplayed => {
                "your registration code was typed again after a key had been made with it"
            }
            Self::RegistrationCodeTriedByAnother => "somebody else typed your registration code",
            Self::KeyEnrolled => "your first key was stored",
            Self::KeyAdded => "one more key was stored for you",
            Self::KeyRotated => "one of your keys was replaced with a new one",
            Self::KeyRevoked => "one of your keys was removed",
            Self::KeyExpirySet => "the end date of one of your keys was changed; otpctl status shows it",
            Self::KeysSuspended => {
                "your keys were suspended: every code is refused until an administrator ends the suspension"
            }
            Self::KeysResumed => "the suspension of your keys has ended",
            Self::RecoveryCodeUsed { left } => {
                let are = if left == 1 { "is" } else { "are" };
                let few = if left <= 2 { ": make a new set with otpctl recovery-codes" } else { "" };
                return format!("one of your recovery codes was used; {left} {are} left{few}");
            }
            Self::RecoveryCodesRenewed => "you have new recovery codes; the old ones no longer work",
            Self::Repudiated => {
                "you said that somebody else used your registration code; the keys made with it are off, and you need a \
                 new code"
            }
            Self::AdminEnrolled => "a key was made for you by somebody else, who has seen it",
            Self::KeyImported => {
                "your app or token keeps working: its key was imported from another program; make recovery codes \
                 with otpctl recovery-codes"
            }
            Self::Disabled => {
                "your keys are disabled after too many wrong codes; an administrator must give you a new registration code"
            }
            Self::Forgotten => "your keys were deleted; to get codes again you need a new registration code",
            Self::ResetAsked => {
                "somebody asked to replace your keys; if you do not want that, cancel it now with otpctl resets \
                 cancel and one of your codes or recovery codes"
            }
            Self::ResetApproved => "a second administrator approved the replacement of your keys",
            Self::ResetCancelled => "the request to replace your keys was cancelled; your keys stay",
            Self::NamedAsVoucher => {
                "somebody asked for new keys for another account and said that you vouch for its owner"
            }
            Self::ReportedLost => {
                "you reported a device as lost, so all your codes are refused; you can take that back within an \
                 hour with otpctl lost --found, and an administrator can later"
            }
            Self::RegistrationCodeExtended => "your registration code now lasts longer than you were told",
            Self::WrongCodes => {
                "five or more wrong codes in a row were typed for you; if your password is asked for before the \
                 code, somebody may know it: change it"
            }
            Self::AcceptedAfterWrongCodes => {
                "one of your codes was accepted after five or more wrong ones in a row; unless you typed them all, \
                 somebody else may have logged in"
            }
        };
        text.to_owned()
    }

    /// Every event but the one with a number.
    pub(crate) const OTHERS: [Self; 25] = [
        Self::RegistrationCodeIssued,
        Self::RegistrationCodeUsed,
        Self::RegistrationCodeReplayed,
        Self::RegistrationCodeTriedByAnother,
        Self::KeyEnrolled,
        Self::KeyAdded,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::KeyExpirySet,
        Self::KeysSuspended,
        Self::KeysResumed,
        Self::RecoveryCodesRenewed,
        Self::Repudiated,
        Self::AdminEnrolled,
        Self::KeyImported,
        Self::Disabled,
        Self::Forgotten,
        Self::ResetAsked,
        Self::ResetApproved,
        Self::ResetCancelled,
        Self::NamedAsVoucher,
        Self::ReportedLost,
        Self::RegistrationCodeExtended,
        Self::WrongCodes,
        Self::AcceptedAfterWrongCodes,
    ];
}

impl Severity {
    /// The word in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}
