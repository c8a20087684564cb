//! What the hub asks `pmp-filter decide`, and what comes back: one JSON object a line.
//!
//! The hub runs no filter itself, since it links no WebAssembly engine. It starts `pmp-filter`,
//! which says [`Hello`], and writes what it [`Ask`]s: the products of snapshots, the filters, and
//! then the runs, each of which names one of either by its number. Answers ([`Answered`]) come in
//! any order. The end of the questions ends the program, once all are answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Content, Decision, Digest, ExperienceId, OrganizationId, ProductAttributes, ProductId, SnapshotVersion, Verdict,
    VerdictMark, Verdicts,
};

/// The version of these lines. Hub and `pmp-filter` are of one release, or at least of one version
/// of this.
pub const DECIDE_PROTOCOL: u32 = 1;

/// The first line of `pmp-filter decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the program.
    pub version: String,
    /// The version of the lines that it reads and writes ([`DECIDE_PROTOCOL`]).
    pub protocol: u32,
}

/// A line of the hub's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// The products of a snapshot.
    Products(AskedProducts),
    /// A filter with its settings.
    Filter(AskedFilter),
    /// Run a filter on the products of a snapshot.
    Run(AskedRun),
}

/// The products of a snapshot, in the order in which answers number them: first those that are
/// approved, then those that are rejected, each by its id, as filters get them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedProducts {
    /// By this number runs name them.
    pub number: usize,
    /// The version that the filter is told.
    pub version: SnapshotVersion,
    /// The management experience that lists them.
    pub experience: ExperienceId,
    /// The products, in that order.
    pub products: Vec<AskedProduct>,
}

/// One product, as far as filters may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedProduct {
    /// Id of the product.
    pub id: ProductId,
    /// Whether the hub rejects it; otherwise the hub approves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
    /// The labels that the management organization put on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What AWS Marketplace tells of it; absent where the filter is given no facts, and where there
    /// are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<ProductAttributes>,
}

/// A filter with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedFilter {
    /// By this number runs name it.
    pub number: usize,
    /// Where it is found.
    pub found: FoundFilter,
    /// The digest that it must have.
    pub digest: Digest,
    /// The settings, as the text that the spoke gave it.
    pub settings: String,
}

/// Where a filter is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundFilter {
    /// In this file, which holds a component.
    File(String),
    /// In no file: it may be the built-in filter of this name.
    BuiltIn(String),
}

/// One run of a filter for one experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRun {
    /// By this number it is answered.
    pub number: usize,
    /// The number of the filter.
    pub filter: usize,
    /// The number of the products.
    pub products: usize,
    /// The member organization whose filter it is.
    pub organization: OrganizationId,
    /// The member experience that it is run for.
    pub experience: ExperienceId,
    /// The experience's name, as the filter sees it.
    pub experience_name: String,
    /// The moment that the filter is told.
    pub evaluated_at: Timestamp,
    /// The mark of the verdicts that this run once gave. Where another run of the same filter on
    /// the same products gave verdicts with this mark, they are the answer, and nothing is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<VerdictMark>,
}

/// A line of `pmp-filter decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Verdicts that runs name by their number.
    Verdicts(VerdictTable),
    /// What came of a run.
    Run(RunOutcome),
}

/// What a filter takes away, by verdict and reason. All other products are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictTable {
    /// By this number runs name it; it is told before any of them.
    pub number: usize,
    /// The number of the products that it is about.
    pub products: usize,
    /// What is taken away.
    pub taken: Vec<Taken>,
}

/// Products that a filter takes away for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What the filter decided.
    pub verdict: Verdict,
    /// Why, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The places of the products in the list of [`AskedProducts`], from 0.
    pub at: Vec<usize>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// The number of the run.
    pub number: usize,
    /// What the filter said.
    pub said: Said,
}

/// What a filter said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The verdicts with this number.
    Verdicts(usize),
    /// The experience is not managed, and why.
    NotManaged(Option<String>),
    /// It failed, or could not be run, in a sentence without its beginning.
    Failed(String),
    /// There is no such filter: it is not built in.
    NoSuchFilter,
}

impl AskedProducts {
    /// The products of a content, with the facts that are given of them.
    #[must_use]
    pub fn of(
        number: usize,
        version: SnapshotVersion,
        content: &Content,
        facts: &dyn Fn(&ProductId) -> Option<ProductAttributes>,
    ) -> Self {
        let product = |id: &ProductId, rejected| AskedProduct {
            id: id.clone(),
            rejected,
            labels: content.note(id).map(|note| note.labels().collect()).unwrap_or_default(),
            // A filter can take away no product that is rejected anyway, so no spoke looks it up.
            facts: if rejected { None } else { facts(id) },
        };
        let approved = content.approved().iter().map(|id| product(id, false));
        let products = approved.chain(content.rejected().iter().map(|id| product(id, true))).collect();
        Self { number, version, experience: content.experience().clone(), products }
    }

    /// The verdicts of a table about these products. `None` where it names one that is not there.
    #[must_use]
    pub fn verdicts(&self, table: &VerdictTable) -> Option<Verdicts> {
        let mut verdicts = Verdicts::new();
        for Taken { verdict, reason, at } in &table.taken {
            for place in at {
                let decision = Decision { verdict: *verdict, reason: reason.clone() };
                verdicts.insert(self.products.get(*place)?.id.clone(), decision);
            }
        }
        Some(verdicts)
    }
}

impl VerdictTable {
    /// The decisions on products, in their order, as a table: of the approved ones, those that are
    /// not kept.
    #[must_use]
    pub fn of(number: usize, products: &AskedProducts, decisions: &[Decision]) -> Self {
        let mut taken = BTreeMap::<(Verdict, Option<&str>), Vec<usize>>::new();
        let listed = products.products.iter().zip(decisions).enumerate();
        for (place, (_, decision)) in listed.filter(|(_, (it, decision))| narrows(it, decision)) {
            taken.entry((decision.verdict, decision.reason.as_deref())).or_default().push(place);
        }
        let taken = taken.into_iter().map(|((verdict, reason), at)| {
            let reason = reason.map(str::to_owned);
            Taken { verdict, reason, at }
        });
        Self { number, products: products.number, taken: taken.collect() }
    }

    /// The bytes of all reasons together.
    #[must_use]
    pub fn reason_bytes(&self) -> usize {
        self.taken.iter().filter_map(|taken| taken.reason.as_ref()).map(String::len).sum()
    }

    /// The same without reasons.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        let mut by_verdict = BTreeMap::<Verdict, Vec<usize>>::new();
        for Taken { verdict, at, .. } in self.taken {
            by_verdict.entry(verdict).or_default().extend(at);
        }
        self.taken = by_verdict.into_iter().map(|(verdict, at)| Taken { verdict, reason: None, at }).collect();
        self
    }
}

fn narrows(product: &AskedProduct, decision: &Decision) -> bool {
    !product.rejected && decision.verdict != Verdict::Keep
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ResourceRequests;

    fn content(approved: usize, rejected: usize) -> Content {
        let ids =
            |range: std::ops::Range<usize>| range.map(|n| ProductId::new(&format!("prod-{n:04}")).unwrap()).collect();
        let experience = ExperienceId::new("exp-1").unwrap();
        let rejected = ids(approved..approved + rejected);
        Content::new(experience, ids(0..approved), rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap()
    }

    fn any_decision() -> impl Strategy<Value = Decision> {
        let verdict = prop_oneof![Just(Verdict::Keep), Just(Verdict::Exclude), Just(Verdict::Reject)];
        (verdict, proptest::option::of("[ab]")).prop_map(|(verdict, reason)| Decision { verdict, reason })
    }

    proptest! {
        /// What a table says over the wire is what was decided, of the approved products, and
        /// nothing else; without reasons the verdicts are the same.
        #[test]
        fn a_table_says_what_was_decided(
            approved in 0..30_usize, rejected in 0..10_usize, decisions in proptest::collection::vec(any_decision(), 40),
        ) {
            let asked = AskedProducts::of(7, SnapshotVersion::FIRST, &content(approved, rejected), &|_| None);
            let decisions = &decisions[..asked.products.len()];
            let table = VerdictTable::of(1, &asked, decisions);
            let line = serde_json::to_string(&Answered::Verdicts(table.clone())).unwrap();
            prop_assert_eq!(serde_json::from_str::<Answered>(&line).unwrap(), Answered::Verdicts(table.clone()));
            let told = asked.verdicts(&table).unwrap();
            let listed = asked.products.iter().zip(decisions).filter(|(product, decision)| narrows(product, decision));
            let expected: Verdicts = listed.map(|(product, it)| (product.id.clone(), it.clone())).collect();
            prop_assert_eq!(&told, &expected);
            let without = asked.verdicts(&table.without_reasons()).unwrap();
            prop_assert_eq!(VerdictMark::of(&without), VerdictMark::of(&told));
            prop_assert!(without.values().all(|decision| decision.reason.is_none()));
        }
    }

    #[test]
    fn a_table_that_names_a_product_which_is_not_there_says_nothing() {
        let asked = AskedProducts::of(0, SnapshotVersion::FIRST, &content(2, 0), &|_| None);
        let taken = vec![Taken { verdict: Verdict::Exclude, reason: None, at: vec![2] }];
        assert_eq!(asked.verdicts(&VerdictTable { number: 0, products: 0, taken }), None);
    }

    #[test]
    fn the_lines_are_what_they_were() {
        let mut asked = AskedProducts::of(0, SnapshotVersion::FIRST, &content(1, 1), &|_| None);
        asked.products[0].labels = vec!["genai".into()];
        let line = |ask: &Ask| serde_json::to_string(ask).unwrap();
        assert_eq!(
            line(&Ask::Products(asked)),
            r#"{"products":{"number":0,"version":1,"experience":"exp-1","products":[{"id":"prod-0000","labels":["genai"]},{"id":"prod-0001","rejected":true}]}}"#
        );
        let run = RunOutcome { number: 3, said: Said::NotManaged(None) };
        assert_eq!(
            serde_json::to_string(&Answered::Run(run)).unwrap(),
            r#"{"run":{"number":3,"said":{"not-managed":null}}}"#
        );
        assert_eq!(serde_json::to_string(&Said::NoSuchFilter).unwrap(), r#""no-such-filter""#);
    }
}
