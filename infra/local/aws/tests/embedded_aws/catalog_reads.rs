//! The catalog, read: lists with pages and scope, descriptions, and who may see what.

use std::time::{Duration, Instant};

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::{EntityRequest, Filter};
use pmp_local_aws::World;
use pmp_local_aws::world::{Experience, Organization, ProcurementPolicy};
use serde_json::{Value, json};

use crate::rig::{self, ARCHIVED, DELEGATE, EMPLOYEE, HUB, LIVE, MEMBER, OUTSIDER, Rig, WITHOUT_POLICY, lists, world};

async fn listed(rig: &Rig, account: &str, entity_type: &str, shared: bool) -> Vec<String> {
    let mut request = rig.catalog(account).list_entities().catalog("AWSMarketplace").entity_type(entity_type);
    if shared {
        request = request.filter_list(Filter::builder().name("Scope").value_list("SharedWithMe").build());
    }
    let entities = request.send().await.unwrap().entity_summary_list.unwrap_or_default();
    entities.iter().map(|entity| entity.entity_id().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn owners_list_their_own_and_delegates_what_is_shared() {
    let rig = Rig::start(world()).await;
    let experiences = [WITHOUT_POLICY, LIVE, ARCHIVED];
    let nothing: [&str; 0] = [];
    assert_eq!(listed(&rig, MEMBER, "Experience", false).await, experiences);
    assert_eq!(listed(&rig, MEMBER, "Experience", true).await, nothing);
    assert_eq!(listed(&rig, DELEGATE, "Experience", false).await, nothing);
    assert_eq!(listed(&rig, DELEGATE, "Experience", true).await, experiences);
    assert_eq!(listed(&rig, DELEGATE, "ProcurementPolicy", true).await, ["policy-live", "policy-old"]);
    for account in [EMPLOYEE, OUTSIDER] {
        assert_eq!(listed(&rig, account, "Experience", false).await, nothing);
        assert_eq!(listed(&rig, account, "Experience", true).await, nothing);
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let mut organization = Organization::new("o-aaaaaaaaaa", "Many", HUB);
    for n in 0..45 {
        organization = organization.with_experience(Experience::new(&format!("exp-{n:03}"), "One of many"));
    }
    let rig = Rig::start(World { organizations: vec![organization], ..World::default() }).await;
    let request = rig.catalog(HUB).list_entities().catalog("AWSMarketplace").entity_type("Experience").max_results(20);
    let mut pages = request.clone().into_paginator().send();
    let mut found = Vec::new();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap().entity_summary_list.unwrap_or_default();
        sizes.push(page.len());
        found.extend(page.iter().map(|entity| entity.entity_id().unwrap().to_owned()));
    }
    assert_eq!(sizes, [20, 20, 5]);
    assert_eq!(found, (0..45).map(|n| format!("exp-{n:03}")).collect::<Vec<_>>());
    for bad in [request.clone().max_results(51), request.next_token("not-ours")] {
        assert_eq!(bad.send().await.unwrap_err().code(), Some("ValidationException"));
    }
}

#[tokio::test]
async fn an_experience_and_its_policy_are_described_in_both_forms() {
    let rig = Rig::start(world()).await;
    let catalog = rig.catalog(DELEGATE);
    let describe = |id: &str| catalog.describe_entity().catalog("AWSMarketplace").entity_id(id).send();

    let experience = describe(LIVE).await.unwrap();
    assert_eq!(experience.entity_type(), Some("Experience@1.0"));
    assert_eq!(experience.entity_identifier(), Some("exp-member-live@1"));
    let arn = format!("arn:aws:aws-marketplace:us-east-1:{MEMBER}:AWSMarketplace/Experience/{LIVE}");
    assert_eq!(experience.entity_arn(), Some(arn.as_str()));
    let document = rig::json(experience.details_document().unwrap());
    let expected = json!({ "Name": "Live", "Status": "Enabled", "AdminStatus": "Editable",
        "ProcurementPolicies": ["policy-live"], "BrandingSettings": [] });
    assert_eq!(document, expected);
    assert_eq!(serde_json::from_str::<Value>(experience.details().unwrap()).unwrap(), expected);
    assert_eq!(describe("exp-member-live@1").await.unwrap().entity_identifier(), Some("exp-member-live@1"));

    let policy = describe("policy-live").await.unwrap();
    let document = rig::json(policy.details_document().unwrap());
    let expected = json!({ "Name": "Live policy", "Statements": [
        { "Effect": "Allow", "Resources": [{ "Type": "Product", "Ids": ["prod-a"], "Notes": "generative-ai" }] },
        { "Effect": "Deny", "Resources": [{ "Type": "Product", "Ids": ["prod-r"] }] },
    ], "Configuration": { "PolicyResourceRequests": "Allow" } });
    assert_eq!(document, expected);

    let archived = describe(ARCHIVED).await.unwrap();
    let document = rig::json(archived.details_document().unwrap());
    assert_eq!((&document["Status"], &document["AdminStatus"]), (&json!("Disabled"), &json!("Restricted")));
    let bare = rig::json(describe(WITHOUT_POLICY).await.unwrap().details_document().unwrap());
    assert_eq!(bare.get("ProcurementPolicies"), Some(&json!(null)));
}

#[tokio::test]
async fn strangers_and_unknown_entities_get_the_documented_errors() {
    let rig = Rig::start(world()).await;
    let describe = async |account: &str, id: &str| {
        let request = rig.catalog(account).describe_entity().catalog("AWSMarketplace").entity_id(id);
        let error = request.send().await.unwrap_err();
        let status = error.raw_response().unwrap().status().as_u16();
        (error.code().unwrap().to_owned(), status, error.message().unwrap().to_owned())
    };
    for account in [HUB, EMPLOYEE, OUTSIDER] {
        let (code, status, message) = describe(account, LIVE).await;
        assert_eq!((code.as_str(), status), ("AccessDeniedException", 403));
        assert!(message.contains(account), "{message}");
    }
    let (code, status, message) = describe(MEMBER, "exp-nowhere").await;
    assert_eq!((code.as_str(), status), ("ResourceNotFoundException", 404));
    assert_eq!(message, "Entity exp-nowhere not found");
}

#[tokio::test]
async fn a_batch_describes_what_it_can_and_names_what_it_cannot() {
    let rig = Rig::start(world()).await;
    let request = |id: &str| EntityRequest::builder().catalog("AWSMarketplace").entity_id(id).build().unwrap();
    let ids = [LIVE, "policy-live", "exp-nowhere", "exp-management"];
    let batch = rig.catalog(MEMBER).batch_describe_entities();
    let batch = batch.set_entity_request_list(Some(ids.map(request).to_vec())).send().await.unwrap();
    let details = batch.entity_details().unwrap();
    assert_eq!(details.len(), 2);
    assert_eq!(rig::json(details[LIVE].details_document().unwrap())["Name"], "Live");
    let errors = batch.errors().unwrap();
    assert_eq!(errors["exp-nowhere"].error_code(), Some("ResourceNotFoundException"));
    assert_eq!(errors["exp-management"].error_code(), Some("AccessDeniedException"));
    let many = rig.catalog(MEMBER).batch_describe_entities();
    let many = many.set_entity_request_list(Some(vec![request(LIVE); 21])).send().await.unwrap_err();
    assert_eq!(many.code(), Some("ValidationException"));
}

#[tokio::test]
async fn twenty_thousand_products_are_described_at_once() {
    let approved = (0..15_000).map(|n| format!("prod-{n:08}"));
    let rejected = (15_000..20_000).map(|n| format!("prod-{n:08}"));
    let policy = ProcurementPolicy::new("policy-large").approving(approved).rejecting(rejected);
    let organization = Organization::new("o-aaaaaaaaaa", "Large", HUB)
        .with_experience(Experience::new("exp-large", "Large").with_policy(policy));
    let rig = Rig::start(World { organizations: vec![organization], ..World::default() }).await;
    let started = Instant::now();
    let (approved, rejected) = lists(&rig.catalog(HUB), "policy-large").await;
    assert_eq!((approved.len(), rejected.len()), (15_000, 5_000));
    // With the client's parsing and in an unoptimised build; what matters is that nothing is
    // quadratic.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
