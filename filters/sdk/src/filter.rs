//! The trait that an author implements.

use crate::{Context, Decision, Managed, Product};

/// A filter. See the crate's documentation for a whole one.
pub trait Filter: Sized {
    /// The filter's name, version and purpose.
    const DESCRIPTION: Description;

    /// Reads the configuration, one JSON object as text; [`settings::parse`](crate::settings::parse) does it for a type
    /// that serde knows. An error refuses the configuration before it is used: name the field and what is expected.
    fn configure(config: &str) -> Result<Self, String>;

    /// Whether the experience is managed at all. If it is not, nothing is changed there; `plan` and the receipt say why.
    fn manages(&self, _context: &Context) -> Managed {
        Managed::yes()
    }

    /// Decides on one product.
    fn decide(&self, context: &Context, product: &Product) -> Decision;

    /// Decides on all products of one experience: one decision for each, in their order. Implement it if a decision
    /// depends on other products, or can fail; an error changes nothing in the catalog.
    fn evaluate(&self, context: &Context, products: &[Product]) -> Result<Vec<Decision>, String> {
        Ok(products.iter().map(|product| self.decide(context, product)).collect())
    }
}

/// A filter's description of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// A short name for tables and receipts: 1 to 64 lower-case letters, digits or hyphens.
    pub name: &'static str,
    /// The filter's own version.
    pub version: &'static str,
    /// The purpose of the filter, in one sentence.
    pub description: &'static str,
    /// A JSON Schema (draft 2020-12) of the configuration.
    pub settings_schema: &'static str,
}

impl Description {
    /// A filter without settings.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str, description: &'static str) -> Self {
        Self { name, version, description, settings_schema: r#"{"type":"object","additionalProperties":false}"# }
    }

    /// This description with a schema of the settings, which is normally in its own file: `include_str!("…")`.
    #[must_use]
    pub const fn with_settings_schema(self, settings_schema: &'static str) -> Self {
        Self { settings_schema, ..self }
    }
}
