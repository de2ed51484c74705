//! How a service asks for a code: the recipes of docs/hosts.md.

use super::marks::{CODE_ALONE, TYPED_AS_ONE};
use crate::arguments::GateWishes;
use crate::output::failure::Failure;
use crate::stack::findings::LOCKERS;

/// Where our lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateShape {
    /// After the first factor: the lines of sudo.
    AfterPassword,
    /// Instead of the password: one answer is both, the code last.
    TypedAsOne,
    /// Instead of the password, for which something else stands.
    CodeAlone,
    /// Before a new password, for a new key.
    KeyReplacement,
}

/// Screen lockers that show every prompt. All others are taken to give one answer to each.
const PROPER_LOCKERS: [&str; 2] = ["xsecurelock", "vlock"];
/// A gate of this service offers a new key.
pub(crate) const PASSWD: &str = "passwd";

impl GateShape {
    /// Of this service, as wanted; an error where a code alone would be too little.
    pub(crate) fn of(service: &str, wishes: GateWishes) -> Result<Self, Failure> {
        let locker = LOCKERS.contains(&service);
        match (service, wishes.without_password) {
            ("sshd", true) if !wishes.with_key => Err(usage(
                "sshd would let users in with a code alone; --without-password also needs --with-key, which makes \
                 the SSH key the first factor",
            )),
            (name, _) if wishes.with_key && name != "sshd" => Err(usage("--with-key is for sshd alone")),
            (name, true) if name != "sshd" && !locker => Err(usage(&format!(
                "{name} would let users in with a code alone; --without-password is for screen lockers, and for \
                 sshd with --with-key"
            ))),
            (_, true) => Ok(Self::CodeAlone),
            (PASSWD, false) => Ok(Self::KeyReplacement),
            (name, false) if locker && !PROPER_LOCKERS.contains(&name) => Ok(Self::TypedAsOne),
            (_, false) => Ok(Self::AfterPassword),
        }
    }

    /// The lines that stand for those of the password.
    pub(super) fn instead_of_password(self) -> Option<[&'static str; 2]> {
        match self {
            Self::TypedAsOne => Some(TYPED_AS_ONE),
            Self::CodeAlone => Some(CODE_ALONE),
            Self::AfterPassword | Self::KeyReplacement => None,
        }
    }
}

fn usage(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_alone_is_for_lockers_and_behind_a_key() {
        let wishes = |with_key, without_password| GateWishes { with_key, without_password };
        let of = |service, with_key, without| GateShape::of(service, wishes(with_key, without)).ok();
        assert_eq!(of("sshd", true, true), Some(GateShape::CodeAlone));
        assert_eq!(of("sshd", true, false), Some(GateShape::AfterPassword));
        assert_eq!(of("i3lock", false, true), Some(GateShape::CodeAlone));
        assert_eq!(of("i3lock", false, false), Some(GateShape::TypedAsOne));
        assert_eq!(of("vlock", false, false), Some(GateShape::AfterPassword));
        assert_eq!(of("passwd", false, false), Some(GateShape::KeyReplacement));
        for (service, with_key) in
            [("sshd", false), ("sudo", false), ("login", false), ("passwd", false), ("i3lock", true)]
        {
            assert_eq!(of(service, with_key, true), None, "{service}");
        }
    }
}
