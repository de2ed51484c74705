//! The daemon's clock, and its farewell to root.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, User, getresgid, getresuid, setgroups, setresgid, setresuid};
use otp_core::clock::{Clock, system_boot_ms, system_wall};

/// The machine's clocks.
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> u64 {
        system_wall()
    }

    fn boot_ms(&self) -> u64 {
        system_boot_ms()
    }

    /// The daemon decides no login yet, so it vouches for nothing.
    fn vouched(&self) -> bool {
        false
    }
}

/// From now on SIGTERM and SIGINT end the process with success: whatever is pending was promised to nobody.
pub fn end_when_told() -> std::io::Result<()> {
    let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    ends.thread_block()?; // and so in every thread that is started after this
    let waiter = std::thread::Builder::new().stack_size(64 * 1024);
    waiter
        .spawn(move || {
            if ends.wait().is_ok() {
                std::process::exit(0)
            }
        })
        .map(drop)
}

/// Nobody may read this process's memory: no core dump, no ptrace by its own account, no new privileges.
pub fn close_up() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)
}

/// Becomes `user` for good: no other groups, no saved ids, no way back.
pub fn become_for_good(user: &User) -> nix::Result<()> {
    let (uid, gid) = (user.uid, user.gid);
    if Uid::effective().is_root() {
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    let (uids, gids) = (getresuid()?, getresgid()?);
    let all = |found: [Uid; 3], groups: [Gid; 3]| found.iter().all(|u| *u == uid) && groups.iter().all(|g| *g == gid);
    let became = all([uids.real, uids.effective, uids.saved], [gids.real, gids.effective, gids.saved]);
    let stuck = uid.is_root() || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err();
    if became && stuck { Ok(()) } else { Err(nix::errno::Errno::EPERM) }
}
