//! Making a host's host key and vault, once. Files that are there stay; a half-made set is never completed by guessing,
//! because a missing vault may be one that is not mounted, and a missing host key one that waits in an escrow.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use otp_core::keys::seal::{HostKey, VaultId};
use otp_core::site::{Site, Unavailable, fits};
use otp_core::vault::{About, TrustedDir, Vault, VaultPlace};
use otp_core::{public_dir, root_file};
use otp_system::privileges::{PrivilegesError, become_for_good};
use otp_system::random::{self, NoRandomness};
use zeroize::Zeroizing;

use crate::start::{make_outbox, no_account, no_outbox};

/// The work that was done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InitOutcome {
    /// Both were there and belong together.
    Already,
    /// Both are new.
    Made,
}

/// Why `init` did nothing, or not all.
#[derive(Debug)]
pub(crate) enum InitError {
    /// Only root can.
    NotRoot,
    /// The account of that name does not exist.
    NoAccount(&'static str),
    /// A host key without its vault.
    NoVault(PathBuf),
    /// A vault without its host key.
    NoHostKey(PathBuf),
    /// The files that are there are not in order.
    Unavailable(Unavailable),
    /// The kernel gives no random bytes.
    NoRandomness(NoRandomness),
    /// Something could not be made.
    Making {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Giving up root or the terminal failed.
    Privileges(PrivilegesError),
}

/// Makes host key and vault, unless they are there.
pub(crate) fn init() -> Result<InitOutcome, InitError> {
    let site = Site::STANDARD;
    let user = User::from_name(site.account).map_err(PrivilegesError::from)?;
    let user = user.ok_or(InitError::NoAccount(site.account))?;
    if !Uid::effective().is_root() {
        return Err(InitError::NotRoot);
    }
    let place = site.place()?;
    make_outbox(&site).unwrap_or_else(|error| no_outbox(&site, &error));
    let (key_path, about_path) = (Path::new(site.host_keys[0]), place.dir.join("vault.toml"));
    let has_key = site.host_keys.iter().any(|path| Path::new(path).exists());
    match (has_key, about_path.exists()) {
        (true, true) => {
            fits(&site.host_key()?, &Vault::open(&place).map_err(Unavailable::from)?)?;
            note_account(&site, place.owner)?;
            Ok(InitOutcome::Already)
        }
        (true, false) => Err(InitError::NoVault(about_path)),
        (false, true) => Err(InitError::NoHostKey(key_path.to_owned())),
        (false, false) => make(&site, &place, &user).map(|()| InitOutcome::Made),
    }
}

fn note_account(site: &Site, uid: u32) -> Result<(), InitError> {
    let noted = site.note_account(uid).map(drop);
    noted.map_err(|error| InitError::Making { path: PathBuf::from(site.account_note), error })
}

fn make(site: &Site, place: &VaultPlace, user: &User) -> Result<(), InitError> {
    let key_path = Path::new(site.host_keys[0]);
    let bytes = random::secret(32)?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&bytes);
    let key = HostKey::new(key);
    let about = About { id: VaultId(random::bytes()?), host_key: key.id(), epoch: 1, needs: BTreeSet::new() };
    let etc = key_path.parent().unwrap_or(Path::new("/"));
    public_dir::make(etc).map_err(|error| InitError::Making { path: etc.to_owned(), error })?;
    make_vault_dir(place, user).map_err(|error| InitError::Making { path: place.dir.clone(), error })?;
    TrustedDir::open(&place.dir, place.owner).map_err(Unavailable::from)?; // before there is anything by half
    root_file::create(key_path, &key.to_file(), 0o400)
        .map_err(|error| InitError::Making { path: key_path.to_owned(), error })?;
    note_account(site, place.owner)?;
    become_for_good(user, &[])?;
    Vault::create(place, &about).map_err(Unavailable::from)?;
    Ok(())
}

fn make_vault_dir(place: &VaultPlace, user: &User) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(&place.dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.and_then(|()| fs::set_permissions(&place.dir, Permissions::from_mode(0o700)))?, // whatever the umask is
    }
    std::os::unix::fs::chown(&place.dir, Some(place.owner), Some(user.gid.as_raw()))
}

impl From<Unavailable> for InitError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<PrivilegesError> for InitError {
    fn from(error: PrivilegesError) -> Self {
        Self::Privileges(error)
    }
}

impl From<NoRandomness> for InitError {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

impl fmt::Display for InitOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Already => f.write_str("the host key and the vault exist and belong together; nothing to do"),
            Self::Made => f.write_str(
                "created the host key and the vault; keep a copy of /etc/otp/host.key in a safe place: without it \
                 every key is lost",
            ),
        }
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot => f.write_str("only root can create a host key and a vault"),
            Self::NoAccount(name) => no_account(f, name),
            Self::NoVault(path) => write!(
                f,
                "{} is missing, but there is a host key; mount the vault, or move the host key away to start again",
                path.display()
            ),
            Self::NoHostKey(path) => write!(
                f,
                "{} is missing, but there is a vault; restore the escrowed copy, or move the vault away to start again",
                path.display()
            ),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::NoRandomness(error) => error.fmt(f),
            Self::Making { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Privileges(error) => write!(f, "becoming the daemon's account failed: {error}"),
        }
    }
}

impl std::error::Error for InitError {}
