//! Notices at a login: what happened to the user's keys, as one text. Whatever goes wrong here, the login goes on; that
//! nobody answers is said nowhere, for the notice stays where it is and comes at the next login.

use std::time::{Duration, Instant};

use otp_core::accounts::Account;

use crate::account_status::Untold;
use crate::daemon;
use crate::file_uid::as_owner;
use crate::host::Host;
use crate::printable::plain;
use crate::unasked;

/// Shows `account` what is there, and tells the daemon if the host took it. Only where somebody hears it, and in a root-owned
/// process: no other one can see cheaply whether there is anything. Of what is untold the daemon makes a notice, when it is asked.
pub(crate) fn show(host: &mut impl Host, account: &Account, untold: Untold) {
    let heard = unasked::is_heard(host);
    let there = || host.site().has_notices(account.uid, as_owner) == Ok(true);
    if host.uids().effective != 0 || !(untold == Untold::Something || (heard && there())) {
        return;
    }
    let deadline = Instant::now() + NOTICES_TIMEOUT;
    let Ok((lines, last)) = daemon::notices(&account.name, deadline) else { return };
    if heard && !lines.is_empty() && unasked::tell(host, &text(&lines)).is_ok() {
        drop(daemon::notices_shown(&account.name, last, deadline));
    }
}

/// One text for all of them; nothing in it moves a cursor.
fn text(lines: &[String]) -> String {
    let mut text = String::from("About your one-time codes:");
    for line in lines {
        text.push('\n');
        text.push_str(&plain(line));
    }
    text
}

/// No reason to keep anybody waiting for long.
const NOTICES_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_line_each_and_nothing_that_moves_a_cursor() {
        let lines = ["- one".to_owned(), "- t\u{1b}[2J\r\n\u{202e}o".to_owned()];
        assert_eq!(text(&lines), "About your one-time codes:\n- one\n- t?[2J???o");
    }
}
