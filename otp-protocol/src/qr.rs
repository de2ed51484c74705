//! A QR code in half blocks, two modules to a character, explicitly black on white: it scans on dark and light themes alike.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// What a terminal shows where nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Light letters on dark.
    Dark,
    /// Dark letters on light.
    Light,
}

/// The modules of one code, dark or light.
pub struct Picture {
    /// The key itself, as anybody with a camera knows: wiped like one.
    dark: Zeroizing<Vec<bool>>,
    /// Modules a side.
    side: usize,
}

impl Picture {
    /// At error correction level L, the smallest; `None` if the text is too long for any code.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let side = code.width();
        let mut colors = code.into_colors(); // the encoder's own modules, not one more copy of them
        let dark = Zeroizing::new(colors.iter().map(|color| *color == Color::Dark).collect());
        // What the encoder dropped on its way cannot be reached; see docs/threats.md.
        colors.fill(Color::Light);
        std::hint::black_box(&colors);
        Some(Self { dark, side })
    }

    /// Modules a side, with the quiet zone on both sides.
    pub fn whole_side(&self) -> usize {
        self.columns(QUIET_ZONE)
    }

    /// Each row of modules from top to bottom, dark ones true, the quiet zone around them.
    pub fn module_rows(&self) -> impl Iterator<Item = impl Iterator<Item = bool>> {
        let all = 0..self.whole_side();
        all.clone().map(move |row| all.clone().map(move |column| self.is_dark(column, row, QUIET_ZONE)))
    }

    /// Characters a line, with `margin` light modules on each side.
    pub fn columns(&self, margin: usize) -> usize {
        self.side.saturating_add(margin.saturating_mul(2))
    }

    /// Lines, with `margin` light modules above and below.
    pub fn rows(&self, margin: usize) -> usize {
        self.columns(margin).div_ceil(2)
    }

    /// The lines, each with its own colours and its own end of colours.
    pub fn draw(&self, margin: usize) -> Zeroizing<String> {
        let line = self.columns(margin).saturating_mul(BLOCK_BYTES).saturating_add(LINE_BYTES);
        let mut drawn = Zeroizing::new(String::with_capacity(line.saturating_mul(self.rows(margin))));
        for row in (0..self.columns(margin)).step_by(2) {
            drawn.push_str(BLACK_ON_WHITE);
            for column in 0..self.columns(margin) {
                let upper = self.is_dark(column, row, margin);
                let lower = self.is_dark(column, row.saturating_add(1), margin);
                drawn.push(block([upper, lower]));
            }
            drawn.push_str(END);
        }
        drawn
    }

    /// The lines without colours, each with its end: right on a terminal of this theme, whose colours cannot be chosen.
    pub fn plain(&self, margin: usize, theme: Theme) -> Zeroizing<String> {
        let line = self.columns(margin).saturating_mul(BLOCK_BYTES).saturating_add(1);
        let mut drawn = Zeroizing::new(String::with_capacity(line.saturating_mul(self.rows(margin))));
        let ink = |column, row| self.is_dark(column, row, margin) == (theme == Theme::Light);
        for row in (0..self.columns(margin)).step_by(2) {
            for column in 0..self.columns(margin) {
                let below = row.saturating_add(1);
                drawn.push(block([ink(column, row), below < self.columns(margin) && ink(column, below)]));
            }
            drawn.push('\n');
        }
        drawn
    }

    /// As SVG: a path of dark runs on a white square, one unit a module.
    pub fn svg(&self) -> Zeroizing<String> {
        let side = self.whole_side();
        let mut text =
            Zeroizing::new(String::with_capacity(SVG_BYTES_A_MODULE.saturating_mul(side).saturating_mul(side)));
        let size = side.saturating_mul(PIXELS);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{size}\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\">\n<rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\""
        );
        for (y, row) in self.module_rows().enumerate() {
            for (x, _) in row.enumerate().filter(|(_, dark)| *dark) {
                let _ = write!(text, "M{x} {y}h1v1h-1z");
            }
            text.push('\n');
        }
        text.push_str("\"/>\n</svg>\n");
        text
    }

    /// Whether a module is dark; the margin and everything outside is light.
    fn is_dark(&self, column: usize, row: usize, margin: usize) -> bool {
        let inside = |position: usize| position.checked_sub(margin).filter(|position| *position < self.side);
        let (Some(x), Some(y)) = (inside(column), inside(row)) else {
            return false;
        };
        let index = y.saturating_mul(self.side).saturating_add(x);
        self.dark.get(index).copied().unwrap_or_default()
    }
}

/// Two modules, one above the other, as one character.
fn block(inked: [bool; 2]) -> char {
    match inked {
        [true, true] => '█',
        [true, false] => '▀',
        [false, true] => '▄',
        [false, false] => ' ',
    }
}

/// The quiet zone of ISO/IEC 18004.
pub const QUIET_ZONE: usize = 4;

/// Half of it, for a window too low for all; cameras manage.
pub const NARROW_ZONE: usize = 2;

const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const END: &str = "\x1b[0m\n";
/// A module is so many pixels wide and high in a picture file.
pub const PIXELS: usize = 8;
/// `M123 123h1v1h-1z` for about half of the modules.
const SVG_BYTES_A_MODULE: usize = 16;
const BLOCK_BYTES: usize = 3;
const LINE_BYTES: usize = BLACK_ON_WHITE.len() + END.len();

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(margin: usize) -> Vec<String> {
        let drawn = Picture::of("otpauth://totp/a?secret=AAAA").expect("a code").draw(margin);
        drawn.lines().map(str::to_owned).collect()
    }

    fn blocks(line: &str) -> Vec<char> {
        let inner = line.strip_prefix(BLACK_ON_WHITE).and_then(|line| line.strip_suffix("\x1b[0m"));
        inner.expect("colours on both sides").chars().collect()
    }

    #[test]
    fn every_line_brings_its_colours_and_its_margin() {
        for margin in [NARROW_ZONE, QUIET_ZONE] {
            for line in lines(margin) {
                let blocks = blocks(&line);
                assert_eq!(blocks.len(), 25 + 2 * margin);
                assert!(blocks[..margin].iter().chain(&blocks[25 + margin..]).all(|block| *block == ' '));
            }
        }
    }

    #[test]
    fn the_code_stands_in_the_middle() {
        let lines = lines(QUIET_ZONE);
        assert_eq!(lines.len(), 17);
        assert!(blocks(&lines[0]).iter().chain(&blocks(&lines[1])).all(|block| *block == ' '));
        // a finder pattern: seven dark modules over one dark, five light, one dark
        let first: String = blocks(&lines[2])[4..11].iter().collect();
        assert_eq!(first, "█▀▀▀▀▀█");
    }

    #[test]
    fn the_size_told_is_the_size_drawn() {
        let picture = Picture::of("otpauth://totp/a?secret=AAAA").expect("a code");
        for margin in [0, 1, 2, 3, 4] {
            let drawn = picture.draw(margin);
            assert_eq!(drawn.lines().count(), picture.rows(margin));
            assert!(drawn.lines().all(|line| blocks(line).len() == picture.columns(margin)));
        }
    }

    #[test]
    fn a_text_too_long_for_any_code_has_no_picture() {
        assert!(Picture::of(&"a".repeat(3000)).is_none());
    }
}
