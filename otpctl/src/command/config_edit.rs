//! `otpctl config edit`: the policy in an editor, as visudo does it. A copy is edited; it takes the place of the file only when
//! the module would read it, in one step, with the owner and mode that the file had. One at a time.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;
use otp_core::log_line::LogLine;
use otp_core::policy::POLICY_CAP;
use otp_core::public_dir;
use otp_core::site::Site;
use otp_core::vault::root_directory;
use serde_json::json;

use crate::arguments::EditConfigArgs;
use crate::command::config_audience::unmatched;
use crate::command::emergency::who;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::stderr;
use crate::output::terminal::Terminal;
use crate::policy_path::whole_path;
use crate::reach::{OthersNeed, obstacle};

pub(crate) fn edit(terminal: &mut Terminal, options: &EditConfigArgs) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("only root can edit the policy; run this as root"));
    }
    let policy = whole_path(options.file.as_deref().unwrap_or(Path::new(Site::STANDARD.policy)))?;
    let policy = policy.as_path();
    let dir = policy.parent().unwrap_or(Path::new("/"));
    let _lock = lock(Path::new(Site::STANDARD.policy).parent().unwrap_or(dir))?;
    // The editor is root's: where others can write, they could put something else instead of the copy.
    root_directory(dir).map_err(|error| stopped(&error.to_string()))?;
    let before = Before::of(policy)?;
    let copy = Copy::beside(policy, &before.text)?;
    let format = OutputFormat::of(options.json);
    while let Some(trouble) = edited(&copy, format)? {
        if format == OutputFormat::Json {
            return Err(stopped(&format!("{trouble}; the policy is unchanged")));
        }
        terminal.show(&format!("{}\n(e)dit again, or anything else to discard it: ", escaped(&trouble)))?;
        match terminal.line()? {
            Some(answer) if answer.as_str() == "e" => {}
            _ => return Err(stopped("the policy is unchanged")),
        }
    }
    let object = |changed: bool| json!({ "changed": changed, "file": policy.display().to_string() });
    if read(&copy.0)? == before.text {
        return terminal.tell(format, &object(false), "the policy is unchanged\n");
    }
    copy.replaces(policy, &before).map_err(|error| at(policy, &error))?;
    sync(dir)?;
    alert(
        &LogLine::default()
            .field("event", "policy-changed")
            .field("file", &policy.display().to_string())
            .field("by", &who())
            .finish(),
    );
    let read = Site::STANDARD.whole_policy(Some(policy)).ok().flatten();
    for why in read.iter().flat_map(unmatched).chain(obstacle(policy, OthersNeed::Read).map(|one| one.to_string())) {
        stderr::note(&escaped(&why));
    }
    terminal.tell(format, &object(true), &format!("{}: now in effect\n", policy.display()))
}

/// The policy before.
struct Before {
    text: Vec<u8>,
    owner: (u32, u32),
    mode: u32,
}

/// The copy that is edited; it goes when it has not taken the file's place.
struct Copy(PathBuf);

impl Before {
    fn of(policy: &Path) -> Result<Self, Failure> {
        match fs::symlink_metadata(policy) {
            Ok(about) if about.is_file() => {
                Ok(Self { text: read(policy)?, owner: (about.uid(), about.gid()), mode: about.mode() & 0o7777 })
            }
            Ok(_) => Err(stopped(&format!("{}: not a regular file; wanted one", policy.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Self { text: b"version = 1\n".to_vec(), owner: (0, 0), mode: 0o644 })
            }
            Err(error) => Err(at(policy, &error)),
        }
    }
}

impl Copy {
    fn beside(policy: &Path, text: &[u8]) -> Result<Self, Failure> {
        let path = policy.with_file_name(COPY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(&path, &error)),
            _ => {} // left by an editor that was killed; under the lock it is nobody's
        }
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let copy = Self(path);
        made.and_then(|mut file| file.write_all(text)).map_err(|error| at(&copy.0, &error))?;
        Ok(copy)
    }

    /// Durable under its own name, then under the policy's.
    fn replaces(&self, policy: &Path, before: &Before) -> std::io::Result<()> {
        let file = File::open(&self.0)?;
        fchown(&file, Some(before.owner.0), Some(before.owner.1))?;
        file.set_permissions(Permissions::from_mode(before.mode))?;
        file.sync_all()?;
        fs::rename(&self.0, policy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Gone already if it has taken the policy's place.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the editor; what is wrong with what it left, as the module would say it. In JSON its own output goes to standard error.
fn edited(copy: &Copy, format: OutputFormat) -> Result<Option<String>, Failure> {
    let chosen = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let chosen = chosen.unwrap_or_else(|| EDITOR.to_owned());
    let mut words = chosen.split_whitespace();
    let program = words.next().ok_or_else(|| stopped("VISUAL or EDITOR is blank"))?;
    let mut editor = Command::new(program);
    if format == OutputFormat::Json {
        editor.stdout(std::io::stderr());
    }
    let ended = editor.args(words).arg(&copy.0).status();
    let ended = ended.map_err(|error| stopped(&format!("editor {program}: {error}; the policy is unchanged")))?;
    if !ended.success() {
        return Err(stopped(&format!("editor {program}: {ended}; the policy is unchanged")));
    }
    Ok(Site::STANDARD.whole_policy(Some(&copy.0)).err().map(|unavailable| unavailable.detail))
}

/// Held until the end: of two who edit, the second would undo what the first did. It ends with the process, however that ends.
fn lock(dir: &Path) -> Result<Flock<File>, Failure> {
    public_dir::make(dir).map_err(|error| at(dir, &error))?;
    // A file that nobody else can open: anybody may lock a file that they may read.
    let path = dir.join(LOCK);
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| at(&path, &error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => stopped("somebody else is editing the policy"),
        errno => stopped(&format!("{}: {}", path.display(), errno.desc())),
    })
}

/// At most one byte more than a policy may have, so that one that is too long is seen to be.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let most = u64::try_from(POLICY_CAP).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(path).map_err(|error| at(path, &error))?;
    file.take(most).read_to_end(&mut text).map_err(|error| at(path, &error))?;
    if text.len() > POLICY_CAP {
        return Err(stopped(&format!("{}: more than {POLICY_CAP} bytes", path.display())));
    }
    Ok(text)
}

fn sync(dir: &Path) -> Result<(), Failure> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| at(dir, &error))
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    stopped(&format!("{}: {error}", path.display()))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

/// The lock's name.
const LOCK: &str = ".otp.toml.lock";

/// The copy's name.
const COPY: &str = ".otp.toml.edit";

/// Where neither VISUAL nor EDITOR says which: the name that every system has (vi(1p)).
const EDITOR: &str = "vi";
