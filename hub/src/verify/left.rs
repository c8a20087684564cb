//! Finds the differences that the trials left on an experience, and the command that removes them
//! by hand.

use std::collections::BTreeSet;
use std::fmt;

use pmp_catalog::ProcurementPolicy;
use pmp_protocol::{ExperienceId, ProductId, ResourceRequests};
use serde_json::{Value, json};

use super::seen::Seen;

/// The command that puts the experience back by hand, without its changes.
const BY_HAND: &str =
    "aws marketplace-catalog start-change-set --region us-east-1 --catalog AWSMarketplace --change-set";

/// The differences that could not be removed.
#[derive(Debug)]
pub(super) struct Left {
    /// The differences as sentences. Empty if everything is as it was before.
    pub(super) sentences: Vec<String>,
    /// The state that was read last. `None` if the experience may still change.
    pub(super) seen: Option<Seen>,
}

impl Left {
    pub(super) fn unseen(sentence: String) -> Self {
        Self { sentences: vec![sentence], seen: None }
    }
}

/// The lists that hold a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Approved,
    Rejected,
    Both,
    Unlisted,
}

impl Standing {
    pub(super) fn of(policy: &ProcurementPolicy, product: &ProductId) -> Self {
        if policy.contradictory.contains(product) {
            Self::Both
        } else if policy.rejected.contains(product) {
            Self::Rejected
        } else if policy.approved.contains(product) {
            Self::Approved
        } else {
            Self::Unlisted
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Both => "approved and rejected at once",
            Self::Unlisted => "on no list",
        }
    }
}

/// The products that are on other lists than before, with both positions.
fn moved<'p>(
    before: &'p ProcurementPolicy,
    now: &'p ProcurementPolicy,
) -> impl Iterator<Item = (&'p ProductId, Standing, Standing)> {
    let lists =
        |policy: &'p ProcurementPolicy| policy.approved.iter().chain(&policy.rejected).chain(&policy.contradictory);
    let all: BTreeSet<_> = lists(before).chain(lists(now)).collect();
    let standings = |product| (product, Standing::of(before, product), Standing::of(now, product));
    all.into_iter().map(standings).filter(|(_, was, is)| was != is)
}

/// The differences from the state before, as sentences.
pub(super) fn left(before: &ProcurementPolicy, now: &ProcurementPolicy) -> Vec<String> {
    let mut left: Vec<_> = moved(before, now)
        .map(|(product, was, is)| format!("`{product}` is {}; it was {}.", is.words(), was.words()))
        .collect();
    if before.policy_resource_requests != now.policy_resource_requests {
        left.push(format!(
            "PolicyResourceRequests is {}; it was {}.",
            now.policy_resource_requests.as_str(),
            before.policy_resource_requests.as_str()
        ));
    }
    left
}

/// The changes that put an experience back by hand.
#[derive(Debug)]
pub(super) struct ByHand {
    pub(super) experience: ExperienceId,
    pub(super) allow: BTreeSet<ProductId>,
    pub(super) deny: BTreeSet<ProductId>,
    pub(super) requests: Option<ResourceRequests>,
    /// Products that stay on a list for good, because AWS takes none off.
    pub(super) for_good: BTreeSet<ProductId>,
}

impl ByHand {
    pub(super) fn nothing(experience: &ExperienceId) -> Self {
        let experience = experience.clone();
        let (allow, deny, for_good) = Default::default();
        Self { experience, allow, deny, requests: None, for_good }
    }

    /// The changes that lead from `now` to `before`, as far as AWS permits: it can allow and deny,
    /// and takes no product off both lists.
    pub(super) fn of(experience: &ExperienceId, before: &ProcurementPolicy, now: &ProcurementPolicy) -> Self {
        use Standing::{Approved, Both, Rejected, Unlisted};
        let mut by_hand = Self::nothing(experience);
        for (product, was, is) in moved(before, now) {
            let list = match (was, is) {
                (_, Both) | (Unlisted, Rejected) => &mut by_hand.for_good,
                (Rejected, _) | (Both | Unlisted, Approved) => &mut by_hand.deny,
                (Approved | Both, _) => &mut by_hand.allow,
                (Unlisted, Unlisted) => continue,
            };
            list.insert(product.clone());
        }
        let requests = before.policy_resource_requests;
        by_hand.requests = (now.policy_resource_requests != requests).then_some(requests);
        by_hand
    }

    /// The instructions for a person.
    pub(super) fn sentences(&self) -> Vec<String> {
        let command = !(self.allow.is_empty() && self.deny.is_empty() && self.requests.is_none());
        let command = command.then(|| format!("To put it back by hand: {self}"));
        let for_good = (!self.for_good.is_empty()).then(|| {
            let products: Vec<_> = self.for_good.iter().map(|product| format!("`{product}`")).collect();
            let (products, it) = (products.join(", "), if products.len() == 1 { "it" } else { "them" });
            format!("{products}: nothing takes {it} off that list; archive or delete the test experience.")
        });
        command.into_iter().chain(for_good).collect()
    }
}

/// The command in one line.
impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entity = json!({"Type": "Experience@1.0", "Identifier": self.experience});
        let change =
            |kind: &str, details: Value| json!({"ChangeType": kind, "Entity": entity, "DetailsDocument": details});
        let products = |kind: &str, ids: &BTreeSet<ProductId>| {
            (!ids.is_empty()).then(|| change(kind, json!({"Products": [{"Ids": ids}]})))
        };
        let requests = self.requests.map(|requests| {
            change("UpdateProcurementPolicy", json!({"Configuration": {"PolicyResourceRequests": requests}}))
        });
        let changes = [
            products("DenyProductProcurement", &self.deny),
            products("AllowProductProcurement", &self.allow),
            requests,
        ];
        let changes: Value = changes.into_iter().flatten().collect();
        write!(f, "{BY_HAND} '{changes}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_product_by_product() {
        let product = |id: &str| ProductId::new(id).unwrap();
        let policy = |approved: &[&str], rejected: &[&str]| ProcurementPolicy {
            approved: approved.iter().map(|id| product(id)).collect(),
            rejected: rejected.iter().map(|id| product(id)).collect(),
            ..ProcurementPolicy::default()
        };
        let before = policy(&["a"], &["r"]);
        assert_eq!(left(&before, &before), Vec::<String>::new());
        let mut now = policy(&["r"], &["a", "x"]);
        now.policy_resource_requests = ResourceRequests::Deny;
        now.contradictory.insert(product("a"));
        assert_eq!(
            left(&before, &now),
            [
                "`a` is approved and rejected at once; it was approved.",
                "`r` is approved; it was rejected.",
                "`x` is rejected; it was on no list.",
                "PolicyResourceRequests is Deny; it was Allow.",
            ]
        );
    }

    #[test]
    fn what_is_done_by_hand_is_what_is_left_and_what_cannot_be_done_is_said() {
        let product = |id: &str| ProductId::new(id).unwrap();
        let ids = |ids: &[&str]| ids.iter().map(|id| product(id)).collect::<BTreeSet<_>>();
        let policy = |approved: &[&str], rejected: &[&str]| ProcurementPolicy {
            approved: approved.iter().map(|id| product(id)).collect(),
            rejected: rejected.iter().map(|id| product(id)).collect(),
            ..ProcurementPolicy::default()
        };
        let experience = ExperienceId::new("exp-1").unwrap();
        let before = policy(&["a", "b"], &["r", "s"]);
        let mut now = policy(&["r", "b", "n"], &["a", "s", "x"]);
        now.contradictory.insert(product("s"));
        let by_hand = ByHand::of(&experience, &before, &now);
        assert_eq!((&by_hand.allow, &by_hand.deny), (&ids(&["a"]), &ids(&["r", "n"])));
        assert_eq!((&by_hand.for_good, by_hand.requests), (&ids(&["s", "x"]), None));
        let only = ByHand::of(&experience, &before, &policy(&["a", "b"], &["r", "s", "x"]));
        assert_eq!(only.sentences(), ["`x`: nothing takes it off that list; archive or delete the test experience."]);
        let mut requests = before.clone();
        requests.policy_resource_requests = ResourceRequests::Deny;
        let requests = ByHand::of(&experience, &before, &requests);
        assert_eq!((requests.requests, requests.sentences().len()), (Some(ResourceRequests::Allow), 1));
        assert!(!requests.to_string().contains("Procurement\""), "{requests}");
    }
}
