//! Who may do what (R11): one table, one pure function.
//!
//! | request              | root | the user himself | anybody else |
//! |----------------------|------|------------------|--------------|
//! | begin an enrolment   | yes  | no               | no           |
//! | read a user's status | yes  | yes              | no           |
//! | list all users       | yes  | no               | no           |
//!
//! Confirming and cancelling need no right of their own: they act on what this connection began.

/// Who asks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// uid 0.
    Root,
    /// Everybody else.
    User(u32),
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
    match (actor, act) {
        (Actor::Root, _) => Ok(()),
        (Actor::User(uid), Act::ReadStatus) if target == Some(uid) => Ok(()),
        (Actor::User(_), Act::ReadStatus) => Err(Denial("only root and the user may read a status")),
        (Actor::User(_), Act::BeginEnrolment) => Err(Denial("only root may enrol a user")),
        (Actor::User(_), Act::List) => Err(Denial("only root may list users")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table() {
        let user = Actor::of(1000);
        for act in [Act::BeginEnrolment, Act::ReadStatus, Act::List] {
            for target in [None, Some(0), Some(1000), Some(1001)] {
                assert_eq!(may(Actor::of(0), act, target), Ok(()));
                let allowed = act == Act::ReadStatus && target == Some(1000);
                assert_eq!(may(user, act, target).is_ok(), allowed, "{act:?} {target:?}");
            }
        }
    }
}
