//! The facts of a call. Rules match by them, and the texts of refusals name them.

/// A call before it is handled, as far as rules match by it.
pub(crate) struct CallFacts<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) account: &'a str,
    /// The caller's ARN, which the text of a denied access names.
    pub(crate) caller: &'a str,
}
