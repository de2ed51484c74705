//! pam_succeed_if(8): the module by which stacks ask who the user is. Its common conditions are judged as it judges them; of another
//! one nothing is said.

use nix::unistd::{Group, Uid, User};
use otp_core::membership::is_member;

use super::question::{LoginQuestion, LookedUp};
use crate::stack::code::PamCode;
use crate::stack::modules::QUIET;

/// Its answer to these words; `None` where that is not known here.
pub(super) fn answer(question: &LoginQuestion, words: &[String]) -> Option<PamCode> {
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !is_flag(word)).collect();
    if plain.is_empty() {
        return None;
    }
    let subject = Subjected::of(question, words)?;
    let (conditions, []) = plain.as_chunks::<3>() else { return None };
    for [field, operator, value] in conditions {
        match holds(question, &subject, field, operator, value)? {
            Met::Yes => {}
            Met::No => return Some(PamCode::AUTH_ERR),
            Met::NoSuchUser => return Some(PamCode::USER_UNKNOWN),
        }
    }
    Some(PamCode::SUCCESS)
}

fn is_flag(word: &str) -> bool {
    word == "use_uid" || QUIET.contains(&word)
}

/// The outcome of one condition.
enum Met {
    Yes,
    No,
    NoSuchUser,
}

/// Whom the conditions are about.
struct Subjected(Option<User>);

impl Subjected {
    /// `None` where it is not known here.
    fn of(question: &LoginQuestion, words: &[String]) -> Option<Self> {
        match (words.iter().any(|word| word == "use_uid"), &question.account) {
            (true, _) => Some(Self(User::from_uid(Uid::from_raw(question.real_uid()?)).ok()?)),
            (false, LookedUp::Known(_)) => Some(Self(question.entry())),
            (false, LookedUp::Unknown) => Some(Self(None)),
            (false, LookedUp::Failed(_)) => None,
        }
    }
}

fn holds(question: &LoginQuestion, subject: &Subjected, field: &str, operator: &str, value: &str) -> Option<Met> {
    let of_item = match field {
        "service" => Some(question.service.clone()),
        "rhost" => Some(question.rhost.clone().unwrap_or_default()),
        "tty" | "ruser" => return None,
        _ => None,
    };
    if let Some(found) = of_item {
        return compared(&found, operator, value);
    }
    if field == "user" && !operator.ends_with("group") {
        return compared(
            &subject.0.as_ref().map_or_else(|| question.user.clone(), |user| user.name.clone()),
            operator,
            value,
        );
    }
    let Some(user) = &subject.0 else { return Some(Met::NoSuchUser) };
    match field {
        "user" => grouped(user, operator, value),
        "uid" => compared(&user.uid.to_string(), operator, value),
        "gid" => compared(&user.gid.to_string(), operator, value),
        "shell" => compared(&user.shell.to_string_lossy(), operator, value),
        "home" => compared(&user.dir.to_string_lossy(), operator, value),
        _ => None,
    }
}

fn compared(found: &str, operator: &str, value: &str) -> Option<Met> {
    let numbers = || Some((found.parse::<i64>().ok()?, value.parse::<i64>().ok()?));
    let met = match operator {
        "=" | "eq" => found == value,
        "!=" | "ne" => found != value,
        "<" | "lt" => numbers().map(|(found, value)| found < value)?,
        "<=" | "le" => numbers().map(|(found, value)| found <= value)?,
        ">" | "gt" => numbers().map(|(found, value)| found > value)?,
        ">=" | "ge" => numbers().map(|(found, value)| found >= value)?,
        "in" => value.split(':').any(|one| one == found),
        "notin" => value.split(':').all(|one| one != found),
        _ => return None,
    };
    Some(if met { Met::Yes } else { Met::No })
}

/// Groups are separated by colons; a group that is not there has no members.
fn grouped(user: &User, operator: &str, value: &str) -> Option<Met> {
    let account = otp_core::accounts::account_of(user.uid.as_raw()).ok()??;
    let in_one = |name: &str| match Group::from_name(name).ok()? {
        Some(group) => is_member(&account, &group).ok(),
        None => Some(false),
    };
    let any = value.split(':').map(in_one).collect::<Option<Vec<bool>>>()?.contains(&true);
    match operator {
        "ingroup" => Some(if any { Met::Yes } else { Met::No }),
        "notingroup" => Some(if any { Met::No } else { Met::Yes }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, words: &str) -> Option<PamCode> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        answer(&LoginQuestion::new(user, "sshd", Some("192.0.2.1"), None), &words)
    }

    #[test]
    fn the_common_conditions_are_judged() {
        let (yes, no) = (Some(PamCode::SUCCESS), Some(PamCode::AUTH_ERR));
        let cases = [
            ("uid = 0", yes),
            ("quiet uid eq 0 user = root", yes),
            ("uid >= 1000 quiet_success", no),
            ("uid < 1 gid <= 0", yes),
            ("user ingroup daemon:root", yes),
            ("user notingroup root", no),
            ("user ingroup no-such-group", no),
            ("user in a:root:b", yes),
            ("user notin root", no),
            ("service = sshd rhost = 192.0.2.1", yes),
            ("service in login:su", no),
            ("user =~ r*", None),
            ("uid", None),
            ("", None),
            ("tty = tty1", None),
        ];
        for (words, wanted) in cases {
            assert_eq!(of("root", words), wanted, "{words}");
        }
        assert_eq!(of("no-such-name", "uid >= 1000"), Some(PamCode::USER_UNKNOWN));
        assert_eq!(of("no-such-name", "user = root"), no);
    }
}
