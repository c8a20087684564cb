//! Where a setting comes from.

use std::fmt::{self, Display};

/// Where a setting comes from, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The flag, with its hyphens.
    pub flag: &'static str,
    /// The environment variable, by its whole name.
    pub variable: &'static str,
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.flag, self.variable)
    }
}
