//! How the daemon restricts itself, and how it ends.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};

/// From now on SIGTERM and SIGINT end the process with success: whatever is pending was promised to nobody.
pub(crate) fn end_when_told() -> std::io::Result<()> {
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
pub(crate) fn close_up() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)
}
