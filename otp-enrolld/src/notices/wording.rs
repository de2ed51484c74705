//! Names of accounts and local times, for texts about notices.

use std::collections::HashMap;

use otp_core::accounts::Account;
use otp_core::files::notice::Telling;
use otp_core::files::notice_file::Spooled;
use otp_core::unix_time::UnixTime;
use otp_protocol::database::{AccountAnswer, AccountPages};
use otp_system::local_time::to_the_minute;

/// Calls `tell` with the names of everybody who did something; `uid N` where the account database has none, or does not answer.
pub(crate) fn told_to<T>(owner: &Account, notices: &[Spooled], tell: impl FnOnce(&Telling<'_>) -> T) -> T {
    let mut uids: Vec<u32> = notices.iter().map(|one| one.notice.by).collect();
    uids.sort_unstable();
    uids.dedup();
    uids.retain(|uid| ![0, owner.uid].contains(uid));
    let named = |(uid, answer): (u32, AccountAnswer)| {
        let account = answer.ok().flatten().filter(Account::is_named)?;
        Some((uid, account.name))
    };
    let names: HashMap<u32, String> = AccountPages::of(&uids).flatten().filter_map(named).collect();
    let name = |uid: u32| names.get(&uid).cloned().unwrap_or_else(|| format!("uid {uid}"));
    tell(&Telling { owner: owner.uid, name: &name, time: &|time: UnixTime| to_the_minute(time.seconds()) })
}
