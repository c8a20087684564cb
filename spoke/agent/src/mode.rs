//! Whether a spoke changes anything (`PMP_MODE`).

use std::fmt;
use std::str::FromStr;

use pmp_protocol::not_one_of;

/// What a spoke does with its plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The spoke applies its plans.
    #[default]
    Apply,
    /// It tells what they would change, and never calls `StartChangeSet`: an organization adopts
    /// this system with a week of it.
    Observe,
}

impl Mode {
    /// Whether nothing is ever changed.
    pub(crate) fn observes(self) -> bool {
        self == Self::Observe
    }
}

/// A text that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", not_one_of(.0, &["apply", "observe"]))]
pub(crate) struct UnknownMode(String);

pmp_protocol::codes!(UnknownMode => "E5008");

pmp_protocol::without_hint!(UnknownMode);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "apply" => Ok(Self::Apply),
            "observe" => Ok(Self::Observe),
            _ => Err(UnknownMode(text.to_owned())),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Apply => "apply",
            Self::Observe => "observe",
        })
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    #[test]
    fn a_mode_that_is_mistyped_is_none_of_both() {
        for mode in [Mode::Apply, Mode::Observe] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let mistyped = "observ".parse::<Mode>().unwrap_err();
        assert_eq!(mistyped.to_string(), "`observ` is neither `apply` nor `observe`; did you mean `observe`?");
        assert_eq!(mistyped.code().to_string(), "E5008");
    }
}
