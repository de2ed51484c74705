//! The methods of the interface, each defined once: its name, its answer, its parameters. The types of the parameters can only
//! hold what is allowed; who may call what is for the daemon to decide.

use otp_core::codes::ids::ResetId;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::origin::Origin;
use otp_core::files::reset::ResetReason;
use otp_core::keys::key::Label;
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::field::{Field, fields};
use super::groups::{NamedToken, Prompt, Shape, WantedKey};
use super::method::{Method, methods};
use super::notice::NoticeList;
use super::refusal::Refusal;
use super::reply::{
    AdoptedUsers, BarredReply, Begun, Cancelled, CancelledReset, Changed, Confirmed, Done, ExtendedInvitation,
    GoneUsers, Imported, Invited, LostReply, RecoveryCodes, Redeemed, Repudiated, ResetList, ResetReply, RestoredUsers,
    Suspended, TriedCode, Verified,
};
use super::token::{ImportedToken, TokenBegun, TokenList};
use super::user_status::{UserList, UserStatusReply};
use super::values::{KeyName, NamedProof, NextCounter, ShortText, TypedCode, UsedStep, UserName};
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
        /// With `replaces`, from root on a host with one administrator: why the key is replaced although the password was changed a short
        /// time ago. It goes to the log, at alert. `None`: the call ends in `cool-down`.
        pub reason: Option<ShortText>,
        /// `Some(true)`: nothing is made, and the answer says whether a code is good now. `None` means false.
        pub dry_run: Option<bool>,
    }

    /// Make a user's registration code worthless, and throw away a pending key that was begun with it.
    pub struct RevokeInvitation -> Done {
        /// Name of the invited user; `no-invitation` if no code of theirs is good.
        pub user: UserName,
    }

    /// Give a user's good registration code a later end. The code stays the same, and so does all that it allows.
    pub struct ExtendInvitation -> ExtendedInvitation {
        /// Name of the invited user; `no-invitation` if no code of theirs is good. Only root may name themselves here.
        pub user: UserName,
        /// How long the code is good from now on, in seconds: 60 up to [`CodeForm::longest_life`] from its making. `None` for
        /// [`CodeForm::usual_life`], or as long as it can be.
        pub lasts: Option<u64>,
    }

    /// Ask for a reset of the keys of a user, who is told of it.
    pub struct RequestReset -> ResetReply {
        /// Name of the user; `reset-there` if a reset of theirs waits. Only root may name themselves here.
        pub user: UserName,
        /// Sentence for the log, and for everybody who sees the reset.
        pub reason: ResetReason,
        /// How the caller made sure that the owner asks, which sets the delay.
        pub proof: NamedProof,
    }

    /// Ask for the resets that wait; a user in no group sees their own.
    pub struct ListResets -> ResetList {}

    /// Agree to a reset that somebody else asked for.
    pub struct ApproveReset -> ResetReply {
        /// The reset; `no-such-reset` if it does not wait.
        pub id: ResetId,
        /// Why it goes on although the user's password is fresh; without one it does not.
        pub reason: Option<ResetReason>,
    }

    /// End a reset that waits, and a registration code that was made on it.
    pub struct CancelReset -> CancelledReset {
        /// The reset; `None` for that of the caller.
        pub id: Option<ResetId>,
        /// A code or recovery code of the user, which is used up. Required of users who cancel a reset of their own keys;
        /// ignored from root and from members of a group acting for somebody else.
        pub code: Option<TypedCode>,
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
        /// The last second at which the new key is good; it must lie in the future. `None` for a key without an end, whatever
        /// the old one had.
        pub expires: Option<UnixTime>,
        /// Prompt at which the code was typed. From root it selects the origin that a wrong code is charged to.
        pub prompt: Prompt,
    }

    /// Begin the enrolment of a hardware token, which has its secret already.
    pub struct AddToken -> TokenBegun {
        /// Name of the user who gets the token. Only root may name themselves here.
        pub user: UserName,
        /// Secret of the token: base32 (RFC 4648 section 6) of 16 to 64 bytes. Case, blanks, hyphens and padding make no
        /// difference. `token-there` if this user has it, `secret-in-use` if anybody else on this host does.
        pub secret: Secret,
        /// Label, and the parameters that the token was made with.
        pub key: WantedKey,
    }

    /// Store a key that another program kept. No code confirms it, and codes of the time until now never work.
    pub struct ImportKey -> Imported {
        /// Name of the user who gets the key.
        pub user: UserName,
        /// Secret of the key: base32 (RFC 4648 section 6) of 16 to 64 bytes. Case, blanks, hyphens and padding make no
        /// difference. `secret-in-use` if anybody else on this host has it.
        pub secret: Secret,
        /// Label, and the parameters that the other program used.
        pub key: WantedKey,
        /// Counter that is accepted next; `None` for 0. TOTP does not use it.
        pub counter: Option<NextCounter>,
        /// Time step of the last code that the other program accepted: no code of it or of an earlier one works here. At most two
        /// days ahead; `None` where it is not ahead of the clock. HOTP does not use it.
        pub used_step: Option<UsedStep>,
        /// `Some(true)` changes nothing and says what would be done; `None` means false.
        pub dry_run: Option<bool>,
    }

    /// Store the key of a hardware token that nobody has yet. It opens nothing until [`AssignToken`].
    pub struct ImportToken -> ImportedToken {
        /// Serial number and manufacturer; `serial-taken` if an unassigned token with another secret has both.
        pub token: NamedToken,
        /// Secret of the token: base32 (RFC 4648 section 6) of 16 to 64 bytes. `token-unassigned` if another unassigned token
        /// has it.
        pub secret: Secret,
        /// Parameters that the token was made with.
        pub shape: Shape,
        /// Counter that is accepted next; `None` for 0. TOTP does not use it.
        pub counter: Option<NextCounter>,
        /// Unix time before which the token is not good; `None` for no such time.
        pub starts: Option<UnixTime>,
        /// Unix time after which the token is not good; `token-expired` if it has passed. The key of it ends then.
        pub expires: Option<UnixTime>,
        /// `Some(true)` changes nothing and says what would be done; `None` means false.
        pub dry_run: Option<bool>,
    }

    /// Ask for the hardware tokens that nobody has yet.
    pub struct ListTokens -> TokenList {}

    /// Begin the enrolment of a token that nobody has yet. It is assigned once codes of it confirm it.
    pub struct AssignToken -> TokenBegun {
        /// The token; `no-such-token` or `several-tokens` where it is not one.
        pub token: NamedToken,
        /// Name of the user who gets it. Only root may name themselves here.
        pub user: UserName,
        /// Label of the key; `None` for the serial number, or `token` where that cannot be a label.
        pub label: Option<Label>,
    }

    /// Remove a token that nobody has yet, for good.
    pub struct RemoveToken -> Done {
        /// The token; `no-such-token` or `several-tokens` where it is not one.
        pub token: NamedToken,
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
        /// Name of the user; `None` for the caller. Root, otp-admin, otp-helpdesk and otp-viewer may name anybody, others only
        /// themselves.
        pub user: Option<UserName>,
        /// `Some(true)`: also `cool_down` and `password_until`, for which the daemon reads what is known of the password; `None` means
        /// false. Daemons of earlier versions refuse the parameter.
        pub cool_down: Option<bool>,
    }

    /// Ask for the state of every enrolled user. A call that takes several answers gets some users in each.
    pub struct List -> UserList {
        /// Users with a higher uid than this one alone; `None` for all.
        pub after: Option<u32>,
        /// `Some(true)`: also users without a key file who have a registration code, or had one that came to nothing; `None` means
        /// false. Daemons of earlier versions refuse the parameter.
        pub invited: Option<bool>,
    }

    /// Refuse every code of a user until [`Resume`]; also ends a registration code or a pending key of theirs, and only
    /// that if the user was never enrolled.
    pub struct Suspend -> Suspended {
        /// Name of the user. No default, so nobody is suspended by omission.
        pub user: UserName,
    }

    /// End a suspension. Keys that [`Repudiate`] has suspended stay off.
    pub struct Resume -> Changed {
        /// Name of the suspended user. Only root may name themselves here.
        pub user: UserName,
    }

    /// Refuse every code of a user who has lost a device, until [`Resume`] or [`TakeBackLost`].
    pub struct ReportLost -> LostReply {
        /// Name of the user; `None` for the caller.
        pub user: Option<UserName>,
        /// A code of any key of the user or a recovery code, which is used up. Only root may leave it out, from a process that the
        /// user started and that has asked for their UNIX password; and not for root. Daemons of earlier versions want it.
        pub code: Option<TypedCode>,
    }

    /// End the suspension that [`ReportLost`] began, within an hour and unless somebody else has suspended the keys since.
    pub struct TakeBackLost -> Done {
        /// A recovery code, or a code of the key with which the loss was reported; it is used up.
        pub code: TypedCode,
    }

    /// Reopen one origin that too many wrong codes have closed, or all of them.
    pub struct Reopen -> Changed {
        /// Name of the user; `None` for the caller.
        pub user: Option<UserName>,
        /// The origin to reopen; `None` for all five.
        pub origin: Option<Origin>,
        /// A code or recovery code of the user, which is used up. Required of users who reopen an origin of their own;
        /// ignored from root, and from otp-admin acting for somebody else.
        pub code: Option<TypedCode>,
    }

    /// Give a key another label.
    pub struct Rename -> Changed {
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

    /// Give a key another end, or none.
    pub struct SetExpiry -> Changed {
        /// Name of the key's owner; `None` for the caller.
        pub user: Option<UserName>,
        /// Id of the key or, if no key has that id, its label.
        pub key: KeyName,
        /// The last second at which the key is good; it must lie in the future. `None` for a key without an end.
        pub expires: Option<UnixTime>,
        /// A code of that very key, which is used up even if nothing is changed; a recovery code is refused and not used up.
        /// Required of users for a key of their own, whose end they may only bring forward (`later-end`); ignored from root,
        /// and from otp-admin acting for somebody else.
        pub code: Option<TypedCode>,
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
