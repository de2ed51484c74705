//! Where a guess comes from. Each origin has its own budget and its own wait, so that nobody can use up another's.

/// The caller, as the kernel says (R11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A peer of the daemon's socket that is not root.
    Socket,
    /// A process whose real uid is the user's own: sudo, su to oneself.
    Myself,
    /// A process of any other person: su, polkit's helper, a verifying application. And a host running as root for nobody knows
    /// whom: one that names neither a far end nor a terminal.
    Other,
    /// A host running as root for somebody at the far end of a network: sshd.
    Remote,
    /// A host running as root for somebody at this machine: login.
    Console,
}

/// The kernel's and PAM's word on the process that asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Real uid of the process.
    pub real_uid: u32,
    /// PAM_RHOST, if the host set one.
    pub rhost: Option<&'a str>,
    /// PAM_TTY, if the host set one.
    pub tty: Option<&'a str>,
}

impl Origin {
    /// Every origin, in the order of the state file.
    pub const ALL: [Self; 5] = [Self::Socket, Self::Myself, Self::Other, Self::Remote, Self::Console];

    /// The origin of a decision about `user_uid` inside a PAM host with effective uid 0.
    ///
    /// Real uid 0 is a host, never a person: somebody who guesses at sshd for `root` is remote,
    /// although the uids agree. Otherwise a stranger could close root's own way in. So could one at a host that serves strangers
    /// and does not say so (saslauthd, a VPN server, polkit's helper): without a terminal it is no console.
    pub fn of_pam_host(asker: Asker<'_>, user_uid: u32) -> Self {
        match asker {
            Asker { real_uid: 0, rhost: Some(host), .. } if !host.is_empty() => Self::Remote,
            Asker { real_uid: 0, tty: Some(tty), .. } if is_screen(tty) => Self::Console,
            Asker { real_uid: 0, .. } => Self::Other,
            Asker { real_uid, .. } if real_uid == user_uid => Self::Myself,
            Asker { .. } => Self::Other,
        }
    }

    /// The origin at a service that the policy counts as `most`. A console may become remote or other, and what is remote other;
    /// nothing rises. A person whose uid the kernel vouches for stays who they are.
    pub fn lowered_to(self, most: Option<Self>) -> Self {
        match (self, most) {
            (Self::Console, Some(most @ (Self::Remote | Self::Other))) | (Self::Remote, Some(most @ Self::Other)) => {
                most
            }
            _ => self,
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

/// Is this the name of a terminal of this machine, with or without `/dev/`, or of an X display of it? Programs without one put
/// their own name there (`ssh`, `cron`, `ftpd123`).
fn is_screen(tty: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(display) = tty.strip_prefix(':') {
        let (display, screen) = display.split_once('.').unwrap_or((display, "0"));
        return number(display) && number(screen);
    }
    let name = tty.strip_prefix("/dev/").unwrap_or(tty);
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let numbered = kind.len() < name.len();
    match kind {
        "console" | "tty" => true,
        "pts/" | "vc/" | "lxc/tty" | "3270/tty" | "hvc" | "hvsi" | "xvc" | "sclp_line" => numbered,
        _ => numbered && kind.strip_prefix("tty").is_some_and(letters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_origins() {
        let of = |real_uid, rhost, user| {
            let with = |tty| Origin::of_pam_host(Asker { real_uid, rhost, tty }, user);
            assert!(real_uid == 0 && rhost.is_none_or(str::is_empty) || with(None) == with(Some("tty1")));
            with(Some("tty1"))
        };
        assert_eq!(of(1000, None, 1000), Origin::Myself);
        assert_eq!(of(1000, Some("claimed"), 1000), Origin::Myself);
        assert_eq!(of(1001, None, 1000), Origin::Other);
        assert_eq!(of(1001, None, 0), Origin::Other);
        assert_eq!(of(0, Some("192.0.2.1"), 1000), Origin::Remote);
        assert_eq!(of(0, Some(""), 1000), Origin::Console);
        assert_eq!(of(0, None, 1000), Origin::Console);
    }

    #[test]
    fn a_root_owned_host_is_a_console_only_at_a_terminal_or_display_of_this_machine() {
        let of = |tty| Origin::of_pam_host(Asker { real_uid: 0, rhost: None, tty }, 1000);
        for screen in [
            "tty1",
            "/dev/tty63",
            "/dev/tty",
            "/dev/pts/0",
            "pts/12",
            "/dev/console",
            "ttyS0",
            "/dev/ttyAMA0",
            "/dev/ttyUSB10",
            "hvc0",
            "vc/1",
            "lxc/tty1",
            "3270/tty1",
            "/dev/sclp_line0",
            ":0",
            ":10.0",
        ] {
            assert_eq!(of(Some(screen)), Origin::Console, "{screen}");
        }
        assert_eq!(of(None), Origin::Other);
        for other in [
            "",
            "/dev/",
            "ssh",
            "cron",
            "ftpd123",
            "/dev/ftpd9",
            "pts/",
            "pts/x",
            "pts/1/2",
            "/dev/dev/tty1",
            "/tmp/tty1",
            "../tty1",
            "ttyS",
            "tty 1",
            "tty1 ",
            "tty-1",
            ":",
            ":x",
            ":0.",
            ":0.x",
            "host:0",
            "localhost:10.0",
            "hvc",
            "notty1",
            "tty\u{661}",
        ] {
            assert_eq!(of(Some(other)), Origin::Other, "{other:?}");
        }
    }

    #[test]
    fn a_policy_lowers_what_a_root_owned_host_says_and_raises_nothing() {
        for (found, most, wanted) in [
            (Origin::Console, Some(Origin::Remote), Origin::Remote),
            (Origin::Console, Some(Origin::Other), Origin::Other),
            (Origin::Remote, Some(Origin::Other), Origin::Other),
            (Origin::Remote, Some(Origin::Remote), Origin::Remote),
            (Origin::Other, Some(Origin::Remote), Origin::Other),
            (Origin::Remote, Some(Origin::Console), Origin::Remote),
            (Origin::Other, Some(Origin::Console), Origin::Other),
            (Origin::Myself, Some(Origin::Other), Origin::Myself),
            (Origin::Socket, Some(Origin::Other), Origin::Socket),
            (Origin::Console, None, Origin::Console),
        ] {
            assert_eq!(found.lowered_to(most), wanted, "{found:?} {most:?}");
        }
    }

    #[test]
    fn a_stranger_at_sshd_is_remote_for_root_too() {
        assert_eq!(
            Origin::of_pam_host(Asker { real_uid: 0, rhost: Some("192.0.2.1"), tty: Some("ssh") }, 0),
            Origin::Remote
        );
    }

    #[test]
    fn every_origin_has_its_own_place() {
        for (place, origin) in Origin::ALL.into_iter().enumerate() {
            assert_eq!(origin.index(), place);
        }
    }
}
