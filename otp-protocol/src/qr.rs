//! A QR code in the characters of a terminal, or as SVG.
//!
//! With colours a drawing brings its own black and white, so that it scans on dark and light screens alike. Without them it is
//! right on a screen of one theme.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// How modules become characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// Half blocks, two modules to a character, black on white.
    HalfBlocks(Paint),
    /// Coloured blanks, two to a module: ASCII alone, and no font matters.
    Blanks(Paint),
    /// Half blocks without escape sequences, for a screen of this theme.
    Plain(Theme),
}

/// How black and white are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// As two of 256 colours, which palettes leave alone.
    Exact,
    /// As the oldest two colours, and white by reversal: a terminal without colours, but with reversal, shows the same.
    Basic,
}

/// The background of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Light letters on dark.
    Dark,
    /// Dark letters on light.
    Light,
}

/// In characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Characters a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
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
        // The encoder's dropped buffers cannot be reached; see docs/threats.md.
        colors.fill(Color::Light);
        std::hint::black_box(&colors);
        Some(Self { dark, side })
    }

    /// Modules a side, with the quiet zone on both sides.
    pub fn whole_side(&self) -> usize {
        self.side_with(QUIET_ZONE)
    }

    /// Each row of modules from top to bottom, dark ones true, the quiet zone around them.
    pub fn module_rows(&self) -> impl Iterator<Item = impl Iterator<Item = bool>> {
        let all = 0..self.whole_side();
        all.clone().map(move |row| all.clone().map(move |column| self.is_dark(column, row, QUIET_ZONE)))
    }

    /// The room that a drawing takes, with `margin` light modules on each side.
    pub fn extent(&self, drawing: Drawing, margin: usize) -> Extent {
        let side = self.side_with(margin);
        match drawing {
            Drawing::HalfBlocks(_) | Drawing::Plain(_) => Extent { columns: side, rows: side.div_ceil(2) },
            Drawing::Blanks(_) => Extent { columns: side.saturating_mul(BLANKS.len()), rows: side },
        }
    }

    /// The widest margin with which a drawing has room; `None` if it has none even with the narrowest.
    pub fn margin_within(&self, drawing: Drawing, room: Extent) -> Option<usize> {
        let has_room = |wanted: Extent| wanted.columns <= room.columns && wanted.rows <= room.rows;
        (NARROWEST_ZONE..=QUIET_ZONE).rev().find(|margin| has_room(self.extent(drawing, *margin)))
    }

    /// The lines, each with its end and, in colours, with its own colours.
    pub fn draw(&self, drawing: Drawing, margin: usize) -> Zeroizing<String> {
        match drawing {
            Drawing::HalfBlocks(paint) => self.half_blocks(margin, Theme::Light, (paint.white(), END)),
            Drawing::Plain(theme) => self.half_blocks(margin, theme, ("", "\n")),
            Drawing::Blanks(paint) => self.blanks(margin, paint),
        }
    }

    /// On paper of this theme, each line between what begins and what ends it.
    fn half_blocks(&self, margin: usize, paper: Theme, (begin, end): (&str, &str)) -> Zeroizing<String> {
        let side = self.side_with(margin);
        let line = side.saturating_mul(BLOCK_BYTES).saturating_add(begin.len()).saturating_add(end.len());
        let mut drawn = Zeroizing::new(String::with_capacity(line.saturating_mul(side.div_ceil(2)))); // never grows
        let ink = |column, row| self.is_dark(column, row, margin) == (paper == Theme::Light);
        for row in (0..side).step_by(2) {
            drawn.push_str(begin);
            for column in 0..side {
                drawn.push(block([ink(column, row), ink(column, row.saturating_add(1))]));
            }
            drawn.push_str(end);
        }
        drawn
    }

    fn blanks(&self, margin: usize, paint: Paint) -> Zeroizing<String> {
        let side = self.side_with(margin);
        let module = paint.white().len().max(paint.black().len()).saturating_add(BLANKS.len());
        let line = module.saturating_mul(side).saturating_add(END.len());
        let mut drawn = Zeroizing::new(String::with_capacity(line.saturating_mul(side))); // never grows
        for row in 0..side {
            let mut before = None;
            for column in 0..side {
                let dark = self.is_dark(column, row, margin);
                if before != Some(dark) {
                    drawn.push_str(if dark { paint.black() } else { paint.white() });
                    before = Some(dark);
                }
                drawn.push_str(BLANKS);
            }
            drawn.push_str(END);
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

    fn side_with(&self, margin: usize) -> usize {
        self.side.saturating_add(margin.saturating_mul(2))
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

impl Theme {
    /// Of the two.
    pub fn other(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Dark,
        }
    }

    /// As people call such a screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

impl Paint {
    /// From here on black ink on white paper.
    fn white(self) -> &'static str {
        match self {
            Self::Exact => "\x1b[38;5;16;48;5;231m",
            Self::Basic => "\x1b[0;7;37;40m",
        }
    }

    /// From here on white ink on black paper.
    fn black(self) -> &'static str {
        match self {
            Self::Exact => "\x1b[38;5;231;48;5;16m",
            Self::Basic => "\x1b[0;37;40m",
        }
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

/// Less than the standard wants, for a window too low for all; cameras manage.
pub const NARROWEST_ZONE: usize = 1;

const END: &str = "\x1b[0m\n";
/// A module of coloured blanks: about as wide as it is high.
const BLANKS: &str = "  ";
/// A module is so many pixels wide and high in a picture file.
pub const PIXELS: usize = 8;
/// `M123 123h1v1h-1z` for about half of the modules.
const SVG_BYTES_A_MODULE: usize = 16;
const BLOCK_BYTES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::of("otpauth://totp/a?secret=AAAA").expect("a code")
    }

    /// Every way to draw.
    const DRAWINGS: [Drawing; 6] = [
        Drawing::HalfBlocks(Paint::Exact),
        Drawing::HalfBlocks(Paint::Basic),
        Drawing::Blanks(Paint::Exact),
        Drawing::Blanks(Paint::Basic),
        Drawing::Plain(Theme::Dark),
        Drawing::Plain(Theme::Light),
    ];

    /// The sequences that a terminal understands.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Skill {
        Colours,
        ReversalAlone,
    }

    /// A drawing on a dark terminal: for each character whether its upper and its lower half are black.
    fn seen(drawn: &str, skill: Skill) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in drawn.lines() {
            let (mut upper, mut lower, mut white_paper) = (Vec::new(), Vec::new(), false);
            let mut rest = line;
            while let Some(sign) = rest.chars().next() {
                if let Some((sequence, after)) = rest.strip_prefix("\x1b[").and_then(|rest| rest.split_once('m')) {
                    white_paper = match sequence {
                        "0" | "0;37;40" => false,
                        "0;7;37;40" => true,
                        "38;5;231;48;5;16" => white_paper && skill == Skill::ReversalAlone,
                        "38;5;16;48;5;231" => white_paper || skill == Skill::Colours,
                        other => panic!("{other}"),
                    };
                    rest = after;
                    continue;
                }
                let (ink_above, ink_below) = match sign {
                    '█' => (true, true),
                    '▀' => (true, false),
                    '▄' => (false, true),
                    ' ' => (false, false),
                    other => panic!("{other}"),
                };
                upper.push(ink_above == white_paper);
                lower.push(ink_below == white_paper);
                rest = rest.strip_prefix(sign).expect("a sign");
            }
            rows.extend([upper, lower]);
        }
        rows
    }

    /// The modules with a margin, as the picture has them.
    fn modules(margin: usize) -> Vec<Vec<bool>> {
        let picture = picture();
        let side = picture.side_with(margin);
        (0..side).map(|row| (0..side).map(|column| picture.is_dark(column, row, margin)).collect()).collect()
    }

    #[test]
    fn half_blocks_show_the_modules_on_white_and_the_row_left_over_is_white() {
        for paint in [Paint::Exact, Paint::Basic] {
            for margin in [1, 2, 3, 4] {
                let seen = seen(&picture().draw(Drawing::HalfBlocks(paint), margin), Skill::Colours);
                let wanted = modules(margin);
                assert_eq!(seen.get(..wanted.len()), Some(&wanted[..]));
                assert!(seen.iter().skip(wanted.len()).flatten().all(|black| !black));
            }
        }
    }

    #[test]
    fn a_module_of_blanks_is_two_columns_wide_and_ascii() {
        for paint in [Paint::Exact, Paint::Basic] {
            let drawn = picture().draw(Drawing::Blanks(paint), 2);
            assert!(drawn.is_ascii());
            let seen: Vec<Vec<bool>> = seen(&drawn, Skill::Colours).into_iter().step_by(2).collect();
            let wide = |row: &Vec<bool>| row.iter().flat_map(|module| [*module; 2]).collect::<Vec<bool>>();
            assert_eq!(seen, modules(2).iter().map(wide).collect::<Vec<_>>());
        }
    }

    #[test]
    fn where_only_reversal_is_understood_the_basic_paint_is_right() {
        let wanted = seen(&picture().draw(Drawing::Blanks(Paint::Exact), 4), Skill::Colours);
        assert_eq!(seen(&picture().draw(Drawing::Blanks(Paint::Basic), 4), Skill::ReversalAlone), wanted);
    }

    #[test]
    fn without_colours_a_dark_screen_shows_the_modules_and_a_light_one_the_other_drawing() {
        let dark = picture().draw(Drawing::Plain(Theme::Dark), 2);
        let light = picture().draw(Drawing::Plain(Theme::Light), 2);
        assert!(!dark.contains('\x1b') && !light.contains('\x1b'));
        let wanted = modules(2);
        assert_eq!(seen(&dark, Skill::ReversalAlone).get(..wanted.len()), Some(&wanted[..]));
        let on_light: Vec<Vec<bool>> =
            seen(&light, Skill::ReversalAlone).iter().map(|row| row.iter().map(|black| !black).collect()).collect();
        assert_eq!(on_light.get(..wanted.len()), Some(&wanted[..]));
    }

    #[test]
    fn the_extent_told_is_that_drawn() {
        for drawing in DRAWINGS {
            for margin in [1, 2, 3, 4] {
                let (drawn, told) = (picture().draw(drawing, margin), picture().extent(drawing, margin));
                let rows = seen(&drawn, Skill::Colours);
                assert_eq!(rows.len(), 2 * told.rows, "{drawing:?}");
                assert!(rows.iter().all(|row| row.len() == told.columns), "{drawing:?}");
            }
        }
    }

    #[test]
    fn the_margin_is_the_widest_that_has_room() {
        let picture = picture(); // 25 modules
        let half = Drawing::HalfBlocks(Paint::Exact);
        let within = |drawing, columns, rows| picture.margin_within(drawing, Extent { columns, rows });
        assert_eq!(within(half, 80, 24), Some(4));
        assert_eq!(within(half, 33, 17), Some(4));
        assert_eq!([within(half, 32, 17), within(half, 33, 16), within(half, 80, 15)], [Some(3), Some(3), Some(2)]);
        assert_eq!([within(half, 27, 14), within(half, 26, 99), within(half, 99, 13)], [Some(1), None, None]);
        assert_eq!(
            [within(Drawing::Blanks(Paint::Basic), 54, 27), within(Drawing::Blanks(Paint::Basic), 53, 99)],
            [Some(1), None]
        );
    }

    #[test]
    fn a_text_too_long_for_any_code_has_no_picture() {
        assert!(Picture::of(&"a".repeat(3000)).is_none());
    }
}
