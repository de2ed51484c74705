//! Who may do what (R11): one table, one pure function.
//!
//! | request              | root | the user himself | anybody else |
//! |----------------------|------|------------------|--------------|
//! | begin an enrolment   | yes  | no               | no           |
//! | read a user's status | yes  | yes              | no           |
//! | list all users       | yes  | no               | no           |
//! | verify a code        | yes  | yes              | otp-verify   |
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
    /// List all users.
    List,
    /// Check a code of a user.
    Verify,
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

/// May `actor` do `act` to the user with uid `target` (none for requests about nobody in particular)?
pub fn may(actor: Actor, act: Act, target: Option<u32>) -> Result<(), Denial> {
    let oneself = match actor {
        Actor::Root => return Ok(()),
        Actor::User(uid) | Actor::Verifier(uid) => target == Some(uid),
    };
    match act {
        Act::ReadStatus | Act::Verify if oneself => Ok(()),
        Act::Verify if matches!(actor, Actor::Verifier(_)) => Ok(()),
        Act::ReadStatus => Err(Denial("only root and the user may read a status")),
        Act::BeginEnrolment => Err(Denial("only root may enrol a user")),
        Act::List => Err(Denial("only root may list users")),
        Act::Verify => Err(Denial("only root, the user and the group otp-verify may check a code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table() {
        for act in [Act::BeginEnrolment, Act::ReadStatus, Act::List, Act::Verify] {
            for target in [None, Some(0), Some(1000), Some(1001)] {
                assert_eq!(may(Actor::of(0), act, target), Ok(()));
                let own = target == Some(1000) && matches!(act, Act::ReadStatus | Act::Verify);
                assert_eq!(may(Actor::of(1000), act, target).is_ok(), own, "{act:?} {target:?}");
                let verifier = own || act == Act::Verify;
                assert_eq!(may(Actor::Verifier(1000), act, target).is_ok(), verifier, "{act:?} {target:?}");
            }
        }
    }
}
