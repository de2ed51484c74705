//! How an enrolled user gets new keys on this host: by the policy, or else by who is in the groups of helpers and admins.

use std::collections::BTreeSet;

use nix::unistd::{Group, User};

use crate::membership::is_local_group;
use crate::policy::host::{HostPolicy, ResetMode};
use crate::vault::each_local_account;

/// The mode that holds. A site without helpers has no use for a delay.
pub fn reset_mode(policy: &HostPolicy, has_a_helpdesk: impl FnOnce() -> bool) -> ResetMode {
    policy.resets.unwrap_or_else(|| if has_a_helpdesk() { ResetMode::Guarded } else { ResetMode::Simple })
}

/// Has otp-helpdesk a member? Where nobody can say, it has.
pub fn has_a_helpdesk() -> bool {
    members("otp-helpdesk").is_none_or(|uids| !uids.is_empty())
}

/// Are otp-admin and root together one person: has otp-admin at most one member besides root? Where nobody can say, they are not.
pub fn is_one_admin() -> bool {
    members("otp-admin").is_some_and(|uids| uids.iter().filter(|uid| **uid != 0).count() <= 1)
}

/// The uids in a group: of the accounts that it names, and of local ones whose primary group it is. `None` where nobody can say: a
/// directory may know a group and keep its members to itself.
fn members(group: &str) -> Option<BTreeSet<u32>> {
    let Some(group) = Group::from_name(group).ok()? else { return Some(BTreeSet::new()) };
    let (gid, mut uids) = (group.gid.as_raw(), BTreeSet::new());
    each_local_account(&mut |account| {
        if account.gid == gid {
            uids.insert(account.uid);
        }
    })
    .ok()?;
    for name in &group.mem {
        uids.extend(User::from_name(name).ok()?.map(|user| user.uid.as_raw()));
    }
    (!uids.is_empty() || is_local_group(&group.name)?).then_some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_the_policy_decides_and_without_one_the_helpdesk() {
        let policy = |resets| HostPolicy { resets, ..HostPolicy::default() };
        for (word, helpdesk, mode) in [
            (None, true, ResetMode::Guarded),
            (None, false, ResetMode::Simple),
            (Some(ResetMode::Simple), true, ResetMode::Simple),
            (Some(ResetMode::Guarded), false, ResetMode::Guarded),
        ] {
            assert_eq!(reset_mode(&policy(word), || helpdesk), mode, "{word:?} {helpdesk}");
        }
    }

    #[test]
    fn a_primary_group_counts_and_a_group_that_is_not_there_has_no_members() {
        assert!(members("root").unwrap().contains(&0), "by /etc/passwd alone");
        assert_eq!(members("no-such-group-of-this-host"), Some(BTreeSet::new()));
    }
}
