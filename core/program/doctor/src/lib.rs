//! What `doctor` of both programs checks alike: the configuration, whose credentials these are, the
//! clock, the region, and queues.
//!
//! Everything here only reads: nothing is written, nothing published, and no message received. What
//! a permission to write would show, only a write shows; so no check says more than that it can be
//! read.

mod queue;
mod session;

use pmp_aws::{ApiError, Refuser};
use pmp_terminal::Failure;
use pmp_terminal::checkup::Finding;

pub use queue::{Queue, dead_letters, look_at_queue, queue_admits};
pub use session::Session;

/// Whether the configuration is complete.
#[must_use]
pub fn configuration(complete: &Result<(), Failure>) -> Finding {
    let finding = Finding::of("configuration");
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

/// Adds a failure as a command would tell it.
#[must_use]
pub fn told(finding: Finding, failure: &Failure) -> Finding {
    failure.hints().iter().fold(finding.fail(failure.one_line(), None), |finding, hint| finding.or(hint.as_str()))
}

/// Adds a call that failed and that the program itself needs, too.
#[must_use]
pub fn failed(finding: Finding, error: &ApiError) -> Finding {
    finding.fail(error.to_string(), error.hint())
}

/// Adds a call that failed and that only this check needs: where a permission is missing, the
/// program may work all the same.
#[must_use]
pub fn unknown(finding: Finding, error: &ApiError) -> Finding {
    if !error.is_access_denied() {
        return failed(finding, error);
    }
    let grant = || format!("grant {} to whoever runs `doctor`; nothing else needs it", error.permission());
    let fix = error.refuser().map_or_else(grant, Refuser::hint);
    finding.warn(format!("not known: {error}"), fix)
}
