//! The way back of a gate that nobody confirms: a timer that systemd runs, which outlives this terminal, and a unit that runs before
//! anybody can log in, for a machine that went down meanwhile.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::has_systemd;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// So long a gate waits.
pub(crate) const SECONDS: u64 = 120;
const BOOT_UNIT: &str = "otp-gate-rollback.service";

/// Refuses where a gate would never be undone.
pub(crate) fn is_possible() -> Result<(), Failure> {
    if !has_systemd() {
        return Err(Failure::Stopped(format!(
            "without systemd nothing can undo a gate that you do not confirm; nothing was changed. With \
             --no-rollback it takes effect at once: {KEEP}"
        )));
    }
    if !Path::new(SESSION).exists() {
        return Err(Failure::Stopped(format!(
            "this kernel does not tell login sessions apart ({SESSION}), so nobody could confirm the gate; nothing \
             was changed. With --no-rollback it takes effect at once: {KEEP}"
        )));
    }
    match run("systemctl", &["--quiet", "is-enabled", BOOT_UNIT]) {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::Stopped(format!(
            "{BOOT_UNIT} is not enabled, and a reboot would leave a gate that nobody has confirmed; nothing was changed. \
             `systemctl enable {BOOT_UNIT}`, or --no-rollback: {KEEP}"
        ))),
    }
}

/// From now on, until `disarm`, the gate is undone when its time is over, whatever happens to this process.
pub(crate) fn arm(service: &str) -> Result<(), Failure> {
    disarm(service);
    let own = env::current_exe().map_err(|error| Failure::Stopped(format!("/proc/self/exe: {error}")))?;
    let (unit, own) = (format!("--unit={}", unit(service)), own.display().to_string());
    let after = format!("--on-active={SECONDS}");
    let words = [
        "--quiet",
        "--collect",
        &unit,
        "--description=Undoes a gate that nobody has confirmed",
        &after,
        "--timer-property=AccuracySec=1s",
        // `systemctl isolate` stops what its target does not want.
        "--timer-property=IgnoreOnIsolate=yes",
        "--property=Restart=on-failure",
        "--property=RestartSec=5s",
        "--",
        &own,
        "gate",
        "undo-pending",
        service,
    ];
    run("systemd-run", &words).map_err(|why| Failure::Stopped(format!("systemd-run: {why}; nothing was changed")))
}

/// A timer that is left undoes nothing: it looks for a gate that waits.
pub(crate) fn disarm(service: &str) {
    let timer = format!("{}.timer", unit(service));
    let _: Result<(), String> = run("systemctl", &["--quiet", "stop", &timer]);
}

fn unit(service: &str) -> String {
    format!("otp-gate-{service}")
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let done = Command::new(program).args(words).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(escaped(said.trim())) }
}

/// The login session of the audit system, which survives su and sudo; none outside of any.
pub(crate) fn session() -> Option<u32> {
    session_of(Path::new("/proc/self"))
}

/// The newest of the login sessions that are open. The kernel counts them up, and a process stays in the one that it was started in.
pub(crate) fn newest_session() -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().filter_map(|process| session_of(&process.path())).max()
}

fn session_of(process: &Path) -> Option<u32> {
    let text = fs::read_to_string(process.join("sessionid")).ok()?;
    text.trim().parse().ok().filter(|session| *session != u32::MAX)
}

const SESSION: &str = "/proc/self/sessionid";
const KEEP: &str = "keep a root shell open until you have passed it";
