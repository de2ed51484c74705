//! Adopts the files of one account, or of all, that now has another name or uid. It reads from the files whose they are, because the
//! account database does not know former names.

use nix::errno::Errno;

use crate::accounts::{Account, account_of, named, numbered};
use crate::environment::Environment;
use crate::reasons::ChangeRefusal;
use crate::vault::{ChangeError, Reseal, Vault, VaultError};

/// Files that went over, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Name and uid in the files before.
    pub from: Account,
    /// The account by now.
    pub to: Account,
}

/// The outcome for all users.
#[derive(Debug, Default)]
pub struct Adoptions {
    /// In the order in which they were made.
    pub adopted: Vec<Adoption>,
    /// Files that stay as they are although their account is not the one in them: uid, name where it can be read, and why.
    pub left: Vec<(u32, Option<String>, ChangeError)>,
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    /// It is only said what would be.
    Dry,
    /// In earnest.
    Real,
}

/// One adoption that somebody asks for.
pub struct AdoptionRequest<'a> {
    /// A former name or uid; `None` for the files that have the name of `to` under another uid, or its uid under another name.
    pub from: Option<&'a str>,
    /// The account that gets them.
    pub to: &'a Account,
    /// May the account of this uid, which is not found, only be away, because its directory is down?
    pub away: &'a dyn Fn(u32) -> bool,
}

/// Makes files those of another account. Says whose they were. While the account database still knows that account, or may only not
/// reach it, nothing is done, unless the account was seen missing and `to` has its name and uid: then that counts no more.
pub fn adopt(
    vault: &Vault,
    request: &AdoptionRequest<'_>,
    reseal: &Reseal<'_>,
    environment: &dyn Environment,
) -> Result<Account, ChangeError> {
    let to = request.to;
    let from = match request.from {
        Some(from) => former(vault, from).or_else(|why| repeated(vault, to, why))?,
        None => former_of(vault, to)?,
    };
    if from == *to && vault.not_gone(to.uid).is_ok() {
        return Err(ChangeRefusal::AlreadyAdopted.into()); // and nothing is written again
    }
    let moved = from.uid != to.uid;
    if moved && still_there(&from) == Ok(true) {
        return Err(ChangeRefusal::StillThere.into());
    }
    match named(&from.name) {
        // Under another spelling of the name it is the same person.
        Ok(Some(account)) if account.uid == from.uid && account != *to => return Err(ChangeRefusal::StillThere.into()),
        // Another person may have the name now; so may nobody, or the database does not answer.
        _ if moved && (request.away)(from.uid) => return Err(ChangeRefusal::PerhapsAway.into()),
        Err(_) if !moved => return Err(ChangeRefusal::StillThere.into()),
        _ => {}
    }
    vault.adopt(&from, to, reseal, environment)?;
    Ok(from)
}

/// Does that for everybody whose account has another name or uid than the files. One whose new uid is still taken by the files of another
/// one waits until those have gone over.
pub fn adopt_all(
    vault: &Vault,
    rehearsal: Rehearsal,
    reseal: &Reseal<'_>,
    environment: &dyn Environment,
) -> Result<Adoptions, VaultError> {
    let mut all = Adoptions::default();
    let mut due = Vec::new();
    for uid in vault.enrolled_uids()? {
        match vault.owner_of(uid) {
            Ok(Some(from)) => match by_now(vault, &from) {
                Ok(Some(to)) if to != from => due.push(Adoption { from, to }),
                Ok(_) => {}
                Err(why) => all.left.push((uid, Some(from.name), why)),
            },
            Ok(None) => {}
            Err(error) => all.left.push((uid, None, error.into())),
        }
    }
    if rehearsal == Rehearsal::Dry {
        all.adopted = due;
        return Ok(all);
    }
    while !due.is_empty() {
        let (before, mut waiting) = (due.len(), Vec::new());
        for one in due {
            match vault.adopt(&one.from, &one.to, reseal, environment) {
                Ok(_) => all.adopted.push(one),
                Err(error) => waiting.push((one, error)),
            }
        }
        if waiting.len() == before {
            let told = waiting.into_iter().map(|(one, error)| (one.from.uid, Some(one.from.name), error));
            all.left.extend(told);
            break;
        }
        due = waiting.into_iter().map(|(one, _)| one).collect();
    }
    Ok(all)
}

/// Is the uid in the files still that of an account of the same name? Another account that has the name is another person, as a
/// line in /etc/passwd beside a directory's is.
fn still_there(owner: &Account) -> Result<bool, Errno> {
    Ok(account_of(owner.uid)?.is_some_and(|account| account.name == owner.name))
}

/// The account that the owner of files has by now: that of the name or, if nobody has it, that of the uid.
fn by_now(vault: &Vault, owner: &Account) -> Result<Option<Account>, ChangeError> {
    vault.not_gone(owner.uid)?; // whose account was made again may be another person: root says so of each
    let unknown = |_| ChangeRefusal::StillThere;
    match named(&owner.name).map_err(unknown)? {
        Some(account) => {
            if account.uid != owner.uid && still_there(owner) != Ok(false) {
                return Err(ChangeRefusal::StillThere.into());
            }
            Ok(Some(account))
        }
        None => Ok(Some(account_of(owner.uid).map_err(unknown)?.ok_or(ChangeRefusal::NoAccount)?)),
    }
}

/// Whose files are meant by a former name or uid.
fn former(vault: &Vault, from: &str) -> Result<Account, ChangeError> {
    let mut owners = vault.owners_named(from)?;
    if let (true, Some(uid)) = (owners.is_empty(), numbered(from).or_else(|| from.parse().ok())) {
        owners.extend(vault.owner_of(uid)?);
    }
    only(owners)
}

/// Nothing is left under a former name, because it went over before: then this account has the files.
fn repeated(vault: &Vault, to: &Account, why: ChangeError) -> Result<Account, ChangeError> {
    match (&why, vault.owner_of(to.uid)?) {
        (ChangeError::Refused(ChangeRefusal::NotEnrolled), Some(owner)) if owner == *to => {
            Err(ChangeRefusal::AlreadyAdopted.into())
        }
        _ => Err(why),
    }
}

/// Whose files are meant where only the account is named that they are to be of.
fn former_of(vault: &Vault, to: &Account) -> Result<Account, ChangeError> {
    let mut owners = vault.owners_named(&to.name)?;
    if owners.len() > 1 {
        owners.retain(|owner| owner != to); // left from an adoption that was killed
    }
    if owners.is_empty() {
        owners.extend(vault.owner_of(to.uid)?);
    }
    only(owners)
}

fn only(owners: Vec<Account>) -> Result<Account, ChangeError> {
    match owners.as_slice() {
        [] => Err(ChangeRefusal::NotEnrolled.into()),
        [owner] => Ok(owner.clone()),
        _ => Err(ChangeRefusal::Ambiguous.into()),
    }
}
