//! Why a change of somebody's keys was not made.

use std::fmt;

crate::reason_table! {
    /// Why a change was not made, which its caller may ask for. Nothing was changed. The text follows the name of the user.
    pub enum ChangeRefusal -> &'static str {
        /// There is no key file, and there never was one.
        NotEnrolled => "not-enrolled", "not enrolled";
        /// There is a key file already.
        AlreadyEnrolled => "already-enrolled",
            "enrolled already; for a new key instead of the old ones invite with --replace; for one more device no code is \
             needed: the user runs otpctl add";
        /// The files are those of this account already.
        AlreadyAdopted => "already-adopted",
            "adopted already: the keys are in force under this name and uid, and none are left under another one";
        /// No key of that label or id.
        NoSuchKey => "no-such-key", "not one key with that label or id; `otpctl status` shows them";
        /// Another key of this user has that label.
        LabelTaken => "label-taken", "another key has that label; choose one with --label";
        /// There are five keys.
        TooManyKeys => "too-many-keys", "there are five keys; revoke one first";
        /// The keys are disabled: another one beside them would not help.
        KeysDisabled => "keys-disabled", "the keys are disabled; revoke them first, then enrol again";
        /// The key that allowed the new one was replaced, revoked or suspended meanwhile.
        GroundsGone => "grounds-gone",
            "the key that allowed this was replaced, revoked or suspended meanwhile; start again";
        /// There is no room for another ticket. Daemons of earlier versions say so.
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
        /// This user has a key with that secret.
        TokenThere => "token-there", "has that token already";
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
        LastKey => "last-key", "that is the last key; --last removes it all the same";
        /// The owner of a key may end it, and not keep it longer.
        LaterEnd => "later-end",
            "the owner of a key may choose an earlier end and no later one; root or another member of otp-admin can";
        /// None of this user's files is from a backup.
        NothingRestored => "nothing-restored", "none of this user's files is from a backup";
        /// The account that the files are from still exists, or the account database does not answer whether it does.
        StillThere => "still-there",
            "the account that the files are from still exists, or nobody can say that it does not";
        /// Neither the name nor the uid in the files is that of an account.
        NoAccount => "no-account", "no account has the name or the uid in the files";
        /// Several users' files have that name.
        Ambiguous => "ambiguous", "the files of several users have that name; give the uid";
        /// No unassigned token has that serial number.
        NoSuchToken => "no-such-token", "no unassigned token has that serial number; `otpctl token list` shows them";
        /// Tokens of several manufacturers have that serial number.
        SeveralTokens => "several-tokens",
            "tokens of several manufacturers have that serial number; name one with --manufacturer";
        /// An unassigned token has that name, and another secret.
        SerialTaken => "serial-taken",
            "an unassigned token of that serial number and manufacturer is here, with another secret; if that one is wrong, remove it with `otpctl token remove`";
        /// An unassigned token has that secret.
        TokenUnassigned => "token-unassigned",
            "this secret is that of an unassigned token; use `otpctl token assign`, or remove that token first";
        /// The token's own dates bar it: it has come to its end.
        TokenExpired => "token-expired", "the token has come to its end, by the dates in its file";
        /// The token's own dates bar it: it is not good yet.
        TokenEarly => "token-early", "the token is not good yet, by the dates in its file";
        /// The seal of the token does not open.
        TokenBroken => "token-broken",
            "the seal of the token does not open: the host key is another one, or its file was changed; import it again";
        /// The password was changed a short time ago, or nobody can say when.
        CoolDown => "cool-down",
            "the password was changed too short a time ago for a new key instead of the old ones, or nobody knows when; \
             `otpctl status USER` says until when, and what helps";
        /// The password is in a directory, where nobody here sees it change.
        PasswordElsewhere => "password-elsewhere",
            "the password is not in /etc/shadow, so nobody here sees when it was changed; ask for a reset with `otpctl reset`, \
             which a second administrator approves, unless [cool_down] in otp.toml refuses that";
        /// An enrolled user gets a new key instead of the old ones by way of a reset.
        ResetNeeded => "reset-needed",
            "enrolled; a code for new keys instead of the old ones needs a reset first: `otpctl reset USER --reason TEXT --proof PROOF`";
        /// A reset of this user waits already.
        ResetThere => "reset-there", "a reset of these keys waits already; `otpctl resets list` shows it";
        /// The delay of the reset has not passed.
        ResetWaits => "reset-waits", "the reset of these keys waits; `otpctl resets list` shows how long";
        /// A second admin has not agreed.
        ResetNotApproved => "reset-not-approved",
            "the reset of these keys needs a second administrator, who runs `otpctl resets approve ID`; `otpctl resets list` shows the id";
        /// So long after it was asked for nobody knows whether it still holds.
        ResetExpired => "reset-expired", "the reset of these keys is too old; cancel it and ask again";
        /// The file of the reset is from a backup: it may have been cancelled since.
        ResetRestored => "reset-restored",
            "the reset of these keys came back from a backup; cancel it with `otpctl resets cancel ID` and ask again";
        /// No reset of that id waits.
        NoSuchReset => "no-such-reset", "no reset of that id waits; `otpctl resets list` shows them";
        /// Only resets of admins and of root want a second admin.
        ApprovalNotWanted => "approval-not-wanted", "this reset needs no second administrator, and nothing was changed";
        /// The one who acts is the target, asked for it, or vouches, if only under another uid.
        SamePerson => "same-person",
            "somebody else must do this: it takes a person who is neither the target, nor asked for the reset, nor vouches";
        /// A helper resets nobody who may do more.
        LowerTier => "lower-tier",
            "an administrator or root must do this: nobody asks for a reset of an account that may do more than their own, and only administrators approve";
        /// The voucher is the target, or the one who asks.
        NotAVoucher => "not-a-voucher", "the target and the one who asks cannot vouch; name another account";
        /// The keys are not suspended by the owner's own report.
        NotReportedLost => "not-reported-lost",
            "no report of a lost device suspends these keys, or somebody else has suspended them since; an administrator ends a suspension with `otpctl resume`";
        /// The hour has passed in which the owner may take a report back.
        LostTooLong => "lost-too-long",
            "the hour is over in which you can take the report back, or this machine was started again since; an administrator ends the suspension with `otpctl resume`";
        /// The code is of a key that may be the lost one.
        PerhapsTheLostKey => "perhaps-the-lost-key",
            "this takes a recovery code, or a code of the key with which the loss was reported; the code that you typed is used up";
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
