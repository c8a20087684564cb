//! Checks of the published JSON Schemas, and of documents by them. [`undescribed`] looks into a
//! schema, [`PublishedSchema`] holds a document to one.

// It serves tests: what it cannot do ends the test, with the reason.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod description;
mod document;

pub use description::undescribed;
pub use document::PublishedSchema;
