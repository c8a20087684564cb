//! One thing that is wrong with a world.

use std::fmt;

/// One problem of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field, such as `organizations[1].experiences[0].policy.approved[3]`.
    pub place: String,
    /// What is wrong there, as the end of a sentence whose subject is the field.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}
