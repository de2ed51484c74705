//! Who may do what (R11): one table, one pure function.
//!
//! | request                                          | root | the user himself        | anybody else |
//! |--------------------------------------------------|------|-------------------------|--------------|
//! | begin an enrolment                               | yes  | no                      | no           |
//! | read a user's status                             | yes  | yes                     | no           |
//! | read a user's notices, say that they were shown  | yes  | yes                     | no           |
//! | list all users                                   | yes  | no                      | no           |
//! | suspend, resume, forget, adopt, restored         | yes  | no                      | no           |
//! | reopen an origin                                 | yes  | with a code             | no           |
//! | rename a key                                     | yes  | yes                     | no           |
//! | revoke a key                                     | yes  | with a code of that key | no           |
//! | verify a code                                    | yes  | yes                     | otp-verify   |
//!
//! Confirming and cancelling need no right of their own: they act on what this connection began.

/// Who asks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// uid 0.
    Root,
    /// Everybody else.
    User(u32),
    /// Somebody else who belongs to the group otp-verify.
    Verifier(u32),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Make a key for somebody.
    BeginEnrolment,
    /// Read the status of one user.
    ReadStatus,
    /// Read the notices of one user, or say that they were shown.
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
}

/// On what terms it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Without more ado.
    Freely,
    /// With a code of the user's.
    WithACode,
}

/// Refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial(pub &'static str);

impl Actor {
    /// The actor behind a peer.
    pub fn of(uid: u32) -> Self {
        match uid {
            0 => Self::Root,
            uid => Self::User(uid),
        }
    }
}

/// May `actor` do `act` to the user with uid `target` (none for requests about nobody in particular), and on what terms?
pub fn may(actor: Actor, act: Act, target: Option<u32>) -> Result<Terms, Denial> {
    let own = match actor {
        Actor::Root => return Ok(Terms::Freely),
        Actor::User(uid) | Actor::Verifier(uid) => target == Some(uid),
    };
    match (act, own) {
        (Act::ReadStatus | Act::ReadNotices | Act::Rename | Act::Verify, true) => Ok(Terms::Freely),
        (Act::Verify, false) if matches!(actor, Actor::Verifier(_)) => Ok(Terms::Freely),
        (Act::Reopen | Act::Revoke, true) => Ok(Terms::WithACode),
        _ => Err(Denial(reason(act))),
    }
}

fn reason(act: Act) -> &'static str {
    match act {
        Act::BeginEnrolment => "only root may enrol a user",
        Act::ReadStatus => "only root and the user may read a status",
        Act::ReadNotices => "only root and the user may read notices",
        Act::List => "only root may list users",
        Act::Suspend => "only root may suspend a user",
        Act::Resume => "only root may end a suspension",
        Act::Forget => "only root may forget a user",
        Act::Adopt => "only root may have files adopted",
        Act::Restored => "only root may say that a restore is meant",
        Act::Reopen => "only root and the user may reopen an origin",
        Act::Rename => "only root and the user may rename a key",
        Act::Revoke => "only root and the user may revoke a key",
        Act::Verify => "only root, the user and the group otp-verify may check a code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the user himself may, row by row.
    const TABLE: [(Act, Option<Terms>); 13] = [
        (Act::BeginEnrolment, None),
        (Act::ReadStatus, Some(Terms::Freely)),
        (Act::ReadNotices, Some(Terms::Freely)),
        (Act::List, None),
        (Act::Suspend, None),
        (Act::Resume, None),
        (Act::Forget, None),
        (Act::Adopt, None),
        (Act::Restored, None),
        (Act::Reopen, Some(Terms::WithACode)),
        (Act::Rename, Some(Terms::Freely)),
        (Act::Revoke, Some(Terms::WithACode)),
        (Act::Verify, Some(Terms::Freely)),
    ];

    #[test]
    fn every_cell_of_the_table() {
        for (act, own) in TABLE {
            for target in [None, Some(0), Some(1000), Some(1001)] {
                assert_eq!(may(Actor::of(0), act, target), Ok(Terms::Freely));
                let own = own.filter(|_| target == Some(1000));
                assert_eq!(may(Actor::of(1000), act, target).ok(), own, "{act:?} {target:?}");
                let verifier = if act == Act::Verify { Some(Terms::Freely) } else { own };
                assert_eq!(may(Actor::Verifier(1000), act, target).ok(), verifier, "{act:?} {target:?}");
            }
        }
    }
}
