//! Columns as wide as their widest cell. In a window that is too narrow those that matter least are left out, and where that is not enough
//! there is a paragraph for each row.

use otp_system::screen::{columns, strong};

/// Rows of cells below their heads. More rows may follow those that were laid out.
pub(crate) struct GrowingTable<const COLUMNS: usize> {
    heads: [&'static str; COLUMNS],
    /// So wide as the widest cell until now.
    widths: [usize; COLUMNS],
    /// The columns that may be left out; the last one goes first.
    may_go: Vec<usize>,
    shown: [bool; COLUMNS],
    /// The columns that the heads are above; none before the first row.
    headed: Option<[bool; COLUMNS]>,
    in_paragraphs: bool,
}

impl<const COLUMNS: usize> GrowingTable<COLUMNS> {
    /// Without rows.
    pub(crate) fn new(heads: [&'static str; COLUMNS]) -> Self {
        let (widths, shown) = (heads.map(columns), [true; COLUMNS]);
        Self { heads, widths, may_go: Vec::new(), shown, headed: None, in_paragraphs: false }
    }

    /// The same, in which these columns may be left out: the last of them first.
    pub(crate) fn that_may_lack(self, columns: &[usize]) -> Self {
        Self { may_go: columns.to_vec(), ..self }
    }

    /// Heads of the columns that were left out; none where paragraphs have them all.
    pub(crate) fn left_out(&self) -> Vec<&'static str> {
        if self.headed.is_none() {
            return Vec::new();
        }
        self.shown.iter().zip(self.heads).filter(|(shown, _)| !**shown).map(|(_, head)| head).collect()
    }

    /// The next rows, in a window of so many columns; below the heads, if they are the first.
    pub(crate) fn rows(&mut self, rows: &[[String; COLUMNS]], window: Option<usize>) -> String {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = columns(cell).max(*width);
            }
        }
        let is_too_wide = |table: &Self| window.is_some_and(|window| window < table.width());
        while !self.in_paragraphs && is_too_wide(self) {
            match self.may_go.pop().and_then(|column| self.shown.get_mut(column)) {
                Some(shown) => *shown = false,
                None => self.in_paragraphs = true,
            }
        }
        if self.in_paragraphs {
            return rows.iter().map(|row| paragraph(&self.heads, row)).collect();
        }
        // Again where a column went.
        let heads = (self.headed != Some(self.shown)).then(|| self.heads.map(strong));
        self.headed = Some(self.shown);
        heads.iter().chain(rows).map(|row| self.line(row)).collect()
    }

    fn width(&self) -> usize {
        let shown = self.widths.iter().zip(self.shown).filter(|(_, shown)| *shown);
        shown.map(|(width, _)| width.saturating_add(GAP.len())).sum::<usize>().saturating_sub(GAP.len())
    }

    fn line(&self, row: &[String]) -> String {
        let cells = row.iter().zip(self.widths).zip(self.shown);
        line(cells.filter(|(_, shown)| *shown).map(|(cell, _)| cell))
    }
}

fn line<'a>(cells: impl Iterator<Item = (&'a String, usize)>) -> String {
    let mut line = String::new();
    for (cell, width) in cells {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(cell))));
        line.push_str(GAP);
    }
    format!("{}\n", line.trim_end())
}

/// The first cell, and below it each other one with its head.
fn paragraph(heads: &[&str], row: &[String]) -> String {
    let mut cells = heads.iter().zip(row);
    let first = cells.next().map(|(_, cell)| format!("{}\n", strong(cell))).unwrap_or_default();
    let others = cells.map(|(head, cell)| format!("  {}: {cell}\n", head.to_lowercase()));
    first + &others.collect::<String>()
}

const GAP: &str = "  ";
