//! Files that are not trusted, whatever they hold (V1).

use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

#[test]
fn v1_links_fifos_directories_and_open_modes_are_not_trusted() {
    let clock = Shifted::by(0);
    let refuse = |what: &str, change: &dyn Fn(&Path)| {
        for name in ["keys/1000.toml", "state/1000", "vault.toml"] {
            let bench = Bench::enrolled();
            change(&bench.dir.join(name));
            let place = VaultPlace { dir: bench.dir.clone(), owner: 0 };
            let answer = Vault::open(&place).and_then(|_| bench.try_code(&bench.code(clock.wall(), 1), &clock));
            assert!(answer.is_err(), "{what} at {name}");
        }
    };
    let elsewhere = |path: &Path| path.with_extension("moved");
    refuse("a symbolic link", &|path| {
        fs::rename(path, elsewhere(path)).unwrap();
        symlink(elsewhere(path), path).unwrap();
    });
    refuse("a second name", &|path| fs::hard_link(path, elsewhere(path)).unwrap());
    refuse("a FIFO", &|path| {
        fs::remove_file(path).unwrap();
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    });
    refuse("a directory", &|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    refuse("a group-readable file", &|path| fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap());
    refuse("a foreign owner", &|path| std::os::unix::fs::chown(path, Some(65534), None).unwrap());
    refuse("100 MB", &|path| {
        OpenOptions::new().write(true).open(path).unwrap().set_len(100_000_000).unwrap();
    });
}

#[test]
fn v1_the_vault_and_everything_above_it_must_be_roots() {
    let bench = Bench::enrolled();
    let place = VaultPlace { dir: bench.dir.clone(), owner: 0 };
    let open = |place: &VaultPlace| Vault::open(place).map(drop);
    fs::set_permissions(&bench.dir, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(open(&place), Err(VaultError::Untrusted { .. })), "group may look in");
    fs::set_permissions(&bench.dir, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(open(&VaultPlace { owner: 65534, ..place.clone() }), Err(VaultError::Untrusted { .. })), "owner");
    assert!(
        matches!(open(&VaultPlace { dir: "/tmp/otp".into(), owner: 0 }), Err(VaultError::Untrusted { .. })),
        "/tmp above"
    );
    let link = PathBuf::from(format!("{}-link", bench.dir.display()));
    symlink(&bench.dir, &link).unwrap();
    let answer = open(&VaultPlace { dir: link.clone(), owner: 0 });
    fs::remove_file(&link).unwrap();
    assert!(matches!(answer, Err(VaultError::Untrusted { .. })), "a link to the vault: {answer:?}");
    assert!(open(&place).is_ok());
    for name in ["keys", "state"] {
        fs::set_permissions(bench.dir.join(name), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(open(&place), Err(VaultError::Untrusted { .. })), "{name}");
        fs::set_permissions(bench.dir.join(name), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
