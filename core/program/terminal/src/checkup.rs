//! A checkup: what `doctor` found, check by check, with what to do about it.
//!
//! A [`Finding`] is one check's verdict with its reasons. A [`Checkup`] holds all findings in
//! report order. Each program decides what it checks, and how. [`watched`] runs one check within a
//! bound, and shows progress on a terminal.
//!
//! A fix is a sentence for people. Where the program knows the whole command that carries it out,
//! the finding has that too ([`Finding::command`]): these are printed below the table, in the order
//! in which they have to run, so that they can be pasted at once.

use std::collections::BTreeSet;
use std::time::Duration;

use comfy_table::Color;
use pmp_protocol::PlainText;
use serde::Serialize;

use crate::progress::{Step, step, waiting_for};
use crate::stream::PrintError;
use crate::{Exit, Output, Table, count, stream};

/// Bound on one check: longer than the SDK retries an endpoint that does not answer.
const WITHIN: Duration = Duration::from_secs(60);
/// The line above the commands.
const PASTE: &str = "To fix it, paste:";

/// What a check came to, by how much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not checked, because another check failed that it depends on.
    Skipped,
    /// It works, or may work; someone should look at it.
    Warning,
    /// It does not work.
    Failed,
}

impl Verdict {
    /// The word for people, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    fn color(self) -> Color {
        match self {
            Self::Ok => Color::Green,
            Self::Skipped => Color::DarkGrey,
            Self::Warning => Color::Yellow,
            Self::Failed => Color::Red,
        }
    }
}

/// When a command of a fix runs, compared with the commands of the other findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Sets what the shell tells the programs, so it comes before every program.
    Settings,
    /// Makes a resource, or changes one.
    Resources,
    /// Runs the program on what is there by then.
    Run,
}

/// What one check found. It begins as ok; what is found can only make it worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    check: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    result: Verdict,
    #[serde(serialize_with = "joined")]
    detail: Vec<String>,
    fixes: Vec<String>,
    #[serde(serialize_with = "without_stages")]
    commands: Vec<(Stage, String)>,
    #[serde(skip)]
    passes: bool,
}

fn without_stages<S: serde::Serializer>(commands: &[(Stage, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(commands.iter().map(|(_, command)| command))
}

fn joined<S: serde::Serializer>(detail: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&detail.join("; "))
}

impl Finding {
    /// A check that has found nothing yet.
    #[must_use]
    pub fn of(check: &'static str) -> Self {
        Self {
            check,
            about: None,
            result: Verdict::Ok,
            detail: Vec::new(),
            fixes: Vec::new(),
            commands: Vec::new(),
            passes: false,
        }
    }

    /// A check that was not made, because what it needs has failed: the name of another check, or a
    /// condition.
    #[must_use]
    pub fn skipped(check: &'static str, because: &str) -> Self {
        Self { result: Verdict::Skipped, ..Self::of(check) }.note(because)
    }

    /// Says what it is about, where the same check is made of several.
    #[must_use]
    pub fn about(self, what: impl Into<String>) -> Self {
        Self { about: Some(what.into()), ..self }
    }

    /// Adds a detail that is as it should be, or worth knowing.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.detail.push(text.into());
        self
    }

    /// Adds something that a person should look at, and what to do about it.
    #[must_use]
    pub fn warn(self, text: impl Into<String>, fix: impl Into<Option<String>>) -> Self {
        self.worse(Verdict::Warning, text.into(), fix.into())
    }

    /// Adds something that does not work, and what to do about it.
    #[must_use]
    pub fn fail(self, text: impl Into<String>, fix: impl Into<Option<String>>) -> Self {
        self.worse(Verdict::Failed, text.into(), fix.into())
    }

    /// Adds another way to mend what was found.
    #[must_use]
    pub fn or(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }

    fn worse(mut self, verdict: Verdict, text: String, fix: Option<String>) -> Self {
        self.result = self.result.max(verdict);
        self.detail.push(text);
        self.fixes.extend(fix);
        self
    }

    /// Adds what to do, where that is found out later than what is wrong. The same text is added
    /// only once.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        if !self.fixes.contains(&fix) {
            self.fixes.push(fix);
        }
        self
    }

    /// What to do instead of what was said before, where it is found out later what is wrong.
    #[must_use]
    pub fn fix_instead(self, fix: impl Into<String>) -> Self {
        Self { fixes: vec![fix.into()], ..self }
    }

    /// Says whether the failure passes by itself, as AWS does that takes no more requests for the
    /// moment. No setting is to blame for it, so nothing else is looked for.
    #[must_use]
    pub fn passing(self, passes: bool) -> Self {
        Self { passes: self.passes || passes, ..self }
    }

    /// Whether what failed passes by itself.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.passes
    }

    /// Adds the whole command that carries a fix out. It has to be safe to paste without a thought:
    /// it deletes nothing, lets nobody in, and loosens no guard rail.
    #[must_use]
    pub fn command(mut self, stage: Stage, command: impl Into<Option<String>>) -> Self {
        self.commands.extend(command.into().map(|command| (stage, command)));
        self
    }

    /// The details that were added so far.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.detail.iter().map(String::as_str)
    }

    /// Name of the check, as other findings refer to it.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// How the check came out, with the worst of what was found.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.result
    }

    /// Whether it failed, so that checks that depend on it are skipped.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.result == Verdict::Failed
    }
}

/// All findings, in report order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkup(Vec<Finding>);

impl FromIterator<Finding> for Checkup {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Self {
        Self(findings.into_iter().collect())
    }
}

impl Checkup {
    /// Prints it: a table with a row below each finding for each fix, and the commands below it; or
    /// `{"checks": [...]}`.
    ///
    /// # Errors
    /// Where standard output cannot be written to.
    pub fn print(&self, output: Output) -> Result<(), PrintError> {
        output.list("checks", &self.0, self.table(), &self.summary())?;
        let commands = self.commands();
        if !output.is_table() || commands.is_empty() {
            return Ok(());
        }
        // A command that is cut would be another one, so these lines have no bound.
        let lines = commands.iter().map(|command| format!("  {}", PlainText::bounded(command, usize::MAX)));
        stream::out(&[vec![String::new(), PASTE.to_owned()], lines.collect()].concat().join("\n"))
    }

    /// The commands of all fixes, each once, in the order in which they have to run.
    #[must_use]
    pub fn commands(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.0.iter().flat_map(|finding| &finding.commands).collect();
        // Within a stage the order of the checks stays: what comes first is what others need.
        all.sort_by_key(|(stage, _)| *stage);
        let mut told = BTreeSet::new();
        all.into_iter().map(|(_, command)| command.as_str()).filter(|command| told.insert(*command)).collect()
    }

    /// The exit code: only a failed check counts. A person judges the warnings.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.0.iter().any(|finding| finding.result == Verdict::Failed) { Exit::Unhealthy } else { Exit::Ok }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["CHECK", "RESULT", "DETAIL"]);
        for Finding { check, about, result, detail, fixes, .. } in &self.0 {
            let check = about.as_ref().map_or_else(|| (*check).to_owned(), |about| format!("{check} {about}"));
            table.row([check, result.as_str().to_owned(), detail.join("; ")]);
            table.color(1, result.color());
            for fix in fixes {
                table.row([String::new(), String::new(), format!("fix: {fix}")]);
            }
        }
        table
    }

    /// `12 checks: 9 ok, 1 warning, 1 failed, 1 skipped`: what there is none of is left out.
    fn summary(&self) -> String {
        let of = |verdict| self.0.iter().filter(|finding| finding.result == verdict).count();
        let told = [Verdict::Ok, Verdict::Warning, Verdict::Failed, Verdict::Skipped];
        let told = told.map(|verdict| (verdict, of(verdict))).into_iter().filter(|(_, number)| *number > 0);
        let told = told.map(|(verdict, number)| match verdict {
            Verdict::Warning => count(number, "warning"),
            verdict => format!("{number} {}", verdict.as_str()),
        });
        format!("{}: {}", count(self.0.len(), "check"), told.collect::<Vec<_>>().join(", "))
    }
}

/// Runs a check for at most a minute. Where a person waits at a terminal for a table, a line of
/// progress follows.
pub async fn watched(output: Output, check: &'static str, work: impl Future<Output = Finding>) -> Finding {
    let bounded = tokio::time::timeout(WITHIN, work);
    let finding: Finding = waiting_for(output, &format!("the check `{check}`"), bounded).await.unwrap_or_else(|_| {
        let fix = "check the network, the region and AWS_ENDPOINT_URL; then run the command again".to_owned();
        Finding::of(check).fail(format!("no answer within {} seconds", WITHIN.as_secs()), fix)
    });
    // What is well stands in the table that follows.
    if output.is_table() && stream::stderr_is_terminal() && finding.result != Verdict::Ok {
        let ended = match finding.result {
            Verdict::Ok => Step::Done,
            Verdict::Skipped | Verdict::Warning => Step::Waiting,
            Verdict::Failed => Step::Failed,
        };
        step(ended, &format!("{check}: {}", finding.result.as_str()));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputFormat;

    fn checkup() -> Checkup {
        let queue = Finding::of("queue")
            .note("4 messages waiting")
            .warn("no dead-letter queue", "set a redrive policy".to_owned())
            .fail("its policy lets nobody send", "let the topic send".to_owned())
            .note("encrypted");
        [Finding::of("account").note("222222222222"), queue, Finding::skipped("filter", "`queue` failed")]
            .into_iter()
            .collect()
    }

    #[test]
    fn each_check_is_a_line_and_each_fix_a_line_below_it() {
        let output = Output { format: OutputFormat::Table, header: true, color: false };
        assert_eq!(
            checkup().table().render(output),
            "CHECK     RESULT    DETAIL\n\
             account   ok        222222222222\n\
             queue     failed    4 messages waiting; no dead-letter queue; its policy lets nobody send; encrypted\n\
             \u{20}                   fix: set a redrive policy\n\
             \u{20}                   fix: let the topic send\n\
             filter    skipped   `queue` failed"
        );
        assert_eq!(checkup().summary(), "3 checks: 1 ok, 1 failed, 1 skipped");
    }

    #[test]
    fn machines_read_the_same_words() {
        let json = serde_json::to_value(&checkup().0).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({"check":"account","result":"ok","detail":"222222222222","fixes":[],"commands":[]})
        );
        assert_eq!((&json[1]["result"], &json[2]["result"]), (&"failed".into(), &"skipped".into()));
        assert_eq!(json[1]["fixes"], serde_json::json!(["set a redrive policy", "let the topic send"]));
    }

    #[test]
    fn commands_come_once_and_in_the_order_in_which_they_have_to_run() {
        let sync = || "pmp-spoke sync".to_owned();
        let found: Checkup = [
            Finding::of("life").command(Stage::Run, sync()).command(Stage::Settings, None),
            Finding::of("queue").command(Stage::Resources, "pmp-spoke init".to_owned()).command(Stage::Run, sync()),
            Finding::of("topic").command(Stage::Settings, "export PMP_TOPIC_ARN=a".to_owned()),
        ]
        .into_iter()
        .collect();
        assert_eq!(found.commands(), ["export PMP_TOPIC_ARN=a", "pmp-spoke init", "pmp-spoke sync"]);
        let json = serde_json::to_value(&found.0).unwrap();
        assert_eq!(json[1]["commands"], serde_json::json!(["pmp-spoke init", "pmp-spoke sync"]));
    }

    #[test]
    fn a_check_of_several_says_which_one_it_is_about() {
        let found: Checkup = [Finding::of("catalog").about("exp-a").note("12 approved")].into_iter().collect();
        let output = Output { format: OutputFormat::Table, header: false, color: false };
        assert_eq!(found.table().render(output), "catalog exp-a   ok   12 approved");
        assert_eq!(serde_json::to_value(&found.0).unwrap()[0]["about"], "exp-a");
    }

    #[test]
    fn only_what_failed_makes_it_unhealthy() {
        assert_eq!(checkup().exit(), Exit::Unhealthy);
        let well: Checkup = [Finding::of("lease").warn("held", None), Finding::skipped("x", "y")].into_iter().collect();
        assert_eq!((well.exit(), well.summary()), (Exit::Ok, "2 checks: 1 warning, 1 skipped".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_without_an_answer_fails() {
        let output = Output { format: OutputFormat::Json, header: true, color: false };
        let finding = watched(output, "account", std::future::pending()).await;
        assert_eq!(finding.verdict(), Verdict::Failed);
        assert_eq!(finding.detail, ["no answer within 60 seconds"]);
    }
}
