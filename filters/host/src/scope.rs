//! The contract's optional interface `scope`, which decides whether an experience is managed at
//! all.

use crate::filter::{Code, ConfiguredFilter, EvaluateError, Failure, Ready, filters_error};
use crate::input::Context;
use crate::run::Usage;
use crate::text::tame;

/// The filter's decision whether a member experience is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Managed {
    /// The experience is managed. A filter without `scope` manages every experience.
    Yes,
    /// The experience is not managed, so nothing is changed there.
    No {
        /// The reason, bounded and without control characters.
        reason: Option<String>,
    },
}

impl ConfiguredFilter {
    /// Whether the filter decides which experiences are managed. Without `scope`, all are.
    #[must_use]
    pub fn has_scope(&self) -> bool {
        matches!(&self.filter().loaded.code, Code::Component(component) if component.prepared.has_scope())
    }

    /// Asks the filter whether this experience is managed.
    pub fn manages(&self, context: &Context<'_>) -> Result<(Managed, Usage), EvaluateError> {
        let Ready::Component { component, config } = &self.ready else { return Ok((Managed::Yes, Usage::default())) };
        let lowered = context.lower();
        let run = component.prepared.run_scope(&component.runtime, |exports, store| {
            exports.pmp_sync_filter_scope().call_manages(store, lowered.with_config(config))
        });
        let Some((answer, usage)) = run else { return Ok((Managed::Yes, Usage::default())) };
        let answer = match answer.map_err(Failure::Run).and_then(|answer| answer.map_err(filters_error)) {
            Ok(answer) => answer,
            Err(failure) => return Err(EvaluateError { failure, usage }),
        };
        let limit = self.filter().loaded.limits.reason_bytes;
        let reason = || answer.reason.map(|reason| tame(&reason, limit)).filter(|reason| !reason.is_empty());
        Ok((if answer.managed { Managed::Yes } else { Managed::No { reason: reason() } }, usage))
    }
}
