//! `otpctl list`: everybody who is enrolled or invited, or the accounts that are not enrolled, of a group or of all.

use std::collections::{HashMap, HashSet};

use otp_protocol::interface::{UserList, UserStatus};
use otp_protocol::status::InvitedToo;

use crate::arguments::ListArgs;
use crate::command::list_accounts::{LoginAccount, each_account};
use crate::command::list_group::ListedGroup;
use crate::command::list_view::{Scope, ShownUsers};
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::paging::{Connect, each_page};

/// Hands on users, some at a time, in the order of uids: from the daemon, or from the vault.
type Pages<'a> = dyn FnMut(&mut dyn FnMut(UserList) -> Result<(), Failure>) -> Result<(), Failure> + 'a;

pub(crate) fn list(terminal: &mut Terminal, options: &ListArgs, connect: Connect) -> Result<(), Failure> {
    listed(terminal, options, &mut |take| each_page(connect, InvitedToo::Listed, take))
}

/// The list of these users.
pub(crate) fn listed(terminal: &mut Terminal, options: &ListArgs, pages: &mut Pages<'_>) -> Result<(), Failure> {
    let mut group = options.group.as_deref().map(ListedGroup::named).transpose()?;
    let mut shown = ShownUsers::on(terminal, OutputFormat::of(options.json));
    if let Some(group) = &mut group {
        shown.bypasses_of(&mut |name, uid| group.has(name, uid));
    }
    let done = match options.not_enrolled {
        true => not_enrolled(&mut shown, group.as_mut(), pages),
        false => pages(&mut |page| match &mut group {
            Some(group) => shown.page(group.only(page)),
            None => shown.page(page),
        }),
    };
    let done = done.and_then(|()| group.as_ref().map_or(Ok(()), ListedGroup::is_whole));
    match done {
        Ok(()) => shown.end(),
        Err(failure) => Err(shown.cut_off_by(failure)),
    }
}

/// Accounts without a key. First it is kept who has one, in as little room as that takes.
fn not_enrolled(
    shown: &mut ShownUsers<'_>,
    mut group: Option<&mut ListedGroup>,
    pages: &mut Pages<'_>,
) -> Result<(), Failure> {
    let (mut keyed, mut invited) = (HashSet::new(), HashMap::new());
    pages(&mut |page| {
        keyed.extend(page.unreadable.iter().map(|one| one.uid));
        for user in page.users {
            match user.enrolled {
                true => drop(keyed.insert(user.uid)),
                false => drop(invited.insert(user.uid, user)),
            }
        }
        Ok(())
    })?;
    let mut left_out = 0;
    let mut some = Vec::new();
    let mut seen = HashSet::new(); // a uid may have several names
    let mut take = |account: LoginAccount, shown: &mut ShownUsers<'_>| {
        if keyed.contains(&account.uid) || !seen.insert(account.uid) {
            return Ok(());
        }
        some.push(invited.remove(&account.uid).unwrap_or_else(|| UserStatus::not_enrolled(account.name, account.uid)));
        match some.len() {
            A_PAGE.. => shown.page(of(&mut some)),
            _ => Ok(()),
        }
    };
    each_account(&mut |account| {
        let wanted = match &mut group {
            Some(group) => group.has_listed(&account),
            None => account.is_a_persons(),
        };
        if !wanted {
            left_out += usize::from(group.is_none());
            return Ok(());
        }
        take(account, shown)
    })?;
    if let Some(group) = group.as_deref() {
        group.each_unlisted(&mut |account| take(account, shown))?;
    }
    shown.page(of(&mut some))?;
    shown.bypasses_of(&mut |_, uid| seen.contains(&uid));
    shown.looked_at(group.map_or_else(|| Scope::of_all_but(left_out), |_| Scope::of_a_group()));
    Ok(())
}

fn of(users: &mut Vec<UserStatus>) -> UserList {
    UserList { users: std::mem::take(users), unreadable: Vec::new() }
}

/// So many are shown at once, that columns keep their width for a while.
const A_PAGE: usize = 256;
