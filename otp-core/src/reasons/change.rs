//! Why a change of somebody's keys was not made.

use std::fmt;

crate::reason_table! {
    /// Why a change was not made, which its caller may ask for. Nothing was changed. The text follows the name of the user.
    pub enum ChangeRefusal -> &'static str {
        /// There is no key file, and there never was one.
        NotEnrolled => "not-enrolled", "not enrolled";
        /// There is a key file already.
        AlreadyEnrolled => "already-enrolled",
            "already enrolled; to replace the keys, invite with --replace; for one more device no code is needed: \
             the user runs otpctl add";
        /// The files are those of this account already.
        AlreadyAdopted => "already-adopted",
            "already adopted: the keys belong to this name and uid, and none are left under another";
        /// No key of that label or id.
        NoSuchKey => "no-such-key", "there is no key with that label or id, or more than one; `otpctl status` shows \
                                     them";
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
        NoInvitation => "no-invitation", "there is no valid registration code";
        /// A recovery code replaces a key only where the UNIX password was asked for, too.
        NeedsPassword => "needs-password",
            "a recovery code replaces a key only together with the password, in passwd where that is set up; \
             otherwise ask an administrator for a registration code";
        /// A recovery code does not say which of several keys it replaces.
        SeveralKeys => "several-keys", "there are several keys; name the one to replace";
        /// Another key has that secret (R4).
        SecretInUse => "secret-in-use",
            "another key, of this user or of somebody else, has this secret; revoke that key first";
        /// This user has a key with that secret.
        TokenThere => "token-there", "already has that token";
        /// No key file and no message can hold the name of the account, and no login takes it.
        UnusableName => "unusable-name",
            "the name of this account is not UTF-8, or has a colon or slash, which no login accepts; rename the \
             account, or invite another name of the same uid";
        /// The account that the files are from is not found, and its directory may only be down.
        PerhapsAway => "perhaps-away",
            "no account has that uid now, and nobody else in a directory can be looked up: the directory may be \
             down; use --gone if the account is gone for good";
        /// The key was made too long ago to be repudiated.
        TooLate => "too-late", "the key was made too long ago to be suspended this way; call an administrator";
        /// After it nobody could log in as this user.
        LastKey => "last-key", "that is the last key; use --last to remove it anyway";
        /// The owner of a key may end it, and not keep it longer.
        LaterEnd => "later-end",
            "the owner of a key may only make it end earlier; root or another member of otp-admin can make it end \
             later";
        /// None of this user's files is from a backup.
        NothingRestored => "nothing-restored", "none of this user's files came from a backup";
        /// The account that the files are from still exists, or the account database does not answer whether it does.
        StillThere => "still-there",
            "the account that the files belong to still exists, or the account database cannot say";
        /// Neither the name nor the uid in the files is that of an account.
        NoAccount => "no-account", "no account has the name or the uid in the files";
        /// Several users' files have that name.
        Ambiguous => "ambiguous", "the files of several users have that name; give the uid instead";
        /// No unassigned token has that serial number.
        NoSuchToken => "no-such-token", "no unassigned token has that serial number; `otpctl token list` shows them";
        /// Tokens of several manufacturers have that serial number.
        SeveralTokens => "several-tokens",
            "tokens of several manufacturers have that serial number; name one with --manufacturer";
        /// An unassigned token has that name, and another secret.
        SerialTaken => "serial-taken",
            "an unassigned token with that serial number and manufacturer is stored with another secret; if that \
             one is wrong, remove it with `otpctl token remove`";
        /// An unassigned token has that secret.
        TokenUnassigned => "token-unassigned",
            "an unassigned token has this secret; use `otpctl token assign`, or remove that token first";
        /// The token's own dates bar it: it has come to its end.
        TokenExpired => "token-expired", "the token has expired, according to its file";
        /// The token's own dates bar it: it is not good yet.
        TokenEarly => "token-early", "the token is not valid yet, according to its file";
        /// The seal of the token does not open.
        TokenBroken => "token-broken",
            "the seal of the token does not open: the host key is a different one, or its file was changed; import \
             it again";
        /// The password was changed a short time ago, or nobody can say when.
        CoolDown => "cool-down",
            "the password was changed too recently to replace the keys, or nobody knows when it was changed; \
             `otpctl status USER` says until when, and what to do";
        /// The password is in a directory, where nobody here sees it change.
        PasswordElsewhere => "password-elsewhere",
            "the password is not in /etc/shadow, so this host does not see when it is changed; ask for a reset with \
             `otpctl reset`, which a second administrator approves, unless [cool_down] in otp.toml refuses that";
        /// An enrolled user gets a new key instead of the old ones by way of a reset.
        ResetNeeded => "reset-needed",
            "enrolled; a code that replaces the keys needs a reset first: `otpctl reset USER --reason TEXT --proof \
             PROOF`";
        /// A reset of this user waits already.
        ResetThere => "reset-there", "a reset of these keys is already waiting; `otpctl resets list` shows it";
        /// The delay of the reset has not passed.
        ResetWaits => "reset-waits", "the reset of these keys is still waiting; `otpctl resets list` shows how long";
        /// A second admin has not agreed.
        ResetNotApproved => "reset-not-approved",
            "the reset of these keys needs a second administrator, who runs `otpctl resets approve ID`; `otpctl resets list` shows the id";
        /// So long after it was asked for nobody knows whether it still holds.
        ResetExpired => "reset-expired", "the reset of these keys is too old; cancel it and ask again";
        /// The file of the reset is from a backup: it may have been cancelled since.
        ResetRestored => "reset-restored",
            "the reset of these keys came back from a backup; cancel it with `otpctl resets cancel ID` and ask again";
        /// No reset of that id waits.
        NoSuchReset => "no-such-reset", "no reset with that id is waiting; `otpctl resets list` shows them";
        /// Only resets of admins and of root want a second admin.
        ApprovalNotWanted => "approval-not-wanted", "this reset needs no second administrator, and nothing was changed";
        /// The one who acts is the target, asked for it, or vouches, if only under another uid.
        SamePerson => "same-person",
            "somebody else must do this: neither the owner of the keys, nor the person who asked for the reset, nor \
             the one who vouches";
        /// A helper resets nobody who may do more.
        LowerTier => "lower-tier",
            "an administrator or root must do this: nobody may ask for a reset of an account that has more rights \
             than their own, and only administrators approve";
        /// The voucher is the target, or the one who asks.
        NotAVoucher => "not-a-voucher", "neither the owner of the keys nor the person who asks can vouch; name \
                                         another account";
        /// The keys are not suspended by the owner's own report.
        NotReportedLost => "not-reported-lost",
            "no report of a lost device suspends these keys, or somebody else has suspended them since; an administrator ends a suspension with `otpctl resume`";
        /// The hour has passed in which the owner may take a report back.
        LostTooLong => "lost-too-long",
            "the hour in which you can take the report back is over, or this machine has been rebooted since; an \
             administrator ends the suspension with `otpctl resume`";
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
