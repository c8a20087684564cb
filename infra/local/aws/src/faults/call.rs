//! The facts of a call by which rules choose it, and by which refusals are worded.

/// A call, as far as rules look at it.
pub(crate) struct CallFacts<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) account: &'a str,
    /// The caller's ARN, which texts of refusals name.
    pub(crate) caller: &'a str,
}
