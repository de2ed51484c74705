//! Keeps libgcc_s out of every login. Loading that library costs more than a third of an authentication
//! (docs/performance.md), and all the module needs of it is the unwinder, which the compiler also ships as an archive.
//!
//! rustc asks the linker for `-lgcc_s` whatever one says, so a linker script of that name is put in its way. Only this
//! cdylib is linked so; where the archives are missing it is linked as usual.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if var("CARGO_CFG_TARGET_ENV") != "gnu" || var("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let Some(archives) = archives() else {
        println!(
            "cargo::warning=libgcc_eh.a and libgcc.a not found: the module will load libgcc_s.so.1 at every login"
        );
        return;
    };
    let folder = Path::new(&var("OUT_DIR")).join("unwinder");
    let script = format!("GROUP({})\n", archives.map(|path| format!("\"{}\"", path.display())).join(" "));
    match fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("libgcc_s.so"), script)) {
        Ok(()) => println!("cargo::rustc-cdylib-link-arg=-L{}", folder.display()),
        Err(error) => println!("cargo::warning={}: {error}; the module will load libgcc_s.so.1", folder.display()),
    }
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

fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
