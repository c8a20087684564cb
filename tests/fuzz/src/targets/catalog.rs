//! AWS's documents. What is overlooked in one would be denied in every member organization, so
//! each is read a second time by a walk through its JSON (rule 0).

use std::collections::BTreeSet;

use pmp_catalog::PolicyId;
use pmp_catalog::testing::documents;
use pmp_protocol::ResourceRequests;
use serde_json::Value;

use super::utf8;
use crate::memory::within;
use crate::refusal::is_told;

const POLICY: &str = "policy-1";

/// What an answer takes: a copy of the details, and ids that are several times their bytes.
fn most(text: &str) -> usize {
    64 * 1024 + 128 * text.len()
}

/// An answer of `DescribeEntity`, or the details in it.
pub(super) fn policy(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    match within(most(text), || documents::described(POLICY, text)) {
        Ok((_, details)) => read_policy(&details),
        Err(error) => is_told(&error),
    }
    read_policy(text);
}

fn read_policy(details: &str) {
    let id = PolicyId::new(POLICY).expect("an id");
    let policy = match within(most(details), || documents::policy(&id, details)) {
        Ok(policy) => policy,
        Err(error) => return is_told(&error),
    };
    assert!(policy.approved.is_disjoint(&policy.rejected));
    assert!(policy.contradictory.is_subset(&policy.rejected) && policy.contradictory.is_disjoint(&policy.approved));
    // Numbers that are too large for a tree may stand in fields that nobody reads.
    let Ok(mut tree) = serde_json::from_str::<Value>(details) else { return };
    let (allowed, denied) = (listed(&tree, "Allow"), listed(&tree, "Deny"));
    let texts = |ids: &BTreeSet<_>| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(texts(&policy.rejected), denied);
    assert_eq!(texts(&policy.approved), &allowed - &denied);
    assert_eq!(texts(&policy.contradictory), &allowed & &denied);
    let requests = &tree["Configuration"]["PolicyResourceRequests"];
    assert_eq!(policy.policy_resource_requests == ResourceRequests::Deny, requests == "Deny");
    assert!(policy.notes.keys().all(|id| allowed.contains(id.as_str()) || denied.contains(id.as_str())));
    // The order in which it lists them says nothing.
    if let Some(statements) = tree["Statements"].as_array_mut() {
        statements.reverse();
        assert_eq!(documents::policy(&id, &tree.to_string()).expect("the same statements"), policy);
    }
}

/// All ids of the statements with this effect.
fn listed(policy: &Value, effect: &str) -> BTreeSet<String> {
    let items = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let statements = items(policy, "Statements").into_iter().filter(|statement| statement["Effect"] == effect);
    let resources = statements.flat_map(|statement| items(&statement, "Resources"));
    resources.flat_map(|it| items(&it, "Ids")).filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// The first line is the identifier, the rest an answer about it, or the details.
pub(super) fn experience(bytes: &[u8]) {
    let Some((identifier, rest)) = utf8(bytes).and_then(|text| text.split_once('\n')) else { return };
    match within(most(rest), || documents::described(identifier, rest)) {
        Ok((found, details)) => {
            let id = |text: &str| text.split('@').next().map(str::to_owned);
            assert_eq!(id(&found), id(identifier), "an answer about another entity is none");
            read_experience(&found, &details);
        }
        Err(error) => is_told(&error),
    }
    read_experience(identifier, rest);
}

fn read_experience(identifier: &str, details: &str) {
    let experience = match within(most(details) + identifier.len(), || documents::experience(identifier, details)) {
        Ok(experience) => experience,
        Err(error) => return is_told(&error),
    };
    let (id, revision) = identifier.split_once('@').expect("it was read");
    assert_eq!(experience.id.as_str(), id);
    assert_eq!(Ok(experience.revision.0), revision.parse());
    let Ok(tree) = serde_json::from_str::<Value>(details) else { return };
    let policies = match &tree["ProcurementPolicies"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let policies: Vec<_> = policies.into_iter().filter(|id| !id.is_empty()).collect();
    assert_eq!(experience.policies.iter().map(PolicyId::as_str).collect::<Vec<_>>(), policies);
    assert_eq!(tree["Name"].as_str().unwrap_or_default(), experience.name);
    if let Ok(live) = experience.live_policy() {
        assert_eq!((policies.as_slice(), tree["Status"].as_str()), ([live.as_str()].as_slice(), Some("Enabled")));
    }
}
