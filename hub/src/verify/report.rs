//! The report, as JSON for programs and as Markdown for people. Pure, except for [`write`].

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use pmp_protocol::PlainText;
use pmp_terminal::Failure;
use serde::Serialize;
use serde_json::{Value, json};

use super::mask::Masks;
use super::record::{Finding, Timed, Verdict};

/// The version of the JSON's form. It changes when a field is removed, or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Everything that is reported.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// The version of this program.
    pub(super) version: &'static str,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    /// The role of the account in the private marketplace, if it was seen.
    pub(super) standing: Option<&'static str>,
    /// The experience that was changed.
    pub(super) experience: Option<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) change_sets: Vec<Timed>,
    /// The reason why the trials ended early.
    pub(super) failure: Option<String>,
    /// The differences that the trials left.
    pub(super) left: Vec<String>,
}

impl Report {
    /// How many findings have this verdict.
    pub(super) fn number_of(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// `8 confirmed, 1 refuted, 5 not tried`.
    pub(super) fn summary(&self) -> String {
        let number = |verdict| self.number_of(verdict);
        let (confirmed, refuted) = (number(Verdict::Confirmed), number(Verdict::Refuted));
        format!("{confirmed} confirmed, {refuted} refuted, {} not tried", number(Verdict::NotTried))
    }

    /// The report without ids. Its texts come from AWS, so they are made harmless to show (rule
    /// 14).
    pub(super) fn masked(&self, masks: &mut Masks) -> Self {
        let mut masked = self.clone();
        let mut hide = |text: &mut String| *text = masks.mask(PlainText::new(text).as_str());
        masked.experience.iter_mut().for_each(&mut hide);
        masked.findings.iter_mut().for_each(|finding| hide(&mut finding.seen));
        masked.change_sets.iter_mut().for_each(|timed| hide(&mut timed.id));
        masked.failure.iter_mut().for_each(&mut hide);
        masked.left.iter_mut().for_each(&mut hide);
        masked
    }

    /// The report as JSON, for programs.
    pub(super) fn json(&self) -> Value {
        let mut document = json!(self);
        if let Value::Object(fields) = &mut document {
            fields.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
        }
        document
    }

    /// The report as Markdown, for people.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            // Writing into a text cannot fail.
            let _written = writeln!(text, "{line}");
        };
        line("# What AWS does\n");
        line(&format!("`pmp-hub {}`, {} to {}. {}.", self.version, self.began, self.ended, self.summary()));
        if let Some(standing) = self.standing {
            line(&format!("The account: {standing}."));
        }
        if let Some(experience) = &self.experience {
            line(&format!("The experience that was changed: {experience}."));
        }
        line("");
        line("| trial | assumption | verdict | seen |\n| --- | --- | --- | --- |");
        for Finding { trial, assumption, assumed, verdict, seen } in &self.findings {
            let verdict = verdict.as_str().replace('-', " ");
            line(&format!("| {trial} | `{}`: {assumed} | **{verdict}** | {} |", assumption.name(), cell(seen)));
        }
        if !self.change_sets.is_empty() {
            line("\nTrial 9, how long change sets took:\n");
            line("| change set | changes | products | status | seconds | started | ended |");
            line("| --- | --- | --- | --- | --- | --- | --- |");
        }
        for Timed { id, changes, products, status, seconds, started, ended } in &self.change_sets {
            let time = |time: &Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            let (started, ended) = (time(started), time(ended));
            line(&format!("| {id} | {changes} | {products} | {status} | {seconds:.1} | {started} | {ended} |"));
        }
        if let Some(failure) = &self.failure {
            line(&format!("\nIt ended early: {}", cell(failure)));
        }
        if !self.left.is_empty() {
            line("\nNot as it was before:\n");
            self.left.iter().for_each(|left| line(&format!("- {}", cell(left))));
        }
        text
    }
}

/// A text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

/// Makes the folder before the trials, so that a folder that cannot be written to is noticed first.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| Failure::tried("E1751", format!("cannot make the folder `{}`", folder.display()), error))
}

/// Writes `report.json` and `report.md`.
pub(super) fn write(folder: &Path, report: &Report) -> Result<(), Failure> {
    for (name, text) in [("report.json", format!("{:#}\n", report.json())), ("report.md", report.markdown())] {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", path.display()), error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::assumption::Assumption;
    use super::*;

    fn report() -> Report {
        let finding = Finding {
            trial: 1,
            assumption: Assumption::Batches,
            assumed: Assumption::Batches.assumed(),
            verdict: Verdict::Refuted,
            seen: "`exp-1234567890abc`: a | b\u{1b}[31m of 111111111111".to_owned(),
        };
        Report {
            version: "0.1.0",
            began: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            standing: Some("delegated-administrator"),
            experience: Some("exp-1234567890abc".to_owned()),
            findings: vec![finding],
            change_sets: Vec::new(),
            failure: Some("`prod-x` of exp-1234567890abc".to_owned()),
            left: vec!["`prod-x` is approved; it was rejected.".to_owned()],
        }
    }

    #[test]
    fn what_is_told_outside_has_no_id_and_nothing_that_acts() {
        let masked = report().masked(&mut Masks::default());
        for text in [masked.markdown(), masked.json().to_string()] {
            assert!(
                !text.contains("1234567890abc") && !text.contains("111111111111") && !text.contains('\u{1b}'),
                "{text}"
            );
            assert!(
                text.contains("experience-1") && text.contains("account-1") && text.contains("product-1"),
                "{text}"
            );
        }
        assert!(masked.markdown().contains("a \\| b"), "{}", masked.markdown());
    }

    #[test]
    fn the_json_has_its_version_and_the_names_of_assumptions() {
        let json = report().json();
        assert_eq!((&json["schema_version"], &json["findings"][0]["name"]), (&json!(1), &json!("batches")));
        assert_eq!(json["findings"][0]["verdict"], json!("refuted"));
    }
}
