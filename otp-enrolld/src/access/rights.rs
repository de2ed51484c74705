//! Who may do what (R11): one table, one pure function.
//!
//! | request                               | root           | otp-admin  | otp-helpdesk | the user                | others     |
//! |---------------------------------------|----------------|------------|--------------|-------------------------|------------|
//! | invite                                | yes            | for others | not admins   | no                      | no         |
//! | take an invitation back               | yes            | yes        | not admins   | no                      | no         |
//! | redeem, repudiate a registration code | with that code | no         | no           | with that code          | no         |
//! | begin an enrolment for somebody       | yes            | no         | no           | no                      | no         |
//! | import the secret of a token          | yes            | for others | no           | no                      | no         |
//! | add, rotate a key; new recovery codes | with a code    | no         | no           | with a code of a key    | no         |
//! | read a user's status                  | yes            | yes        | no           | yes                     | no         |
//! | read a user's notices                 | yes            | no         | no           | yes                     | no         |
//! | list all users                        | yes            | yes        | no           | no                      | no         |
//! | suspend                               | yes            | yes        | not admins   | no                      | no         |
//! | resume                                | yes            | for others | no           | no                      | no         |
//! | forget, adopt, restored, list gone    | yes            | no         | no           | no                      | no         |
//! | reopen an origin                      | yes            | for others | no           | with a code             | no         |
//! | rename a key                          | yes            | no         | no           | yes                     | no         |
//! | revoke a key                          | yes            | for others | no           | with a code of that key | no         |
//! | verify a code                         | yes            | no         | no           | yes                     | otp-verify |
//! | ask whether a user is barred          | yes            | no         | no           | yes                     | otp-verify |
//!
//! Redeeming, adding and rotating want the code from root, too: a setuid program that runs as root is no admin. Nobody in a group
//! invites himself, brings a token for himself or ends a suspension of his own: that would be a new second factor without the old
//! one. Confirming and cancelling need no right of their own: they act on what this connection began. `otp-helpdesk` reaches
//! neither root nor members of otp-admin, nor itself with an invitation.

/// Who asks, as the kernel says, and what the group database says of him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// uid 0.
    Root,
    /// Anybody else, with what the groups give.
    User(u32, Groups),
}

/// Groups that give a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Groups {
    /// otp-admin.
    pub admin: bool,
    /// otp-helpdesk.
    pub helpdesk: bool,
    /// otp-verify.
    pub verify: bool,
}

/// Whom a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The uid.
    pub uid: u32,
    /// Root, or a member of otp-admin.
    pub admin: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Make a registration code.
    Invite,
    /// Make it worthless.
    RevokeInvitation,
    /// Begin an enrolment with one.
    Redeem,
    /// Say that somebody else used it.
    Repudiate,
    /// Make a key for somebody.
    BeginEnrolment,
    /// Import the secret of a token.
    AddToken,
    /// Make one more key.
    AddKey,
    /// Replace a key.
    Rotate,
    /// Make a new set of recovery codes.
    RenewRecoveryCodes,
    /// Read the status of one user.
    ReadStatus,
    /// Read the notices of one user.
    ReadNotices,
    /// List all users.
    List,
    /// Refuse every code of a user.
    Suspend,
    /// End that.
    Resume,
    /// Make a user never enrolled.
    Forget,
    /// Take over the files of a former name or uid.
    Adopt,
    /// List accounts that were seen missing.
    ListGone,
    /// Say that what came back from a backup is meant.
    Restored,
    /// Reopen an origin.
    Reopen,
    /// Give a key another label.
    Rename,
    /// Remove a key.
    Revoke,
    /// Check a code of a user.
    Verify,
    /// Ask whether a user is barred: yes or no.
    AskBarred,
}

/// On what terms it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Without more ado.
    Freely,
    /// With a code of the user's.
    WithACode,
}

/// Refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denial(pub &'static str);

impl Actor {
    /// May he ask about somebody else at all? Who may not is told nothing about another name.
    pub(crate) fn sees_others(self) -> bool {
        match self {
            Self::Root => true,
            Self::User(_, groups) => groups != Groups::default(),
        }
    }

    /// What gives them a right over `target`, for the log: that they are root, that it is their own, or a group.
    pub(crate) fn ground(self, target: Option<u32>) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User(uid, _) if target == Some(uid) => "own",
            Self::User(_, Groups { admin: true, .. }) => "otp-admin",
            Self::User(_, Groups { helpdesk: true, .. }) => "otp-helpdesk",
            Self::User(..) => "otp-verify",
        }
    }
}

impl Groups {
    /// Anyone who may do this for others must not hear that his group may do it.
    fn reason_of_oneself(self, act: Act) -> &'static str {
        match act {
            Act::Invite if self.admin || self.helpdesk => "nobody but root invites himself; let somebody else do it",
            Act::AddToken if self.admin => "nobody but root brings along a token for himself; let another admin do it",
            Act::Resume if self.admin => "nobody but root ends his own suspension; let another admin do it",
            act => reason(act),
        }
    }
}

/// May `actor` do `act` to `target` (none for requests about nobody in particular), and on what terms?
pub(crate) fn may(actor: Actor, act: Act, target: Option<Target>) -> Result<Terms, Denial> {
    let (uid, groups) = match actor {
        Actor::Root
            if matches!(act, Act::Redeem | Act::Repudiate | Act::AddKey | Act::Rotate | Act::RenewRecoveryCodes) =>
        {
            return Ok(Terms::WithACode);
        }
        Actor::Root => return Ok(Terms::Freely),
        Actor::User(uid, groups) => (uid, groups),
    };
    let own = target.is_some_and(|target| target.uid == uid);
    let below_admins = target.is_some_and(|target| !target.admin);
    match act {
        Act::Redeem | Act::Repudiate | Act::AddKey | Act::Rotate | Act::RenewRecoveryCodes if own => {
            Ok(Terms::WithACode)
        }
        Act::ReadStatus | Act::ReadNotices | Act::Rename | Act::Verify | Act::AskBarred if own => Ok(Terms::Freely),
        Act::Reopen | Act::Revoke if own => Ok(Terms::WithACode),
        Act::Invite | Act::AddToken | Act::Resume if own => Err(Denial(groups.reason_of_oneself(act))),
        Act::Verify | Act::AskBarred if groups.verify => Ok(Terms::Freely),
        Act::Invite | Act::RevokeInvitation | Act::Suspend if groups.helpdesk && below_admins => Ok(Terms::Freely),
        Act::Invite | Act::RevokeInvitation | Act::Suspend | Act::Resume | Act::AddToken if groups.admin => {
            Ok(Terms::Freely)
        }
        Act::ReadStatus | Act::List | Act::Reopen | Act::Revoke if groups.admin => Ok(Terms::Freely),
        act => Err(Denial(reason(act))),
    }
}

fn reason(act: Act) -> &'static str {
    match act {
        Act::Invite => "only root, otp-admin and, for users below it, otp-helpdesk may invite a user",
        Act::RevokeInvitation => {
            "only root, otp-admin and, for users below it, otp-helpdesk may take an invitation back"
        }
        Act::Redeem | Act::Repudiate => "a registration code is for the owner of its account alone",
        Act::BeginEnrolment => "only root may enrol a user",
        Act::AddToken => "only root and otp-admin may bring along a token",
        Act::AddKey => "only the user may add a key",
        Act::Rotate => "only the user may replace a key",
        Act::RenewRecoveryCodes => "only the user may have new recovery codes",
        Act::ReadStatus => "only root, otp-admin and the user may read a status",
        Act::ReadNotices => "only root and the user may read notices",
        Act::List => "only root and otp-admin may list users",
        Act::Suspend => "only root, otp-admin and, for users below it, otp-helpdesk may suspend a user",
        Act::Resume => "only root and otp-admin may end a suspension",
        Act::Forget => "only root may forget a user",
        Act::Adopt => "only root may have files adopted",
        Act::ListGone => "only root may list accounts that are gone",
        Act::Restored => "only root may say that a restore is meant",
        Act::Reopen => "only root, otp-admin and the user may reopen an origin",
        Act::Rename => "only root and the user may rename a key",
        Act::Revoke => "only root, otp-admin and the user may revoke a key",
        Act::Verify => "only root, the user and the group otp-verify may check a code",
        Act::AskBarred => "only root, the user and the group otp-verify may ask whether a user is barred",
    }
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
