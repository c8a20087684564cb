//! The catalog, changed: change sets, what they are refused for, and how they end.

use std::time::Duration;

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity, FailureCode, Filter};
use pmp_local_aws::World;
use pmp_local_aws::world::{ChangeEventTarget, ChangeSetTiming};
use serde_json::Value;

use crate::rig::{
    ARCHIVED, DELEGATE, EMPLOYEE, HUB, LIVE, MEMBER, Rig, WITHOUT_POLICY, change, change_with, eventually, lists,
    products, world,
};

const ALLOW: &str = "AllowProductProcurement";
const DENY: &str = "DenyProductProcurement";

/// A refusal: its name, HTTP status and text.
type Refusal = (String, u16, String);

async fn start(rig: &Rig, account: &str, changes: &[Change], token: Option<&str>) -> Result<String, Refusal> {
    let request = rig.catalog(account).start_change_set().catalog("AWSMarketplace");
    let request = request.set_change_set(Some(changes.to_vec())).change_set_name("test");
    let answer = request.set_client_request_token(token.map(str::to_owned)).send().await;
    answer.map(|answer| answer.change_set_id.unwrap()).map_err(|error| {
        let status = error.raw_response().unwrap().status().as_u16();
        (error.code().unwrap_or_default().into(), status, error.message().unwrap_or_default().into())
    })
}

async fn refusal(rig: &Rig, account: &str, changes: &[Change]) -> Refusal {
    start(rig, account, changes, None).await.unwrap_err()
}

async fn describe(rig: &Rig, account: &str, id: &str) -> DescribeChangeSetOutput {
    rig.catalog(account).describe_change_set().catalog("AWSMarketplace").change_set_id(id).send().await.unwrap()
}

/// Waits until the change set has ended.
async fn ended(rig: &Rig, account: &str, id: &str) -> DescribeChangeSetOutput {
    eventually("the change set ends", async || {
        Some(describe(rig, account, id).await).filter(|set| set.end_time().is_some())
    })
    .await
}

fn slow() -> World {
    World { change_sets: ChangeSetTiming::always(Duration::from_secs(600)), ..world() }
}

#[tokio::test]
async fn allowing_and_denying_move_products_between_the_lists() {
    let rig = Rig::start(world()).await;
    let changes = [
        change_with(ALLOW, "exp-member-live@1", products(&["prod-new", "prod-r"], Some("why"))),
        change(DENY, "exp-member-live@1", &["prod-a"]),
    ];
    let id = start(&rig, DELEGATE, &changes, None).await.unwrap();
    let set = ended(&rig, DELEGATE, &id).await;
    assert_eq!(set.status(), Some(&ChangeStatus::Succeeded));
    assert_eq!(set.change_set_name(), Some("test"));
    assert_eq!(set.change_set().len(), 2);
    let catalog = rig.catalog(MEMBER);
    let (approved, rejected) = lists(&catalog, "policy-live").await;
    assert_eq!(approved, ["prod-new", "prod-r"]);
    assert_eq!(rejected, ["prod-a"]);
    for (entity, revision) in [(LIVE, "exp-member-live@2"), ("policy-live", "policy-live@2")] {
        let entity = catalog.describe_entity().catalog("AWSMarketplace").entity_id(entity).send().await.unwrap();
        assert_eq!(entity.entity_identifier(), Some(revision));
    }
}

#[tokio::test]
async fn a_change_set_goes_through_its_states() {
    let rig = Rig::start(World { change_sets: ChangeSetTiming::always(Duration::from_millis(600)), ..world() }).await;
    let id = start(&rig, MEMBER, &[change(ALLOW, LIVE, &["prod-new"])], None).await.unwrap();
    let mut seen = Vec::new();
    eventually("the change set ends", async || {
        let status = describe(&rig, MEMBER, &id).await.status().cloned().unwrap();
        if seen.last() != Some(&status) {
            seen.push(status.clone());
        }
        (status == ChangeStatus::Succeeded).then_some(())
    })
    .await;
    assert_eq!(seen, [ChangeStatus::Preparing, ChangeStatus::Applying, ChangeStatus::Succeeded]);
}

#[tokio::test]
async fn an_entity_is_locked_while_its_change_set_runs() {
    let rig = Rig::start(slow()).await;
    let first = start(&rig, MEMBER, &[change(ALLOW, LIVE, &["prod-new"])], None).await.unwrap();
    let (code, status, message) = refusal(&rig, DELEGATE, &[change(DENY, LIVE, &["prod-a"])]).await;
    assert_eq!((code.as_str(), status), ("ResourceInUseException", 423));
    assert!(message.contains(&first) && message.contains(LIVE), "{message}");
    assert_eq!(lists(&rig.catalog(MEMBER), "policy-live").await.0, ["prod-a"], "nothing is applied before the end");
    // Another experience is not concerned.
    start(&rig, MEMBER, &[change(ALLOW, WITHOUT_POLICY, &["prod-new"])], None).await.unwrap();
}

#[tokio::test]
async fn a_stale_revision_is_refused_and_the_newest_named() {
    let rig = Rig::start(world()).await;
    let id = start(&rig, MEMBER, &[change(ALLOW, "exp-member-live@1", &["prod-new"])], None).await.unwrap();
    ended(&rig, MEMBER, &id).await;
    let (code, status, message) = refusal(&rig, MEMBER, &[change(ALLOW, "exp-member-live@1", &["prod-b"])]).await;
    assert_eq!((code.as_str(), status), ("ValidationException", 422));
    assert!(message.contains("revision") && message.contains("exp-member-live@2"), "{message}");
    start(&rig, MEMBER, &[change(ALLOW, "exp-member-live@2", &["prod-b"])], None).await.unwrap();
}

#[tokio::test]
async fn requests_out_of_form_are_refused_with_the_documented_texts() {
    let rig = Rig::start(slow()).await;
    let ids: Vec<String> = (0..51).map(|n| format!("prod-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let too_many = "Cumulative number of values in Ids array must be less than or equal to 50";
    let wrong_type = Entity::builder().r#type("ProcurementPolicy@1.0").identifier("policy-live").build().unwrap();
    let wrong_type = Change::builder().change_type(ALLOW).entity(wrong_type);
    let wrong_type = wrong_type.details_document(products(&["a"], None)).build().unwrap();
    let not_json = Entity::builder().r#type("Experience@1.0").identifier(LIVE).build().unwrap();
    let not_json = Change::builder().change_type(ALLOW).entity(not_json).details("{").build().unwrap();
    for (changes, text) in [
        (vec![change(ALLOW, LIVE, &ids)], too_many),
        (vec![change(ALLOW, LIVE, &["a", "a"])], "Values in Ids array must be unique"),
        (vec![change(ALLOW, LIVE, &["p".repeat(51).as_str()])], "Length"),
        (vec![change_with(ALLOW, LIVE, products(&["a"], Some(&"n".repeat(51))))], "Notes"),
        (vec![change(ALLOW, LIVE, &["a"]), change(ALLOW, LIVE, &["b"])], "twice"),
        (vec![change("ReleaseProduct", LIVE, &["a"])], "not supported"),
        (vec![change("UpdateExperience", LIVE, &["a"])], "Details do not match the schema"),
        (vec![change(ALLOW, ARCHIVED, &["a"])], "archived"),
        (vec![change(ALLOW, LIVE, &["a"]); 21], "1 to 20"),
        (vec![wrong_type], "Experience@1.0"),
        (vec![not_json], "Document not valid JSON format"),
    ] {
        let (code, status, message) = refusal(&rig, MEMBER, &changes).await;
        assert_eq!((code.as_str(), status), ("ValidationException", 422), "{message}");
        assert!(message.contains(text), "`{message}` does not say `{text}`");
    }
    // Fifty are fine, and so are fifty of each kind.
    let changes = [change(ALLOW, LIVE, &ids[..50]), change(DENY, LIVE, &ids[..50])];
    start(&rig, MEMBER, &changes, None).await.unwrap();
}

#[tokio::test]
async fn a_token_repeats_the_request_and_nothing_else() {
    let rig = Rig::start(slow()).await;
    let asked = [change(ALLOW, LIVE, &["prod-new"])];
    let first = start(&rig, MEMBER, &asked, Some("token-1")).await.unwrap();
    assert_eq!(start(&rig, MEMBER, &asked, Some("token-1")).await, Ok(first), "even while the entity is locked");
    let other = [change(ALLOW, LIVE, &["prod-other"])];
    let (code, status, message) = start(&rig, MEMBER, &other, Some("token-1")).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("ValidationException", 422));
    assert!(message.contains("ClientRequestToken"), "{message}");
    // Tokens are an account's own.
    assert_eq!(start(&rig, DELEGATE, &asked, Some("token-1")).await.unwrap_err().1, 423);
}

#[tokio::test]
async fn a_poison_product_fails_its_change_set_and_nothing_of_it_is_applied() {
    let rig = Rig::start(World { poison_products: ["prod-poison".into()].into(), ..world() }).await;
    let changes = [change(ALLOW, LIVE, &["prod-new", "prod-poison"]), change(DENY, LIVE, &["prod-a"])];
    let id = start(&rig, MEMBER, &changes, None).await.unwrap();
    let set = ended(&rig, MEMBER, &id).await;
    assert_eq!((set.status(), set.failure_code()), (Some(&ChangeStatus::Failed), Some(&FailureCode::ClientError)));
    let errors = |index: usize| set.change_set()[index].error_detail_list();
    assert_eq!(errors(0)[0].error_code(), Some("ENTITY_NOT_FOUND"));
    assert!(errors(0)[0].error_message().is_some());
    assert!(errors(1).is_empty());
    assert_eq!(lists(&rig.catalog(MEMBER), "policy-live").await, (vec!["prod-a".into()], vec!["prod-r".into()]));
    // It is free again, and its revision is the old one.
    start(&rig, MEMBER, &[change(ALLOW, "exp-member-live@1", &["prod-new"])], None).await.unwrap();
}

#[tokio::test]
async fn an_experience_without_a_policy_fails_as_documented() {
    let rig = Rig::start(world()).await;
    let id = start(&rig, MEMBER, &[change(ALLOW, WITHOUT_POLICY, &["prod-new"])], None).await.unwrap();
    let set = ended(&rig, MEMBER, &id).await;
    let errors = set.change_set()[0].error_detail_list();
    assert_eq!(errors[0].error_code(), Some("ENTITY_NOT_FOUND"));
    assert_eq!(errors[0].error_message(), Some("Procurement policy missing from Experience"));
}

#[tokio::test]
async fn only_managers_change_and_see_change_sets() {
    let rig = Rig::start(world()).await;
    for account in [HUB, EMPLOYEE] {
        let (code, status, _) = refusal(&rig, account, &[change(ALLOW, LIVE, &["prod-new"])]).await;
        assert_eq!((code.as_str(), status), ("AccessDeniedException", 403));
    }
    let (code, status, _) = refusal(&rig, MEMBER, &[change(ALLOW, "exp-nowhere", &["a"])]).await;
    assert_eq!((code.as_str(), status), ("ResourceNotFoundException", 404));

    let id = start(&rig, DELEGATE, &[change(ALLOW, LIVE, &["prod-new"])], None).await.unwrap();
    assert_eq!(ended(&rig, MEMBER, &id).await.change_set_id(), Some(id.as_str()));
    let request = |account: &str| rig.catalog(account).list_change_sets().catalog("AWSMarketplace");
    let shared = Filter::builder().name("Scope").value_list("SharedWithMe").build();
    let own = request(DELEGATE).send().await.unwrap();
    assert_eq!(own.change_set_summary_list()[0].change_set_id(), Some(id.as_str()));
    assert_eq!(own.change_set_summary_list()[0].entity_id_list(), [LIVE]);
    assert!(request(MEMBER).send().await.unwrap().change_set_summary_list().is_empty());
    let shared = request(MEMBER).filter_list(shared).send().await.unwrap();
    assert_eq!(shared.change_set_summary_list().len(), 1);
    let stranger = rig.catalog(HUB).describe_change_set().catalog("AWSMarketplace").change_set_id(&id).send().await;
    assert_eq!(stranger.unwrap_err().code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn the_end_of_a_change_set_is_an_event_in_the_accounts_queue() {
    let target = |account: &str, queue: &str| ChangeEventTarget::to_queue(account, queue);
    let targets = vec![target(HUB, "catalog-events"), target(MEMBER, "arn:aws:sqs:us-east-1:111111111111:members")];
    let poison_products = ["prod-poison".into()].into();
    let rig = Rig::start(World { change_event_targets: targets, poison_products, ..world() }).await;
    let event = async |queue: &str| -> Value {
        let request = rig.sqs(HUB).receive_message().queue_url(rig.server.queue_url(HUB, queue));
        // Nobody asks the catalog in between: the event comes by itself.
        let received = request.wait_time_seconds(10).send().await.unwrap();
        serde_json::from_str(received.messages()[0].body().unwrap()).unwrap()
    };
    let id = start(&rig, HUB, &[change(ALLOW, "exp-management", &["prod-new"])], None).await.unwrap();
    let succeeded = event("catalog-events").await;
    assert_eq!(succeeded["detail-type"], "Change Set Succeeded");
    assert_eq!(succeeded["source"], "aws.marketplacecatalog");
    assert_eq!((&succeeded["account"], &succeeded["region"]), (&HUB.into(), &"us-east-1".into()));
    assert_eq!(succeeded["detail"]["ChangeSetId"], *id);
    assert_eq!(succeeded["detail"]["ChangeSetName"], "test");
    for field in ["requestId", "Catalog", "StartTime", "EndTime"] {
        assert!(succeeded["detail"][field].is_string(), "{field}");
    }
    assert!(succeeded["resources"][0].as_str().unwrap().ends_with(&format!("ChangeSet/{id}")));

    start(&rig, MEMBER, &[change(ALLOW, LIVE, &["prod-poison"])], None).await.unwrap();
    let failed = event("members").await;
    assert_eq!((&failed["detail-type"], &failed["account"]), (&"Change Set Failed".into(), &MEMBER.into()));
}
