//! What `doctor` of both programs checks alike: the configuration, whose credentials these are, the
//! clock, the region, and queues.
//!
//! The checks only read: they write nothing, publish nothing and receive no message. So they do not
//! prove the permission to write; only a write could.

mod queue;
mod session;

use pmp_aws::{ApiError, Refuser};
use pmp_protocol::Hint;
use pmp_terminal::checkup::Finding;
use pmp_terminal::{Applied, Failure};

pub use queue::{Queue, dead_letters, look_at_queue, queue_admits};
pub use session::Session;

/// Whether the configuration is complete, and which context of the configuration file it is from.
#[must_use]
pub fn configuration(complete: &Result<(), Failure>) -> Finding {
    let finding = Finding::of("configuration");
    let finding = match Applied::here() {
        Some(applied) => finding.note(format!("context `{}` of {}", applied.context, applied.file.display())),
        None => finding,
    };
    let Err(failure) = complete else { return finding.note("complete") };
    let hint = || failure.hints().first().cloned();
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
    failure.hints().iter().fold(finding.fail(failure.one_line(), None), |finding, hint| finding.or(hint.as_str()))
}

/// Adds a failed call that the program itself needs, too.
#[must_use]
pub fn failed(finding: Finding, error: &ApiError) -> Finding {
    finding.fail(error.to_string(), error.hint())
}

/// Adds a failed call that only this check needs. Where a permission is missing, that is a warning:
/// the program may work without it.
#[must_use]
pub fn unknown(finding: Finding, error: &ApiError) -> Finding {
    if !error.is_access_denied() {
        return failed(finding, error);
    }
    let grant = || format!("grant {} to whoever runs `doctor`; nothing else needs it", error.permission());
    let fix = error.refuser().map_or_else(grant, Refuser::hint);
    finding.warn(format!("not known: {error}"), fix)
}
