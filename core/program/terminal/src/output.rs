//! Data for standard output: a table for people, JSON or YAML for programs, CSV for spreadsheets.
//!
//! What is printed for people cannot act, and every line is one ([`PlainText`]); JSON says what is,
//! and spells what could act on a terminal as escapes ([`json_without_acting`]). Nothing else is
//! printed, so no caller has to think of it.

use clap::Args;
use pmp_protocol::{PlainText, json_without_acting, plain_document};
use serde::Serialize;
use serde_json::{Value, json};

use crate::screen::Frame;
use crate::stream::PrintError;
use crate::text::{fold_whole, narrow};
use crate::{Output, OutputFormat, Table, csv, stream, yaml};

/// The version of every JSON document that a command prints. It changes when a field changes its
/// meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// How data is printed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The form of the output
    #[arg(short, long, global = true, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
    /// Leave out the header of tables
    #[arg(long, global = true)]
    no_header: bool,
    /// Use no colours (so does the variable NO_COLOR; FORCE_COLOR uses them without a terminal,
    /// too)
    #[arg(long, global = true)]
    no_color: bool,
}

impl OutputArgs {
    /// What the flags and the environment ask for.
    #[must_use]
    pub fn output(&self) -> Output {
        // https://no-color.org: present and not empty, whatever its value.
        let no_color = self.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        // Variables that many tools understand: use colours although there is no terminal, as in
        // the log of a CI.
        let forced = ["FORCE_COLOR", "CLICOLOR_FORCE"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0"));
        let color = !no_color && (forced || stream::stdout_is_terminal());
        Output { format: self.output, header: !self.no_header, color }
    }
}

impl Output {
    /// Prints a list as [`Self::list_of`]. Its table fits a screen: at most [`Table::SCREEN_ROWS`]
    /// rows of [`Frame::room`] columns, and below it how many are left out. With `all`, and in
    /// every other form, nothing is.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn list_on_a_screen<T: Serialize>(
        self,
        name: &str,
        columns: &[&str],
        rows: &[T],
        table: Table,
        summary: &str,
        all: bool,
    ) -> Result<(), PrintError> {
        if all || self.format != OutputFormat::Table {
            return self.list_of(name, columns, rows, table, summary);
        }
        let (table, left_out) = table.on_a_screen(Table::SCREEN_ROWS);
        let more = if left_out == 0 { String::new() } else { format!("; and {left_out} more: --all") };
        let rendered = table.render(self);
        let summary = fold_whole(PlainText::new(&format!("{summary}{more}")).as_str(), Frame::columns()).join("\n");
        let gap = if rendered.is_empty() || summary.is_empty() { "" } else { "\n" };
        stream::out(&format!("{rendered}{gap}{summary}"))
    }

    /// Prints a list: `table` for people, `{"schema_version", name: [...]}` or one object a line
    /// for programs, one record a line for spreadsheets.
    ///
    /// # Errors
    /// Where standard output cannot be written to. A closed pipe is none: the reader has seen
    /// enough.
    pub fn list<T: Serialize>(self, name: &str, rows: &[T], table: Table, summary: &str) -> Result<(), PrintError> {
        match self.format {
            OutputFormat::Table | OutputFormat::Wide => {
                // The cells are plain text already. The only control characters are those of our
                // own colours.
                let rendered = table.render(self);
                let summary = narrow(PlainText::new(summary).as_str(), stream::stdout_width());
                let gap = if rendered.is_empty() || summary.is_empty() { "" } else { "\n" };
                stream::out(&format!("{rendered}{gap}{summary}"))
            }
            OutputFormat::Json | OutputFormat::Yaml => self.document(&json!({ name: rows })),
            OutputFormat::Csv => self.records(rows, &[]),
            OutputFormat::Ndjson => {
                rows.iter().try_for_each(|row| print_json(&serde_json::to_string(row).map_err(PrintError::in_form)?))
            }
        }
    }

    /// Prints a list as [`Self::list`], whose records have these `columns`, and perhaps more. So a
    /// spreadsheet gets its header where the list is empty, too, and it begins the same with every
    /// list.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn list_of<T: Serialize>(
        self,
        name: &str,
        columns: &[&str],
        rows: &[T],
        table: Table,
        summary: &str,
    ) -> Result<(), PrintError> {
        if self.format == OutputFormat::Csv {
            return self.records(rows, columns);
        }
        self.list(name, rows, table, summary)
    }

    /// Prints records for a spreadsheet. Where there is none, nothing is printed beside the columns
    /// that are known.
    fn records<T: Serialize>(self, rows: &[T], columns: &[&str]) -> Result<(), PrintError> {
        let rows = rows.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>().map_err(PrintError::in_form)?;
        let text = csv::records(&rows, columns, self.header).map_err(PrintError)?;
        if text.is_empty() { Ok(()) } else { stream::out(&text) }
    }

    /// Prints one document; `schema_version` is added to it. For a spreadsheet it is the one list
    /// that it holds, or else one record.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn document(self, document: &Value) -> Result<(), PrintError> {
        if self.format == OutputFormat::Csv {
            return self.records(csv::list_in(document), &[]);
        }
        let mut document = document.clone();
        if let Value::Object(fields) = &mut document {
            fields.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
        }
        if self.format == OutputFormat::Yaml {
            return stream::out(&yaml::document(&document).map_err(PrintError)?);
        }
        let text = match self.format {
            OutputFormat::Ndjson => serde_json::to_string(&document),
            _ => serde_json::to_string_pretty(&document),
        };
        print_json(&text.map_err(PrintError::in_form)?)
    }

    /// Prints a line: a line break in `text` is none in what is printed, but for those that a
    /// narrow terminal needs.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn line(self, text: &str) -> Result<(), PrintError> {
        self.lines([text])
    }

    /// Prints lines, all at once.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn lines<T: AsRef<str>>(self, lines: impl IntoIterator<Item = T>) -> Result<(), PrintError> {
        let lines = plain(lines);
        if lines.is_empty() { Ok(()) } else { stream::out(&narrow(&lines.join("\n"), stream::stdout_width())) }
    }

    /// Prints a line to be pasted: it is not broken, however narrow the terminal is.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn pasted(self, line: &str) -> Result<(), PrintError> {
        print_line(line)
    }
}

/// Prints a line for people on standard output. A closed pipe is no error: the reader has seen
/// enough.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn print_line(text: &str) -> Result<(), PrintError> {
    print_lines([text])
}

/// Prints lines for people, as [`print_line`]. No lines are nothing, and no blank one.
///
/// # Errors
/// As [`print_line`].
pub fn print_lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), PrintError> {
    let lines = plain(lines);
    if lines.is_empty() { Ok(()) } else { stream::out(&lines.join("\n")) }
}

fn plain<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Vec<String> {
    lines.into_iter().map(|line| PlainText::new(line.as_ref()).into()).collect()
}

/// Prints a document that this program laid out, such as a page, in whole.
///
/// # Errors
/// As [`print_line`].
pub fn print_document(text: &str) -> Result<(), PrintError> {
    stream::out(plain_document(text).trim_end())
}

/// Prints JSON for programs, in whole: what could act on a terminal is spelled as an escape.
///
/// # Errors
/// As [`print_line`].
pub fn print_json(json: &str) -> Result<(), PrintError> {
    stream::out(&json_without_acting(json))
}
