//! The tickets of one user, and the file `tickets/<uid>` that holds them.
//!
//! B1  TOML 1.0, at most 64 KiB, version 1; the first line is a checksum of the rest; an unknown field refuses the file
//! B2  the uid must be the one it is opened for, and the user name one that the account database gives to this uid
//! B3  at most 64 tickets, of which one is good; no two share an id
//! B4  it knows its own inode and when it was written: so a copy from a backup is told from the original
//! B5  writing and reading are each other's inverse

use std::fmt::{self, Write as _};

use crate::accounts::{Account, NotOwner};
use crate::codes::registration::CodeForm;
use crate::files::checksum;
use crate::files::hex::hex;
use crate::files::notice::{Claim, Where};
use crate::files::ticket::{Ticket, TicketEnd, TicketEndReason, TicketId, TicketUse};
use crate::keys::seal::CodeHash;
use crate::policy::toml_table::{Document, Table, TableError, quoted};
use crate::unix_time::UnixTime;

/// Largest file in bytes.
pub const TICKET_FILE_CAP: usize = 64 * 1024;
/// Most tickets of one user, worthless ones among them.
pub const MOST: usize = 64;

/// The tickets of one user, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFile {
    /// Whose they are.
    pub account: Account,
    /// The tickets.
    pub tickets: Vec<Ticket>,
}

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its inode.
    pub inode: u64,
    /// When it was written.
    pub at: UnixTime,
}

/// Why a text is not this user's ticket file, or a ticket has no room in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketFileError {
    /// B1: not this format; where and what.
    Syntax(String),
    /// B2: somebody else's.
    Owner(NotOwner),
    /// A value out of its range; which.
    Value(&'static str),
}

/// The effect of a new ticket on those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    /// The one that was good until now.
    pub superseded: Option<TicketId>,
    /// The one that was redeemed once and gave way (B3): its code is no longer recognised if it comes back.
    pub unrecognised: Option<TicketId>,
}

impl TicketFile {
    /// Without a ticket.
    pub fn new(account: &Account) -> Self {
        Self { account: account.clone(), tickets: Vec::new() }
    }

    /// The ticket that is good at `now`.
    pub fn good(&self, now: UnixTime) -> Option<&Ticket> {
        self.tickets.iter().find(|ticket| ticket.is_good(now))
    }

    /// Adds a ticket; the one that was good until now is superseded (T1). Without room for it one gives way (B3), and all are over by then:
    /// the oldest that was never redeemed, because its code was no use to anybody, else the oldest.
    pub fn issue(&mut self, ticket: Ticket, now: UnixTime) -> Issued {
        self.tickets.retain(|old| !old.is_forgettable(now));
        let superseded = self.end_all(TicketEndReason::Superseded, now);
        let mut unrecognised = None;
        while self.tickets.len() >= MOST {
            let unused = self.tickets.iter().position(|old| old.uses == 0);
            let gone = self.tickets.remove(unused.unwrap_or(0));
            unrecognised = unrecognised.or((gone.uses > 0).then_some(gone.id));
        }
        self.tickets.push(ticket);
        Issued { superseded, unrecognised }
    }

    /// Ends every ticket that is not over, also one that is used up: a key may still be on its way from it. Says which one was
    /// good.
    pub fn end_all(&mut self, why: TicketEndReason, now: UnixTime) -> Option<TicketId> {
        let good = self.good(now).map(|ticket| ticket.id);
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.end.is_none()) {
            ticket.end = Some(TicketEnd { why, at: now });
        }
        good
    }

    /// The ticket of which a key may still come at `now`.
    pub fn under_way(&self, now: UnixTime) -> Option<TicketId> {
        self.tickets.iter().find(|ticket| ticket.is_under_way(now)).map(|ticket| ticket.id)
    }

    /// The tickets that ended like this.
    pub fn ended(&self, why: TicketEndReason) -> impl Iterator<Item = TicketId> {
        self.tickets.iter().filter(move |ticket| ticket.end.is_some_and(|end| end.why == why)).map(|ticket| ticket.id)
    }

    /// The ticket of this name.
    pub fn ticket_mut(&mut self, id: TicketId) -> Option<&mut Ticket> {
        self.tickets.iter_mut().find(|ticket| ticket.id == id)
    }

    /// Reads the text of a ticket file, whosever it is.
    pub fn parse(text: &str) -> Result<(Self, Written), TicketFileError> {
        let text = checksum::checked(text).ok_or(TicketFileError::Value("the checksum in the first line"))?;
        let document = Document::parse(text)?;
        let mut root = document.root();
        if root.required_number("version")? != 1 {
            return Err(TicketFileError::Value("version is not 1"));
        }
        let name = root.required_string("user")?.to_owned();
        let account = Account { name, uid: small(root.required_number("uid")?, "uid")? };
        let written = Written { inode: root.required_number("inode")?, at: root.required_time("written")? };
        let tickets = root.tables("ticket")?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        root.end()?;
        let twins = |place: usize, one: &Ticket| tickets.iter().skip(place + 1).any(|other| other.id == one.id);
        if tickets.len() > MOST || tickets.iter().enumerate().any(|(place, one)| twins(place, one)) {
            return Err(TicketFileError::Value("number or ids of the tickets"));
        }
        Ok((Self { account, tickets }, written))
    }

    /// This one, if it is that of `account` (B2).
    pub fn for_account(self, account: &Account) -> Result<Self, TicketFileError> {
        account.owns(&self.account).map_err(TicketFileError::Owner)?;
        Ok(self)
    }

    /// The text of the file.
    pub fn to_toml(&self, written: Written) -> String {
        let mut out = format!("version = 1\nuser = {}\nuid = {}\n", quoted(&self.account.name), self.account.uid);
        let mut line = |text: fmt::Arguments<'_>| {
            let written = writeln!(out, "{text}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        };
        line(format_args!("inode = {}\nwritten = {}", written.inode, written.at));
        for ticket in &self.tickets {
            line(format_args!("\n[[ticket]]"));
            for (name, value) in fields(ticket) {
                line(format_args!("{name} = {value}"));
            }
        }
        format!("{}{out}", checksum::line(&out))
    }
}

fn fields(ticket: &Ticket) -> Vec<(&'static str, String)> {
    let hex = |bytes: &[u8]| quoted(&data_encoding::HEXLOWER.encode(bytes));
    let mut fields = vec![
        ("id", quoted(&ticket.id.hex())),
        ("form", quoted(ticket.form.as_str())),
        ("hash", hex(&ticket.hash.0)),
        ("replaces", ticket.replaces.to_string()),
        ("issued", ticket.issued.to_string()),
        ("issued_by", ticket.issued_by.to_string()),
        ("not_after", ticket.not_after.to_string()),
        ("uses", ticket.uses.to_string()),
    ];
    fields.extend(ticket.salt.map(|salt| ("salt", hex(&salt))));
    if let Some((first, last)) = &ticket.used {
        fields.extend(use_fields(["first_use", "first_tty", "first_rhost", "first_service"], first));
        fields.extend(use_fields(["last_use", "last_tty", "last_rhost", "last_service"], last));
    }
    if let Some(end) = ticket.end {
        fields.extend([("end", quoted(end.why.as_str())), ("ended", end.at.to_string())]);
    }
    fields
}

fn use_fields(names: [&'static str; 4], one: &TicketUse) -> Vec<(&'static str, String)> {
    let [at, tty, rhost, service] = names;
    let claims = [(tty, &one.from.tty), (rhost, &one.from.rhost), (service, &one.from.service)];
    let claims = claims.into_iter().filter_map(|(name, claim)| Some((name, quoted(claim.as_ref()?.as_str()))));
    [(at, one.at.to_string())].into_iter().chain(claims).collect()
}

fn read(mut table: Table<'_>) -> Result<Ticket, TicketFileError> {
    let value = TicketFileError::Value;
    let form = table.required_string("form")?;
    let end = table.string("end")?;
    let ticket = Ticket {
        id: TicketId::new(bytes(table.required_string("id")?, "ticket id")?),
        form: CodeForm::parse(form).ok_or(value("form"))?,
        hash: CodeHash(bytes(table.required_string("hash")?, "hash")?),
        salt: table.string("salt")?.map(|text| bytes(text.value, "salt")).transpose()?,
        replaces: table.boolean("replaces")?.ok_or(value("replaces is missing"))?.value,
        issued: table.required_time("issued")?,
        issued_by: small(table.required_number("issued_by")?, "issued_by")?,
        not_after: table.required_time("not_after")?,
        uses: small(table.required_number("uses")?, "uses")?,
        used: match (
            use_of(&mut table, ["first_use", "first_tty", "first_rhost", "first_service"])?,
            use_of(&mut table, ["last_use", "last_tty", "last_rhost", "last_service"])?,
        ) {
            (Some(first), Some(last)) => Some((first, last)),
            (None, None) => None,
            _ => return Err(value("a first use without a last one")),
        },
        end: match end {
            Some(why) => Some(TicketEnd {
                why: TicketEndReason::parse(why.value).ok_or(value("end"))?,
                at: table.required_time("ended")?,
            }),
            None => None,
        },
    };
    table.end()?;
    if (ticket.uses > 0) == ticket.used.is_some() { Ok(ticket) } else { Err(value("uses without a time of use")) }
}

fn use_of<'d>(table: &mut Table<'d>, names: [&'d str; 4]) -> Result<Option<TicketUse>, TicketFileError> {
    let [at, tty, rhost, service] = names;
    let mut claim = |name| -> Result<Option<Claim>, TicketFileError> {
        let Some(text) = table.string(name)? else { return Ok(None) };
        Claim::parse(text.value).map(Some).ok_or(TicketFileError::Value("where it was used"))
    };
    let from = Where { tty: claim(tty)?, rhost: claim(rhost)?, service: claim(service)? };
    match table.integer(at)? {
        Some(_) => Ok(Some(TicketUse { at: table.required_time(at)?, from })),
        None if from == Where::default() => Ok(None),
        None => Err(TicketFileError::Value("a place of use without its time")),
    }
}

fn small(number: u64, what: &'static str) -> Result<u32, TicketFileError> {
    u32::try_from(number).map_err(|_| TicketFileError::Value(what))
}

fn bytes<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], TicketFileError> {
    hex(text, what).map_err(|_| TicketFileError::Value(what))
}

impl From<TableError> for TicketFileError {
    fn from(error: TableError) -> Self {
        Self::Syntax(error.place())
    }
}

impl fmt::Display for TicketFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(place) => write!(f, "not a file of tickets of version 1: {place}"),
            Self::Owner(why) => why.fmt(f),
            Self::Value(what) => write!(f, "value out of its range: {what}"),
        }
    }
}

impl std::error::Error for TicketFileError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::files::ticket::tests::any_ticket;

    fn alice() -> Account {
        Account { name: "alice".into(), uid: 1000 }
    }

    proptest! {
        #[test]
        fn b5_every_book_survives_the_round_trip(tickets in proptest::collection::vec(any_ticket(), 0..5), inode in 0..1_u64 << 62) {
            let (ticket_file, written) = (TicketFile { account: alice(), tickets }, Written { inode, at: UnixTime::new(7) });
            prop_assert_eq!(TicketFile::parse(&ticket_file.to_toml(written)), Ok((ticket_file, written)));
        }

        #[test]
        fn b3_a_full_book_fits_into_its_file_and_one_ticket_is_good(tickets in proptest::collection::vec(any_ticket(), MOST + 1)) {
            let mut ticket_file = TicketFile::new(&alice());
            for mut ticket in tickets {
                (ticket.issued, ticket.not_after) = (UnixTime::new(1000), UnixTime::new(2000));
                ticket_file.issue(ticket, UnixTime::new(1000));
                prop_assert!(ticket_file.tickets.len() <= MOST);
                prop_assert!(ticket_file.tickets.iter().filter(|ticket| ticket.is_good(UnixTime::new(1000))).count() <= 1);
            }
            let written = Written { inode: u64::MAX >> 1, at: UnixTime::new(u64::MAX >> 1) };
            prop_assert!(ticket_file.to_toml(written).len() <= TICKET_FILE_CAP);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            drop(TicketFile::parse(&format!("{}{text}", checksum::line(&text))));
        }
    }

    #[test]
    fn b3_the_largest_book_fits_into_its_file() {
        let claim = Claim::of(Some(&"x".repeat(64)));
        let from = Where { tty: claim.clone(), rhost: claim.clone(), service: claim };
        let one = TicketUse { at: UnixTime::new(u64::MAX >> 1), from };
        let ticket = |number: u8| Ticket {
            id: TicketId::new([number; 16]),
            form: CodeForm::Spoken,
            hash: CodeHash([number; 32]),
            salt: Some([number; 16]),
            replaces: false,
            issued: UnixTime::new(u64::MAX >> 1),
            issued_by: u32::MAX,
            not_after: UnixTime::new(u64::MAX >> 1),
            uses: u32::MAX,
            used: Some((one.clone(), one.clone())),
            end: Some(TicketEnd { why: TicketEndReason::Repudiated, at: UnixTime::new(u64::MAX >> 1) }),
        };
        let tickets = (0..u8::try_from(MOST).unwrap()).map(ticket).collect();
        let ticket_file = TicketFile { account: Account { name: "x".repeat(256), uid: u32::MAX }, tickets };
        assert!(
            ticket_file.to_toml(Written { inode: u64::MAX >> 1, at: UnixTime::new(u64::MAX >> 1) }).len()
                <= TICKET_FILE_CAP
        );
    }

    #[test]
    fn b3_with_no_room_the_oldest_that_was_never_redeemed_gives_way_else_the_oldest() {
        let now = UnixTime::new(1_700_000_000);
        let ticket = |number: u8, uses: u32| Ticket {
            id: TicketId::new([number; 16]),
            form: CodeForm::Spoken,
            hash: CodeHash([number; 32]),
            salt: None,
            replaces: false,
            issued: now,
            issued_by: 0,
            not_after: now + 600,
            uses,
            used: None,
            end: None,
        };
        let mut file = TicketFile::new(&alice());
        let mut issue = |number, uses| file.issue(ticket(number, uses), now);
        for number in 0..64 {
            assert_eq!(issue(number, u32::from(number != 7)).unrecognised, None);
        }
        assert_eq!(issue(64, 1).unrecognised, None, "number 7 was never redeemed");
        assert_eq!(issue(65, 1).unrecognised, Some(TicketId::new([0; 16])));
        let last = issue(66, 0);
        assert_eq!(last.unrecognised, Some(TicketId::new([1; 16])));
        assert_eq!(last.superseded, Some(TicketId::new([65; 16])));
        assert_eq!(file.tickets.first().map(|one| one.id), Some(TicketId::new([2; 16])));
        assert_eq!((file.tickets.len(), file.good(now).map(|one| one.id)), (MOST, Some(TicketId::new([66; 16]))));
    }

    #[test]
    fn b1_a_version_of_tomorrow_is_refused() {
        let text = "version = 2\nuser = \"alice\"\nuid = 1000\ninode = 1\nwritten = 1\n";
        let found = TicketFile::parse(&format!("{}{text}", checksum::line(text)));
        assert_eq!(found, Err(TicketFileError::Value("version is not 1")));
    }
}
