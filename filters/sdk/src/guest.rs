//! Joins a [`Filter`] to the contract's exports, for [`export!`](crate::export) and the tests. Authors don't need it.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use crate::bindings::exports::pmp_sync::filter::{rules, scope};
use crate::bindings::pmp_sync::filter::types;
use crate::{Context, Decision, Filter, Managed, Product};

/// A filter, as the component that exports it.
pub struct Exported<F>(PhantomData<F>);

impl<F: Filter + 'static> rules::Guest for Exported<F> {
    fn describe() -> types::Description {
        report_panics();
        let own = F::DESCRIPTION;
        types::Description {
            name: own.name.to_owned(),
            version: own.version.to_owned(),
            description: own.description.to_owned(),
            settings_schema: own.settings_schema.to_owned(),
        }
    }

    fn validate(config: String) -> Result<(), String> {
        report_panics();
        validate::<F>(&config)
    }

    fn evaluate(context: Context, products: Vec<Product>) -> Result<Vec<Decision>, String> {
        report_panics();
        // The host runs every call in an instance of its own. To give back a hundred thousand texts one by one would take a tenth
        // of the time of a run, for memory that is gone a moment later.
        let products = ManuallyDrop::new(products);
        evaluate::<F>(&context, &products)
    }
}

impl<F: Filter + 'static> scope::Guest for Exported<F> {
    fn manages(context: Context) -> Result<Managed, String> {
        report_panics();
        manages::<F>(&context)
    }
}

pub(crate) fn manages<F: Filter>(context: &Context) -> Result<Managed, String> {
    Ok(F::configure(&context.config)?.manages(context))
}

pub(crate) fn validate<F: Filter>(config: &str) -> Result<(), String> {
    F::configure(config).map(drop)
}

pub(crate) fn evaluate<F: Filter>(context: &Context, products: &[Product]) -> Result<Vec<Decision>, String> {
    F::configure(&context.config)?.evaluate(context, products)
}

/// A panic reaches the host as a bare `unreachable`: its message is logged first, or it would be lost.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| crate::log::error(&panic.to_string())));
}
