//! Where a guess comes from. Each origin has its own budget and its own wait, so that nobody can use up another's.

/// Who is asking, as the kernel says it (R11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A peer of the daemon's socket that is not root.
    Socket,
    /// A process whose real uid is the user's own: sudo, su to oneself.
    Myself,
    /// A process of any other person: su, polkit's helper, a verifying application.
    Other,
    /// A host running as root for somebody at the far end of a network: sshd.
    Remote,
    /// A host running as root for somebody at this machine: login.
    Console,
}

/// What the kernel and PAM say about the process that asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Real uid of the process.
    pub real_uid: u32,
    /// PAM_RHOST, if the host set one.
    pub rhost: Option<&'a str>,
}

impl Origin {
    /// Every origin, in the order of the state file.
    pub const ALL: [Self; 5] = [Self::Socket, Self::Myself, Self::Other, Self::Remote, Self::Console];

    /// The origin of a decision about `user_uid` inside a PAM host with effective uid 0.
    ///
    /// Real uid 0 is a host, never a person: somebody who guesses at sshd for `root` is remote,
    /// although the uids agree. Otherwise a stranger could close root's own way in.
    pub fn of_pam_host(asker: Asker<'_>, user_uid: u32) -> Self {
        match asker {
            Asker { real_uid: 0, rhost: Some(host) } if !host.is_empty() => Self::Remote,
            Asker { real_uid: 0, .. } => Self::Console,
            Asker { real_uid, .. } if real_uid == user_uid => Self::Myself,
            Asker { .. } => Self::Other,
        }
    }

    /// The word in logs, policy and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Myself => "self",
            Self::Other => "other",
            Self::Remote => "remote",
            Self::Console => "console",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }

    /// Place in the state file's table.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Socket => 0,
            Self::Myself => 1,
            Self::Other => 2,
            Self::Remote => 3,
            Self::Console => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_origins() {
        let of = |real_uid, rhost, user| Origin::of_pam_host(Asker { real_uid, rhost }, user);
        assert_eq!(of(1000, None, 1000), Origin::Myself);
        assert_eq!(of(1000, Some("claimed"), 1000), Origin::Myself);
        assert_eq!(of(1001, None, 1000), Origin::Other);
        assert_eq!(of(1001, None, 0), Origin::Other);
        assert_eq!(of(0, Some("192.0.2.1"), 1000), Origin::Remote);
        assert_eq!(of(0, Some(""), 1000), Origin::Console);
        assert_eq!(of(0, None, 1000), Origin::Console);
    }

    #[test]
    fn a_stranger_at_sshd_is_remote_for_root_too() {
        assert_eq!(Origin::of_pam_host(Asker { real_uid: 0, rhost: Some("192.0.2.1") }, 0), Origin::Remote);
    }

    #[test]
    fn every_origin_has_its_own_place() {
        for (place, origin) in Origin::ALL.into_iter().enumerate() {
            assert_eq!(origin.index(), place);
        }
    }
}
