//! The question: whose login, at which service, from where, and started by whom. The rest is taken as the program has it.

use nix::errno::Errno;
use nix::unistd::{Uid, User};
use otp_core::accounts::{Account, account_of, may_log_in, meant};
use otp_core::decision::origin::{Asker, Origin};

use crate::stack::findings::LOCKERS;
use crate::stack::modules::{family, started_by_users};

/// A login that nobody makes.
pub(crate) struct LoginQuestion {
    /// As typed.
    pub user: String,
    pub account: LookedUp,
    /// As libpam writes it: in small letters.
    pub service: String,
    /// The address, or what stands for one that is not told.
    pub rhost: Option<String>,
    pub program: AskingProgram,
}

/// The answer of NSS about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LookedUp {
    Known(Account),
    /// Positively none of that name.
    Unknown,
    /// NSS could not say.
    Failed(Errno),
}

/// As whom the program asks PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskingProgram {
    /// It runs as root for the person of this uid, 0 where it serves anybody.
    Root { real_uid: u32 },
    /// The same, and the person is somebody else than the user, and not root.
    Somebody,
    /// It runs as its user: a screen locker.
    Unprivileged,
}

impl LoginQuestion {
    /// `by` is the person who starts the program, if that was said.
    pub(crate) fn new(user: &str, service: &str, from: Option<&str>, by: Option<LookedUp>) -> Self {
        let (account, service) = (looked_up(user), service.to_ascii_lowercase());
        let program = program(&service, &account, by);
        // sshd names the far end of every login.
        let rhost = from.map(str::to_owned).or_else(|| (service == "sshd").then(|| NOT_TOLD.to_owned()));
        Self { user: user.to_owned(), account, service, rhost, program }
    }

    /// Where a guess at the code of `account` comes from, before the policy lowers it.
    pub(crate) fn origin(&self, account: &Account) -> Origin {
        // A network login has no terminal of this machine.
        let tty = if self.rhost.is_some() { None } else { Some("tty1") };
        match self.program {
            AskingProgram::Unprivileged => Origin::Socket,
            AskingProgram::Somebody => Origin::Other,
            AskingProgram::Root { real_uid } => {
                Origin::of_pam_host(Asker { real_uid, rhost: self.rhost.as_deref(), tty }, account.uid)
            }
        }
    }

    /// The account behind the name, if there is one.
    pub(crate) fn known(&self) -> Option<&Account> {
        match &self.account {
            LookedUp::Known(account) => Some(account),
            LookedUp::Unknown | LookedUp::Failed(_) => None,
        }
    }

    /// The real uid of the process, as far as it is known.
    pub(crate) fn real_uid(&self) -> Option<u32> {
        match self.program {
            AskingProgram::Root { real_uid } => Some(real_uid),
            AskingProgram::Somebody => None,
            AskingProgram::Unprivileged => self.known().map(|account| account.uid),
        }
    }

    /// The entry of the account database.
    pub(crate) fn entry(&self) -> Option<User> {
        User::from_uid(Uid::from_raw(self.known()?.uid)).ok().flatten()
    }

    /// The login in words, for the heading.
    pub(crate) fn told(&self) -> String {
        let from = match self.rhost.as_deref() {
            Some(NOT_TOLD) => " from an address that no entry names".to_owned(),
            Some(address) => format!(" from {address}"),
            None => String::new(),
        };
        let starter = match self.program {
            AskingProgram::Somebody => ", started by another user".to_owned(),
            AskingProgram::Root { real_uid } if Some(real_uid) != self.known().map(|account| account.uid) => {
                match (real_uid, self.is_started_by_users()) {
                    (0, true) => ", started by root".to_owned(),
                    (0, false) => String::new(),
                    (uid, _) => format!(", started by {}", name_of(uid)),
                }
            }
            _ => String::new(),
        };
        format!("{from}{starter}")
    }

    fn is_started_by_users(&self) -> bool {
        started_by_users(&self.service)
    }
}

/// A user, as the module looks PAM_USER up.
pub(crate) fn looked_up(name: &str) -> LookedUp {
    if !may_log_in(name) && otp_core::accounts::numbered(name).is_none() {
        return LookedUp::Unknown;
    }
    match meant(name) {
        Ok(Some(account)) => LookedUp::Known(account),
        Ok(None) => LookedUp::Unknown,
        Err(errno) => LookedUp::Failed(errno),
    }
}

fn program(service: &str, account: &LookedUp, by: Option<LookedUp>) -> AskingProgram {
    if LOCKERS.contains(&service) {
        return AskingProgram::Unprivileged;
    }
    let own = if let LookedUp::Known(account) = account { Some(account.uid) } else { None };
    match (by, family(service)) {
        (Some(LookedUp::Known(by)), _) => AskingProgram::Root { real_uid: by.uid },
        (Some(_), _) | (None, "su") => AskingProgram::Somebody,
        (None, "runuser") => AskingProgram::Root { real_uid: 0 },
        (None, _) if !started_by_users(service) => AskingProgram::Root { real_uid: 0 },
        // Nobody starts a program as a user who is not there.
        (None, _) => own.map_or(AskingProgram::Somebody, |real_uid| AskingProgram::Root { real_uid }),
    }
}

fn name_of(uid: u32) -> String {
    account_of(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |account| account.name)
}

/// No address and no name of a host: entries of `require` with a network mean it, those of `exempt` do not.
const NOT_TOLD: &str = "address-not-told";
