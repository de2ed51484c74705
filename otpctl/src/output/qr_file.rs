//! The QR code of a new key in a file of its own, for a printer or a screen elsewhere. The file is the key, and goes again if
//! the key is not stored.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use otp_protocol::qr::{PIXELS, Picture};
use zeroize::Zeroizing;

use crate::output::failure::Failure;
use crate::output::new_file::NewFile;

/// A new file; removed on drop unless it is kept.
pub(crate) struct PictureFile {
    file: NewFile,
    format: QrFormat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QrFormat {
    Svg,
    Png,
}

/// Makes the files that were asked for, still empty.
pub(crate) fn create(svg: Option<&Path>, png: Option<&Path>) -> Result<Vec<PictureFile>, Failure> {
    let wishes = [(svg, QrFormat::Svg), (png, QrFormat::Png)];
    let paths = wishes.into_iter().filter_map(|(path, format)| Some((path?, format)));
    paths.map(|(path, format)| Ok(PictureFile { file: NewFile::create(path)?, format })).collect()
}

impl PictureFile {
    /// Writes the QR code of `uri`.
    pub(crate) fn draw(&mut self, uri: &str) -> Result<(), Failure> {
        let path = self.file.shown();
        let picture = Picture::of(uri).ok_or_else(|| {
            Failure::Stopped(format!("{path}: the URI is too long for a QR code; nothing was stored"))
        })?;
        let drawn = match self.format {
            QrFormat::Svg => self.file.write(&picture.svg()),
            QrFormat::Png => write_png(&picture, self.file.file()),
        };
        drawn.map_err(|error| Failure::Stopped(format!("{path}: {error}; nothing was stored")))
    }

    /// Where it is, fit to be shown.
    pub(crate) fn shown(&self) -> String {
        self.file.shown()
    }

    /// Leaves it where it is.
    pub(crate) fn keep(self) {
        self.file.keep();
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
    use super::*;

    const URI: &str = "otpauth://totp/a?secret=AAAA";

    #[test]
    fn an_svg_has_a_white_square_and_a_dark_one_for_every_dark_module() {
        let picture = Picture::of(URI).expect("a code");
        let dark = picture.module_rows().flatten().filter(|dark| *dark).count();
        let text = picture.svg();
        assert_eq!(text.matches('M').count(), dark);
        assert!(text.contains("viewBox=\"0 0 33 33\"") && text.contains("M4 4h1v1h-1z"));
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
