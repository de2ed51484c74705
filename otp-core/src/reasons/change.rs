//! Why a change of somebody's keys was not made.

use std::fmt;

crate::reason_table! {
    /// Why a change was not made, which its caller may ask for. Nothing was changed. The text follows the name of the user.
    pub enum ChangeRefusal -> &'static str {
        /// There is no key file, and there never was one.
        NotEnrolled => "not-enrolled", "not enrolled";
        /// There is a key file already.
        AlreadyEnrolled => "already-enrolled",
            "enrolled already; invite with --replace, or forget that user before you adopt files";
        /// No key of that label or id.
        NoSuchKey => "no-such-key", "no key has that label or id; see otpctl status";
        /// Another key of this user has that label.
        LabelTaken => "label-taken", "another key has that label; choose one with --label";
        /// There are five keys.
        TooManyKeys => "too-many-keys", "there are five keys; revoke one first";
        /// The keys are disabled: another one beside them would not help.
        KeysDisabled => "keys-disabled", "the keys are disabled; revoke them first, then enrol again";
        /// The key that allowed the new one was replaced, revoked or suspended meanwhile.
        GroundsGone => "grounds-gone",
            "the key that allowed this was replaced, revoked or suspended meanwhile; start again";
        /// There is no room for another ticket.
        TooManyCodes => "too-many-codes",
            "there are too many registration codes; wait until earlier ones are forgotten";
        /// No ticket is good that could be ended.
        NoInvitation => "no-invitation", "there is no registration code that is good";
        /// A recovery code replaces a key only where the UNIX password was asked for, too.
        NeedsPassword => "needs-password",
            "a recovery code replaces a key only together with the password, through passwd where that is set up; \
             else ask an administrator for a registration code";
        /// A recovery code does not say which of several keys it replaces.
        SeveralKeys => "several-keys", "there are several keys; name the one to replace";
        /// Another key has that secret (R4).
        SecretInUse => "secret-in-use",
            "this secret is that of another key, of this user or of somebody else; revoke that one first";
        /// No key file and no message can hold the name of the account, and no login takes it.
        UnusableName => "unusable-name",
            "the name of this account is not UTF-8, or has a colon or slash, which no login takes; give the account \
             another name, or invite it by another name of the same uid";
        /// The account that the files are from is not found, and its directory may only be down.
        PerhapsAway => "perhaps-away",
            "no account has that uid now, nor can anybody else of a directory be looked up: it may be down; --gone if the \
             account is gone for good";
        /// The key was made too long ago to be repudiated.
        TooLate => "too-late", "the key was made too long ago to be suspended this way; call an administrator";
        /// After it nobody could log in as this user.
        LastKey => "last-key", "that is the last key; --last if it is meant";
        /// Nothing of this user is from a backup.
        NothingRestored => "nothing-restored", "nothing of this user is from a backup";
        /// The account that the files are from still exists, or the account database does not answer whether it does.
        StillThere => "still-there",
            "the account that the files are from still exists, or nobody can say that it does not";
        /// Neither the name nor the uid in the files is that of an account.
        NoAccount => "no-account", "no account has the name or the uid in the files";
        /// Several users' files have that name.
        Ambiguous => "ambiguous", "the files of several users have that name; give the uid";
        /// The code that is wanted for the change is not good, for a reason that is not told.
        CodeRefused => "code-refused", "code refused; each code works once, wait for the next";
    }
}

impl ChangeRefusal {
    /// The obstacle, and the way round it.
    pub const fn text(self) -> &'static str {
        self.row_text()
    }
}

impl fmt::Display for ChangeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
