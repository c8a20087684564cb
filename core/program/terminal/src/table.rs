//! Tables as operators know them from `kubectl`: upper-case headers, no borders, three spaces
//! between columns.

use comfy_table::{Cell, Color, ContentArrangement, presets};
use console::measure_text_width;

use pmp_protocol::PlainText;

use crate::screen::{Frame, cell_alone};
use crate::text::{cut, fold};
use crate::{Output, stream};

/// A table under construction.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<(PlainText, Option<Color>)>>,
}

impl Table {
    /// The most rows that fit a screen, with a header above them, and a line above and two below.
    pub const SCREEN_ROWS: usize = 20;

    /// A table with these columns.
    #[must_use]
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
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

    /// The first `rows` of it, no line of which is longer than [`Frame::room`] because of its last
    /// column; and how many rows are left out.
    #[must_use]
    pub fn on_a_screen(self, rows: usize) -> (Self, usize) {
        self.on_a_screen_of(rows, Frame::room())
    }

    fn on_a_screen_of(mut self, rows: usize, width: usize) -> (Self, usize) {
        let left_out = self.rows.len().saturating_sub(rows);
        self.rows.truncate(rows);
        (self.no_wider_than(width), left_out)
    }

    /// The same, whose last column, which holds sentences, is cut so that no line is wider than
    /// `width`, wherever it is printed.
    #[must_use]
    pub fn no_wider_than(mut self, width: usize) -> Self {
        let others = self.header.len().saturating_sub(1);
        let used: usize = (0..others).map(|column| self.widest(column, true) + GAP).sum();
        let room = width.saturating_sub(used).max(1);
        for (last, _) in self.rows.iter_mut().filter_map(|row| row.get_mut(others)) {
            *last = PlainText::new(&cut(last.as_str(), room));
        }
        self
    }

    /// The text, without a line break at its end: a row is a line, so that `grep` and `awk` work.
    /// On a terminal the last column, which holds sentences, is folded to its width.
    #[must_use]
    pub fn render(self, output: Output) -> String {
        self.render_in(output, stream::stdout_width())
    }

    fn render_in(mut self, output: Output, width: Option<usize>) -> String {
        let whole = self.whole(output);
        let columns = self.header.len();
        let Some(width) =
            width.filter(|width| columns > 1 && lines_of(&whole).any(|line| measure_text_width(line) > *width))
        else {
            return whole;
        };
        if let Some(records) = self.records(output, width) {
            return records;
        }
        let sentences: Vec<_> =
            self.rows.iter_mut().map(|row| row.pop().filter(|_| row.len() == columns - 1)).collect();
        let title = self.header.pop().unwrap_or_default();
        let left = self.whole(Output { color: false, ..output });
        let indent = lines_of(&left).map(measure_text_width).max().unwrap_or_default() + GAP;
        // Where too little is left beside the other columns, sentences stand below their row; so
        // does one with a word, such as an ARN, that would have to be broken beside it.
        let beside = width.checked_sub(indent).filter(|left| *left >= LEAST);
        let below = width.saturating_sub(BELOW);
        let place = |text: &str| {
            let longest = text.split(' ').map(measure_text_width).max().unwrap_or_default();
            beside.filter(|room| longest <= *room).map_or((below, BELOW), |room| (room, indent))
        };
        let rows = self.whole(output);
        let mut rows = lines_of(&rows);
        let mut lines = Vec::new();
        if output.header {
            let header = rows.next().unwrap_or_default();
            lines.push(if beside.is_some() { beside_of(header, indent, title) } else { header.to_owned() });
        }
        for (row, sentence) in rows.zip(sentences) {
            let (text, color) = sentence.map_or_else(Default::default, |(text, color)| (String::from(text), color));
            // Nowhere else is told what it is.
            let is_named = output.header && beside.is_none() && !text.is_empty();
            let text = if is_named { format!("{title} {text}") } else { text };
            let (room, margin) = place(&text);
            let color = color.filter(|_| output.color);
            let mut folded = fold(&text, room).into_iter().map(|line| match color {
                Some(color) => cell_alone(&line, color),
                None => line,
            });
            match folded.next() {
                Some(first) if margin == indent => lines.push(beside_of(row, indent, &first)),
                first => {
                    lines.push(row.to_owned());
                    lines.extend(first.map(|line| format!("{:margin$}{line}", "")));
                }
            }
            lines.extend(folded.map(|line| format!("{:margin$}{line}", "")));
        }
        lines.join("\n")
    }

    /// The rows one below the other, where the columns do not fit side by side even without the
    /// last: a line for each cell that says something, and a blank one between two rows.
    fn records(&self, output: Output, width: usize) -> Option<String> {
        let others = self.header.len() - 1;
        let left: usize = (0..others).map(|column| self.widest(column, output.header) + GAP).sum();
        if left.saturating_sub(GAP) <= width {
            return None;
        }
        let names = self.header.iter().map(|name| measure_text_width(name)).max().unwrap_or_default() + GAP;
        let room = width.saturating_sub(names).max(1);
        let line = |(name, (text, color)): (&&str, &(PlainText, Option<Color>))| {
            let color = color.filter(|_| output.color);
            let folded = fold(text.as_str(), room).into_iter().map(|line| match color {
                Some(color) => cell_alone(&line, color),
                None => line,
            });
            let beside = |(at, line): (usize, String)| format!("{:names$}{line}", if at == 0 { name } else { "" });
            folded.enumerate().map(beside).collect::<Vec<_>>()
        };
        let record = |row: &Vec<(PlainText, Option<Color>)>| {
            self.header.iter().zip(row).flat_map(line).collect::<Vec<_>>().join("\n")
        };
        Some(self.rows.iter().map(record).collect::<Vec<_>>().join("\n\n"))
    }

    /// The columns that a column takes.
    fn widest(&self, column: usize, with_title: bool) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|(cell, _)| measure_text_width(cell.as_str()));
        let title = self.header.get(column).filter(|_| with_title).map(|title| measure_text_width(title));
        cells.chain(title).max().unwrap_or_default()
    }

    /// The table with every cell whole, however wide it gets.
    fn whole(&self, output: Output) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if output.header {
            table.set_header(self.header.clone());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|(text, color)| match color.filter(|_| output.color) {
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

/// Spaces between two columns.
const GAP: usize = 3;
/// The least width in which a sentence can be read beside its row.
const LEAST: usize = 24;
/// How far a sentence below its row is set in.
const BELOW: usize = 4;

/// The lines of a rendered table; one that is empty is a row, too.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
}

fn beside_of(row: &str, indent: usize, text: &str) -> String {
    let gap = indent.saturating_sub(measure_text_width(row));
    format!("{row}{:gap$}{text}", "").trim_end().to_owned()
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
    fn on_a_terminal_sentences_are_folded_and_ids_are_not() {
        let table = || {
            let mut table = Table::new(&["ORGANIZATION", "SYNC", "MESSAGE"]);
            table.row(["o-alpha00000", "HELD", "it would remove 212 of 300 approved products"].map(str::to_owned));
            table.row(["o-beta000000", "SYNCED", ""].map(str::to_owned));
            table.color(1, Color::Green);
            table
        };
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        assert_eq!(
            table().render_in(output, Some(50)),
            "ORGANIZATION   SYNC     MESSAGE\n\
             o-alpha00000   HELD     it would remove 212 of 300\n\
             \u{20}                       approved products\n\
             o-beta000000   SYNCED"
        );
        // Too narrow for both: below.
        assert_eq!(
            table().render_in(Output { header: false, ..output }, Some(40)),
            "o-alpha00000   HELD\n    it would remove 212 of 300 approved\n    products\no-beta000000   SYNCED"
        );
        // Its title stands before it, since nothing is above it.
        assert_eq!(
            table().render_in(output, Some(40)),
            "ORGANIZATION   SYNC\no-alpha00000   HELD\n    MESSAGE it would remove 212 of 300\n    approved products\n\
             o-beta000000   SYNCED"
        );
        // A word that fits a line alone is not broken.
        let mut table_of_arns = Table::new(&["CHECK", "DETAIL"]);
        table_of_arns.row(["topic".to_owned(), "arn:aws:sns:us-east-1:111111111111:t; its policy is fine".to_owned()]);
        table_of_arns.row(["queue".to_owned(), "its policy lets the topic send messages to it".to_owned()]);
        assert_eq!(
            table_of_arns.render_in(Output { header: false, ..output }, Some(42)),
            "topic\n    arn:aws:sns:us-east-1:111111111111:t;\n    its policy is fine\n\
             queue   its policy lets the topic send\n        messages to it"
        );
        // Wide enough, or no terminal: a row is a line.
        for width in [None, Some(200)] {
            assert_eq!(table().render_in(output, width).lines().count(), 3);
        }
        let colored = table().render_in(Output { color: true, ..output }, Some(40));
        assert!(colored.contains("\u{1b}["), "{colored:?}");
        assert!(colored.lines().all(|line| measure_text_width(line) <= 40), "{colored:?}");
    }

    #[test]
    fn where_the_columns_do_not_fit_each_row_is_a_few_lines() {
        let mut table = Table::new(&["ORGANIZATION", "EXPERIENCE", "MESSAGE"]);
        table.row(["o-alpha00000", "exp-alpha-prod", "it would remove 212 of 300"].map(str::to_owned));
        table.row(["o-beta000000", "exp-beta-prod", ""].map(str::to_owned));
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        assert_eq!(
            table.render_in(output, Some(28)),
            "ORGANIZATION   o-alpha00000\n\
             EXPERIENCE     exp-alpha-pro\n\
             \u{20}              d\n\
             MESSAGE        it would\n\
             \u{20}              remove 212 of\n\
             \u{20}              300\n\
             \n\
             ORGANIZATION   o-beta000000\n\
             EXPERIENCE     exp-beta-prod"
        );
    }

    #[test]
    fn on_a_screen_rows_are_left_out_and_the_last_column_is_cut() {
        let mut table = Table::new(&["VERSION", "STATES"]);
        for version in 0..30 {
            table.row([version.to_string(), "4000 SYNCED, ".repeat(10)]);
        }
        let (table, left_out) = table.on_a_screen_of(Table::SCREEN_ROWS, Frame::WIDTH);
        let text = table.render(Output { format: OutputFormat::Table, header: true, color: false });
        assert_eq!((left_out, text.lines().count()), (10, 21));
        // Between two words, and as far as the screen goes.
        let fits = |line: &str| {
            (70..=80).contains(&measure_text_width(line))
                && [" SYNCED…", " 4000…"].iter().any(|end| line.ends_with(end))
        };
        assert!(text.lines().skip(1).all(fits), "{text}");
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
    fn sentences_are_cut_to_the_width_that_is_asked_for() {
        let mut table = Table::new(&["NAME", "MESSAGE"]);
        table.row(["abc".to_owned(), "a sentence that is long".to_owned()]);
        table.row(["abcdef".to_owned(), "short".to_owned()]);
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        let text = table.no_wider_than(20).render(output);
        assert_eq!(text, "NAME     MESSAGE\nabc      a sentence…\nabcdef   short");
    }

    #[test]
    fn the_header_can_be_left_out() {
        let mut table = Table::new(&["NAME"]);
        table.row(["a".to_owned()]);
        let output = Output { format: OutputFormat::Table, header: false, color: false };
        assert_eq!(table.render(output), "a");
    }
}
