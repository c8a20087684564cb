//! For the tests of a filter: they run natively, through the same code as the component.

use std::cell::RefCell;

use crate::log::Level;
use crate::{Context, Decision, Filter, Managed, Product, guest};

thread_local! {
    // Per thread, because each test has a thread of its own.
    static LOGS: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// A context with this configuration and made-up ids. Change what matters: `Context { labels, ..context("{}") }`.
#[must_use]
pub fn context(config: &str) -> Context {
    Context {
        snapshot_version: 1,
        organization_id: "o-example0000".to_owned(),
        management_experience_id: "exp-management".to_owned(),
        experience_id: "exp-member".to_owned(),
        experience_name: "Example".to_owned(),
        labels: Vec::new(),
        evaluated_at: "2026-01-01T00:00:00Z".to_owned(),
        config: config.to_owned(),
    }
}

/// Whether the filter accepts this configuration. The error is the filter's own message.
pub fn validate<F: Filter>(config: &str) -> Result<(), String> {
    guest::validate::<F>(config)
}

/// Whether the filter wants an experience managed, in a context of your own.
pub fn manages_in<F: Filter>(context: &Context) -> Result<Managed, String> {
    guest::manages::<F>(context)
}

/// Runs the filter over these products, in the [`context`] with this configuration.
pub fn evaluate<F: Filter>(config: &str, products: &[Product]) -> Result<Vec<Decision>, String> {
    evaluate_in::<F>(&context(config), products)
}

/// Runs the filter over these products in a context of your own.
pub fn evaluate_in<F: Filter>(context: &Context, products: &[Product]) -> Result<Vec<Decision>, String> {
    guest::evaluate::<F>(context, products)
}

/// Takes the log lines that this thread's filters wrote since the last call.
#[must_use]
pub fn logs() -> Vec<(Level, String)> {
    LOGS.take()
}

// Only native builds record; the component hands its lines to the host.
#[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "the component logs to its host"))]
pub(crate) fn record(level: Level, message: &str) {
    LOGS.with_borrow_mut(|logs| logs.push((level, message.to_owned())));
}
