//! Tables as operators know them from `kubectl`: upper-case headers, no borders, three spaces between columns.

use comfy_table::{Cell, Color, ContentArrangement, presets};

use pmp_protocol::PlainText;

use crate::Output;

/// A table under construction.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<(PlainText, Option<Color>)>>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. A cell is one line of bounded length, whatever it was made from.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| (PlainText::new(&cell), None)).collect());
    }

    /// Colours the cell in `column` of the last row.
    pub fn color(&mut self, column: usize, color: Color) {
        if let Some((_, slot)) = self.rows.last_mut().and_then(|row| row.get_mut(column)) {
            *slot = Some(color);
        }
    }

    /// The text, without a line break at its end.
    #[must_use]
    pub fn render(self, output: Output) -> String {
        let mut table = comfy_table::Table::new();
        // No wrapping: a row is a line, so that `grep` and `awk` work.
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if output.header {
            table.set_header(self.header);
        }
        for row in self.rows {
            table.add_row(row.into_iter().map(|(text, color)| match color.filter(|_| output.color) {
                Some(color) => Cell::new(text).fg(color),
                None => Cell::new(text),
            }));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        if output.color {
            table.enforce_styling();
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputFormat;

    #[test]
    fn columns_line_up_and_rows_are_lines() {
        let mut table = Table::new(&["NAME", "STATUS"]);
        table.row(["o-abc".to_owned(), "in-sync".to_owned()]);
        table.row(["o-longer-name".to_owned(), "two\nlines".to_owned()]);
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        assert_eq!(table.render(output), "NAME            STATUS\no-abc           in-sync\no-longer-name   two lines");
    }

    #[test]
    fn a_cell_cannot_act_and_is_no_longer_than_a_line() {
        let mut table = Table::new(&["NAME"]);
        table.row(["\u{1b}[2Ka\u{202e}b\u{2028}c".to_owned()]);
        table.row(["x".repeat(100_000)]);
        let text = table.render(Output { format: OutputFormat::Table, header: false, color: true });
        assert!(text.starts_with("�[2Ka�b c\n"), "{text:?}");
        assert!(text.len() < 5_000);
    }

    #[test]
    fn the_header_can_be_left_out() {
        let mut table = Table::new(&["NAME"]);
        table.row(["a".to_owned()]);
        let output = Output { format: OutputFormat::Table, header: false, color: false };
        assert_eq!(table.render(output), "a");
    }
}
