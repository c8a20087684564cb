//! Who takes part: one management organization, three member organizations, and what they start
//! with.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{ExperienceId, IdError, ProductId};
use serde_json::json;

use super::lists::Lists;
use super::products::{EXCLUDED_LABEL, Product, Selection, ids};

/// The management organization's own account: the hub runs in it, and it owns the management
/// experience.
pub(super) const HUB_ACCOUNT: &str = "111111111111";
pub(super) const HUB_ORGANIZATION: &str = "o-hub0000001";
pub(super) const MANAGEMENT: &str = "exp-management";
pub(super) const MANAGEMENT_POLICY: &str = "policy-management";

/// Everyone, and every product.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) products: Selection,
    /// What the management experience says now.
    pub(super) management: Lists,
    pub(super) members: Vec<Member>,
    labels: BTreeMap<ProductId, Vec<String>>,
}

/// A member organization with its spoke.
#[derive(Debug)]
pub(super) struct Member {
    /// For people, files and queues: one lower-case word.
    pub(super) name: &'static str,
    pub(super) organization: &'static str,
    /// The owner of its experiences.
    pub(super) management_account: &'static str,
    /// Where its spoke runs; another account than the owner where that is a delegated
    /// administrator.
    pub(super) spoke_account: &'static str,
    pub(super) external_id: String,
    pub(super) filter: Option<FilterSettings>,
    pub(super) experiences: Vec<MemberExperience>,
}

/// What an organization's filter excludes.
#[derive(Debug, Clone, Default)]
pub(super) struct FilterSettings {
    pub(super) ids: BTreeSet<ProductId>,
    pub(super) labels: BTreeSet<String>,
}

/// One experience of a member organization.
#[derive(Debug)]
pub(super) struct MemberExperience {
    pub(super) id: ExperienceId,
    pub(super) policy: String,
    pub(super) name: String,
    pub(super) state: State,
    /// What it must say: what it starts with, until it has something to follow.
    pub(super) expected: Lists,
}

/// Whether a spoke keeps an experience in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Live,
    Disabled,
    Archived,
}

impl Scene {
    /// The scene at the beginning of the demo.
    pub(super) fn new(products: Selection) -> Result<Self, IdError> {
        let management = Lists { approved: ids(&products.approved), rejected: ids(&products.rejected) };
        let labels = products.all().map(|product| (product.id.clone(), product.labels.clone())).collect();
        let members = vec![aurora(&products)?, borealis(&products)?, cumulus(&products)?];
        Ok(Self { products, management, members, labels })
    }

    /// Has every live experience follow what the management experience says now.
    pub(super) fn follow(&mut self) {
        let Self { management, members, labels, .. } = self;
        for member in members {
            let filter = member.filter.clone().unwrap_or_default();
            for experience in member.experiences.iter_mut().filter(|experience| experience.state == State::Live) {
                let keeps = |id: &ProductId| filter.keeps(id, labels.get(id).map(Vec::as_slice).unwrap_or_default());
                experience.expected = experience.expected.after_following(management, keeps);
            }
        }
    }

    /// What the person at the catalog does: the newcomers are approved, the retiree is rejected.
    pub(super) fn change_management(&mut self) {
        let Selection { newcomers, retiree, .. } = &self.products;
        self.management.approved.extend(ids(newcomers));
        self.management.approved.remove(&retiree.id);
        self.management.rejected.insert(retiree.id.clone());
    }

    /// How many of the approved products a member's filter keeps out now.
    pub(super) fn filtered(&self, member: &Member) -> usize {
        self.management.approved.iter().filter(|id| !self.keeps(member, id)).count()
    }

    /// Whether a member's filter lets a product through.
    pub(super) fn keeps(&self, member: &Member, id: &ProductId) -> bool {
        let labels = self.labels.get(id).map(Vec::as_slice).unwrap_or_default();
        member.filter.as_ref().is_none_or(|filter| filter.keeps(id, labels))
    }
}

impl Member {
    /// The experiences that its spoke keeps in step.
    pub(super) fn live(&self) -> impl Iterator<Item = &MemberExperience> {
        self.experiences.iter().filter(|experience| experience.state == State::Live)
    }

    /// The name of its role in the hub's account.
    pub(super) fn role(&self) -> String {
        format!("pmp-sync-spoke-{}", self.name)
    }
}

impl FilterSettings {
    fn keeps(&self, id: &ProductId, labels: &[String]) -> bool {
        !self.ids.contains(id) && !labels.iter().any(|label| self.labels.contains(label))
    }

    /// As the filter reads them.
    pub(super) fn json(&self) -> String {
        json!({ "exclude_ids": self.ids, "exclude_labels": self.labels }).to_string()
    }
}

/// Two live experiences, one with half of the products and some of its own, one new and empty; and
/// a disabled one.
fn aurora(products: &Selection) -> Result<Member, IdError> {
    let half = products.approved.len() / 2;
    let production = Lists {
        approved: ids(products.approved.iter().take(half).chain(products.strangers.iter().take(4))),
        rejected: BTreeSet::new(),
    };
    let trial = Lists { approved: ids(products.strangers.iter().skip(2).take(6)), rejected: BTreeSet::new() };
    Ok(Member {
        name: "aurora",
        organization: "o-aurora0001",
        management_account: "222222222222",
        spoke_account: "222222222222",
        external_id: "aurora-7f3a".into(),
        filter: None,
        experiences: vec![
            experience("aurora-prod", "Aurora production", State::Live, production)?,
            experience("aurora-dev", "Aurora development", State::Live, Lists::default())?,
            experience("aurora-trial", "Aurora trial", State::Disabled, trial)?,
        ],
    })
}

/// Narrowed by a filter. It starts with a quarter of the products, a few of which its filter no
/// longer lets through; few enough for the guard rail, which holds what removes more than half.
fn borealis(products: &Selection) -> Result<Member, IdError> {
    let filter = FilterSettings { ids: ids(&products.excluded), labels: [EXCLUDED_LABEL.to_owned()].into() };
    let quarter = products.approved.len() / 4;
    let kept = |product: &&Product| filter.keeps(&product.id, &product.labels);
    let filtered = |product: &&Product| !kept(product);
    let start = products.approved.iter().filter(kept).take(quarter);
    let approved = ids(start.chain(products.approved.iter().filter(filtered).take(quarter / 5)));
    let old = Lists { approved: ids(products.strangers.iter().take(3)), rejected: ids(&products.excluded) };
    Ok(Member {
        name: "borealis",
        organization: "o-borealis01",
        management_account: "333333333333",
        spoke_account: "333333333333",
        external_id: "borealis-c21e".into(),
        experiences: vec![
            experience(
                "borealis-prod",
                "Borealis production",
                State::Live,
                Lists { approved, rejected: BTreeSet::new() },
            )?,
            experience("borealis-old", "Borealis until 2025", State::Archived, old)?,
        ],
        filter: Some(filter),
    })
}

/// Its spoke runs in a delegated administrator's account, which sees the experience only as shared.
/// It rejected two products that the hub never heard of, and one that the hub approves.
fn cumulus(products: &Selection) -> Result<Member, IdError> {
    let third = products.approved.len() / 3;
    let rejected = products.strangers.iter().rev().take(2).chain(products.approved.last());
    let start = Lists { approved: ids(products.approved.iter().take(third)), rejected: ids(rejected) };
    Ok(Member {
        name: "cumulus",
        organization: "o-cumulus001",
        management_account: "444444444444",
        spoke_account: "444444444445",
        external_id: "cumulus-90bd".into(),
        filter: None,
        experiences: vec![experience("cumulus-prod", "Cumulus production", State::Live, start)?],
    })
}

fn experience(id: &str, name: &str, state: State, start: Lists) -> Result<MemberExperience, IdError> {
    Ok(MemberExperience {
        id: ExperienceId::new(&format!("exp-{id}"))?,
        policy: format!("policy-{id}"),
        name: name.to_owned(),
        state,
        expected: start,
    })
}
