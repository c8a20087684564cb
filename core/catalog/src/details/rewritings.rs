//! However AWS writes a policy, it says the same: none of it may become a version, a line of a
//! plan, or a figure.

use pmp_protocol::{Content, Digest, ExperienceId, Sealed};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{Entity, policy};
use crate::intern::Interner;
use crate::{PolicyId, ProcurementPolicy};

/// So many rewritings of one policy, as an administrator's console, another tool and another day
/// may write it. `.ci/soak noise` sets `PMP_REWRITINGS` to 10,000.
fn rewritings() -> u32 {
    std::env::var("PMP_REWRITINGS").map_or(2_000, |wanted| wanted.parse().expect("PMP_REWRITINGS is a number"))
}

/// What the policy says: for each product whether it is approved, and its note.
fn said() -> Vec<(String, bool, Option<&'static str>)> {
    let notes = [None, Some("genai"), Some("eu only, genai"), None, Some("reviewed 2026")];
    (0..24).map(|n| (format!("prod-{n:04}"), n % 3 != 0, notes[n % notes.len()])).collect()
}

/// One writing of it.
#[derive(Debug, Clone)]
struct Writing {
    /// Each product's place in the order.
    order: Vec<Index>,
    /// How many products stand in one resource, and how many resources in one statement.
    ids: usize,
    resources: usize,
    /// Products that are listed once more.
    again: Vec<Index>,
    /// Blanks around the words of notes.
    blanks: Vec<usize>,
    /// Whether the details come as a document, as a string, or as both.
    form: usize,
    /// Whether empty and absent fields are written.
    empty: bool,
}

fn writings() -> impl Strategy<Value = Writing> {
    let products = said().len();
    (
        proptest::collection::vec(any::<Index>(), products),
        1..=20_usize,
        1..=4_usize,
        proptest::collection::vec(any::<Index>(), 0..10),
        proptest::collection::vec(0..4_usize, 8),
        0..3_usize,
        any::<bool>(),
    )
        .prop_map(|(order, ids, resources, again, blanks, form, empty)| Writing {
            order,
            ids,
            resources,
            again,
            blanks,
            form,
            empty,
        })
}

impl Writing {
    /// The answer that holds the policy in this writing.
    fn answer(&self) -> String {
        let said = said();
        let mut products: Vec<_> = said.iter().collect();
        for (place, other) in self.order.iter().enumerate() {
            let other = other.index(products.len());
            products.swap(place, other);
        }
        products.extend(self.again.iter().map(|index| &said[index.index(said.len())]));
        // In one resource is what has one note, and in one statement what has one effect.
        let mut resources: Vec<(bool, Value)> = Vec::new();
        for chunk in products.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)).flat_map(|run| run.chunks(self.ids)) {
            let ids: Vec<_> = chunk.iter().map(|(id, ..)| id).collect();
            let mut resource = json!({"Type": "Product", "Ids": ids});
            match chunk[0].2 {
                Some(note) => resource["Notes"] = json!(self.with_blanks(note)),
                None if self.empty => resource["Notes"] = json!(["", "  "][self.ids % 2]),
                None => {}
            }
            resources.push((chunk[0].1, resource));
        }
        let mut statements: Vec<Value> = Vec::new();
        for chunk in resources.chunk_by(|a, b| a.0 == b.0).flat_map(|run| run.chunks(self.resources)) {
            let effect = if chunk[0].0 { "Allow" } else { "Deny" };
            let resources: Vec<_> = chunk.iter().map(|(_, resource)| resource).collect();
            statements.push(json!({"Effect": effect, "Resources": resources}));
        }
        let mut details = json!({"Name": "Policy", "Statements": statements});
        if self.empty {
            details["Configuration"] = json!({"PolicyResourceRequests": null});
            details["Statements"].as_array_mut().unwrap().push(json!({"Effect": "Deny", "Resources": []}));
        }
        let mut entity = json!({"EntityIdentifier": "policy-1@7"});
        if self.form != 0 {
            entity["Details"] = json!(details.to_string());
        }
        if self.form != 1 {
            entity["DetailsDocument"] = details;
        }
        entity.to_string()
    }

    fn with_blanks(&self, note: &str) -> String {
        let blank = |n: usize| ["", " ", "  ", "\t"][self.blanks[n % self.blanks.len()]];
        let parts = note.split(", ").enumerate();
        let parts = parts.map(|(n, part)| {
            let words = part.replace(' ', ["\u{20}", "  ", "\t", " \t "][self.blanks[n % self.blanks.len()]]);
            format!("{}{words}{}", blank(n), blank(n + 1))
        });
        parts.collect::<Vec<_>>().join(",")
    }
}

/// What the hub would publish.
fn content(answer: &str) -> Content {
    let entity: Entity<'_> = serde_json::from_str(answer).unwrap();
    let id = PolicyId::new("policy-1").unwrap();
    let policy = policy(&id, &entity.json("policy-1").unwrap(), &Interner::new()).map(ProcurementPolicy::from).unwrap();
    let management = ExperienceId::new("exp-management").unwrap();
    let (lists, requests) = ((policy.approved, policy.rejected), policy.policy_resource_requests);
    Content::new(management, lists.0, lists.1, policy.notes, requests).unwrap()
}

/// By which the hub tells whether there is a new version.
fn digest(content: &Content) -> Digest {
    Sealed::new(content).unwrap().digest()
}

#[test]
fn all_writings_of_one_policy_have_one_digest() {
    let plain = json!({"EntityIdentifier": "policy-1@7", "DetailsDocument": {"Statements": said().iter().map(|(id, approved, note)| {
        json!({"Effect": if *approved { "Allow" } else { "Deny" }, "Resources": [{"Type": "Product", "Ids": [id], "Notes": note}]})
    }).collect::<Vec<_>>()}});
    let expected = content(&plain.to_string());
    let mut runner = TestRunner::new(Config { cases: rewritings(), failure_persistence: None, ..Config::default() });
    runner
        .run(&writings(), |writing| {
            let answer = writing.answer();
            prop_assert_eq!(&content(&answer), &expected, "{}", answer);
            Ok(())
        })
        .unwrap();
    // And it is the digest of what is said: one product less has another one.
    let less = plain.to_string().replacen("prod-0007", "prod-0008", 1);
    assert_ne!(digest(&content(&less)), digest(&expected));
}
