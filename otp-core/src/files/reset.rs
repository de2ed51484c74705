//! A reset of a user's keys that waits, `resets/<id>`: who asked for it, why, on what proof, and how much of its delay has passed.
//!
//! Z1  canonical form (`canonical`), at most 4 KiB, version 1; the first line is a checksum of the rest
//! Z2  the file is named after its id; it knows its own inode and when it was written, so a copy from a backup is told from the original
//! Z3  the delay is counted by CLOCK_BOOTTIME, which nobody can set: no step of the wall clock shortens it, and a time in which the
//!     machine was off does not count
//! Z4  a reset that was cancelled or used has no file: nothing brings it back
//! Z5  writing and reading are each other's inverse

use std::fmt;

use crate::accounts::Account;
use crate::codes::ids::{PasswordChange, ResetId, TicketId};
use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::files::checksum;
use crate::files::hex::hex;
use crate::files::ticket_file::Written;
use crate::keys::key::ValueError;
use crate::policy::toml_table::quoted;
use crate::unix_time::UnixTime;

/// A reset that waits, or whose registration code may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Its random name.
    pub id: ResetId,
    /// Whose keys.
    pub account: Account,
    /// The tier of that account when the reset was asked for.
    pub tier: Tier,
    /// The one who asked.
    pub asked_by: ResetActor,
    /// When, by the wall clock; for people alone.
    pub asked: UnixTime,
    /// The proof that the owner asks.
    pub proof: ResetProof,
    /// Why, in the words of who asked.
    pub reason: ResetReason,
    /// Seconds that must pass.
    pub delay: u64,
    /// How much of them has passed.
    pub waited: Waited,
    /// The second admin.
    pub approval: Option<Approval>,
    /// The registration codes that were made on it.
    pub tickets: Vec<TicketId>,
}

/// An actor of a reset: the uid that has the right, and the one on whose account the process counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetActor {
    /// As the kernel says.
    pub uid: u32,
    /// Of a root-owned process the real uid, of a subordinate uid the user that it was given to.
    pub person: u32,
}

/// How much an account may do here, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nobody in particular.
    User,
    /// A member of otp-helpdesk.
    Helpdesk,
    /// A member of otp-admin.
    Admin,
    /// uid 0.
    Root,
}

/// How the one who asks made sure that it is the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetProof {
    /// Face to face, with a document.
    InPerson,
    /// A call to a number that was on record before.
    Callback,
    /// The account of this uid answers for the owner.
    Vouched(u32),
    /// The owner has shown another factor, such as the password.
    Factor,
}

/// 1 to 200 characters without control characters, no blank at the ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetReason(String);

/// Seconds that have passed up to a moment of CLOCK_BOOTTIME (Z3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// Seconds.
    pub seconds: u64,
    /// That moment, in milliseconds.
    pub boot_ms: u64,
}

/// A second admin has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// By this one.
    pub by: ResetActor,
    /// When.
    pub at: UnixTime,
    /// The cool-down that it overrides, if it does.
    pub in_spite_of: Option<OverriddenChange>,
}

/// A change of the password after which a reset goes on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverriddenChange {
    /// This change, and no later one.
    pub change: PasswordChange,
    /// Why, in the words of the second admin.
    pub reason: ResetReason,
}

/// Why a text is not the reset of that id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAReset(String);

impl Waited {
    /// From now on.
    pub fn from(boot_ms: u64) -> Self {
        Self { seconds: 0, boot_ms }
    }

    /// At `boot_ms`. After a boot that lies before the moment on record, or too little is counted; never too much.
    #[must_use]
    pub fn at(self, boot_ms: u64) -> Self {
        let passed = boot_ms.saturating_sub(self.boot_ms) / 1000;
        let seconds = self.seconds.saturating_add(passed);
        let whole = self.boot_ms.saturating_add(passed.saturating_mul(1000));
        Self { seconds, boot_ms: whole.min(boot_ms) } // the rest of a second is not lost however often this is written
    }
}

impl ResetActor {
    /// Nobody of `other`, neither by uid nor by person. Where it cannot be seen who started a root-owned process, it may be anybody.
    pub fn is_another_than(self, other: Self) -> bool {
        let known = self.person != u32::MAX && other.person != u32::MAX;
        known && [other.uid, other.person].iter().all(|uid| !self.is(*uid))
    }

    /// The uid that people are told.
    pub fn shown(self) -> u32 {
        if self.person == u32::MAX { self.uid } else { self.person }
    }

    /// Is it this uid, or on its account?
    pub fn is(self, uid: u32) -> bool {
        self.uid == uid || self.person == uid
    }
}

impl ResetReason {
    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let plain = text.trim() == text && !text.chars().any(char::is_control);
        let wanted = "1 to 200 characters in one line, no blank at the ends";
        match plain && (1..=LONGEST_REASON).contains(&text.chars().count()) {
            true => Ok(Self(text.to_owned())),
            false => Err(ValueError::new("reason", text, wanted)),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tier {
    const ALL: [Self; 4] = [Self::User, Self::Helpdesk, Self::Admin, Self::Root];

    /// The word in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Helpdesk => "helpdesk",
            Self::Admin => "admin",
            Self::Root => "root",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == word)
    }
}

impl ResetProof {
    /// The word in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InPerson => "in-person",
            Self::Callback => "callback",
            Self::Vouched(_) => "vouched",
            Self::Factor => "factor",
        }
    }

    /// Reads the word back, with the uid of the one who vouches, which belongs to that word and to no other.
    pub fn parse(word: &str, voucher: Option<u32>) -> Option<Self> {
        let others = [Self::InPerson, Self::Callback, Self::Factor].into_iter().filter(|_| voucher.is_none());
        others.chain(voucher.map(Self::Vouched)).find(|proof| proof.as_str() == word)
    }

    /// The uid that vouches, where one does.
    pub fn voucher(self) -> Option<u32> {
        match self {
            Self::Vouched(uid) => Some(uid),
            _ => None,
        }
    }
}

impl Reset {
    /// Largest size in bytes.
    pub(crate) const CAP: usize = 4096;
    /// Most registration codes on one reset.
    pub const MOST_TICKETS: usize = 16;

    /// Reads the text of the file of `id`.
    pub fn parse(text: &[u8], id: ResetId) -> Result<(Self, Written), NotAReset> {
        let not = |why: &str| NotAReset(why.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| not("not UTF-8"))?;
        let text =
            checksum::checked(text).ok_or_else(|| not("the checksum in the first line is not that of the rest"))?;
        let (reset, written) = Self::read(CanonicalReader::new(text, 1))?;
        match reset.id == id {
            true => Ok((reset, written)),
            false => Err(not("it is not named after the id in it")),
        }
    }

    fn read(mut reader: CanonicalReader<'_>) -> Result<(Self, Written), NotAReset> {
        let out = |what: &str| NotAReset(format!("value out of its range: {what}"));
        let version = reader.number("version")?;
        if version != 1 {
            return Err(NotAReset(format!("version is {version}; wanted 1")));
        }
        let id = ResetId::parse(&reader.text("id")?).ok_or_else(|| out("id"))?;
        let written = Written { inode: reader.number("inode")?, at: UnixTime::new(reader.number("written")?) };
        let name = reader.text("user")?.into_owned();
        let account = Account { name, uid: uid(reader.number("uid")?, "uid")? };
        let tier = Tier::parse(&reader.text("tier")?).ok_or_else(|| out("tier"))?;
        let asked = UnixTime::new(reader.number("asked")?);
        let asked_by = ResetActor {
            uid: uid(reader.number("asked_by")?, "asked_by")?,
            person: uid(reader.number("asked_person")?, "asked_person")?,
        };
        let word = reader.text("proof")?;
        let voucher = reader.optional_number("voucher")?.map(|number| uid(number, "voucher")).transpose()?;
        let proof = ResetProof::parse(&word, voucher).ok_or_else(|| out("proof"))?;
        let reason = ResetReason::new(&reader.text("reason")?).map_err(|_| out("reason"))?;
        let delay = reader.number("delay")?;
        let waited = Waited { seconds: reader.number("waited")?, boot_ms: reader.number("boot_ms")? };
        let approval = match reader.optional_number("approved")? {
            None => None,
            Some(at) => Some(Approval {
                at: UnixTime::new(at),
                by: ResetActor {
                    uid: uid(reader.number("approved_by")?, "approved_by")?,
                    person: uid(reader.number("approved_person")?, "approved_person")?,
                },
                in_spite_of: match reader.optional_text("in_spite_of")? {
                    None => None,
                    Some(change) => Some(OverriddenChange {
                        change: PasswordChange::new(hex(&change, "in_spite_of").map_err(|_| out("in_spite_of"))?),
                        reason: ResetReason::new(&reader.text("override_reason")?)
                            .map_err(|_| out("override_reason"))?,
                    }),
                },
            }),
        };
        let ids = reader.optional_texts("tickets")?.unwrap_or_default();
        let tickets = ids.iter().map(|id| Ok(TicketId::new(hex(id, "tickets").map_err(|_| out("tickets"))?)));
        let tickets = tickets.collect::<Result<Vec<_>, NotAReset>>()?;
        reader.end()?;
        if tickets.len() > Self::MOST_TICKETS {
            return Err(out("number of the tickets"));
        }
        let reset = Self { id, account, tier, asked_by, asked, proof, reason, delay, waited, approval, tickets };
        Ok((reset, written))
    }

    /// The text of the file.
    pub fn to_toml(&self, written: Written) -> String {
        let mut fields = vec![
            ("version", "1".to_owned()),
            ("id", quoted(&self.id.hex())),
            ("inode", written.inode.to_string()),
            ("written", written.at.to_string()),
            ("user", quoted(&self.account.name)),
            ("uid", self.account.uid.to_string()),
            ("tier", quoted(self.tier.as_str())),
            ("asked", self.asked.to_string()),
            ("asked_by", self.asked_by.uid.to_string()),
            ("asked_person", self.asked_by.person.to_string()),
            ("proof", quoted(self.proof.as_str())),
        ];
        fields.extend(self.proof.voucher().map(|uid| ("voucher", uid.to_string())));
        fields.extend([
            ("reason", quoted(self.reason.as_str())),
            ("delay", self.delay.to_string()),
            ("waited", self.waited.seconds.to_string()),
            ("boot_ms", self.waited.boot_ms.to_string()),
        ]);
        fields.extend(self.approval.iter().flat_map(|one| {
            let (uid, person) = (one.by.uid.to_string(), one.by.person.to_string());
            [("approved", one.at.to_string()), ("approved_by", uid), ("approved_person", person)]
        }));
        fields.extend(self.approval.iter().filter_map(|one| one.in_spite_of.as_ref()).flat_map(|one| {
            [("in_spite_of", quoted(&one.change.hex())), ("override_reason", quoted(one.reason.as_str()))]
        }));
        if !self.tickets.is_empty() {
            let ids: Vec<String> = self.tickets.iter().map(|id| quoted(&id.hex())).collect();
            fields.push(("tickets", format!("[{}]", ids.join(", "))));
        }
        let rest: String = fields.into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        format!("{}{rest}", checksum::line(&rest))
    }
}

fn uid(number: u64, what: &'static str) -> Result<u32, NotAReset> {
    u32::try_from(number).map_err(|_| NotAReset(format!("value out of its range: {what}")))
}

impl From<NotCanonical> for NotAReset {
    fn from(error: NotCanonical) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for NotAReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a file of a reset: {}", self.0)
    }
}

impl std::error::Error for NotAReset {}

const LONGEST_REASON: usize = 200;

#[cfg(test)]
#[path = "reset_tests.rs"]
pub(crate) mod tests;
