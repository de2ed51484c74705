//! The QR code in a file of its own, for a printer or a screen elsewhere. The file is the key: it is made for its owner
//! alone, never over or through something that is there, and goes again if the key is not stored.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use zeroize::Zeroizing;

use crate::arguments::Enrol;
use crate::escape::escaped;
use crate::failure::Failure;
use otp_enrolld::picture::{PIXELS, Picture};

/// A new file; removed on drop unless it is kept.
pub struct PictureFile {
    path: PathBuf,
    /// Held open, so that what is removed is in the directory in which it was made.
    directory: OwnedFd,
    name: OsString,
    file: File,
    format: Format,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
}

/// Makes the files that were asked for, still empty.
pub fn wanted(options: &Enrol) -> Result<Vec<PictureFile>, Failure> {
    let wishes = [(&options.svg, Format::Svg), (&options.png, Format::Png)];
    let paths = wishes.into_iter().filter_map(|(path, format)| Some((path.as_deref()?, format)));
    paths.map(|(path, format)| PictureFile::create(path, format)).collect()
}

impl PictureFile {
    fn create(path: &Path, format: Format) -> Result<Self, Failure> {
        let shown = escaped(&path.to_string_lossy());
        let failed = |errno: Errno| match errno {
            Errno::EEXIST => Failure::Usage(format!("{shown}: there is something of that name; it is not overwritten")),
            errno => Failure::Usage(format!("{shown}: {}", errno.desc())),
        };
        let name = path.file_name().ok_or(Errno::EISDIR).map_err(failed)?.to_owned();
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(above, OFlag::O_RDONLY | flags, Mode::empty()).map_err(failed)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&directory, name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(failed)?;
        Ok(Self { path: path.to_owned(), directory, name, file: file.into(), format, fate: Fate::Removed })
    }

    /// Writes the QR code of `uri`.
    pub fn draw(&mut self, uri: &str) -> Result<(), Failure> {
        let path = escaped(&self.path.to_string_lossy());
        let picture = Picture::of(uri).ok_or_else(|| {
            Failure::Stopped(format!("{path}: the URI is too long for a QR code; nothing was stored"))
        })?;
        let drawn = match self.format {
            Format::Svg => self.file.write_all(picture.svg().as_bytes()),
            Format::Png => write_png(&picture, &self.file),
        };
        drawn.map_err(|error| Failure::Stopped(format!("{path}: {error}; nothing was stored")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it where it is.
    pub fn keep(mut self) {
        self.fate = Fate::Kept;
    }
}

impl Drop for PictureFile {
    fn drop(&mut self) {
        if self.fate == Fate::Removed {
            // Whoever removed it before us did what we want.
            let _ = unlinkat(&self.directory, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// One bit a pixel, 0 black, PIXELS pixels a module each way.
fn write_png(picture: &Picture, file: &File) -> io::Result<()> {
    let size = u32::try_from(picture.whole_side().saturating_mul(PIXELS)).map_err(io::Error::other)?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), size, size);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels(picture))?;
    Ok(writer.finish()?)
}

/// The rows of the image, each of whole bytes.
fn pixels(picture: &Picture) -> Zeroizing<Vec<u8>> {
    let bytes_a_row = picture.whole_side(); // PIXELS is 8: a module is a byte wide
    let all = bytes_a_row.saturating_mul(picture.whole_side()).saturating_mul(PIXELS);
    let mut image = Zeroizing::new(Vec::with_capacity(all));
    for row in picture.module_rows() {
        let row: Zeroizing<Vec<u8>> = Zeroizing::new(row.map(|dark| if dark { 0x00 } else { 0xff }).collect());
        (0..PIXELS).for_each(|_| image.extend_from_slice(&row));
    }
    image
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    const URI: &str = "otpauth://totp/a?secret=AAAA";

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("otpctl-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory");
        path
    }

    #[test]
    fn a_file_is_its_owners_alone_and_goes_unless_it_is_kept() {
        let directory = directory("kept");
        let path = directory.join("key.png");
        for kept in [false, true] {
            let mut file = PictureFile::create(&path, Format::Png).expect("made");
            file.draw(URI).expect("drawn");
            assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
            if kept {
                file.keep();
            } else {
                drop(file);
            }
            assert_eq!(path.exists(), kept);
        }
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn nothing_that_is_there_is_written_to_or_removed() {
        let directory = directory("there");
        let (path, link, nowhere) = (directory.join("file"), directory.join("link"), directory.join("nowhere"));
        fs::write(&path, "mine").expect("written");
        symlink(&path, &link).expect("linked");
        symlink(directory.join("new"), &nowhere).expect("linked");
        for taken in [&path, &link, &nowhere, &directory] {
            let refused = PictureFile::create(taken, Format::Svg).map(drop).map_err(|failure| failure.code());
            assert_eq!(refused, Err(2), "{}", taken.display());
        }
        assert_eq!(fs::read_to_string(&path).expect("read"), "mine");
        assert!(!directory.join("new").exists() && link.is_symlink());
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn an_svg_has_a_white_square_and_a_dark_one_for_every_dark_module() {
        let picture = Picture::of(URI).expect("a code");
        let dark = picture.module_rows().flatten().filter(|dark| *dark).count();
        let text = picture.svg();
        assert_eq!(text.matches('M').count(), dark);
        assert!(text.contains("viewBox=\"0 0 33 33\"") && text.contains("M4 4h1v1h-1z"));
        assert!(text.len() < SVG_BYTES_A_MODULE * 33 * 33);
    }

    #[test]
    fn a_png_has_a_byte_for_every_module_of_every_line() {
        let picture = Picture::of(URI).expect("a code");
        let image = pixels(&picture);
        assert_eq!(image.len(), 33 * 33 * PIXELS);
        assert!(image.iter().take(33 * 4 * PIXELS).all(|byte| *byte == 0xff)); // the quiet zone
        assert_eq!(image.get(33 * 4 * PIXELS + 4), Some(&0x00));
    }
}
