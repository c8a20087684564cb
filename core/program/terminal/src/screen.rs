//! What fits a screen: lines of bounded width, drawn once, or again and again in the same place.

use comfy_table::{Cell, Color, ContentArrangement, presets};
use console::measure_text_width;
use pmp_protocol::PlainText;

use crate::stream::PrintError;
use crate::text::{cut, narrow};
use crate::{Output, OutputFormat, stream};

/// Lines for people, none wider than the terminal. Where there is no terminal, they are as wide as
/// they need to be: a program that reads them, or a file, can hold whole sentences.
#[derive(Debug, Clone, Default)]
pub struct Frame(Vec<Line>);

/// More columns than any line has.
const ENDLESS: usize = usize::MAX / 2;

#[derive(Debug, Clone)]
struct Line {
    /// The word at its beginning, with its colour.
    word: Option<(PlainText, Color)>,
    rest: PlainText,
}

impl Frame {
    /// The columns of the smallest terminal that is in use.
    pub const WIDTH: usize = 80;
    /// The lines of the smallest terminal that is in use.
    pub const HEIGHT: usize = 24;

    /// Adds a line. What is longer than it may be is cut when it is printed.
    pub fn line(&mut self, text: &str) {
        self.0.push(Line { word: None, rest: PlainText::new(text) });
    }

    /// Adds a line that begins with a word in `color`; `text` stands in column `indent`.
    pub fn colored(&mut self, word: &str, color: Color, indent: usize, text: &str) {
        let word = PlainText::new(&cut(word, indent.saturating_sub(1).max(1)));
        let gap = indent.saturating_sub(measure_text_width(word.as_str()));
        self.0.push(Line { word: Some((word, color)), rest: PlainText::new(&format!("{:gap$}{text}", "")) });
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Prints the lines.
    ///
    /// # Errors
    /// Where standard output cannot be written to. A closed pipe is none.
    pub fn print(&self, output: Output) -> Result<(), PrintError> {
        if self.0.is_empty() {
            return Ok(());
        }
        stream::out(&narrow(&self.rendered(output, Self::room()).join("\n"), stream::stdout_width()))
    }

    /// The columns in which a text is folded: those of the terminal. Without one, a text is a line.
    #[must_use]
    pub fn columns() -> usize {
        stream::stdout_width().unwrap_or(ENDLESS)
    }

    /// The columns after which a line is cut: those of the terminal, but no fewer than
    /// [`Self::WIDTH`], because on a narrow one it is folded. Without a terminal nothing is cut.
    #[must_use]
    pub fn room() -> usize {
        Self::columns().max(Self::WIDTH)
    }

    /// The lines without colours, to be told as progress.
    #[must_use]
    pub fn plain(&self) -> Vec<String> {
        let width = stream::stderr_width().map_or(ENDLESS, |columns| columns.max(Self::WIDTH));
        self.rendered(Output { format: OutputFormat::Table, header: true, color: false }, width)
    }

    fn rendered(&self, output: Output, width: usize) -> Vec<String> {
        let line = |Line { word, rest }: &Line| match word {
            Some((word, color)) => {
                let left = width.saturating_sub(measure_text_width(word.as_str()));
                let rest = cut(rest.as_str(), left);
                let word = if output.color { cell_alone(word.as_str(), *color) } else { word.as_str().to_owned() };
                format!("{word}{rest}").trim_end().to_owned()
            }
            None => cut(rest.as_str(), width),
        };
        self.0.iter().map(line).collect()
    }
}

/// A place on the terminal in which frames are drawn one over the other. Each is one write, so that
/// nothing flickers; where standard output is no terminal, they follow one another, with a blank
/// line between them.
#[derive(Debug, Default)]
pub struct Screen {
    /// How many lines stand there.
    drawn: usize,
}

impl Screen {
    /// Draws a frame over the one before. Returns whether somebody still reads it: a closed pipe is
    /// no error.
    ///
    /// # Errors
    /// As [`Frame::print`].
    pub fn draw(&mut self, frame: &Frame, output: Output) -> Result<bool, PrintError> {
        let Some((rows, columns)) = stream::stdout_size() else {
            let gap = if self.drawn == 0 { "" } else { "\n" };
            self.drawn = frame.len();
            return stream::out_open(&format!("{gap}{}", frame.rendered(output, Frame::room()).join("\n")));
        };
        let lines = frame.rendered(output, columns);
        // The last row is the cursor's.
        let lines = &lines[..lines.len().min(rows.saturating_sub(1))];
        let text = over(self.drawn, lines);
        self.drawn = lines.len();
        stream::out_raw(&text).map(|()| true)
    }
}

/// What draws `lines` over the `drawn` lines above the cursor: up, then each line with what is
/// right of it erased, then all below.
fn over(drawn: usize, lines: &[String]) -> String {
    let up = if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A\r") };
    let lines: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
    format!("{up}{lines}\x1b[J")
}

/// A coloured line, by the same library as the cells of tables.
pub(crate) fn cell_alone(line: &str, color: Color) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_row([Cell::new(line).fg(color)]).enforce_styling();
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    table.lines().collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_no_wider_than_a_screen_and_nothing_in_it_acts() {
        let mut frame = Frame::default();
        frame.line(&"漢".repeat(100));
        frame.colored("HELD", Color::Red, 11, &format!("o-alpha \u{1b}[2J{}", "x".repeat(100)));
        let plain = Output { format: OutputFormat::Table, header: true, color: false };
        for color in [false, true] {
            let lines = frame.rendered(Output { color, ..plain }, Frame::WIDTH);
            assert!(
                lines.iter().all(|line| measure_text_width(line) <= Frame::WIDTH && line.ends_with('…')),
                "{lines:?}"
            );
            assert!(!lines[1].contains("\u{1b}[2J"), "{lines:?}");
            let whole = frame.rendered(Output { color, ..plain }, ENDLESS);
            assert!(whole.iter().zip([200, 123]).all(|(line, width)| measure_text_width(line) == width), "{whole:?}");
        }
        assert!(frame.rendered(plain, Frame::WIDTH)[1].starts_with("HELD       o-alpha �[2J"));
    }

    #[test]
    fn a_frame_is_drawn_over_the_one_before_in_one_text() {
        let line = |text: &str| text.to_owned();
        assert_eq!(over(0, &[line("a")]), "a\u{1b}[K\n\u{1b}[J");
        assert_eq!(over(3, &[line("b"), line("c")]), "\u{1b}[3A\rb\u{1b}[K\nc\u{1b}[K\n\u{1b}[J");
    }
}
