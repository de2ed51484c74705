//! Keeps libgcc_s out of every login. Loading that library costs more than a third of an authentication
//! (docs/performance.md), and all the module needs of it is the unwinder, which the compiler also ships as an archive.
//!
//! rustc asks the linker for `-lgcc_s` whatever one says, so a linker script of that name is put in its way. Only this
//! cdylib is linked so; where the archives are missing it is linked as usual.
//!
//! One build serves every system since glibc 2.34. The feature `recent-glibc` is for builds that serve the release they are
//! built on: the unwinder then asks the C library (2.35), not the module, where its tables are; and relative relocations are
//! packed (2.36), which makes nine tenths of them no table to be read page by page.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(own_find_object)");
    if var("CARGO_CFG_TARGET_ENV") != "gnu" || var("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    // Read-only data and code in one segment: a mapping less at every login, and fewer pages.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,noseparate-code");
    let recent_glibc = env::var_os("CARGO_FEATURE_RECENT_GLIBC").is_some();
    for flag in LLD_ONLY.into_iter().chain(recent_glibc.then_some(PACKED_RELOCATIONS)) {
        if linker_takes(flag) {
            println!("cargo::rustc-cdylib-link-arg=-Wl,{flag}");
        }
    }
    if !recent_glibc && !ANSWERED_HERE.contains(&var("CARGO_CFG_TARGET_ARCH").as_str()) {
        return; // the linked unwinder would want glibc 2.35
    }
    let Some(archives) = archives() else {
        println!(
            "cargo::warning=libgcc_eh.a and libgcc.a not found: the module will load libgcc_s.so.1 at every login"
        );
        return;
    };
    let folder = out_dir().join("unwinder");
    let script = format!("GROUP({})\n", archives.map(|path| format!("\"{}\"", path.display())).join(" "));
    match fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("libgcc_s.so"), script)) {
        Ok(()) => {
            println!("cargo::rustc-cdylib-link-arg=-L{}", folder.display());
            if !recent_glibc {
                println!("cargo::rustc-cfg=own_find_object");
            }
        }
        Err(error) => println!("cargo::warning={}: {error}; the module will load libgcc_s.so.1", folder.display()),
    }
}

/// The same where lld does not do it by itself, and functions of the same code kept once, if nothing asks for their address.
const LLD_ONLY: [&str; 2] = ["--no-rosegment", "--icf=safe"];
const PACKED_RELOCATIONS: &str = "-z,pack-relative-relocs";

/// Processors for which src/unwinder.rs answers the unwinder.
const ANSWERED_HERE: [&str; 2] = ["x86_64", "aarch64"];

/// Does the linker that this build uses know this flag? It is asked by linking next to nothing; GNU ld refuses what it does not know.
fn linker_takes(flag: &str) -> bool {
    let (source, object) = (out_dir().join("probe.rs"), out_dir().join("probe.so"));
    if fs::write(&source, "").is_err() {
        return false;
    }
    let mut rustc = Command::new(var("RUSTC"));
    rustc.args(var("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.args(["--crate-type=cdylib", "--target", &var("TARGET"), &format!("-Clink-arg=-Wl,{flag}"), "-o"]);
    rustc.arg(object).arg(source).stdout(Stdio::null()).stderr(Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}

/// The unwinder and what it needs, where the target's compiler has them.
fn archives() -> Option<[PathBuf; 2]> {
    let compiler = match env::var("RUSTC_LINKER") {
        Ok(named) => named,
        Err(_) if var("HOST") == var("TARGET") => "cc".to_owned(),
        Err(_) => return None, // this machine's archives are for another processor
    };
    Some([archive(&compiler, "libgcc_eh.a")?, archive(&compiler, "libgcc.a")?])
}

/// A compiler that does not have `name` answers with the name alone.
fn archive(compiler: &str, name: &str) -> Option<PathBuf> {
    let answer = Command::new(compiler).arg(format!("-print-file-name={name}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
    (answer.status.success() && path.is_absolute() && path.is_file()).then_some(path)
}

fn out_dir() -> PathBuf {
    PathBuf::from(var("OUT_DIR"))
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
