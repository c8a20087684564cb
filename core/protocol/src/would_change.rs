//! What a spoke that only observes would change.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::count;

/// What a pass would have changed in one member experience, had its spoke not been told to observe
/// only. It stands in every receipt of such a spoke that made a plan, with nothing in it where the
/// experience is as it should be, and in no receipt of any other. One that failed or was stopped
/// before has none.
///
/// The receipt's status is one that every release knows: `skipped` where something would change, so
/// that a hub of an earlier release neither waits for the experience nor calls it late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WouldChange {
    /// Products that would be newly approved.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub allow: usize,
    /// Products that would be newly denied.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub deny: usize,
    /// Whether the policy's settings would be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settings: bool,
}

impl WouldChange {
    /// Whether it would leave everything as it is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// As people read it: `would allow 12 and deny 3 products`.
impl fmt::Display for WouldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("would change nothing");
        }
        let Self { allow, deny, settings } = self;
        let products = allow.saturating_add(*deny);
        match (*allow, *deny) {
            (0, 0) => {}
            (allow, 0) => write!(f, "would allow {}", count(allow, "product"))?,
            (0, deny) => write!(f, "would deny {}", count(deny, "product"))?,
            (allow, deny) => write!(f, "would allow {allow} and deny {}", count(deny, "product"))?,
        }
        match (settings, products) {
            (false, _) => Ok(()),
            (true, 0) => f.write_str("would change the settings"),
            (true, _) => f.write_str(", and change the settings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence() {
        for (allow, deny, settings, expected) in [
            (0, 0, false, "would change nothing"),
            (12, 3, false, "would allow 12 and deny 3 products"),
            (0, 1, false, "would deny 1 product"),
            (0, 0, true, "would change the settings"),
            (1, 1, false, "would allow 1 and deny 1 product"),
            (2, 0, true, "would allow 2 products, and change the settings"),
        ] {
            assert_eq!(WouldChange { allow, deny, settings }.to_string(), expected);
        }
    }

    #[test]
    fn what_is_absent_is_nothing() {
        let read: WouldChange = serde_json::from_str(r#"{"allow":1,"deny":0}"#).unwrap();
        assert_eq!(read, WouldChange { allow: 1, deny: 0, settings: false });
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"allow":1,"deny":0}"#);
    }
}
