//! Records for programs and spreadsheets, printed while they are made: a list that is too long to
//! be held at once.

use pmp_protocol::json_without_acting;
use serde::Serialize;
use serde_json::Value;

use crate::stream::{PrintError, out_open};
use crate::{Output, OutputFormat, csv};

/// Records that are printed together. Fewer calls to the system, and still little memory.
const TOGETHER: usize = 500;

/// Prints records as CSV, or one JSON object a line. All records have the same fields.
#[derive(Debug)]
pub struct Records {
    output: Output,
    columns: &'static [&'static str],
    waiting: Vec<Value>,
    begun: bool,
    open: bool,
}

impl Records {
    /// Nothing is printed yet. The records have these `columns`, so that a spreadsheet gets its
    /// header where there is no record, too.
    #[must_use]
    pub fn new(output: Output, columns: &'static [&'static str]) -> Self {
        Self { output, columns, waiting: Vec::new(), begun: false, open: true }
    }

    /// Adds a record. Returns whether anybody still reads them: a closed pipe is no error.
    ///
    /// # Errors
    /// Where standard output cannot be written to.
    pub fn add<T: Serialize>(&mut self, record: &T) -> Result<bool, PrintError> {
        self.waiting.push(serde_json::to_value(record).map_err(PrintError::in_form)?);
        if self.waiting.len() >= TOGETHER {
            self.print()?;
        }
        Ok(self.open)
    }

    /// Prints what is left.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn finish(mut self) -> Result<(), PrintError> {
        if self.waiting.is_empty() && self.begun { Ok(()) } else { self.print() }
    }

    fn print(&mut self) -> Result<(), PrintError> {
        let text = text(self.output, &self.waiting, self.columns, self.begun)?;
        self.begun |= !self.waiting.is_empty();
        self.waiting.clear();
        if !text.is_empty() && self.open {
            self.open = out_open(&text)?;
        }
        Ok(())
    }
}

/// The next records as a text without a line break at its end. The header is above the first ones.
fn text(output: Output, records: &[Value], columns: &[&str], begun: bool) -> Result<String, PrintError> {
    if output.format == OutputFormat::Csv {
        return csv::records(records, columns, output.header && !begun).map_err(PrintError);
    }
    let line = |record: &Value| serde_json::to_string(record).map(|line| json_without_acting(&line));
    let lines = records.iter().map(line).collect::<Result<Vec<_>, _>>().map_err(PrintError::in_form)?;
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_header_is_above_the_first_records_alone_and_no_cell_is_a_formula() {
        let output = |format| Output { format, header: true, color: false };
        let records = [json!({"product": "prod-a", "why": "=1+1"}), json!({"product": "prod-b", "why": null})];
        let first = text(output(OutputFormat::Csv), &records, &["product", "why"], false).unwrap();
        assert_eq!(first, "product,why\nprod-a,'=1+1\nprod-b,");
        assert_eq!(text(output(OutputFormat::Csv), &records[1..], &["product", "why"], true).unwrap(), "prod-b,");
        let lines = text(output(OutputFormat::Ndjson), &records, &["product", "why"], false).unwrap();
        assert_eq!(lines, "{\"product\":\"prod-a\",\"why\":\"=1+1\"}\n{\"product\":\"prod-b\",\"why\":null}");
        assert_eq!(text(output(OutputFormat::Csv), &[], &["product", "why"], false).unwrap(), "product,why");
        assert_eq!(text(output(OutputFormat::Csv), &[], &["product", "why"], true).unwrap(), "");
    }
}
