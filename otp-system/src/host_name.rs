//! The name of this machine.

/// As the kernel has it (gethostname(2)); empty where it has none, with other characters for what is not UTF-8.
pub fn host_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
