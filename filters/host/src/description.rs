//! The description of a filter: of a component or of a built-in rule.

/// A filter's description of itself, after its lengths and its form were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A short name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The filter's own version.
    pub version: String,
    /// The purpose of the filter, in one sentence.
    pub description: String,
    /// A JSON Schema of its configuration: one JSON object, as text.
    pub settings_schema: String,
}
