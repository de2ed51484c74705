//! Users of a list, for people or as JSON. They are shown as they come, so that nobody keeps all of them.

use otp_protocol::database::asks_a_directory;
use otp_protocol::interface::{Unreadable, UserList, UserStatus};
use serde::Serialize;

use crate::command::bypasses::{self, ListedBypass};
use crate::command::status::{WithBypass, coloured, inviter, state, used, worth};
use crate::output::escape::escaped;
use crate::output::failure::{Failure, told};
use crate::output::format::OutputFormat;
use crate::output::json;
use crate::output::local_time::to_the_minute;
use crate::output::progress::Progress;
use crate::output::stderr;
use crate::output::table::GrowingTable;
use crate::output::terminal::Terminal;

/// A list of which some is shown.
pub(crate) struct ShownUsers<'t> {
    terminal: &'t mut Terminal,
    format: OutputFormat,
    /// Also of users without a key, whom a list does not have.
    bypasses: Vec<ListedBypass>,
    table: GrowingTable<10>,
    users: usize,
    /// They stand below the users.
    unreadable: Vec<Unreadable>,
    scope: Option<Scope>,
    has_begun: bool,
    progress: Progress,
}

/// Which accounts were looked at for those that are not enrolled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope {
    of_a_group: bool,
    /// Accounts that are not a person's.
    left_out: usize,
    /// The account database has no source that may keep accounts to itself.
    complete: bool,
}

impl Scope {
    /// The members of a group.
    pub(crate) fn of_a_group() -> Self {
        Self { of_a_group: true, left_out: 0, complete: !asks_a_directory() }
    }

    /// All that are listed, but so many.
    pub(crate) fn of_all_but(left_out: usize) -> Self {
        Self { of_a_group: false, left_out, complete: !asks_a_directory() }
    }

    /// Says which accounts the list does not have.
    fn told(self) -> Option<String> {
        let left_out = (self.left_out > 0)
            .then(|| format!("not shown: {} system accounts or accounts without a login shell", self.left_out));
        let unlisted = match (self.complete, self.of_a_group) {
            (true, _) => None,
            (false, true) => Some(
                "directory users whose primary group this is are missing if the directory does not list its accounts",
            ),
            (false, false) => {
                Some("accounts are missing if their directory does not list them: name a group with --group")
            }
        };
        let told: Vec<String> = left_out.into_iter().chain(unlisted.map(str::to_owned)).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

impl<'t> ShownUsers<'t> {
    /// None yet. How far it is can be seen beside a file; on a terminal the users show it, and a pipe may lead to a pager.
    pub(crate) fn on(terminal: &'t mut Terminal, format: OutputFormat) -> Self {
        let progress = if terminal.is_file() { Progress::standard() } else { Progress::none() };
        let table = GrowingTable::new(HEADS).that_may_lack(&LEAST_LAST);
        let bypasses = bypasses::in_force();
        let (unreadable, scope, has_begun) = (Vec::new(), None, false);
        Self { terminal, format, bypasses, table, users: 0, unreadable, scope, has_begun, progress }
    }

    /// The next users. Heads wait for a row: the widths of the columns are not known before.
    pub(crate) fn page(&mut self, list: UserList) -> Result<(), Failure> {
        self.unreadable.extend(list.unreadable);
        if list.users.is_empty() {
            return Ok(());
        }
        self.show_users(&list.users)?;
        self.users = self.users.saturating_add(list.users.len());
        self.progress.so_far("users", self.users);
        Ok(())
    }

    fn show_users(&mut self, users: &[UserStatus]) -> Result<(), Failure> {
        let text = match self.format {
            OutputFormat::Json => self.in_json(users)?,
            OutputFormat::Text => self.in_columns(users),
        };
        self.has_begun = true;
        self.show(&text)
    }

    /// Bypasses of these alone are told.
    pub(crate) fn bypasses_of(&mut self, is_of: &mut dyn FnMut(&str, u32) -> bool) {
        self.bypasses.retain(|one| one.user.as_deref().is_some_and(|name| is_of(name, one.uid)));
    }

    /// The users are those of so many accounts that are not enrolled.
    pub(crate) fn looked_at(&mut self, scope: Scope) {
        self.scope = Some(scope);
    }

    /// There are no others. Users of whom nothing can be told make it a failure, for a list that looks whole and is not misleads.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        if !self.has_begun {
            self.show_users(&[])?;
        }
        self.progress.done();
        let rest = match self.format {
            OutputFormat::Json => self.rest_in_json()?,
            OutputFormat::Text => {
                let told = self.bypasses.iter().map(bypasses::told);
                self.unreadable.iter().map(unreadable).chain(told).collect()
            }
        };
        self.show(&rest)?;
        if self.format == OutputFormat::Text {
            self.notes().iter().for_each(|note| stderr::note(note));
        }
        match self.unreadable.len() {
            0 => Ok(()),
            count => Err(Failure::Stopped(format!("users that cannot be read: {count}"))),
        }
    }

    /// A refusal in JSON is an answer of its own, and has no place where another one has begun.
    pub(crate) fn cut_off_by(self, failure: Failure) -> Failure {
        self.progress.done();
        match failure {
            Failure::Refused(refusal) if self.has_begun => Failure::Stopped(told(&refusal)),
            failure => failure,
        }
    }

    fn show(&mut self, text: &str) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.terminal.show_as_it_is(text),
            OutputFormat::Text => self.terminal.show(text),
        }
    }

    fn in_columns(&mut self, users: &[UserStatus]) -> String {
        let rows = users.iter().map(|status| cells(status, bypasses::longest(&self.bypasses, status.uid)));
        self.table.rows(&rows.collect::<Vec<_>>(), self.terminal.width())
    }

    fn in_json(&self, users: &[UserStatus]) -> Result<String, Failure> {
        let mut text = if self.has_begun { String::new() } else { "{\"users\":[".to_owned() };
        for (number, status) in users.iter().enumerate() {
            if self.users > 0 || number > 0 {
                text.push(',');
            }
            text.push_str(&part(&WithBypass::of(status, &self.bypasses))?);
        }
        Ok(text)
    }

    fn rest_in_json(&self) -> Result<String, Failure> {
        let scope = self.scope.map_or_else(String::new, |scope| {
            format!(",\"complete\":{},\"left_out\":{}", scope.complete, scope.left_out)
        });
        let (unreadable, bypasses) = (part(&self.unreadable)?, part(&self.bypasses)?);
        Ok(format!("],\"unreadable\":{unreadable},\"bypasses\":{bypasses}{scope}}}\n"))
    }

    /// Says what cannot be seen here.
    fn notes(&self) -> Vec<String> {
        let columns = self.table.left_out();
        let narrow = (!columns.is_empty()).then(|| {
            format!("this window is too narrow for {}; pipe the output or use --json to see them", columns.join(", "))
        });
        narrow.into_iter().chain(self.scope.and_then(Scope::told)).collect()
    }
}

/// A row. No cell is empty, so that columns in a pipe are told by the two blanks between them.
fn cells(status: &UserStatus, bypass: Option<&ListedBypass>) -> [String; 10] {
    let none = || "-".to_owned();
    let last = status.keys.iter().filter_map(|key| key.last_used).max();
    let code = status.invitation.as_ref();
    let bypass = bypass.map(|mark| {
        mark.until.map_or_else(|| "without an end".to_owned(), |end| format!("until {}", to_the_minute(end)))
    });
    [
        escaped(&status.user),
        status.uid.to_string(),
        format!("{}{}", coloured(state(status)), until(status)),
        status.keys.len().to_string(),
        status.recovery_left.map_or_else(none, |left| left.to_string()),
        if status.enrolled { used(last) } else { none() },
        code.map_or_else(none, worth),
        code.map_or_else(none, |code| escaped(&code.form)),
        code.map_or_else(none, inviter),
        bypass.unwrap_or_else(none),
    ]
}

const HEADS: [&str; 10] = ["USER", "UID", "STATE", "KEYS", "RECOVERY", "LAST USED", "CODE", "FORM", "BY", "BYPASS"];
/// In a narrow window the last one goes first: uid, keys, form, by whom, recovery codes, last use, bypass, registration code.
const LEAST_LAST: [usize; 8] = [6, 9, 5, 4, 8, 7, 3, 1];

/// A part of the object.
fn part(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = Vec::new();
    json::write_part(&mut text, value)?;
    Ok(String::from_utf8(text).unwrap_or_default()) // it is ASCII
}

/// A user that cannot be read, and the reason.
fn unreadable(one: &Unreadable) -> String {
    let user = one.user.as_deref().map_or_else(|| "?".to_owned(), escaped);
    format!("cannot read {user} (uid {}): {}\n", one.uid, escaped(&one.reason))
}

/// The end of the last key of somebody whose codes are accepted, if each of the keys has an end.
fn until(status: &UserStatus) -> String {
    let working = status.keys.iter().filter(|key| !key.suspended);
    let last = working.map(|key| key.expires).collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max());
    last.filter(|_| state(status) == "enrolled")
        .map(|last| format!(" until {}", to_the_minute(last)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;
    use otp_protocol::interface::InvitationStatus;

    use super::*;
    use crate::command::status::tests::{alice, letter, plain};

    fn in_columns(users: &[UserStatus], window: Option<usize>) -> String {
        let rows = users.iter().map(|status| [escaped(&status.user), coloured(state(status))]);
        plain(&GrowingTable::new(["USER", "STATE"]).rows(&rows.collect::<Vec<_>>(), window))
    }

    fn bob() -> UserStatus {
        UserStatus { user: "bartholomew".to_owned(), enrolled: false, keys: Vec::new(), ..alice() }
    }

    #[test]
    fn users_stand_in_columns() {
        let expected = "USER         STATE\nalice        enrolled\nbartholomew  not enrolled\n";
        assert_eq!(in_columns(&[alice(), bob()], None), expected);
        assert_eq!(in_columns(&[alice(), bob()], Some(25)), expected);
        let narrow = "alice\n  state: enrolled\nbartholomew\n  state: not enrolled\n";
        assert_eq!(in_columns(&[alice(), bob()], Some(24)), narrow);
        assert_eq!(in_columns(&[], None), "USER  STATE\n");
    }

    #[test]
    fn a_row_has_a_cell_for_each_column_and_none_is_empty() {
        let row = |status: &UserStatus, bypass: Option<&ListedBypass>| cells(status, bypass).map(|cell| plain(&cell));
        assert_eq!(row(&alice(), None), ["alice", "1000", "enrolled", "1", "7", "never", "-", "-", "-", "-"]);
        let invited = UserStatus { invitation: Some(letter()), recovery_left: None, ..bob() };
        let ends = to_the_minute(UnixTime::new(951_782_400));
        let code = format!("until {ends}");
        assert_eq!(
            row(&invited, None),
            ["bartholomew", "1000", "invited", "0", "-", "-", &code, "letter", "dana", "-"]
        );
        let redeemed = UserStatus { invitation: Some(InvitationStatus { redeemed: true, ..letter() }), ..bob() };
        assert_eq!(row(&redeemed, None)[6], format!("until {ends}, redeemed"));
        let mark = ListedBypass { until: Some(UnixTime::new(951_782_400)), ..ListedBypass::default() };
        assert_eq!(row(&alice(), Some(&mark))[9], format!("until {ends}"));
        assert_eq!(row(&alice(), Some(&ListedBypass::default()))[9], "without an end");
    }

    #[test]
    fn a_narrow_window_lacks_what_matters_least_and_says_so() {
        let mut table = GrowingTable::new(["USER", "UID", "STATE", "KEYS"]).that_may_lack(&[3, 1]);
        let mut rows = |name: &str, window| {
            let row = [name, "1000", "enrolled", "2"].map(str::to_owned);
            (plain(&table.rows(&[row], Some(window))), table.left_out())
        };
        assert_eq!(rows("amy", 26), ("USER  UID   STATE     KEYS\namy   1000  enrolled  2\n".to_owned(), vec![]));
        assert_eq!(rows("alice", 26), ("USER   STATE     KEYS\nalice  enrolled  2\n".to_owned(), vec!["UID"]));
        assert_eq!(rows("bob", 26), ("bob    enrolled  2\n".to_owned(), vec!["UID"]), "the heads stand already");
        assert_eq!(rows("cleo", 15), ("USER   STATE\ncleo   enrolled\n".to_owned(), vec!["UID", "KEYS"]));
        let paragraph = "dan\n  uid: 1000\n  state: enrolled\n  keys: 2\n".to_owned();
        assert_eq!(rows("dan", 12).0, paragraph, "with no room for the rest there is a paragraph");
    }

    #[test]
    fn a_list_of_the_unenrolled_says_which_accounts_it_does_not_have() {
        let scope = |of_a_group, left_out, complete| Scope { of_a_group, left_out, complete }.told();
        assert_eq!(scope(false, 0, true), None);
        assert_eq!(scope(true, 0, true), None);
        assert!(
            scope(false, 3, false).is_some_and(|told| told.contains("3 system accounts") && told.contains("--group"))
        );
        assert!(scope(true, 0, false).is_some_and(|told| told.contains("primary group")));
    }

    #[test]
    fn the_heads_stand_once_and_columns_only_grow() {
        let mut table = GrowingTable::new(["USER", "UID"]);
        let mut rows = |names: &[&str], window| {
            plain(
                &table.rows(&names.iter().map(|name| [(*name).to_owned(), "7".to_owned()]).collect::<Vec<_>>(), window),
            )
        };
        assert_eq!(rows(&["amy"], Some(20)), "USER  UID\namy   7\n");
        assert_eq!(rows(&["bartholomew", "cleo"], Some(20)), "bartholomew  7\ncleo         7\n");
        assert_eq!(rows(&["dave"], Some(20)), "dave         7\n");
        assert_eq!(rows(&["eve"], Some(12)), "eve\n  uid: 7\n");
        assert_eq!(rows(&["finn"], Some(20)), "finn\n  uid: 7\n", "what has begun goes on so");
    }

    #[test]
    fn a_user_whose_keys_all_end_is_enrolled_until_the_last_end() {
        let mut alice = alice();
        let mut tablet = alice.keys[0].clone();
        alice.keys[0].expires = Some(UnixTime::new(951_868_800));
        assert_eq!(until(&alice), format!(" until {}", to_the_minute(UnixTime::new(951_868_800))));
        tablet.expires = None;
        alice.keys.push(tablet);
        assert_eq!(until(&alice), "", "one goes on");
        alice.keys[1].suspended = true;
        assert_ne!(until(&alice), "");
        assert_eq!(until(&UserStatus { suspended: true, ..alice }), "");
    }

    #[test]
    fn who_cannot_be_read_is_told_with_the_reason() {
        let one = |user: Option<&str>, reason: &str| {
            unreadable(&Unreadable { uid: 1001, user: user.map(str::to_owned), reason: reason.to_owned() })
        };
        assert_eq!(
            one(Some("bob"), "/var/lib/otp/keys/1001.toml: \x1b[2J"),
            "cannot read bob (uid 1001): /var/lib/otp/keys/1001.toml: \\x1b[2J\n"
        );
        assert_eq!(one(None, "no account has this uid"), "cannot read ? (uid 1001): no account has this uid\n");
    }
}
