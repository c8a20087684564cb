//! What a filter was given beside the products, as far as its spoke shares it with the hub: enough
//! to run the same filter again, before anything is published.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Digest, Verdict, Verdicts};

/// The longest settings of a filter, in bytes, that a spoke shares as such. Hubs read no longer
/// text of a member; of longer settings the hub knows the digest.
pub const MAX_SHARED_SETTINGS: usize = 2_048;

/// What a filter was given for one experience. The organization and the experience's id are those
/// of the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FilterInput {
    /// The digest of the filter's settings, as the text that it was given: `{}` where there are
    /// none.
    pub settings: Digest,
    /// The name of the experience, as the filter saw it.
    pub experience_name: String,
    /// Who looked the products up whose facts the filter was given.
    #[serde(default)]
    pub facts: FactsFrom,
    /// What it decided on the snapshot that is in force; absent until there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<VerdictMark>,
}

/// Where facts about products came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FactsFrom {
    /// Filters were given none.
    #[default]
    Nowhere,
    /// The hub looked the products up, for all members.
    Hub,
    /// The spoke looked them up, so the hub does not know what the filter was given.
    Own,
}

/// By what verdicts are recognized: the first 16 hexadecimal digits of the SHA-256 over the
/// products that a filter takes away, each with its verdict. Reasons do not count, since they
/// change nothing in the catalog. A receipt is small, and nothing but a forecast rests on this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct VerdictMark(String);

impl VerdictMark {
    /// The mark of these verdicts. One that keeps its product says nothing.
    #[must_use]
    pub fn of(verdicts: &Verdicts) -> Self {
        let mut hash = Sha256::new();
        for (product, decision) in verdicts.iter().filter(|(_, decision)| decision.verdict != Verdict::Keep) {
            // An id has neither a blank nor a line break in it.
            hash.update(product.as_str());
            hash.update(" ");
            hash.update(decision.verdict.as_str());
            hash.update("\n");
        }
        let digest: [u8; 32] = hash.finalize().into();
        Self(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decision, ProductId};

    fn verdicts(list: &[(&str, Verdict, Option<&str>)]) -> Verdicts {
        let decision = |(id, verdict, reason): &(&str, Verdict, Option<&str>)| {
            let reason = reason.map(str::to_owned);
            (ProductId::new(id).unwrap(), Decision { verdict: *verdict, reason })
        };
        list.iter().map(decision).collect()
    }

    #[test]
    fn a_mark_tells_verdicts_apart_and_not_their_reasons() {
        let of = |list: &[_]| VerdictMark::of(&verdicts(list));
        let one = of(&[("prod-a", Verdict::Exclude, Some("genai"))]);
        assert_eq!(one, of(&[("prod-a", Verdict::Exclude, None), ("prod-b", Verdict::Keep, None)]));
        assert_ne!(one, of(&[("prod-a", Verdict::Reject, None)]));
        assert_ne!(one, of(&[("prod-b", Verdict::Exclude, None)]));
        assert_eq!(one.0.len(), 16);
        // As the spoke of an earlier release marked them: it may not become another text.
        assert_eq!(of(&[]).0, "e3b0c44298fc1c14");
    }
}
