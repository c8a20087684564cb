//! What a person asks for: written into the audit before it is done.

use pmp_audit::Event;
use pmp_protocol::{OrganizationId, PlainText};
use pmp_terminal::{Failure, progress};

use super::{AuditError, Auditor};

/// The longest error that an entry tells, in bytes.
const MAX_ERROR: usize = 400;

/// What was asked for, and stands in the audit as asked for.
#[derive(Debug)]
#[must_use = "what came of it has to be passed through it"]
pub(crate) struct Asked<'a> {
    auditor: &'a Auditor,
    /// Number of the entry. `None` if this role may not write into the audit.
    entry: Option<u64>,
}

impl Auditor {
    /// Writes down what a person asks for.
    ///
    /// A role that may not write into the audit was made by a template of an earlier release. Then
    /// the person is told so, and what is asked for is done all the same.
    ///
    /// # Errors
    /// If the entry cannot be written. The caller does nothing then.
    pub(crate) async fn asked(&self, event: Event) -> Result<Asked<'_>, Failure> {
        self.asked_or(event, "nothing was done, because it cannot be written into the audit").await
    }

    /// The same for a further part of what a person asks for, where the parts before are done.
    ///
    /// # Errors
    /// If the entry cannot be written. The caller does nothing of this part then.
    pub(crate) async fn asked_further(&self, event: Event) -> Result<Asked<'_>, Failure> {
        self.asked_or(event, "the rest was not done, because it cannot be written into the audit").await
    }

    async fn asked_or(&self, event: Event, not_done: &'static str) -> Result<Asked<'_>, Failure> {
        // Protocol A9.
        match self.append(event).await {
            Ok(entry) => Ok(Asked { auditor: self, entry: Some(entry) }),
            Err(error) if error.is_access_denied() => {
                not_in_the_audit(error);
                Ok(Asked { auditor: self, entry: None })
            }
            Err(error) => Err(Failure::from(error).within(not_done)),
        }
    }
}

impl Asked<'_> {
    /// Passes the result through, and writes down that it failed if it did.
    ///
    /// # Errors
    /// If `outcome` is an error, the same.
    pub(crate) async fn done<T, E: Into<Failure>>(self, outcome: Result<T, E>) -> Result<T, Failure> {
        match outcome {
            Ok(done) => Ok(done),
            Err(error) => Err(self.failed(error.into(), Vec::new()).await),
        }
    }

    /// Writes down that it failed, and returns why. `not_done`: the organizations for which it was
    /// not done, where it was done for the others; none where nothing of it was.
    pub(crate) async fn failed(self, failure: Failure, not_done: Vec<OrganizationId>) -> Failure {
        let Some(entry) = self.entry else { return failure };
        let error = PlainText::bounded(&failure.one_line(), MAX_ERROR).into();
        match self.auditor.append(Event::Failed { entry, error, not_done }).await {
            Ok(_) => failure,
            Err(_) => {
                failure.hint(format!("the audit says in entry {entry} that it was asked for, not that it failed"))
            }
        }
    }
}

/// Tells a person that something is not in the audit.
pub(crate) fn not_in_the_audit(error: AuditError) {
    let failure = Failure::from(error);
    progress::note(&format!("warning: this is not in the audit: {}", failure.one_line()));
    failure.hints().iter().for_each(|hint| progress::note(&format!("hint: {hint}")));
}
