//! The stacks of a service, read as libpam reads them (pam.conf(5)): includes, substacks, capitals, lines that cannot be read.
//!
//! Debian's libpam includes files of /etc/pam.d alone, and fails where one is missing; that of others looks into the directories
//! of the distribution as well. A file that only they would find is read here, so that what it lets in is seen.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::control::Control;
use super::words::{Dialect, Words, lines};

/// The stages of PAM that have stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Auth,
    Account,
    Password,
    Session,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Password => "password",
            Self::Session => "session",
        }
    }

    fn named(word: &str) -> Option<Self> {
        [Self::Auth, Self::Account, Self::Password, Self::Session]
            .into_iter()
            .find(|stage| stage.name().eq_ignore_ascii_case(word))
    }
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinePlace {
    pub file: PathBuf,
    pub line: usize,
}

/// The line of the service's own file by which a line of a stack is there, perhaps by including it: from where to where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnLine {
    pub first: usize,
    pub last: usize,
}

/// A line, by what libpam does for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A module is called.
    Module { path: String, arguments: Vec<String> },
    /// Nothing; a substack begins after it, one level deeper.
    Substack,
    /// libpam cannot read the line, and fails there with PAM_PERM_DENIED. Why, and the line.
    MustFail { why: &'static str, text: String },
}

/// A line of a stack, as libpam keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackLine {
    pub place: LinePlace,
    pub own: OwnLine,
    pub stage: Stage,
    /// How many substacks it is in.
    pub level: usize,
    pub kind: LineKind,
    pub control: Control,
}

/// All stacks of a service, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServiceStacks {
    pub lines: Vec<StackLine>,
    /// Why libpam refuses the whole service: then nothing in it is asked, and nobody gets in.
    pub refused: Option<String>,
    /// A file that may not be read by the account that asks here.
    pub unreadable: Option<String>,
    /// Words after the file that a line includes: nothing to libpam.
    pub left_over: Vec<(LinePlace, Vec<String>)>,
    /// Every file that was read or included.
    pub files: Vec<PathBuf>,
}

impl ServiceStacks {
    /// The lines of one stage.
    pub(crate) fn stage(&self, stage: Stage) -> Vec<StackLine> {
        self.lines.iter().filter(|line| line.stage == stage).cloned().collect()
    }
}

/// Where services are, the first first; and a text that stands for one file, as if it were there.
#[derive(Debug, Clone)]
pub(crate) struct PamDirectories {
    pub places: Vec<PathBuf>,
    pub stand_in: Option<StandIn>,
}

/// The text of a service's file, before anybody has written it.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    pub service: String,
    pub path: PathBuf,
    pub text: String,
}

const INCLUDING: [&str; 2] = ["include", "substack"];
/// libpam's own limit on files in files.
const DEEPEST: usize = 16;
/// libpam has none; nobody writes so many lines on purpose, but files that include one another twice make them.
const MOST_LINES: usize = 2000;

impl PamDirectories {
    pub(crate) fn standard() -> Self {
        Self::of(["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d", "/usr/etc/pam.d"].map(PathBuf::from).into())
    }

    pub(crate) fn of(places: Vec<PathBuf>) -> Self {
        Self { places, stand_in: None }
    }

    /// The same with a text for one service.
    pub(crate) fn with(&self, stand_in: StandIn) -> Self {
        Self { places: self.places.clone(), stand_in: Some(stand_in) }
    }

    /// Every file name that is there, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = self.places.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        let stand_in = self.stand_in.iter().map(|it| it.service.clone());
        let mut names: Vec<String> =
            files.filter_map(|entry| entry.file_name().into_string().ok()).chain(stand_in).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Directories that are there, and cannot be listed by the account that asks here.
    pub(crate) fn unlisted(&self) -> Vec<(PathBuf, Error)> {
        let failed = self.places.iter().filter_map(|dir| Some((dir.clone(), fs::read_dir(dir).err()?)));
        failed.filter(|(_, error)| error.kind() != ErrorKind::NotFound).collect()
    }

    /// The file of a service. libpam writes every name in small letters before it looks; see [`Self::read`].
    pub(crate) fn file(&self, service: &str) -> Option<PathBuf> {
        let plain = !service.is_empty() && !service.contains('/') && service != "." && service != "..";
        plain.then(|| self.included(service)).flatten()
    }

    /// The stacks that a program of this service has, without those of `other`; `None` if there is no file.
    pub(crate) fn read(&self, service: &str, dialect: Dialect) -> Option<ServiceStacks> {
        let path = self.file(service).filter(|_| !service.contains(|c: char| c.is_ascii_uppercase()))?;
        let mut reading = Reading { directories: self, dialect, found: ServiceStacks::default() };
        if let Err(why) =
            reading.file(&path, Within { only: None, own: OwnLine { first: 0, last: 0 }, level: 0, depth: 0 })
        {
            reading.found.refused = Some(why);
        }
        Some(reading.found)
    }

    /// The file that a line includes, which may be named by a path.
    fn included(&self, name: &str) -> Option<PathBuf> {
        let stand_in = self.stand_in.iter().find(|it| it.service == name).map(|it| it.path.clone());
        stand_in.or_else(|| self.places.iter().map(|dir| dir.join(name)).find(|path| path.exists()))
    }
}

struct Reading<'a> {
    directories: &'a PamDirectories,
    dialect: Dialect,
    found: ServiceStacks,
}

/// Where in the nest of files the reading is.
#[derive(Clone, Copy)]
struct Within {
    only: Option<Stage>,
    own: OwnLine,
    level: usize,
    depth: usize,
}

impl Reading<'_> {
    /// Adds the lines of a file; `Err` where libpam gives up.
    fn file(&mut self, path: &Path, within: Within) -> Result<(), String> {
        if within.depth >= DEEPEST {
            return Err(format!("{}: included in itself, or too deep", path.display()));
        }
        if self.found.files.len() >= MOST_LINES {
            return Err(format!("more than {MOST_LINES} files, with what they include"));
        }
        self.found.files.push(path.to_owned());
        let stand_in = self.directories.stand_in.as_ref().filter(|it| it.path == path);
        let bytes = match stand_in.map_or_else(|| contents(path), |it| Ok(it.text.clone().into_bytes())) {
            Ok(bytes) => bytes,
            Err(error) => {
                let why = format!("{}: {error}", path.display());
                self.found.unreadable.get_or_insert(why.clone());
                return Err(why);
            }
        };
        let read = lines(&String::from_utf8_lossy(&bytes), self.dialect);
        for line in read.lines {
            let place = LinePlace { file: path.to_owned(), line: line.number };
            let own = if within.depth == 0 { OwnLine { first: line.number, last: line.last } } else { within.own };
            self.line(&line.text, place, Within { own, ..within })?;
        }
        if read.torn {
            return Err(format!("{}: ends in the middle of a continued line", path.display()));
        }
        Ok(())
    }

    fn line(&mut self, text: &str, place: LinePlace, within: Within) -> Result<(), String> {
        let mut words = Words(text);
        let first = words.next().unwrap_or_default();
        let word = first.strip_prefix('-').unwrap_or(&first);
        if word.eq_ignore_ascii_case("@include") {
            self.leave(Words(words.0).skip(1), &place);
            return self.include_whole(words.next(), place, within);
        }
        // libpam counts a line without a stage for the one that matters most.
        let named = Stage::named(word);
        let stage = named.or(within.only).unwrap_or(Stage::Auth);
        if within.only.is_some_and(|only| only != stage) {
            return Ok(());
        }
        let line = StackLine {
            place,
            own: within.own,
            stage,
            level: within.level,
            kind: LineKind::Substack,
            control: Control::bad(None),
        };
        let fails = |why| LineKind::MustFail { why, text: text.trim().to_owned() };
        let unread = StackLine { kind: fails("what it includes cannot be read"), ..line.clone() };
        let Some(control) = words.next() else {
            return self.add(StackLine { kind: fails("it has no control"), ..line });
        };
        if INCLUDING.iter().any(|word| control.eq_ignore_ascii_case(word)) {
            self.leave(Words(words.0).skip(1), &line.place);
        }
        match control.to_ascii_lowercase().as_str() {
            "include" => self.include_stage(words.next(), unread, within),
            "substack" => {
                self.add(line)?;
                self.include_stage(words.next(), unread, Within { level: within.level + 1, ..within })
            }
            _ => {
                let line = StackLine { control: Control::of(&control), ..line };
                let kind = match (named, words.next()) {
                    (None, _) => fails("it does not begin with a stage: auth, account, password or session"),
                    (_, None) => fails("it names no module"),
                    (_, Some(path)) => LineKind::Module { path, arguments: words.collect() },
                };
                self.add(StackLine { kind, ..line })
            }
        }
    }

    fn leave(&mut self, words: impl Iterator<Item = String>, place: &LinePlace) {
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            self.found.left_over.push((place.clone(), words));
        }
    }

    /// `@include`, of Debian: all stages. If it fails, libpam refuses the service, but in a line that includes one stage.
    fn include_whole(&mut self, name: Option<String>, place: LinePlace, within: Within) -> Result<(), String> {
        let failed = match name.as_deref().map(|name| (name, self.directories.included(name))) {
            None => "@include names no file".to_owned(),
            Some((name, None)) => format!("@include {name}: there is no such file"),
            Some((_, Some(path))) => match self.file(&path, Within { depth: within.depth + 1, ..within }) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            },
        };
        let Some(stage) = within.only else {
            return Err(format!("{} line {}: {failed}", place.file.display(), place.line));
        };
        let kind = LineKind::MustFail { why: "what it includes cannot be read", text: failed };
        self.add(StackLine { place, own: within.own, stage, level: within.level, kind, control: Control::bad(None) })
    }

    /// `include` and `substack`: one stage. If it fails, the line fails: `unread` is added instead.
    fn include_stage(&mut self, name: Option<String>, unread: StackLine, within: Within) -> Result<(), String> {
        let path = name.and_then(|name| self.directories.included(&name));
        let deeper = Within { only: Some(unread.stage), depth: within.depth + 1, ..within };
        if path.is_some_and(|path| self.file(&path, deeper).is_ok()) {
            return Ok(());
        }
        self.add(unread)
    }

    fn add(&mut self, line: StackLine) -> Result<(), String> {
        if self.found.lines.len() >= MOST_LINES {
            return Err(format!("more than {MOST_LINES} lines, with what they include"));
        }
        self.found.lines.push(line);
        Ok(())
    }
}

/// A directory is opened and empty to libpam. A pipe or a device is nothing to wait for.
fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    match fs::metadata(path)? {
        about if about.is_dir() => Ok(Vec::new()),
        about if about.is_file() => fs::read(path),
        _ => Err(Error::other("not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_plain_file_name_is_no_service() {
        for odd in ["", ".", "..", "../passwd", "a/b"] {
            assert!(PamDirectories::standard().file(odd).is_none(), "{odd:?}");
        }
    }
}
