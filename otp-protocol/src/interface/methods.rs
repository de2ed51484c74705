//! The methods of the interface, each defined once: its name, its answer, its parameters. The types of the parameters can only
//! hold what is allowed; who may call what is for the daemon to decide.

use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::origin::Origin;
use otp_core::keys::key::Label;
use otp_core::keys::secret::Secret;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::field::{Field, fields};
use super::groups::{Prompt, Shape, WantedKey};
use super::method::{Method, methods};
use super::notice::NoticeList;
use super::refusal::Refusal;
use super::reply::{
    AdoptedUsers, BarredReply, Begun, Cancelled, Confirmed, Done, GoneUsers, Invited, RecoveryCodes, Redeemed,
    Repudiated, RestoredUsers, Suspended, TokenBegun, TriedCode, UserList, UserStatusReply, Verified,
};
use super::values::{KeyName, ShortText, TypedCode, UserName};
use crate::varlink::parameters::Parameters;

methods! {
    /// Make a registration code, which lets a user begin one enrolment. It supersedes an earlier code and ends a pending
    /// key.
    pub struct Invite -> Invited {
        /// Name of the user to invite; the code works in no other account. Only root may name themselves here.
        pub user: UserName,
        /// How the code will travel, which sets its length and its life; `None` for [`CodeForm::Spoken`].
        pub form: Option<CodeForm>,
        /// How long the code is good, in seconds: 60 up to [`CodeForm::longest_life`]. `None` for [`CodeForm::usual_life`].
        pub lasts: Option<u64>,
        /// `Some(true)`: the new key replaces all keys of the user. `None` means false: the code is for a first key, and
        /// the call ends in `already-enrolled` for a user who is enrolled.
        pub replaces: Option<bool>,
    }

    /// Make a user's registration code worthless, and throw away a pending key that was begun with it.
    pub struct RevokeInvitation -> Done {
        /// Name of the invited user; `no-invitation` if no code of theirs is good.
        pub user: UserName,
    }

    /// Begin an enrolment with a registration code.
    pub struct Redeem -> Redeemed {
        /// Name of the user at whose prompt the code was typed, from root; `None` for the caller. Others may name only
        /// themselves.
        pub user: Option<UserName>,
        /// The registration code; on the wire as typed, both parts of a split one on one line, the first part first.
        pub registration: RegistrationCode,
        /// Wishes for the new key.
        pub key: WantedKey,
        /// Prompt at which the code was typed. From root it selects the origin that a wrong code is charged to; it
        /// is kept for the owner to see.
        pub prompt: Prompt,
    }

    /// Say that somebody else used the caller's registration code: suspends every key and recovery code that came of it.
    pub struct Repudiate -> Repudiated {
        /// The caller's own registration code, with which a key was made. Taken for 7 days after that, or
        /// `repudiate_within` of `otp.toml`; then `too-late`.
        pub registration: RegistrationCode,
    }

    /// Begin an enrolment of one more key for the caller, of up to five.
    pub struct AddKey -> Begun {
        /// A code of any existing key of the caller; once accepted it is used up, even if no key comes of it. A
        /// recovery code is refused and not used up.
        pub code: TypedCode,
        /// Wishes for the new key.
        pub key: WantedKey,
    }

    /// Begin an enrolment that replaces a key. The old key works until the new one is confirmed, and its label stays.
    pub struct Rotate -> Begun {
        /// Name of the user at whose prompt the code was typed, from root; `None` for the caller. Others may name only
        /// themselves.
        pub user: Option<UserName>,
        /// A code of the key to replace, or a recovery code, which only root may hand on (`needs-password`
        /// otherwise). An accepted one is used up.
        pub code: TypedCode,
        /// Id or label of the key to replace. `None` for the key that the code belongs to or, with a recovery code, for the
        /// only key (`several-keys` if there are more).
        pub key: Option<KeyName>,
        /// Kind and parameters of the new key; nothing is inherited from the old one.
        pub shape: Shape,
        /// Prompt at which the code was typed. From root it selects the origin that a wrong code is charged to.
        pub prompt: Prompt,
    }

    /// Begin the enrolment of a hardware token, which has its secret already.
    pub struct AddToken -> TokenBegun {
        /// Name of the user who gets the token. Only root may name themselves here.
        pub user: UserName,
        /// Secret of the token: base32 (RFC 4648 section 6) of 16 to 64 bytes. Case, blanks, hyphens and padding make no
        /// difference. `secret-in-use` if anybody on this host has it.
        pub secret: Secret,
        /// Label, and the parameters that the token was made with.
        pub key: WantedKey,
    }

    /// Make a new set of recovery codes; the old set no longer works.
    pub struct RenewRecoveryCodes -> RecoveryCodes {
        /// A code of any key of the caller; once accepted it is used up. A recovery code is refused and
        /// not used up.
        pub code: TypedCode,
    }

    /// Make a key for a user and show it to root; only where `otp.toml` says `admin_enrol = true`.
    pub struct BeginEnrolment -> Begun {
        /// Name of the user, as the caller spells it.
        pub user: UserName,
        /// Wishes for the new key.
        pub key: WantedKey,
    }

    /// Store the pending key of this connection, if this is one of its codes.
    pub struct ConfirmEnrolment -> Confirmed {
        /// The code as typed; blanks and hyphens in it make no difference.
        pub code: TypedCode,
    }

    /// Throw the pending key of this connection away. The end of the connection does the same.
    pub struct CancelEnrolment -> Cancelled {}

    /// Ask for the state of one user.
    pub struct Status -> UserStatusReply {
        /// Name of the user; `None` for the caller. Root and otp-admin may name anybody, others only themselves.
        pub user: Option<UserName>,
    }

    /// Ask for the state of every enrolled user.
    pub struct List -> UserList {}

    /// Refuse every code of a user until [`Resume`]; also ends a registration code or a pending key of theirs, and only
    /// that if the user was never enrolled.
    pub struct Suspend -> Suspended {
        /// Name of the user. No default, so nobody is suspended by omission.
        pub user: UserName,
    }

    /// End a suspension. Keys that [`Repudiate`] has suspended stay off.
    pub struct Resume -> Done {
        /// Name of the suspended user. Only root may name themselves here.
        pub user: UserName,
    }

    /// Reopen one origin that too many wrong codes have closed, or all of them.
    pub struct Reopen -> Done {
        /// Name of the user; `None` for the caller.
        pub user: Option<UserName>,
        /// The origin to reopen; `None` for all five.
        pub origin: Option<Origin>,
        /// A code or recovery code of the user, which is used up. Required of users who reopen an origin of their own;
        /// ignored from root, and from otp-admin acting for somebody else.
        pub code: Option<TypedCode>,
    }

    /// Give a key another label.
    pub struct Rename -> Done {
        /// Name of the key's owner; `None` for the caller.
        pub user: Option<UserName>,
        /// Id of the key or, if no key has that id, its present label.
        pub key: KeyName,
        /// The new label; `label-taken` if another key of the same user has it.
        pub label: Label,
    }

    /// Remove a key for good.
    pub struct Revoke -> Done {
        /// Name of the key's owner; `None` for the caller.
        pub user: Option<UserName>,
        /// Id of the key or, if no key has that id, its label.
        pub key: KeyName,
        /// A code of that very key, which is used up even if the key stays; a recovery code is refused and
        /// not used up. Required of users who revoke a key of their own; ignored from root, and from otp-admin acting for
        /// somebody else.
        pub code: Option<TypedCode>,
        /// `Some(true)` lets users revoke their own last working key, which is `last-key` otherwise; `None` means false.
        /// Not asked of root, nor of otp-admin acting for somebody else.
        pub last: Option<bool>,
    }

    /// Delete all that is stored about a user, who then counts as never enrolled.
    pub struct Forget -> Done {
        /// Name of the user or, if no account has that name, the name in a key file or the decimal uid of an account
        /// that is gone.
        pub user: UserName,
        /// `Some(true)`: the account is gone for good. `None` means false: `perhaps-away` for a user without an
        /// account, while nobody of a directory can be looked up.
        pub gone: Option<bool>,
    }

    /// Take over the files of a former name or uid after the account was renamed or renumbered.
    pub struct Adopt -> Done {
        /// Name of the account that gets the files; it must exist.
        pub user: UserName,
        /// The former name, or the former uid in decimal, as the files have it; `still-there` while that account
        /// exists. `None` for the files of `user` under another uid, or of its uid under another name.
        pub from: Option<UserName>,
        /// `Some(true)`: the former account is gone for good. `None` means false: `perhaps-away` while its directory
        /// may only be down.
        pub gone: Option<bool>,
    }

    /// Take over the files of everybody whose account was renamed or renumbered.
    pub struct AdoptAll -> AdoptedUsers {
        /// `Some(true)` changes nothing and says what would be done; `None` means false.
        pub dry_run: Option<bool>,
    }

    /// Look for local accounts that are gone, and list those that were seen missing.
    pub struct ListGone -> GoneUsers {}

    /// Accept files that came back from a backup, so that HOTP keys, recovery and registration codes work again.
    pub struct Restored -> RestoredUsers {
        /// Name of the user; `None` for every user whose files are a restored copy.
        pub user: Option<UserName>,
    }

    /// Check a code, which is used up if it is accepted.
    pub struct Verify -> Verified {
        /// Name of the user whose code it is; `None` for the caller. Root and members of otp-verify may name anybody.
        pub user: Option<UserName>,
        /// A code or recovery code as typed.
        pub code: TypedCode,
        /// Purpose of the check in the application's words; only logged.
        pub action: Option<ShortText>,
        /// Prompt at which the code was typed.
        pub prompt: Prompt,
    }

    /// Try a code of the caller's own. An accepted one is used up; a wrong one is counted, and then looked for at other times.
    pub struct TryCode -> TriedCode {
        /// A code of a key, as typed; a recovery code is refused and not used up.
        pub code: TypedCode,
        /// The code that the app showed just before. Only two codes in a row are looked for in the time to come: one alone
        /// would tell somebody who guesses what the key is going to show.
        pub previous: Option<TypedCode>,
    }

    /// Ask whether a user is barred from coming in: yes or no.
    pub struct Barred -> BarredReply {
        /// Name of the user; `None` for the caller. Root and members of otp-verify may name anybody, others only
        /// themselves.
        pub user: Option<UserName>,
    }

    /// Ask for the notices that a user has not seen three times yet.
    pub struct Notices -> NoticeList {
        /// Name of the user; `None` for the caller. Only root may name somebody else.
        pub user: Option<UserName>,
    }

    /// Say that a person has seen notices, so that each counts as shown once more. From anybody but root a notice counts as
    /// shown twice at the most: the third time is that of a login.
    pub struct NoticesShown -> Done {
        /// Name of the user who has seen them; `None` for the caller. Only root may name somebody else.
        pub user: Option<UserName>,
        /// [`NoticeItem::id`](super::NoticeItem::id) of the newest notice that was shown; newer ones are not counted.
        pub last: u64,
    }
}

#[cfg(test)]
#[path = "methods_tests.rs"]
mod tests;
