//! `otpctl host-key`: the host key out to a safe, back from it, and whether the two belong together. For root, on the files;
//! the daemon never gives the key away.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use nix::sys::prctl;
use nix::unistd::Uid;
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::keys::seal::{HostKey, HostKeyId};
use otp_core::log_line::LogLine;
use otp_core::root_file;
use otp_core::site::{Site, fits};
use otp_core::vault::Vault;
use otp_system::random;
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::{CheckHostKeyArgs, ExportHostKeyArgs, HostKeyAct, ImportHostKeyArgs};
use crate::command::emergency::who;
use crate::escrow::{ESCROWED, Escrow};
use crate::host_key_export::{self, EXPORT_CAP, Fresh, HostKeyExport};
use crate::input::no_echo;
use crate::machine::Machine;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::{OutputFormat, Pipe};
use crate::output::new_file::NewFile;
use crate::output::stderr;
use crate::output::terminal::Terminal;

/// Fewer characters are guessed too soon.
const SHORTEST_PASSPHRASE: usize = 12;

pub(crate) fn run(terminal: &mut Terminal, act: &HostKeyAct) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("only root can read the host key; run this as root"));
    }
    prctl::set_dumpable(false).map_err(|errno| stopped(errno.desc()))?;
    match act {
        HostKeyAct::Export(options) => export(terminal, options),
        HostKeyAct::Import(options) => import(terminal, options),
        HostKeyAct::Check(options) => check(terminal, options),
    }
}

/// One line for root at a terminal, until the key of this vault was exported.
pub(crate) fn remind_of_export() {
    if !Uid::effective().is_root() || !io::stderr().is_terminal() {
        return;
    }
    let Ok(vault) = Site::STANDARD.open_vault() else { return };
    if Escrow::last().is_none_or(|last| last.host_key != vault.about().host_key) {
        let text =
            "the host key has never been exported, and without it every key is lost: `otpctl host-key export FILE`";
        stderr::note(text);
    }
}

fn export(terminal: &mut Terminal, options: &ExportHostKeyArgs) -> Result<(), Failure> {
    let key = Site::STANDARD.host_key().map_err(|unavailable| stopped(&unavailable.detail))?;
    let id = named(key.id());
    let Some(path) = &options.file else {
        terminal.allow_secrets(Pipe::Refused)?;
        terminal.show(&key.to_file())?;
        note_export(&key, "shown")?;
        return terminal.show(
            "write it down and clear the screen: anybody who has it and a copy of the vault can compute codes\n",
        );
    };
    let (shown, format) = (escaped(&path.to_string_lossy()), OutputFormat::of(options.json));
    let object = |changed: bool| json!({ "changed": changed, "host_key": id, "file": path.to_string_lossy() });
    if is_export_of(path, &key) {
        // Sealed with this passphrase? With another one, a script would believe that the new one opens it.
        from_file(terminal, path, key.id())?;
        return terminal.tell(
            format,
            &object(false),
            &format!("host key {id} is already in {shown}; nothing was changed\n"),
        );
    }
    let mut file = NewFile::create(path)?;
    let passphrase = new_passphrase(terminal)?;
    let no_randomness = |error: random::NoRandomness| stopped(&error.to_string());
    let fresh = Fresh { salt: random::bytes().map_err(no_randomness)?, nonce: random::bytes().map_err(no_randomness)? };
    let text = host_key_export::sealed(&key, &passphrase, &fresh).map_err(|error| stopped(&error.to_string()))?;
    file.write(&text)?;
    file.file().sync_all()?;
    file.keep();
    note_export(&key, "file")?;
    let text = format!(
        "host key {id} is in {shown}, sealed with the passphrase; keep file and passphrase apart from each other \
         and from backups of the vault\n"
    );
    terminal.tell(format, &object(true), &text)
}

/// In the log and in /etc/otp/escrowed.
fn note_export(key: &HostKey, how: &str) -> Result<(), Failure> {
    let escrow = Escrow { host_key: key.id(), exported: Machine.wall(), by: who() };
    let line = LogLine::default().field("event", "host-key-exported").field("host_key", &named(key.id()));
    alert(&line.field("how", how).field("by", &escrow.by).finish());
    escrow.write().map_err(|error| Failure::Unshown(format!("exported, but {ESCROWED} cannot be written: {error}")))
}

/// A regular file that says so itself; whether it opens is another question.
fn is_export_of(path: &Path, key: &HostKey) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|about| about.is_file());
    let text = is_file.then(|| read_export(path).ok()).flatten();
    text.and_then(|text| HostKeyExport::parse(&text).ok()).is_some_and(|export| export.host_key == key.id())
}

fn import(terminal: &mut Terminal, options: &ImportHostKeyArgs) -> Result<(), Failure> {
    let vault = vault()?;
    let key = match &options.file {
        Some(path) => from_file(terminal, path, vault.about().host_key)?,
        None => typed(terminal)?,
    };
    fits_vault(&key, &vault)?;
    let (path, id) = (Path::new(Site::STANDARD.host_keys[0]), named(key.id()));
    let format = OutputFormat::of(options.json);
    let object = |changed: bool| json!({ "changed": changed, "host_key": id, "file": path.display().to_string() });
    if let Ok(there) = Site::STANDARD.host_key() {
        let found = named(there.id());
        return match there.id() == key.id() {
            true => terminal.tell(
                format,
                &object(false),
                &format!("host key {id} is already in place; nothing was changed\n"),
            ),
            false => Err(stopped(&format!("{} is host key {found}, not {id}; move it away first", path.display()))),
        };
    }
    root_file::create(path, &key.to_file(), 0o400).map_err(|error| stopped(&format!("{}: {error}", path.display())))?;
    alert(&LogLine::default().field("event", "host-key-imported").field("host_key", &id).field("by", &who()).finish());
    let text = format!(
        "host key {id} is in {}; start the daemon: systemctl restart otp-enrolld.socket otp-enrolld.service\n",
        path.display()
    );
    terminal.tell(format, &object(true), &text)
}

fn check(terminal: &mut Terminal, options: &CheckHostKeyArgs) -> Result<(), Failure> {
    let vault = vault()?;
    let key = Site::STANDARD.host_key().map_err(|unavailable| stopped(&unavailable.detail))?;
    fits_vault(&key, &vault)?;
    let mut told = format!("host key {} is the one of the vault\n", named(key.id()));
    if let Some(path) = &options.file {
        fits_vault(&from_file(terminal, path, key.id())?, &vault)?;
        told.push_str(&format!("{} has the same key, and opens\n", escaped(&path.to_string_lossy())));
    }
    let last = Escrow::last().filter(|last| last.host_key == key.id());
    match &last {
        Some(last) => told.push_str(&format!("last exported {} by {}\n", utc(last.exported), escaped(&last.by))),
        None => told.push_str("never exported: `otpctl host-key export FILE`\n"),
    }
    let (exported, by) = last.map(|last| (last.exported.seconds(), last.by)).unzip();
    let file = options.file.as_ref().map(|path| path.to_string_lossy());
    let object = json!({ "host_key": named(key.id()), "file": file, "exported": exported, "by": by });
    terminal.tell(OutputFormat::of(options.json), &object, &told)
}

fn vault() -> Result<Vault, Failure> {
    Site::STANDARD.open_vault().map_err(|unavailable| stopped(&unavailable.detail))
}

fn fits_vault(key: &HostKey, vault: &Vault) -> Result<(), Failure> {
    let (found, wanted) = (named(key.id()), named(vault.about().host_key));
    fits(key, vault).map_err(|_| stopped(&format!("this is host key {found}; the vault wants {wanted}")))
}

/// From an export. Whether it is the right one is known before anybody is asked for a passphrase.
fn from_file(terminal: &mut Terminal, path: &Path, wanted: HostKeyId) -> Result<HostKey, Failure> {
    let shown = escaped(&path.to_string_lossy());
    let failed = |why: String| stopped(&format!("{shown}: {why}"));
    let text = read_export(path).map_err(failed)?;
    // A copy of host.key itself serves as well.
    if let Some(key) = HostKey::parse(&text) {
        return Ok(key);
    }
    let export = HostKeyExport::parse(&text).map_err(|error| failed(error.to_string()))?;
    if export.host_key != wanted {
        return Err(failed(format!("holds host key {}; wanted {}", named(export.host_key), named(wanted))));
    }
    let passphrase = asked(terminal, "Passphrase of the export: ")?;
    export.open(&passphrase).map_err(|error| failed(error.to_string()))
}

/// At most as much as an export has; why not, in words.
fn read_export(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut text = Zeroizing::new(Vec::with_capacity(EXPORT_CAP + 1));
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(EXPORT_CAP as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    match text.len() <= EXPORT_CAP {
        true => Ok(text),
        false => Err(format!("larger than {EXPORT_CAP} bytes; wanted an export of a host key")),
    }
}

/// As `export --show` had shown it; without its first word, too.
fn typed(terminal: &mut Terminal) -> Result<HostKey, Failure> {
    let line = asked(terminal, "Host key: ")?;
    let mut text = Zeroizing::new(String::with_capacity(HostKey::FILE_CAP * 2));
    if !line.contains(':') {
        text.push_str("otp-host-key-1:");
    }
    text.extend(line.chars().filter(|letter| !matches!(letter, ' ' | '-') || line.contains(':')));
    HostKey::parse(text.as_bytes()).ok_or_else(|| stopped(&HostKey::complaint(text.as_bytes())))
}

fn new_passphrase(terminal: &mut Terminal) -> Result<Zeroizing<String>, Failure> {
    let first = asked(terminal, "New passphrase for the export: ")?;
    let found = first.chars().count();
    if found < SHORTEST_PASSPHRASE {
        return Err(stopped(&format!(
            "the passphrase has {found} characters; wanted {SHORTEST_PASSPHRASE} or more; nothing was exported"
        )));
    }
    if terminal.asks_a_person() && asked(terminal, "Repeat the passphrase: ")? != first {
        return Err(stopped("the two passphrases differ; nothing was exported"));
    }
    Ok(first)
}

/// A line that is not shown; from a pipe, its next line.
fn asked(terminal: &mut Terminal, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let line = if terminal.asks_a_person() { no_echo::line(prompt)? } else { terminal.line()? };
    line.ok_or_else(|| stopped("the input ended early; nothing was done"))
}

fn named(id: HostKeyId) -> String {
    HEXLOWER.encode(&id.0)
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(text.to_owned())
}
