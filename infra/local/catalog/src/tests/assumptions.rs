//! What AWS does not document: each switch, thrown.

use pmp_world::{
    AbsentValues, Assumptions, Batches, EventsOfChanges, KnownTokens, Listing, Revisions, SortWithScope, StaleRevisions,
};

use super::*;

/// The world of the other tests, in which these hold.
fn assuming(assumptions: Assumptions) -> Catalog {
    let limits = CatalogLimits { assumptions, ..CatalogLimits::without_throttling() };
    Catalog::new(&World { catalog: limits, ..world() }, at(0))
}

fn deny(identifier: &str, ids: &[&str]) -> Value {
    on("DenyProductProcurement", identifier, json!({ "Products": [{ "Ids": ids }] }))
}

/// The products of one list, by the effect of its statement.
fn listed(catalog: &mut Catalog, effect: &str, now: Timestamp) -> Vec<String> {
    let policy = describe(catalog, "policy-1", now);
    let statements = policy["DetailsDocument"]["Statements"].as_array().unwrap();
    let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
    let resources = of_effect.flat_map(|statement| statement["Resources"].as_array().unwrap());
    resources.map(|resource| resource["Ids"][0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_not_set_is_left_out_null_or_empty() {
    let mut left_out = assuming(Assumptions::default());
    let experience = describe(&mut left_out, "exp-2", at(0))["DetailsDocument"].clone();
    assert_eq!((experience.get("ProcurementPolicies"), experience.get("Description")), (Some(&Value::Null), None));
    assert_eq!(experience["BrandingSettings"], json!([]));

    let mut empty = assuming(Assumptions { absent_values: AbsentValues::Empty, ..Assumptions::default() });
    let experience = describe(&mut empty, "exp-2", at(0))["DetailsDocument"].clone();
    for (field, value) in
        [("ProcurementPolicies", json!([])), ("DiscoveryPolicies", json!([])), ("Description", json!(""))]
    {
        assert_eq!(experience[field], value, "{field}");
    }
    let policy = describe(&mut empty, "policy-1", at(0))["DetailsDocument"].clone();
    assert_eq!(policy["Statements"][0]["Resources"][0]["Notes"], "");
    let set = run(&mut empty, &[allow("exp-1", &["prod-b"])], at(0));
    assert_eq!(set.get("FailureCode"), None);

    let mut catalog = assuming(Assumptions { absent_values: AbsentValues::Null, ..Assumptions::default() });
    let experience = describe(&mut catalog, "exp-2", at(0));
    let details = &experience["DetailsDocument"];
    for field in ["Description", "ProcurementPolicies", "BrandingSettings", "DiscoveryPolicies", "Integration"] {
        assert_eq!(details.get(field), Some(&Value::Null), "{field}");
    }
    let text: Value = serde_json::from_str(experience["Details"].as_str().unwrap()).unwrap();
    assert_eq!(text, *details);
    let policy = describe(&mut catalog, "policy-1", at(0))["DetailsDocument"].clone();
    assert_eq!(policy["Statements"][0]["Resources"][0].get("Notes"), Some(&Value::Null));
    assert_eq!(policy.get("Configuration"), Some(&Value::Null));
    let set = run(&mut catalog, &[allow("exp-1", &["prod-b"])], at(0));
    assert_eq!(set.get("FailureCode"), Some(&Value::Null));
}

#[test]
fn a_batch_describes_what_is_there_or_does_not_find_it() {
    for batches in [Batches::Describe, Batches::NotFound] {
        let mut catalog = assuming(Assumptions { batches, ..Assumptions::default() });
        let entities: Vec<_> =
            ["exp-1", "policy-1"].iter().map(|id| json!({ "Catalog": CATALOG, "EntityId": id })).collect();
        let request = json!({ "EntityRequestList": entities });
        let answer = catalog.call(OWNER, Operation::BatchDescribeEntities, request, at(0)).unwrap();
        let found = answer["EntityDetails"].as_object().unwrap().len();
        let errors: Vec<_> = answer["Errors"].as_object().unwrap().values().map(|e| e["ErrorCode"].clone()).collect();
        let expected = if batches == Batches::Describe { (2, vec![]) } else { (0, vec![json!("ENTITY_NOT_FOUND"); 2]) };
        assert_eq!((found, errors), expected);
    }
}

#[test]
fn an_order_goes_with_the_scope_or_is_refused_with_it_alone() {
    let mut catalog = assuming(Assumptions { sort_with_scope: SortWithScope::Refused, ..Assumptions::default() });
    let mut list = |caller, more: Value| {
        let mut request = json!({ "Catalog": CATALOG, "EntityType": "Experience" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = catalog.call(caller, Operation::ListEntities, request, at(0));
        answer.map(|answer| answer["EntitySummaryList"].as_array().unwrap().len()).map_err(|error| error.kind)
    };
    let scope = json!([{ "Name": "Scope", "ValueList": ["SharedWithMe"] }]);
    let sort = json!({ "SortBy": "EntityId", "SortOrder": "ASCENDING" });
    assert_eq!(list(DELEGATE, json!({ "FilterList": scope, "Sort": sort })), Err(ErrorKind::Validation));
    assert_eq!(list(DELEGATE, json!({ "FilterList": scope })), Ok(2));
    assert_eq!(list(OWNER, json!({ "Sort": sort })), Ok(2));
}

#[test]
fn a_revision_counts_change_sets_or_changes() {
    for (revisions, after) in [(Revisions::PerChangeSet, "exp-1@2"), (Revisions::PerChange, "exp-1@3")] {
        let mut catalog = assuming(Assumptions { revisions, ..Assumptions::default() });
        run(&mut catalog, &[allow("exp-1@1", &["prod-b"]), deny("exp-1@1", &["prod-a"])], at(0));
        assert_eq!(describe(&mut catalog, "exp-1", at(10))["EntityIdentifier"], after);
    }
}

#[test]
fn a_known_token_is_answered_refused_or_forgotten() {
    let request = json!({ "Catalog": CATALOG, "ChangeSet": [allow("exp-1", &["prod-b"])], "ClientRequestToken": "t" });
    for (known_tokens, running, ended) in [
        (KnownTokens::Answered, Some(true), Some(true)),
        (KnownTokens::Refused, None, None),
        (KnownTokens::RefusedAfterTheEnd, Some(true), None),
        (KnownTokens::ForgottenAfterTheEnd, Some(true), Some(false)),
    ] {
        let mut catalog = assuming(Assumptions { known_tokens, ..Assumptions::default() });
        let mut ask = |now| {
            catalog.advance(now);
            let answer = catalog.call(OWNER, Operation::StartChangeSet, request.clone(), now);
            answer.map(|answer| answer["ChangeSetId"].clone()).map_err(|error| error.kind)
        };
        let first = ask(at(0)).unwrap();
        for (now, expected) in [(at(1), running), (at(20), ended)] {
            let again = ask(now);
            assert_eq!(again.as_ref().ok().map(|id| *id == first), expected, "{known_tokens:?} at {now}");
            assert!(again.is_ok() || again == Err(ErrorKind::Validation));
        }
    }
}

#[test]
fn a_stale_revision_is_refused_in_words_that_tell_or_not() {
    for (stale_revisions, tells) in [(StaleRevisions::Named, true), (StaleRevisions::Unnamed, false)] {
        let mut catalog = assuming(Assumptions { stale_revisions, ..Assumptions::default() });
        run(&mut catalog, &[allow("exp-1", &["prod-b"])], at(0));
        let refused = start(&mut catalog, OWNER, &[allow("exp-1@1", &["prod-c"])], at(10)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Validation);
        assert_eq!(refused.message.contains("revision") && refused.message.contains("exp-1@2"), tells, "{refused}");
        assert_eq!(refused.message.contains('@'), tells, "{refused}");
    }
}

#[test]
fn the_status_of_an_archived_experience_is_the_worlds() {
    let archived_admin_status = "Archived".to_owned();
    let mut catalog = assuming(Assumptions { archived_admin_status, ..Assumptions::default() });
    run(&mut catalog, &[on("RestrictExperience", "exp-2", json!({}))], at(0));
    assert_eq!(describe(&mut catalog, "exp-2", at(10))["DetailsDocument"]["AdminStatus"], "Archived");
    let refused = start(&mut catalog, OWNER, &[allow("exp-2", &["prod-b"])], at(10)).unwrap_err();
    assert_eq!(refused.message, "Experience exp-2 is archived");
}

#[test]
fn a_product_moves_from_list_to_list_or_is_on_both() {
    for (listing, denied) in [(Listing::Moves, vec![]), (Listing::Adds, vec!["prod-b"])] {
        let mut catalog = assuming(Assumptions { listing, ..Assumptions::default() });
        run(&mut catalog, &[deny("exp-1", &["prod-b"])], at(0));
        run(&mut catalog, &[allow("exp-1", &["prod-b"])], at(20));
        assert_eq!(listed(&mut catalog, "Allow", at(40)), ["prod-a", "prod-b"]);
        assert_eq!(listed(&mut catalog, "Deny", at(40)), denied);
    }
}

#[test]
fn reads_show_the_effect_of_a_change_set_when_the_lag_is_over_and_writes_know_it_before() {
    let mut catalog = assuming(Assumptions { read_lag: Duration::from_secs(5), ..Assumptions::default() });
    start(&mut catalog, OWNER, &[allow("exp-1@1", &["prod-b"])], at(0)).unwrap();
    assert_eq!(catalog.advance(at(10))[0].event["detail-type"], "Change Set Succeeded");
    for (now, revision, products) in [(at(14), "exp-1@1", 1), (at(15), "exp-1@2", 2)] {
        assert_eq!(describe(&mut catalog, "exp-1", now)["EntityIdentifier"], revision);
        assert_eq!(listed(&mut catalog, "Allow", now).len(), products);
        let request = json!({ "EntityRequestList": [{ "Catalog": CATALOG, "EntityId": "exp-1" }] });
        let batch = catalog.call(OWNER, Operation::BatchDescribeEntities, request, now).unwrap();
        assert_eq!(batch["EntityDetails"]["exp-1"]["EntityIdentifier"], revision);
        let stale = start(&mut catalog, OWNER, &[allow("exp-1@1", &["prod-c"])], now).unwrap_err();
        assert_eq!(stale.kind, ErrorKind::Validation);
    }
}

#[test]
fn a_product_that_does_not_exist_fails_with_the_code_of_the_world() {
    for code in ["ENTITY_NOT_FOUND", "INVALID_INPUT"] {
        let assumptions = Assumptions { unknown_products: code.into(), ..Assumptions::default() };
        let mut catalog = assuming(assumptions);
        catalog.poison_mut().insert("prod-poison".into());
        let set = run(&mut catalog, &[allow("exp-1", &["prod-poison"])], at(0));
        assert_eq!((&set["FailureCode"], error_codes(&set)), (&json!("CLIENT_ERROR"), vec![code.to_owned()]));
    }
}

#[test]
fn the_event_of_a_change_set_goes_to_who_started_it_or_to_the_owner() {
    for (events_of_changes, account) in [(EventsOfChanges::Starter, DELEGATE), (EventsOfChanges::Owner, OWNER)] {
        let mut catalog = assuming(Assumptions { events_of_changes, ..Assumptions::default() });
        start(&mut catalog, DELEGATE, &[allow("exp-1", &["prod-b"])], at(0)).unwrap();
        let events = catalog.advance(at(10));
        assert_eq!(
            (events.len(), events[0].account.as_str(), &events[0].event["account"]),
            (1, account, &json!(account))
        );
    }
}
