//! Checks of the published JSON Schemas, and of documents by them. [`undescribed`] looks into a
//! schema, [`PublishedSchema`] holds a document to one, and [`hold`] the types of a program to
//! those that are checked in.

// It serves tests: what it cannot do ends the test, with the reason.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod description;
mod document;
mod published;
pub mod shared;

pub use description::undescribed;
pub use document::PublishedSchema;
pub use published::{Named, hold, hold_described, schema_of, schema_of_document};
