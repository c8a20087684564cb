//! `explain`: what an error means, and what to do, by its code. It reads the pages of docs/errors,
//! which are part of the program: nobody who needs them has to have the project at hand.

use clap::Args;
use pmp_protocol::alike;
use serde::Serialize;
use serde_json::json;

use crate::screen::Frame;
use crate::text::fold;
use crate::{Failure, Output, OutputFormat, Table};

/// The pages, in the order of their codes.
const PAGES: [&str; 16] = [
    include_str!("../../../../docs/errors/protocol.md"),
    include_str!("../../../../docs/errors/catalog.md"),
    include_str!("../../../../docs/errors/ledger.md"),
    include_str!("../../../../docs/errors/aws.md"),
    include_str!("../../../../docs/errors/signature.md"),
    include_str!("../../../../docs/errors/windows.md"),
    include_str!("../../../../docs/errors/audit.md"),
    include_str!("../../../../docs/errors/program.md"),
    include_str!("../../../../docs/errors/filter-host.md"),
    include_str!("../../../../docs/errors/filter-tool.md"),
    include_str!("../../../../docs/errors/local.md"),
    include_str!("../../../../docs/errors/hub.md"),
    include_str!("../../../../docs/errors/verify-aws.md"),
    include_str!("../../../../docs/errors/spoke.md"),
    include_str!("../../../../docs/errors/spoke-filters.md"),
    include_str!("../../../../docs/errors/plan.md"),
];

/// The columns of a spreadsheet.
const COLUMNS: &[&str] = &["code", "error", "cause", "fix", "look"];

/// Say what an error means and what to do, by the code in its last line
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// The code, such as E4010; without one, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// What there is to say about the errors of one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Explained {
    code: String,
    /// The error as it is told, with `…` for what differs from one to another.
    error: String,
    cause: String,
    fix: String,
    look: String,
}

impl Explain {
    /// Prints what is known of the code, or the list of all codes.
    ///
    /// # Errors
    /// Where no error has the code, or standard output cannot be written to.
    pub fn print(&self, output: Output) -> Result<(), Failure> {
        let all: Vec<_> = PAGES.iter().flat_map(|page| explained(page)).collect();
        let Some(code) = &self.code else {
            let mut table = Table::new(&["CODE", "ERROR"]);
            for one in &all {
                table.row([one.code.clone(), one.error.clone()]);
            }
            let table = if output.format == OutputFormat::Wide { table } else { table.no_wider_than(Frame::room()) };
            return Ok(output.list_of("errors", COLUMNS, &all, table, "")?);
        };
        let asked = code.trim().to_uppercase();
        // A person may type the digits alone.
        let asked = if asked.starts_with('E') { asked } else { format!("E{asked}") };
        let Some(found) = all.iter().find(|one| one.code == asked) else {
            let codes = all.iter().map(|one| one.code.as_str());
            let meant = alike(&asked, codes).first().map(|meant| format!("did you mean `{meant}`?"));
            let hint = "`explain` without a code lists all of them, with what they say".to_owned();
            return Err(Failure::new("E1754", format!("no error has the code `{code}`")).hint(meant).hint(hint));
        };
        match output.format {
            OutputFormat::Table | OutputFormat::Wide => Ok(output.lines(found.lines())?),
            OutputFormat::Csv => {
                Ok(output.list_of("errors", COLUMNS, std::slice::from_ref(found), Table::new(&[]), "")?)
            }
            _ => Ok(output.document(&json!({ "error": found }))?),
        }
    }
}

impl Explained {
    fn lines(&self) -> Vec<String> {
        let parts = [("cause", &self.cause), ("fix", &self.fix), ("look", &self.look)];
        let parts = parts.into_iter().map(|(name, text)| format!("{name}: {text}"));
        let texts = std::iter::once(format!("{}: {}", self.code, self.error)).chain(parts);
        // Paragraphs, which nobody reads in lines of any length.
        texts.flat_map(|text| fold(&text, Frame::columns().min(Frame::WIDTH))).collect()
    }
}

/// The errors of a page. Each is a heading with the code, and four paragraphs: the error as it is
/// told, then `**Cause.**`, `**Fix.**` and `**Look.**`.
fn explained(page: &'static str) -> impl Iterator<Item = Explained> {
    page.split("\n## ").skip(1).filter_map(|section| {
        let mut paragraphs = section.trim().split("\n\n").map(str::trim);
        // A paragraph of a page spans lines, and what is printed is folded anew.
        let mut named = |name: &str| Some(paragraphs.next()?.strip_prefix(name)?.trim().replace('\n', " "));
        Some(Explained {
            code: named("")?,
            error: named("")?,
            cause: named("**Cause.**")?,
            fix: named("**Fix.**")?,
            look: named("**Look.**")?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whole_and_each_code_is_told_once() {
        let mut codes: Vec<_> = PAGES.iter().flat_map(|page| explained(page)).map(|one| one.code).collect();
        let headings = PAGES.iter().flat_map(|page| page.lines()).filter(|line| line.starts_with("## ")).count();
        assert_eq!(codes.len(), headings, "a section lacks a paragraph, or they are in another order");
        assert!(codes.is_sorted());
        codes.dedup();
        assert_eq!(codes.len(), headings);
    }

    #[test]
    fn an_error_is_told_in_lines_that_fit_a_screen() {
        for one in PAGES.iter().flat_map(|page| explained(page)) {
            assert!(one.lines().iter().all(|line| line.chars().count() <= 80), "{}", one.code);
            assert!(one.lines().len() <= 24, "{}", one.code);
        }
    }

    #[test]
    fn a_code_that_no_error_has_is_an_error() {
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        let failure = Explain { code: Some("E401O".to_owned()) }.print(output).unwrap_err();
        assert_eq!(failure.code().to_string(), "E1754");
        assert_eq!(failure.hints()[0], "did you mean `E4010`?");
    }
}
