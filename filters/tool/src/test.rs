//! `pmp-filter test`: runs a filter on its cases, and shows the differences.

use std::path::{Path, PathBuf};

use clap::Args;
use pmp_protocol::{Decision, Hint};
use pmp_terminal::progress::computing;
use pmp_terminal::{Exit, Failure, Output, PrintError, Table, count};
use serde::Serialize;

use crate::answer::Answer;
use crate::cases::{Case, CaseFile, Expected};
use crate::catalog::Scene;
use crate::component::Component;

/// The options of `pmp-filter test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    component: Component,
    /// The test cases (TOML) [default: the project's cases.toml]
    #[arg(value_name = "CASES")]
    cases: Vec<PathBuf>,
    /// Write what the filter decides into the cases, instead of comparing
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    scene: Scene,
}

/// A filter that is no project has no test cases of its own.
#[derive(Debug, thiserror::Error)]
#[error("there are no test cases to hold the filter to")]
struct NoCases;

pmp_protocol::codes!(NoCases => "E2136");

impl Hint for NoCases {
    fn hint(&self) -> Option<String> {
        Some("name their file behind the filter's".to_owned())
    }
}

/// The result of one case.
#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    case: String,
    passed: bool,
    /// The differences between the filter's answer and the case, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
}

impl Test {
    /// Runs every case. If one fails, the command exits with 1 after all have run.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let cases = match (&*self.cases, self.component.project()?) {
            ([], Some(project)) => vec![project.cases()],
            ([], None) => return Err(NoCases.into()),
            _ => self.cases,
        };
        let filter = self.component.load_kept(output)?;
        let scene = self.scene.sorted();
        let mut outcomes = Vec::new();
        for path in &cases {
            let mut file = CaseFile::read(path)?;
            let answer = || file.cases.iter().map(|case| Answer::of(&filter, case, &scene)).collect();
            let answers: Vec<_> = computing(output, &format!("the answers to {}", cases_of(&file)), answer);
            if self.update {
                update(path, &mut file, &answers)?;
            }
            for (case, answer) in file.cases.iter().zip(&answers) {
                // A case that was just written cannot differ. A case that expects no decisions is
                // never rewritten.
                let compared = !(self.update && case.expects_decisions() && matches!(answer, Answer::Decided(_)));
                let differences = if compared { differences(case, answer) } else { Vec::new() };
                let file = path.display().to_string();
                outcomes.push(Outcome { file, case: case.name.clone(), passed: differences.is_empty(), differences });
            }
        }
        let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
        if output.is_table() {
            print(&outcomes, failed, output)?;
        } else {
            output.list_of("cases", &["file", "case", "passed"], &outcomes, Table::new(&[]), "")?;
        }
        Ok(if failed == 0 { Exit::Ok } else { Exit::Error })
    }
}

fn cases_of(file: &CaseFile) -> String {
    count(file.cases.len(), "case")
}

fn update(path: &Path, file: &mut CaseFile, answers: &[Answer]) -> Result<(), Failure> {
    for (index, answer) in answers.iter().enumerate() {
        if let (Answer::Decided(decisions), true) = (answer, file.cases[index].expects_decisions()) {
            file.update(index, decisions);
        }
    }
    let written = std::fs::write(path, file.text());
    written.map_err(|error| Failure::tried("E1751", format!("cannot write the cases `{}`", path.display()), error))
}

fn differences(case: &Case, answer: &Answer) -> Vec<String> {
    let expected = match (&case.refused, &case.not_managed) {
        (Some(wanted), _) => Some(("refused", wanted)),
        (None, Some(wanted)) => Some(("not managed", wanted)),
        (None, None) => None,
    };
    let (kind, said) = match answer {
        Answer::Decided(decisions) => {
            let pairs = case.products.iter().zip(decisions);
            return match expected {
                Some((kind, wanted)) => vec![format!("- {kind}: {wanted}"), "+ it decided".to_owned()],
                None => pairs.flat_map(|(expected, decision)| difference(expected, decision)).collect(),
            };
        }
        Answer::NotManaged(said) => ("not managed", said),
        Answer::Refused(said) => ("refused", said),
    };
    let mut differences = match expected {
        Some((wanted_kind, wanted)) if wanted_kind == kind && said.contains(wanted.as_str()) => return Vec::new(),
        Some((wanted_kind, wanted)) => vec![format!("- {wanted_kind}: {wanted}"), format!("+ {kind}: {said}")],
        None => vec![format!("+ {kind}: {said}")],
    };
    if kind == "not managed" && case.not_managed.is_none() {
        // Before the test asked `manages`, such a case could only expect the refusal of `evaluate`.
        differences.push("  a case expects this with `not_managed = \"…\"`, a part of the reason".to_owned());
    }
    differences
}

fn difference(expected: &Expected, decision: &Decision) -> Vec<String> {
    let id = &expected.product.id;
    let spell = |verdict: &str, reason: Option<&str>| {
        format!("{id} {verdict}{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default())
    };
    let said = spell(decision.verdict.as_str(), decision.reason.as_deref());
    match expected.expect {
        None => {
            vec![format!("- {id} expects nothing yet (`--update` writes what the filter decides)"), format!("+ {said}")]
        }
        Some(verdict)
            if verdict != decision.verdict || expected.reason.is_some() && expected.reason != decision.reason =>
        {
            vec![format!("- {}", spell(verdict.as_str(), expected.reason.as_deref())), format!("+ {said}")]
        }
        Some(_) => Vec::new(),
    }
}

fn print(outcomes: &[Outcome], failed: usize, output: Output) -> Result<(), PrintError> {
    for Outcome { case, passed, differences, .. } in outcomes {
        output.line(&format!("{} {}", if *passed { "ok    " } else { "FAILED" }, case))?;
        for difference in differences {
            output.line(&format!("       {}", difference))?;
        }
    }
    output.line(&format!("{}: {} passed, {failed} failed", count(outcomes.len(), "case"), outcomes.len() - failed))
}
