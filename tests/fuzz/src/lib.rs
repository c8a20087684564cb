//! What must hold of every parser, whatever bytes it is given.
//!
//! A [`Target`] is a function of bytes that panics where something does not hold. It asks for more
//! than "does not panic":
//!
//! - What was read is written and read again, and is the same.
//! - What was refused has a code and a sentence, and nothing of it acts on a terminal (rule 14).
//! - No more memory is taken than the input is worth, or than is documented.
//! - Where the same thing can be found out in another way, that other way agrees: the products of a
//!   policy by a walk through its JSON, the words of a shell by a shell's own rules.
//!
//! Three things give it bytes. `replay/` is a normal test: it takes the files of `corpus/TARGET`,
//! and then alters them by a seed. `libfuzzer/` is a crate of its own, which libFuzzer drives.
//! `generator/` makes filters by wasm-smith.

mod memory;
mod refusal;
mod targets;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use targets::TARGETS;

/// Something that is given bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name, which its corpus has as well.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// How many altered inputs the test tries: as many as take about half a second.
    pub tries: usize,
}

/// The target with this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// How often each refusal was met in this thread, by its code; and how often a filter answered, as
/// `answer`.
#[must_use]
pub fn outcomes() -> BTreeMap<String, usize> {
    refusal::outcomes()
}

/// The folder of corpora.
#[must_use]
pub fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
