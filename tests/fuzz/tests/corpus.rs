//! Each target on every file of its corpus.

use std::fs;
use std::path::Path;

/// Runs `target` on what is in `corpus/NAME`, and says which file it was. Some of it must be taken, and some not.
fn run(name: &str, target: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let taken = |path: &std::path::PathBuf| {
        println!("{}", path.display());
        target(&fs::read(path).expect("a file"))
    };
    let (taken, refused): (Vec<_>, Vec<_>) = files.into_iter().partition(taken);
    println!("taken: {taken:?}");
    assert!(!taken.is_empty() && !refused.is_empty(), "{name}: {} taken, {} refused", taken.len(), refused.len());
}

macro_rules! corpora {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), fuzz::$name);
        })*

        /// A corpus without a target would be run by nobody.
        #[test]
        fn every_corpus_has_its_target() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
            for entry in fs::read_dir(folder).expect("the corpora") {
                let name = entry.expect("an entry").file_name().into_string().expect("a name");
                assert!([$(stringify!($name)),*].contains(&name.as_str()), "{name}");
            }
        }
    };
}

corpora! { secret_file policy slot tickets notices mark typed registration module_json wire
google_authenticator oath otpauth migration pskc token reset password_record }
