//! The command that invites: one user, or a list of them.

use std::path::PathBuf;

use clap::Args;
use otp_core::codes::registration::CodeForm;
use otp_core::emergency::Reason;

use crate::arguments::user::user;
use crate::letter::page::Paper;
use crate::output::duration;
use crate::output::format::Pipe;

/// Make a registration code, with which a user makes a key
///
/// The code works once, only in that user's account, until its end. The administrator never sees the key. The user's earlier
/// code no longer works.
///
/// With --from: letters for a list of users. Users who are invited or enrolled get none, so the same command can be run again, also
/// after an interruption.
#[derive(Args)]
pub(crate) struct InviteArgs {
    /// The user to invite
    #[arg(required_unless_present = "from", conflicts_with = "from", value_parser = user())]
    pub user: Option<String>,

    /// How the code travels: spoken (ends after 10 minutes), mail (24 hours), letter (14 days) or split (14 days, in two parts)
    ///
    /// Default: spoken; with --letter or --from: letter
    #[arg(long, value_parser = travel)]
    pub form: Option<CodeForm>,

    /// When the code ends: a number and s, m, h, d or w, for example 10m, 24h or 14d
    ///
    /// Default: as --form says
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub lasts: Option<u64>,

    /// The new key replaces all keys of the user; without this option the code only makes a first key
    #[arg(long)]
    pub replace: bool,

    /// With --replace, for root as the only administrator: why, although the password is fresh
    ///
    /// Without this option the command fails until the time in [cool_down] of otp.toml has passed. The log repeats the text, at alert.
    #[arg(long, value_name = "TEXT", requires = "replace", value_parser = Reason::new)]
    pub reason: Option<Reason>,

    /// Write a page to post into this new file: HTML if its name ends in .html, text if in .txt
    ///
    /// The page has the code, also as a QR code, its end, and a reference by which you know it. It does not name host, user or
    /// purpose. Of a split code it has only the first part. The file has mode 0600; a file that exists is not overwritten.
    #[arg(long, value_name = "FILE")]
    pub letter: Option<PathBuf>,

    /// Write a note to send apart from the code into this new file, HTML if its name ends in .html: host, user and what to do
    ///
    /// With --from: an HTML file, a page for each note, added to an existing one.
    #[arg(long, value_name = "FILE")]
    pub cover: Option<PathBuf>,

    /// The paper of the pages: a4 or letter (8.5 by 11 inches)
    #[arg(long, default_value = "a4", hide_possible_values = true)]
    pub paper: Paper,

    /// Make no code, without failing, if the user has a key or a good code
    #[arg(long, conflicts_with = "replace")]
    pub once: bool,

    /// Invite every user of this list: a name a line, or CSV with a head; - is standard input
    ///
    /// In CSV the names are in the column user, username or login. The other columns go into the list of the letters.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["form", "letter", "once", "allow_pipe"])]
    pub from: Option<PathBuf>,

    /// With --from: the column of the names
    ///
    /// Default: the one that is called user, username or login
    #[arg(long, value_name = "NAME", conflicts_with = "user")]
    pub column: Option<String>,

    /// With --from: write each letter into a file of its own in this directory, and list.csv beside them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["user", "stack"])]
    pub letters: Option<PathBuf>,

    /// With --from: write the letters into this HTML file, a page each, and the list beside it, ending in .csv
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub stack: Option<PathBuf>,

    /// Write JSON; a code that is in a letter is not in it
    #[arg(long)]
    pub json: bool,

    /// Write the code although standard output is not a terminal
    #[arg(long)]
    pub allow_pipe: bool,

    /// Give the user's code a later end, as --for says, and make no other
    #[arg(long, conflicts_with_all = ["form", "replace", "letter", "cover", "once", "allow_pipe", "letters", "stack"])]
    pub extend: bool,

    /// Cancel the user's code, and make no other
    #[arg(long, conflicts_with_all = ["form", "lasts", "replace", "letter", "cover", "once", "allow_pipe", "letters", "stack", "extend"])]
    pub revoke: bool,
}

impl InviteArgs {
    pub(crate) fn pipe(&self) -> Pipe {
        Pipe::of(self.allow_pipe)
    }

    /// The user; empty with a list.
    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }

    /// May a code be shown, rather than written into letters?
    pub(crate) fn shows_all(&self) -> bool {
        self.letter.is_none() && self.from.is_none() && !self.extend
    }
}

fn travel(text: &str) -> Result<CodeForm, &'static str> {
    CodeForm::parse(text).ok_or("wanted spoken, mail, letter or split")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parsed(words: &str) -> Option<InviteArgs> {
        let words = ["otpctl", "invite"].into_iter().chain(words.split_whitespace());
        match Arguments::try_parse_from(words).ok()?.command {
            Command::Invite(invite) => Some(invite),
            _ => None,
        }
    }

    #[test]
    fn an_invitation_takes_its_form_and_its_time() {
        let invite = parsed("alice --form split --for 3d --replace").expect("parsed");
        assert_eq!((invite.form, invite.lasts, invite.replace), (Some(CodeForm::Split), Some(3 * 86_400), true));
        assert_eq!((invite.paper, invite.revoke), (Paper::A4, false));
    }

    #[test]
    fn a_list_or_a_user_and_one_place_for_the_letters() {
        for good in [
            "--from x --letters d",
            "--from - --stack x.html --cover n.html",
            "--from x --extend --for 20d",
            "alice --extend",
        ] {
            assert!(parsed(good).is_some(), "{good}");
        }
        let wrong = [
            "",
            "alice --from x",
            "--from x --letters d --stack s.html",
            "alice --letters d",
            "alice --column user",
            "--from x --letter a.html",
            "--from x --form letter --letters d",
            "--from x --extend --stack s.html",
            "alice --extend --revoke",
            "alice --extend --replace",
        ];
        for words in wrong {
            assert!(parsed(words).is_none(), "{words}");
        }
    }
}
