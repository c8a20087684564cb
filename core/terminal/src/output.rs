//! Data for standard output: a table for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Table;

/// The version of every JSON document that a command prints. It changes when a field changes its meaning or goes.
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
    /// Use no colours (so does the variable NO_COLOR)
    #[arg(long, global = true)]
    no_color: bool,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table for people.
    Table,
    /// A table with every column.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Ndjson,
}

/// Where data goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The form.
    pub format: OutputFormat,
    /// Whether tables have a header.
    pub header: bool,
    /// Whether colours may be used.
    pub color: bool,
}

impl OutputArgs {
    /// What the flags and the environment ask for.
    #[must_use]
    pub fn output(&self) -> Output {
        // https://no-color.org: present and not empty, whatever its value.
        let no_color = self.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output { format: self.output, header: !self.no_header, color: !no_color && io::stdout().is_terminal() }
    }
}

impl Output {
    /// Whether a table, rather than JSON, is asked for.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self.format, OutputFormat::Table | OutputFormat::Wide)
    }

    /// Prints a list: `table` for people, `{"schema_version", name: [...]}` or one object a line for programs.
    ///
    /// # Errors
    /// Where standard output cannot be written to. A closed pipe is none: the reader has seen enough.
    pub fn list<T: Serialize>(self, name: &str, rows: &[T], table: Table, summary: &str) -> io::Result<()> {
        match self.format {
            OutputFormat::Table | OutputFormat::Wide => {
                let rendered = table.render(self);
                let gap = if rendered.is_empty() || summary.is_empty() { "" } else { "\n" };
                self.line(&format!("{rendered}{gap}{summary}"))
            }
            OutputFormat::Json => self.document(&json!({ name: rows })),
            OutputFormat::Ndjson => {
                rows.iter().try_for_each(|row| self.line(&serde_json::to_string(row).map_err(io::Error::other)?))
            }
        }
    }

    /// Prints one JSON document; `schema_version` is added to it.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn document(self, document: &Value) -> io::Result<()> {
        let mut document = document.clone();
        if let Value::Object(fields) = &mut document {
            fields.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
        }
        let text = match self.format {
            OutputFormat::Ndjson => serde_json::to_string(&document),
            _ => serde_json::to_string_pretty(&document),
        };
        self.line(&text.map_err(io::Error::other)?)
    }

    /// Prints a line.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn line(self, text: &str) -> io::Result<()> {
        print_line(text)
    }
}

/// Prints a line on standard output. A closed pipe is no error: the reader has seen enough.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn print_line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
