//! What `doctor` of both programs checks alike: the configuration, whose credentials these are, the
//! clock, the region, and queues.
//!
//! The checks only read: they write nothing, publish nothing and receive no message. So they do not
//! prove the permission to write; only a write could.

pub mod meant;
mod queue;
mod session;

use pmp_aws::{ApiError, Refuser};
use pmp_protocol::{Code, ExperienceId, Hint, alike};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{Applied, Failure, Source, export, unset};

pub use queue::{Place, Queue, dead_letters, look_at_queue, queue_admits};
pub use session::Session;

/// What `doctor` knows of the settings of a program, to correct one that is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Corrections<'a> {
    /// Settings whose default is as safe as any value, and how that is written, if it can be: where
    /// such a setting is wrong, it is unset. Guard rails and what chooses experiences, filters or
    /// keys are not among them.
    pub defaults: &'a [(Source, &'a str)],
    /// Settings that take one of these words.
    pub words: &'a [(Source, &'a [&'a str])],
    /// The settings, as they were given.
    pub given: &'a [(Source, Option<&'a str>)],
}

impl Corrections<'_> {
    /// The command that corrects a setting. `None` where only a person knows the right value.
    fn of(&self, wrong: Source) -> Option<String> {
        if let Some((_, default)) = self.defaults.iter().find(|(source, _)| *source == wrong) {
            // What stands in the configuration file cannot be unset, but a variable wins over it.
            let written = || Some(default).filter(|default| !default.is_empty());
            return unset(wrong.variable).or_else(|| export(wrong.variable, written()?));
        }
        let (_, given) = self.given.iter().find(|(source, _)| *source == wrong)?;
        let given = given.as_ref()?.trim();
        if let Some(ids) = ids_of(given) {
            return export(wrong.variable, &ids);
        }
        let (_, words) = self.words.iter().find(|(source, _)| *source == wrong)?;
        let meant = alike(&given.to_lowercase(), words.iter().copied());
        export(wrong.variable, meant.first()?)
    }
}

/// The ids of experiences that were given as their ARNs, as the AWS console shows them: the id is
/// an ARN's last part. `None` where there is something else among them.
fn ids_of(given: &str) -> Option<String> {
    let id = |one: &str| {
        let last = if one.starts_with("arn:") { one.rsplit('/').next()? } else { one };
        ExperienceId::new(last).ok()
    };
    let ids: Option<Vec<_>> = given.split(',').map(|one| id(one.trim())).collect();
    let ids: Vec<_> = ids?.iter().map(ExperienceId::to_string).collect();
    given.contains("arn:").then(|| ids.join(","))
}

/// Where the settings come from that are set: a sentence for flags, the environment and the context
/// of the configuration file, each with the variables. `environment` is what the program got,
/// those of the context included.
fn origins(
    given: &[(Source, Option<&str>)],
    of_context: impl Fn(&str) -> bool,
    environment: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut from = [("by flag", Vec::new()), ("from the environment", Vec::new()), ("from the context", Vec::new())];
    for (Source { variable, .. }, value) in given {
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else { continue };
        let place = match environment(variable) {
            Some(set) if set == value && of_context(variable) => 2,
            Some(set) if set == value => 1,
            _ => 0,
        };
        from[place].1.push(*variable);
    }
    let told = from.into_iter().filter(|(_, variables)| !variables.is_empty());
    told.map(|(whence, variables)| format!("{whence}: {}", variables.join(", "))).collect()
}

/// Whether the configuration is complete, which context of the configuration file is used, and
/// where each setting comes from.
#[must_use]
pub fn configuration(complete: &Result<(), Failure>, corrections: &Corrections<'_>) -> Finding {
    let (finding, applied) = (Finding::of("configuration"), Applied::here());
    let finding = match &applied {
        Some(applied) => finding.note(format!("context `{}` of {}", applied.context, applied.file.display())),
        None => finding,
    };
    let of_context = |name: &str| applied.as_ref().is_some_and(|applied| applied.variables.contains(name));
    let origins = origins(corrections.given, of_context, |name| std::env::var(name).ok());
    let finding = origins.into_iter().fold(finding, Finding::note);
    let Err(failure) = complete else { return finding.note("complete") };
    let hint = || failure.hints().first().cloned().unwrap_or_else(|| explained(&failure.code()));
    let commands = failure.wrong_settings().iter().map(|wrong| corrections.of(*wrong));
    let finding = commands.fold(finding, |finding, command| finding.command(Stage::Settings, command));
    match failure.details() {
        [] => finding.fail(failure.one_line(), hint()),
        [all @ .., last] => {
            let finding = all.iter().fold(finding, |finding, problem| finding.fail(problem, None));
            finding.fail(last, hint())
        }
    }
}

/// Adds a failure, with the hints that a command would print.
#[must_use]
pub fn told(finding: Finding, failure: &Failure) -> Finding {
    let finding = finding.fail(failure.one_line(), None);
    if failure.hints().is_empty() {
        return finding.or(explained(&failure.code()));
    }
    failure.hints().iter().fold(finding, |finding, hint| finding.or(hint.as_str()))
}

/// Adds a failed call that the program itself needs, too.
#[must_use]
pub fn failed(finding: Finding, error: &ApiError) -> Finding {
    finding.fail(error.to_string(), way_out(error)).passing(error.is_passing())
}

/// What can be done about an error: its hint, or where it is explained. A check that failed never
/// leaves a person alone with what it found.
#[must_use]
pub fn way_out(error: &impl Hint) -> String {
    error.hint().unwrap_or_else(|| explained(&error.code()))
}

/// What is left to do where an error has no hint.
fn explained(code: &Code) -> String {
    format!("`explain {code}` says what it can be")
}

/// Adds a failed call that only this check needs. Where a permission is missing, that is a warning:
/// the program may work without it.
#[must_use]
pub fn unknown(finding: Finding, error: &ApiError) -> Finding {
    if !error.is_access_denied() {
        return failed(finding, error);
    }
    let grant = || format!("grant {} to the person who runs `doctor`; nothing else needs it", error.permission());
    let fix = error.refuser().map_or_else(grant, Refuser::hint);
    finding.warn(format!("not known: {error}"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_told_with_where_it_comes_from() {
        let source = |variable| Source { flag: "--x", variable };
        let given = [
            (source("PMP_A"), Some("1")),
            (source("PMP_B"), Some("1")),
            (source("PMP_C"), Some("2")),
            (source("PMP_D"), Some(" ")),
            (source("PMP_E"), None),
            (source("PMP_F"), Some("1")),
        ];
        let told = origins(&given, |name| name == "PMP_B", |_| Some("1".to_owned()));
        assert_eq!(told, ["by flag: PMP_C", "from the environment: PMP_A, PMP_F", "from the context: PMP_B"]);
        assert_eq!(origins(&[], |_| true, |_| None), [""; 0]);
    }
}
