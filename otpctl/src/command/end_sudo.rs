//! `otpctl end-sudo`: ends sudo's time stamps of users whose keys were replaced or suspended, for the unit that systemd starts when the
//! daemon has left a mark. As root, without the daemon.

use std::path::Path;

use nix::unistd::{Uid, User};
use otp_core::site::Site;
use serde_json::json;

use crate::arguments::EndSudoArgs;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::sudo_time_stamps::RunDirs;

pub(crate) fn end_sudo(terminal: &mut Terminal, options: &EndSudoArgs) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("only root can remove sudo's time stamps; remove your own with sudo -K"));
    }
    let marks = Site::STANDARD.sudo_marks().0;
    let (Some(run), Some(marks)) = (marks.parent(), marks.file_name().and_then(|name| name.to_str())) else {
        return Err(stopped("the directory of marks is missing"));
    };
    let name_of = |uid| User::from_uid(Uid::from_raw(uid)).map(|user| user.map(|user| user.name));
    let ended = RunDirs { run: Path::new(run), marks, owner: 0 }.end_marked(&name_of);
    let users = ended.uids.iter().map(|uid| name_of(*uid).ok().flatten().unwrap_or_else(|| format!("uid:{uid}")));
    let users: Vec<String> = users.collect();
    let object = json!({ "users": users, "time_stamps": ended.time_stamps, "strange": ended.strange });
    terminal.tell(OutputFormat::of(options.json), &object, &told(&users, ended.time_stamps))?;
    let failures = ended.failed.iter().map(|failure| stopped(&format!("{}/{failure}", run.display())));
    Failure::all(failures.collect()).map_or(Ok(()), Err)
}

fn told(users: &[String], time_stamps: usize) -> String {
    let names: Vec<String> = users.iter().map(|name| escaped(name)).collect();
    match (names.is_empty(), time_stamps) {
        (true, _) => "no keys were replaced or suspended since the last time\n".to_owned(),
        (false, 0) => format!("{}: sudo had no time stamp\n", names.join(", ")),
        (false, _) => format!("{}: sudo asks again\n", names.join(", ")),
    }
}

fn stopped(why: &str) -> Failure {
    Failure::Stopped(escaped(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_users_and_says_whether_sudo_asks_again() {
        let users = ["alice".to_owned(), "b\u{1b}ob".to_owned()];
        assert!(told(&[], 0).starts_with("no keys were replaced"));
        assert_eq!(told(&users[..1], 0), "alice: sudo had no time stamp\n");
        let text = told(&users, 2);
        assert!(text.starts_with("alice, b") && text.ends_with("sudo asks again\n") && !text.contains('\u{1b}'));
    }
}
