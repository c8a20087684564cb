//! The Marketplace Catalog over HTTP: pmp-local's state machine, with the requests that hub and
//! spokes send.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_local_catalog::{Catalog, Listed, Operation};
use pmp_protocol::{ExperienceId, ProductId};
use pmp_test_reference::{Change, Lists};
use serde_json::{Value, json};

use super::{Answer, Request, Service};

/// Answers a request of `account`.
pub(crate) fn answer(catalog: &mut Catalog, account: &str, request: &Request, now: Timestamp) -> Answer {
    let operation = match request.operation.as_str() {
        "ListEntities" => Operation::ListEntities,
        "DescribeEntity" => Operation::DescribeEntity,
        "BatchDescribeEntities" => Operation::BatchDescribeEntities,
        "StartChangeSet" => Operation::StartChangeSet,
        "DescribeChangeSet" => Operation::DescribeChangeSet,
        "ListChangeSets" => Operation::ListChangeSets,
        other => panic!("the fleet's catalog is asked for `{other}`"),
    };
    match catalog.call(account, operation, input(request), now) {
        Ok(answer) => Answer::of(answer.to_string()),
        Err(error) => Answer {
            status: error.kind.status(),
            error: Some(error.kind.name().to_owned()),
            body: error.body().to_string().into(),
        },
    }
}

/// The parameters of a request, by the names that they have in a body.
pub(crate) fn input(request: &Request) -> Value {
    if request.query.is_empty() {
        return serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    }
    let names = [("catalog", "Catalog"), ("entityId", "EntityId"), ("changeSetId", "ChangeSetId")];
    let value = |name| super::form(request.query.as_bytes(), name);
    names.into_iter().filter_map(|(query, name)| Some((name.to_owned(), json!(value(query)?)))).collect()
}

/// The lists of an experience.
pub(crate) fn lists(catalog: &Catalog, experience: &ExperienceId) -> Lists {
    let mut lists = Lists::default();
    for (id, listed) in catalog.lists(experience.as_str()) {
        let id = ProductId::new(&id).unwrap();
        match listed {
            Listed::Approved => lists.approved.insert(id),
            Listed::Rejected => lists.rejected.insert(id),
        };
    }
    lists
}

/// What a request for a change set asks for, by experience.
pub(crate) fn changes(request: &Value) -> BTreeMap<ExperienceId, Change> {
    let mut changes = BTreeMap::<ExperienceId, Change>::new();
    for change in request["ChangeSet"].as_array().into_iter().flatten() {
        let identifier = change["Entity"]["Identifier"].as_str().unwrap_or_default();
        let id = identifier.split_once('@').map_or(identifier, |(id, _)| id);
        let details = match change["Details"].as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            None => change["DetailsDocument"].clone(),
        };
        let products: BTreeSet<_> = ids(&details).collect();
        let Ok(id) = ExperienceId::new(id) else { continue };
        let asked = changes.entry(id).or_default();
        match change["ChangeType"].as_str() {
            Some("AllowProductProcurement") => asked.allow.extend(products),
            Some("DenyProductProcurement") => asked.deny.extend(products),
            _ => {}
        }
    }
    changes
}

fn ids(details: &Value) -> impl Iterator<Item = ProductId> {
    let groups = details["Products"].as_array().into_iter().flatten();
    let ids = groups.flat_map(|group| group["Ids"].as_array().into_iter().flatten());
    ids.filter_map(|id| ProductId::new(id.as_str()?).ok())
}

/// Starts a change set of a person of `account` on an experience, where nothing locks it. Its id.
pub(crate) fn edit(
    catalog: &mut Catalog,
    account: &str,
    experience: &ExperienceId,
    change: &Change,
    now: Timestamp,
) -> Result<String, String> {
    let one = |kind: &str, products: &BTreeSet<ProductId>| {
        let ids: Vec<_> = products.iter().take(50).map(ProductId::as_str).collect();
        (!ids.is_empty()).then(|| {
            json!({ "ChangeType": kind, "Entity": { "Type": "Experience@1.0", "Identifier": experience.as_str() },
                "DetailsDocument": { "Products": [{ "Ids": ids }] } })
        })
    };
    let changes: Vec<_> = [one("DenyProductProcurement", &change.deny), one("AllowProductProcurement", &change.allow)]
        .into_iter()
        .flatten()
        .collect();
    if changes.is_empty() {
        return Err("nothing to change".to_owned());
    }
    let request = json!({ "Catalog": pmp_local_catalog::CATALOG, "ChangeSet": changes });
    let answer = catalog.call(account, Operation::StartChangeSet, request, now).map_err(|error| error.to_string())?;
    Ok(answer["ChangeSetId"].as_str().unwrap_or_default().to_owned())
}

/// A refusal that the service itself never gave.
pub(crate) fn refusal(code: &str, message: &str, status: u16) -> Answer {
    Answer::refused(Service::Catalog, status, code, message)
}
