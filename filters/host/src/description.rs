//! What a filter says of itself, whether a component or a built-in rule.

/// What a filter says of itself, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// A short name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The filter's own version.
    pub version: String,
    /// What it does, in one sentence.
    pub description: String,
    /// A JSON Schema of its configuration: one JSON object, as text.
    pub settings_schema: String,
}
