//! Runs an organization's filter: a WebAssembly component that can only narrow.
//!
//! Start at [`FilterSource`], which names the source of a filter, and [`FilterHost`], which loads
//! a [`Filter`]; [`Filter::built_in`] needs neither. [`Filter::configure`] lets the filter check
//! its configuration, and [`ConfiguredFilter::evaluate`] runs it over the products of one
//! experience. The contract is in `wit/`.
//!
//! Besides the calling thread there are two others: a ticker thread per host, which enforces the
//! wall-clock limit while filters run, and a child process for each compilation
//! ([`compile_if_called`]).
//!
//! ```no_run
//! use pmp_filter_host::{FilterHost, Limits};
//!
//! let host = FilterHost::new(Limits::default())?;
//! let filter = host.load("exclude-products.wasm".as_ref())?;
//! let filter = filter.configure(r#"{"exclude_labels":["genai"]}"#)?;
//! println!("{}", filter.filter().description().name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A filter can never approve a product, name a product that it was not given, get anything but its
//! arguments, or see another run (rule 1). No part of a failed run is used (rule 4). Everything
//! here blocks, so call it in `spawn_blocking`.
//!
//! Every run has [`Limits`] and is repeatable: the same component and the same input give the same
//! decisions for the same fuel, on every machine.

mod cache;
mod compiler;
mod contract;
mod description;
mod engine;
mod error;
mod features;
mod filter;
mod format;
mod guest;
mod imports;
mod input;
mod interpreter;
mod limits;
mod load;
mod log;
mod look;
mod machine_code;
mod memory;
mod output;
mod rules;
mod run;
mod scope;
mod source;
mod text;

pub use compiler::compile_if_called;
pub use contract::CONTRACT_VERSION;
pub use description::Description;
pub use engine::HostError;
pub use error::LoadError;
pub use filter::{ConfigError, ConfiguredFilter, EvaluateError, Evaluation, Failure, Filter};
pub use input::{Context, Product, Status};
pub use limits::Limits;
pub use load::{FilterHost, Interface};
pub use log::{LogLevel, LogLine};
pub use run::{RunError, Usage};
pub use scope::Managed;
pub use source::{FilterSource, S3Object, SourceError};
