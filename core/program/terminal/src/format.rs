//! The forms in which data is printed.

use clap::ValueEnum;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table for people.
    Table,
    /// A table with every column.
    Wide,
    /// One JSON document, for programs.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// The same document as YAML.
    Yaml,
    /// A list with commas between its fields, for spreadsheets.
    Csv,
}

/// Where data goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Form in which data is printed.
    pub format: OutputFormat,
    /// Whether tables have a header.
    pub header: bool,
    /// Whether colours may be used.
    pub color: bool,
}

impl Output {
    /// Whether a table, rather than JSON, is asked for.
    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self.format, OutputFormat::Table | OutputFormat::Wide)
    }

    /// Whether one document, rather than lines, is asked for.
    #[must_use]
    pub fn is_document(self) -> bool {
        matches!(self.format, OutputFormat::Json | OutputFormat::Yaml)
    }
}
