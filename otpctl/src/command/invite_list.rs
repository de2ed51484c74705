//! `otpctl invite --from`: the users of a list, one after another; the rest goes on after one that is refused. A letter is in the list
//! of letters before its code exists, so no code is lost unseen.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use otp_core::codes::registration::CodeForm;
use otp_core::reasons::ChangeRefusal;
use otp_core::reasons::words::Received;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{ExtendInvitation, Invite, Invited, Method, Refusal, RevokeInvitation, UserName};

use crate::arguments::InviteArgs;
use crate::command::invite::{check_life, reason};
use crate::command::invite_report::{ListOutcome, ListReport, unchanged_end};
use crate::import::handover::LastingClient;
use crate::import::source_file;
use crate::input::interrupts::Interrupts;
use crate::input::name_list::{self, NamedRow};
use crate::letter::letter_list::ListedLetter;
use crate::letter::post::{Post, PostPlace};
use crate::output::escape::escaped;
use crate::output::failure::{Failure, told};
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// The change for each user.
enum ListAct {
    Invite(Box<Post>),
    Extend,
    Revoke,
}

/// The run.
struct ListRun<'a> {
    options: &'a InviteArgs,
    client: LastingClient<'a>,
    act: ListAct,
    /// Lines of the users who had their turn.
    lines: HashMap<String, u64>,
    /// The same, as the account database spells them.
    users: HashSet<String>,
}

pub(crate) fn invite_list(
    terminal: &mut Terminal,
    options: &InviteArgs,
    list: &Path,
    connect: &dyn Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    check_life(CodeForm::Letter, options.lasts)?;
    let place = place(options)?;
    let bytes = source_file::read(list, "changed")?;
    let names = name_list::read(&bytes, options.column.as_deref()).map_err(|why| {
        Failure::Stopped(format!("{}: {}; nothing was changed", escaped(&list.to_string_lossy()), escaped(&why)))
    })?;
    let client = LastingClient::begin(connect)?;
    let act = match place {
        Some(place) => {
            ListAct::Invite(Box::new(Post::open(place, options.cover.as_deref(), options.paper, &names.columns)?))
        }
        None if options.extend => ListAct::Extend,
        None => ListAct::Revoke,
    };
    let interrupts = Interrupts::hold(&io::stdin())?;
    let mut report = ListReport::begin(terminal, OutputFormat::of(options.json), names.rows.len());
    let mut run = ListRun { options, client, act, lines: HashMap::new(), users: HashSet::new() };
    let ended = run.all(&names.rows, &interrupts, &mut report);
    let (done, advice) = run.told();
    let told = report.end(done, advice.as_deref());
    ended.and(told)
}

/// Where the letters go; none where no code is made.
fn place(options: &InviteArgs) -> Result<Option<PostPlace<'_>>, Failure> {
    match (&options.letters, &options.stack) {
        (Some(directory), _) => Ok(Some(PostPlace::Directory(directory))),
        (None, Some(file)) => Ok(Some(PostPlace::Stack(file))),
        (None, None) if options.extend || options.revoke => Ok(None),
        (None, None) => Err(Failure::Usage("--from: wanted --letters DIR or --stack FILE, for the codes".to_owned())),
    }
}

impl ListRun<'_> {
    fn all(&mut self, rows: &[NamedRow], interrupts: &Interrupts, report: &mut ListReport<'_>) -> Result<(), Failure> {
        for row in rows {
            if interrupts.has_come()? {
                return Err(Failure::Stopped("interrupted; run the same command again to continue".to_owned()));
            }
            let outcome = self.one(row)?;
            report.add(Some(row.line), &row.found, &outcome)?;
        }
        if let ListAct::Invite(post) = &self.act {
            for user in post.list.lost().into_iter().filter(|user| !self.users.contains(*user)) {
                report.add(None, user, &ListOutcome::Lost)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, row: &NamedRow) -> Result<ListOutcome, Failure> {
        let name = match &row.user {
            Ok(_) => row.found.as_str(),
            Err(why) => return Ok(ListOutcome::Refused(escaped(why))),
        };
        if let Some(line) = self.lines.get(name) {
            return Ok(ListOutcome::Twice(*line));
        }
        self.lines.insert(name.to_owned(), row.line);
        self.users.insert(name.to_owned());
        match self.act {
            ListAct::Invite(_) => self.invite(name, row),
            ListAct::Extend => self.extend(name),
            ListAct::Revoke => self.revoke(name),
        }
    }

    fn invite(&mut self, name: &str, row: &NamedRow) -> Result<ListOutcome, Failure> {
        let mut request = Invite {
            user: UserName::new(name)?,
            form: Some(CodeForm::Letter),
            lasts: self.options.lasts,
            replaces: Some(self.options.replace),
            reason: reason(self.options)?,
            dry_run: Some(true),
        };
        let rehearsed = match self.call(&request)? {
            Ok(Invited { invitation }) => invitation,
            Err(outcome) => return Ok(outcome),
        };
        self.users.insert(rehearsed.user.clone());
        let ListAct::Invite(post) = &mut self.act else { return Ok(ListOutcome::AlreadyEnrolled) };
        let instead = match (post.list.letter_of(&rehearsed.user), rehearsed.superseded) {
            (Some(ListedLetter::Lost), _) => true,
            (Some(ListedLetter::Made(reference)), true) => {
                return Ok(ListOutcome::AlreadyInvited(Some(reference.clone())));
            }
            (None, true) => return Ok(ListOutcome::AlreadyInvited(None)),
            (_, false) => false,
        };
        let reference = post.list.begin(&rehearsed.user, &row.beside)?;
        request.dry_run = None;
        let invitation = match self.call(&request)? {
            Ok(Invited { invitation }) => invitation,
            Err(outcome) => {
                if let ListAct::Invite(post) = &mut self.act {
                    post.list.take_back(&rehearsed.user)?;
                }
                return Ok(outcome);
            }
        };
        if let ListAct::Invite(post) = &mut self.act {
            post.add(&invitation, &reference).map_err(|failure| lost(&failure, name))?;
        }
        Ok(ListOutcome::Invited { reference, ends: invitation.ends, instead })
    }

    fn extend(&mut self, name: &str) -> Result<ListOutcome, Failure> {
        let wanted = ExtendInvitation { user: UserName::new(name)?, lasts: self.options.lasts };
        Ok(match self.call(&wanted)? {
            Ok(extended) if extended.changed => ListOutcome::Extended(extended.ends),
            Ok(extended) => unchanged_end(extended.ends),
            Err(outcome) => outcome,
        })
    }

    fn revoke(&mut self, name: &str) -> Result<ListOutcome, Failure> {
        let revoked = self.call(&RevokeInvitation { user: UserName::new(name)? })?;
        Ok(revoked.map_or_else(|outcome| outcome, |_| ListOutcome::Revoked))
    }

    /// The answer, or the outcome for this user; a refusal that would bar the next one as well ends the run.
    fn call<M: Method>(&mut self, wanted: &M) -> Result<Result<M::Reply, ListOutcome>, Failure> {
        let refusal = match self.client.call(wanted) {
            Err(CallError::Refused(refusal)) => refusal,
            answer => return Ok(Ok(answer?)),
        };
        let known = |reason: ChangeRefusal| matches!(&refusal, Refusal::NotPossible { reason: found, .. } if *found == Received::Known(reason.into()));
        match &refusal {
            _ if known(ChangeRefusal::AlreadyEnrolled) => Ok(Err(ListOutcome::AlreadyEnrolled)),
            _ if known(ChangeRefusal::NoInvitation) => {
                Ok(Err(ListOutcome::Unchanged(ChangeRefusal::NoInvitation.text().to_owned())))
            }
            Refusal::NotPossible { .. }
            | Refusal::NoSuchUser { .. }
            | Refusal::NotAllowed { .. }
            | Refusal::InvalidValue { .. }
            | Refusal::Busy { .. } => Ok(Err(ListOutcome::Refused(told(&refusal)))),
            _ => Err(Failure::Refused(refusal)),
        }
    }

    /// The word for the change, and advice for the letters.
    fn told(&self) -> (&'static str, Option<String>) {
        match &self.act {
            ListAct::Extend => ("extended", None),
            ListAct::Revoke => ("taken back", None),
            ListAct::Invite(post) => {
                let (letters, list) = (post.shown(), post.list.shown());
                let advice = format!(
                    "letters: {letters}\nlist: {list}\nprint the letters, put each into the envelope of the user whom the list names \
                     beside its reference, and delete the letters; the list has no codes\n"
                );
                ("invited", Some(advice))
            }
        }
    }
}

/// The code exists, and its letter does not.
fn lost(failure: &Failure, user: &str) -> Failure {
    Failure::Stopped(format!(
        "{failure}; the code of {} was made and is lost; run the same command again to make another",
        escaped(user)
    ))
}
