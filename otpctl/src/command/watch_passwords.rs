//! `otpctl watch-passwords`: one pass over the passwords of local accounts, for the unit that systemd starts when /etc/passwd or /etc/shadow
//! changes. As root, without the daemon.

use nix::sys::prctl;
use nix::unistd::{Uid, User};
use otp_core::accounts::account_of;
use otp_core::log_line::LogLine;
use otp_core::site::Site;
use otp_core::watch::{WatchReport, pass};
use serde_json::json;

use crate::arguments::WatchPasswordsArgs;
use crate::machine::Machine;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn watch_passwords(terminal: &mut Terminal, options: &WatchPasswordsArgs) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("only root can read /etc/shadow; run this as root"));
    }
    prctl::set_dumpable(false).map_err(|errno| stopped(errno.desc()))?;
    let site = Site::STANDARD;
    let group = match User::from_name(site.account) {
        Ok(Some(user)) => user.gid.as_raw(),
        Ok(None) => return Err(stopped(&format!("account {} does not exist", site.account))),
        Err(errno) => return Err(stopped(errno.desc())),
    };
    let host_key = site.host_key().map_err(|unavailable| stopped(&unavailable.detail))?;
    let report = pass(&site.watch(), group, &host_key, &Machine);
    let report = report.map_err(|error| stopped(&error.to_string()))?;
    for (uid, error) in &report.damaged {
        let line = LogLine::default().field("event", "password-record-damaged").field("uid", &uid.to_string());
        alert(&line.field("detail", &error.to_string()).finish());
    }
    if report.still_changing {
        return Err(stopped("/etc/passwd or /etc/shadow keeps changing; run this again")); // the unit does
    }
    let changed: Vec<String> = report.changed.iter().map(|uid| name_of(*uid)).collect();
    let object = json!({
        "accounts": report.accounts,
        "changed_passwords": if report.first { Vec::new() } else { changed.clone() },
        "removed": report.removed,
        "first": report.first,
    });
    terminal.tell(OutputFormat::of(options.json), &object, &told(&report, &changed))
}

fn told(report: &WatchReport, changed: &[String]) -> String {
    let accounts = match report.accounts {
        1 => "1 local account".to_owned(),
        count => format!("{count} local accounts"),
    };
    let what = match changed {
        _ if report.first => "now watched".to_owned(),
        [] => "no password changed since the last look".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| escaped(name)).collect();
            format!("changed since the last look: {}", names.join(", "))
        }
    };
    format!("{accounts}: {what}\n")
}

fn name_of(uid: u32) -> String {
    account_of(uid).ok().flatten().map_or_else(|| format!("uid:{uid}"), |account| account.name)
}

fn stopped(why: &str) -> Failure {
    Failure::Stopped(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_in_one_line() {
        let report = |accounts, first| WatchReport { accounts, first, ..WatchReport::default() };
        let alice = ["alice".to_owned(), "b\u{1b}ob".to_owned()];
        assert_eq!(told(&report(2, true), &alice), "2 local accounts: now watched\n");
        assert_eq!(told(&report(1, false), &[]), "1 local account: no password changed since the last look\n");
        let text = told(&report(2, false), &alice);
        assert!(
            text.starts_with("2 local accounts: changed since the last look: alice, b") && !text.contains('\u{1b}')
        );
    }
}
