//! The holders of all secrets (R4), by keyed fingerprints: read once at a start, and then kept up with what the kernel tells of the directory of
//! their files. Root may change a file there behind the daemon's back; every doubt ends in reading again.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent};
use otp_core::keys::seal::Fingerprint;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::{Vault, VaultError};

use crate::lock::Lock;
use crate::log::events::limited;

/// A directory of files with fingerprints.
pub(crate) trait FingerprintFiles {
    /// The holder that a file stands for. Its default is the least of all.
    type Holder: Clone + Default + Hash + Ord;

    /// Every holder.
    fn holders(vault: &Vault) -> Result<Vec<Self::Holder>, VaultError>;

    /// The fingerprints in the file of a holder; none without a file.
    fn read(vault: &Vault, holder: &Self::Holder) -> Result<Vec<Fingerprint>, VaultError>;

    /// The directory, if there is one.
    fn directory(vault: &Vault) -> Result<Option<OwnedFd>, VaultError>;

    /// The holder that a file of this name stands for.
    fn holder_of(name: &str) -> Option<Self::Holder>;
}

/// The key files, by uid.
pub(crate) enum SecretFiles {}

/// The files of tokens that nobody has yet, by their names.
pub(crate) enum TokenFiles {}

impl FingerprintFiles for SecretFiles {
    type Holder = u32;

    fn holders(vault: &Vault) -> Result<Vec<u32>, VaultError> {
        vault.enrolled_uids()
    }

    fn read(vault: &Vault, uid: &u32) -> Result<Vec<Fingerprint>, VaultError> {
        vault.fingerprints_under(*uid).inspect_err(|error| tell(*uid, error))
    }

    fn directory(vault: &Vault) -> Result<Option<OwnedFd>, VaultError> {
        Ok(vault.key_directory()?.try_clone_to_owned().ok())
    }

    fn holder_of(name: &str) -> Option<u32> {
        name.strip_suffix(".toml")?.parse().ok()
    }
}

impl FingerprintFiles for TokenFiles {
    type Holder = String;

    fn holders(vault: &Vault) -> Result<Vec<String>, VaultError> {
        vault.token_files()
    }

    /// A file that cannot be read bars nobody: no token is assigned before its secret was looked for among all keys.
    fn read(vault: &Vault, file: &String) -> Result<Vec<Fingerprint>, VaultError> {
        Ok(vault.token_fingerprint(file).into_iter().collect())
    }

    fn directory(vault: &Vault) -> Result<Option<OwnedFd>, VaultError> {
        Ok(vault.token_directory()?.map(OwnedFd::from))
    }

    fn holder_of(name: &str) -> Option<String> {
        (!name.starts_with('.')).then(|| name.to_owned())
    }
}

/// The fingerprints of all files, once they were read.
pub(crate) struct Fingerprints<F: FingerprintFiles>(Lock<Option<KnownFingerprints<F>>>);

/// The fingerprints of all files as of the last event.
pub(crate) struct KnownFingerprints<F: FingerprintFiles> {
    /// Without one nothing is kept.
    watch: Option<Inotify>,
    of: HashMap<F::Holder, Vec<Fingerprint>>,
    holders: BTreeSet<(Fingerprint, F::Holder)>,
    /// Files that could not be read. Each is tried again at the next question: somebody may have mended it.
    unread: BTreeSet<F::Holder>,
}

impl<F: FingerprintFiles> Default for Fingerprints<F> {
    fn default() -> Self {
        Self(Lock::default())
    }
}

impl<F: FingerprintFiles> Fingerprints<F> {
    pub(crate) fn new(known: KnownFingerprints<F>) -> Self {
        Self(Lock::new(Some(known)))
    }

    /// Who has this secret? A damaged file has none that works; the log names it. A fault of the machine that may pass is an error.
    pub(crate) fn holder(&self, vault: &Vault, fingerprint: Fingerprint) -> Result<Option<F::Holder>, VaultError> {
        let mut kept = self.0.lock();
        let known = match kept.take().and_then(|known| known.caught_up(vault)) {
            Some(known) => known,
            None => KnownFingerprints::of_all(vault)?,
        };
        kept.insert(known).holder(vault, fingerprint)
    }
}

impl<F: FingerprintFiles> KnownFingerprints<F> {
    /// Of no file yet. From now on nothing that happens to one is missed.
    pub(crate) fn none(vault: &Vault) -> Self {
        Self { watch: watch::<F>(vault).ok(), of: HashMap::new(), holders: BTreeSet::new(), unread: BTreeSet::new() }
    }

    fn of_all(vault: &Vault) -> Result<Self, VaultError> {
        let mut known = Self::none(vault);
        for holder in F::holders(vault)? {
            known.read(vault, holder);
        }
        Ok(known)
    }

    /// These are the fingerprints in the file of `holder` now.
    pub(crate) fn learn(&mut self, holder: F::Holder, fingerprints: Vec<Fingerprint>) {
        self.forget(&holder);
        self.holders.extend(fingerprints.iter().map(|fingerprint| (*fingerprint, holder.clone())));
        if !fingerprints.is_empty() {
            self.of.insert(holder, fingerprints);
        }
    }

    /// The file of `holder` cannot be read.
    pub(crate) fn doubt(&mut self, holder: F::Holder) {
        self.forget(&holder);
        self.unread.insert(holder);
    }

    fn forget(&mut self, holder: &F::Holder) {
        self.unread.remove(holder);
        for fingerprint in self.of.remove(holder).unwrap_or_default() {
            self.holders.remove(&(fingerprint, holder.clone()));
        }
    }

    fn read(&mut self, vault: &Vault, holder: F::Holder) {
        match F::read(vault, &holder) {
            Ok(fingerprints) => self.learn(holder, fingerprints),
            Err(_) => self.doubt(holder),
        }
    }

    /// With all that has changed since; none where something was missed.
    fn caught_up(mut self, vault: &Vault) -> Option<Self> {
        let mut changed = BTreeSet::new();
        let watch = self.watch.as_ref()?;
        loop {
            match watch.read_events() {
                Ok(events) if events.iter().any(is_a_gap) => return None,
                Ok(events) => changed.extend(events.iter().filter_map(holder_of::<F>)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
        for holder in changed {
            self.read(vault, holder);
        }
        Some(self)
    }

    fn holder(&mut self, vault: &Vault, fingerprint: Fingerprint) -> Result<Option<F::Holder>, VaultError> {
        let mut passing = None;
        for holder in std::mem::take(&mut self.unread) {
            match F::read(vault, &holder) {
                Ok(fingerprints) => self.learn(holder, fingerprints),
                Err(error) => {
                    self.doubt(holder);
                    passing = passing.or(Some(error).filter(may_pass));
                }
            }
        }
        let first = self.holders.range((fingerprint, F::Holder::default())..).next();
        match first.filter(|(found, _)| *found == fingerprint) {
            Some((_, holder)) => Ok(Some(holder.clone())),
            None => passing.map_or(Ok(None), Err),
        }
    }
}

/// The file may be whole, and its keys work again in a moment.
fn may_pass(error: &VaultError) -> bool {
    const PASSING: [Errno; 4] = [Errno::EIO, Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM];
    matches!(error, VaultError::Unreadable { errno, .. } if PASSING.contains(errno))
}

/// One damaged file stops nobody else.
fn tell(uid: u32, error: &VaultError) {
    let line = LogLine::default().field("event", "unreadable").field("uid", &uid.to_string());
    limited("unreadable", Urgency::Error, uid, line.field("detail", &error.to_string()));
}

/// A watch of the very directory that the vault has open, whatever its path leads to by now.
fn watch<F: FingerprintFiles>(vault: &Vault) -> nix::Result<Inotify> {
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let open = F::directory(vault).ok().flatten().ok_or(Errno::EBADF)?;
    let directory = format!("/proc/self/fd/{}", open.as_raw_fd());
    watch.add_watch(directory.as_str(), CHANGES | AddWatchFlags::IN_ONLYDIR)?;
    Ok(watch)
}

/// Events were lost, or the watch was.
fn is_a_gap(event: &InotifyEvent) -> bool {
    event.mask.intersects(AddWatchFlags::IN_Q_OVERFLOW | AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_UNMOUNT)
}

fn holder_of<F: FingerprintFiles>(event: &InotifyEvent) -> Option<F::Holder> {
    F::holder_of(event.name.as_ref()?.to_str()?)
}

/// A file came, went, or was written, in place too; or its mode has changed, and it can be read or no longer.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_MOVED_TO
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MODIFY)
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_ATTRIB);
