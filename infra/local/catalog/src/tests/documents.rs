//! What AWS's documents and its service model of today have: the form of an answer, what a refusal
//! names, what lists take.

use super::*;

/// The fields that a refusal blames, as its body has them.
fn blamed(error: &CatalogError) -> Vec<Value> {
    error.body()["ValidationExceptionFieldList"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_experience_without_a_policy_has_null_for_it_as_the_guide_says() {
    let mut catalog = Catalog::new(&world(), at(0));
    let bare = describe(&mut catalog, "exp-2", at(0))["DetailsDocument"].clone();
    assert_eq!(bare.get("ProcurementPolicies"), Some(&Value::Null));
    assert_eq!(bare["BrandingSettings"], json!([]));
    assert_eq!((bare.get("DiscoveryPolicies"), bare.get("Integration")), (None, None));
    let kept = describe(&mut catalog, "exp-1", at(0))["DetailsDocument"].clone();
    assert_eq!(kept["ProcurementPolicies"], json!(["policy-1"]));
}

#[test]
fn discovery_policies_and_an_integration_are_shown_where_the_world_has_some() {
    let mut world = world();
    let experience = &mut world.organizations[0].experiences[0];
    experience.discovery_policies.push("discopolicy-abcdef12345".into());
    experience.integration = Some("integ-abcdefgh12345".into());
    let mut catalog = Catalog::new(&world, at(0));
    let details = describe(&mut catalog, "exp-1", at(0))["DetailsDocument"].clone();
    assert_eq!(details["DiscoveryPolicies"], json!(["discopolicy-abcdef12345"]));
    assert_eq!(details["Integration"], "integ-abcdefgh12345");
}

#[test]
fn a_change_set_that_did_not_fail_has_null_for_its_failure_code_as_the_example_shows() {
    let mut catalog = Catalog::new(&world(), at(0));
    let set = run(&mut catalog, &[allow("exp-1", &["prod-b"])], at(0));
    assert_eq!(set.get("FailureCode"), Some(&Value::Null));
    assert_eq!(set.get("FailureDescription"), None);
}

#[test]
fn a_refusal_names_the_field_and_its_change() {
    let mut catalog = Catalog::new(&world(), at(0));
    let ids: Vec<String> = (0..51).map(|n| format!("prod-{n}")).collect();
    let too_many = on("AllowProductProcurement", "exp-1@1", json!({ "Products": [{ "Ids": ids }] }));
    let error = start(&mut catalog, OWNER, &[too_many], at(0)).unwrap_err();
    let message = "Cumulative number of values in Ids array must be less than or equal to 50";
    assert_eq!(
        blamed(&error),
        [json!({
            "Reason": "FieldValidationFailed", "Field": "Details.Products.Ids", "Message": message,
            "ChangeType": "AllowProductProcurement", "EntityType": "Experience@1.0", "EntityId": "exp-1",
        })]
    );
    assert_eq!(error.body()["Message"], message);

    let unreadable = on("UpdateExperience", "exp-1", json!({ "Colour": "red" }));
    let error = start(&mut catalog, OWNER, &[unreadable], at(0)).unwrap_err();
    assert_eq!((&blamed(&error)[0]["Reason"], &blamed(&error)[0]["Field"]), (&json!("CannotParse"), &json!("Details")));

    run(&mut catalog, &[allow("exp-1@1", &["prod-b"])], at(0));
    let error = start(&mut catalog, OWNER, &[allow("exp-1@1", &["prod-c"])], at(20)).unwrap_err();
    assert_eq!(
        (&blamed(&error)[0]["Field"], &blamed(&error)[0]["EntityId"]),
        (&json!("Entity.Identifier"), &json!("exp-1"))
    );

    // What blames no field says so by naming none, and no other kind of refusal has any.
    let archived = on("RestrictExperience", "exp-2", json!({}));
    run(&mut catalog, &[archived], at(40));
    let error = start(&mut catalog, OWNER, &[allow("exp-2", &["prod-b"])], at(60)).unwrap_err();
    assert_eq!((error.kind, error.body().get("ValidationExceptionFieldList")), (ErrorKind::Validation, None));
    let error = start(&mut catalog, STRANGER, &[allow("exp-1", &["prod-b"])], at(60)).unwrap_err();
    assert_eq!((error.kind, blamed(&error).len()), (ErrorKind::AccessDenied, 0));
}

#[test]
fn every_field_that_is_blamed_has_the_form_of_the_service_model() {
    let mut catalog = Catalog::new(&world(), at(0));
    let change = |details: Value| on("AllowProductProcurement", "exp-1", details);
    let mut requests = vec![
        json!({ "Catalog": "Other", "ChangeSet": [change(json!({}))] }),
        json!({ "Catalog": CATALOG, "ChangeSet": [] }),
        json!({ "Catalog": CATALOG, "ChangeSet": [change(json!({}))], "Intent": "VALIDATE" }),
        json!({ "Catalog": CATALOG, "ChangeSet": [change(json!({}))], "ClientRequestToken": "" }),
        json!({ "Catalog": CATALOG, "ChangeSet": [change(json!({}))], "ChangeSetName": "" }),
    ];
    for details in [json!({}), json!({ "Products": [] }), json!({ "Products": [{ "Ids": ["a", "a"] }] })] {
        requests.push(json!({ "Catalog": CATALOG, "ChangeSet": [change(details)] }));
    }
    for request in requests {
        let error = catalog.call(OWNER, Operation::StartChangeSet, request.clone(), at(0)).unwrap_err();
        let fields = blamed(&error);
        assert_eq!(fields.len(), 1, "{request}: {error}");
        let field = fields[0]["Field"].as_str().unwrap();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        assert!((1..=255).contains(&field.len()) && field.chars().all(allowed), "{field}");
        assert!(
            ["FieldValidationFailed", "CannotParse"].contains(&fields[0]["Reason"].as_str().unwrap()),
            "{fields:?}"
        );
    }
}

#[test]
fn lists_take_the_filters_and_orders_of_todays_reference_alone() {
    let mut catalog = Catalog::new(&world(), at(0));
    let mut list = |more: Value| {
        let mut request = json!({ "Catalog": CATALOG, "EntityType": "Experience" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        catalog.call(OWNER, Operation::ListEntities, request, at(0))
    };
    for name in ["Name", "BeforeLastModifiedDate", "AfterLastModifiedDate", "Visibility"] {
        let error =
            list(json!({ "FilterList": [{ "Name": name, "ValueList": ["2026-01-01T00:00:00Z"] }] })).unwrap_err();
        assert_eq!(
            (error.kind, &blamed(&error)[0]["Field"]),
            (ErrorKind::Validation, &json!("FilterList.Name")),
            "{name}"
        );
    }
    let error = list(json!({ "Sort": { "SortBy": "Name" } })).unwrap_err();
    assert_eq!((error.kind, &blamed(&error)[0]["Field"]), (ErrorKind::Validation, &json!("Sort.SortBy")));
    for by in ["EntityId", "LastModifiedDate"] {
        assert!(list(json!({ "Sort": { "SortBy": by } })).is_ok(), "{by}");
    }
    assert!(list(json!({ "FilterList": [{ "Name": "EntityId", "ValueList": ["exp-1"] }] })).is_ok());
}

#[test]
fn there_are_no_assessments_to_list_or_to_describe_and_none_can_be_started() {
    let mut catalog = Catalog::new(&world(), at(0));
    let mut call = |operation, request: Value| catalog.call(OWNER, operation, request, at(0));
    let list = json!({ "Catalog": CATALOG });
    assert_eq!(call(Operation::ListAssessments, list).unwrap(), json!({ "AssessmentSummaryList": [] }));
    let wrong = [
        json!({ "Catalog": "Other" }),
        json!({ "Catalog": CATALOG, "MaxResults": 101 }),
        json!({ "Catalog": CATALOG, "AssessmentTargetFilter": { "EntityIds": ["exp-1"] } }),
        json!({ "Catalog": CATALOG, "FrameworkId": "AMISecurity", "AssessmentTargetFilter": { "EntityIds": [] } }),
    ];
    for request in wrong {
        let error = call(Operation::ListAssessments, request.clone()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation, "{request}");
    }
    for id in ["assessment-1a2b", "arn:aws:aws-marketplace:us-east-1::AWSMarketplace/Assessment/assessment-1a2b"] {
        let request = json!({ "Catalog": CATALOG, "AssessmentIdentifier": id });
        assert_eq!(call(Operation::DescribeAssessment, request).unwrap_err().kind, ErrorKind::ResourceNotFound, "{id}");
    }
    let request = json!({ "Catalog": CATALOG, "AssessmentIdentifier": "exp-1" });
    assert_eq!(call(Operation::DescribeAssessment, request).unwrap_err().kind, ErrorKind::Validation);
    let request = json!({ "Catalog": CATALOG, "FrameworkId": "AMISecurity", "EntityId": "exp-1" });
    assert_eq!(call(Operation::StartAssessment, request).unwrap_err().kind, ErrorKind::Validation);
}

#[test]
fn who_holds_an_entity_is_told_in_awss_words() {
    let mut catalog = Catalog::new(&world(), at(0));
    let holder = start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], at(0)).unwrap();
    let error = start(&mut catalog, OWNER, &[allow("exp-1", &["prod-c"])], at(1)).unwrap_err();
    assert_eq!(error.kind.status(), 423);
    let text = "Requested change set has entities locked by change sets - entity: 'exp-1' change sets: ";
    assert_eq!(error.message, format!("{text}{holder}"));
}
