//! The operations around change sets: cancelling, tags, lists by filter and order, limits, and bad
//! requests.

use std::time::Duration;

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::{Filter, Intent, OwnershipType, Sort, SortOrder, Tag};
use pmp_local_aws::World;
use pmp_local_aws::world::{CatalogLimits, ChangeEventTarget, ChangeSetTiming, RequestRates};
use serde_json::Value;

use crate::raw;
use crate::rig::{DELEGATE, EMPLOYEE, HUB, LIVE, MEMBER, Rig, WITHOUT_POLICY, change, world};

const ALLOW: &str = "AllowProductProcurement";

fn slow() -> World {
    World { change_sets: ChangeSetTiming::always(Duration::from_secs(600)), ..world() }
}

async fn start(rig: &Rig, account: &str, experience: &str) -> (String, String) {
    let request = rig.catalog(account).start_change_set().catalog("AWSMarketplace").change_set_name("named");
    let answer = request.change_set(change(ALLOW, experience, &["prod-new"])).send().await.unwrap();
    (answer.change_set_id.unwrap(), answer.change_set_arn.unwrap())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// A request that no SDK would make: the status, and the whole answer.
async fn send(rig: &Rig, account: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let signature = raw::authorization(account, "aws-marketplace");
    let request = raw::request(&format!("{method} {path}"), &[&signature], body.as_bytes());
    let answer = raw::send(&rig.server, &request).await;
    (answer.status, format!("{}\n{}", answer.head, answer.body))
}

#[tokio::test]
async fn a_preparing_change_set_is_cancelled_and_the_event_says_so() {
    let target = ChangeEventTarget::to_queue(MEMBER, "events");
    let rig = Rig::start(World { change_event_targets: vec![target], ..slow() }).await;
    let (id, arn) = start(&rig, MEMBER, LIVE).await;
    let cancel =
        |account: &str| rig.catalog(account).cancel_change_set().catalog("AWSMarketplace").change_set_id(&id).send();
    assert_eq!(cancel(HUB).await.unwrap_err().code(), Some("AccessDeniedException"));
    let answer = cancel(DELEGATE).await.unwrap();
    assert_eq!((answer.change_set_id(), answer.change_set_arn()), (Some(id.as_str()), Some(arn.as_str())));
    let refused = cancel(MEMBER).await.unwrap_err();
    assert_eq!(refused.code(), Some("ResourceInUseException"));
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 423);

    let request = rig.sqs(MEMBER).receive_message().queue_url(rig.server.queue_url(MEMBER, "events"));
    let received = request.wait_time_seconds(10).send().await.unwrap();
    let event: Value = serde_json::from_str(received.messages()[0].body().unwrap()).unwrap();
    assert_eq!((&event["detail-type"], &event["detail"]["ChangeSetId"]), (&"Change Set Cancelled".into(), &id.into()));
    start(&rig, MEMBER, LIVE).await;
}

#[tokio::test]
async fn entities_and_change_sets_carry_tags() {
    let rig = Rig::start(slow()).await;
    let (_, change_set) = start(&rig, MEMBER, LIVE).await;
    let catalog = rig.catalog(MEMBER);
    let experience = format!("arn:aws:aws-marketplace:us-east-1:{MEMBER}:AWSMarketplace/Experience/{LIVE}");
    for arn in [&experience, &change_set] {
        catalog.tag_resource().resource_arn(arn).tags(tag("team", "one")).tags(tag("cost", "")).send().await.unwrap();
        catalog.tag_resource().resource_arn(arn).tags(tag("team", "two")).send().await.unwrap();
        catalog.untag_resource().resource_arn(arn).tag_keys("cost").tag_keys("unknown").send().await.unwrap();
        let tags = catalog.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
        assert_eq!((tags.resource_arn(), tags.tags()), (Some(arn.as_str()), &[tag("team", "two")][..]));
    }
    let code = async |account: &str, arn: &str, tags: Vec<Tag>| {
        let request = rig.catalog(account).tag_resource().resource_arn(arn).set_tags(Some(tags));
        request.send().await.unwrap_err().code().unwrap().to_owned()
    };
    let many = |count: usize| (0..count).map(|n| tag(&format!("key-{n}"), "")).collect::<Vec<_>>();
    assert_eq!(code(HUB, &experience, many(1)).await, "AccessDeniedException");
    let foreign = experience.replace(MEMBER, HUB);
    assert_eq!(code(MEMBER, "nothing", many(1)).await, "ValidationException", "no ARN");
    for unknown in [foreign.as_str(), "arn:aws:aws-marketplace:us-east-1:1:AWSMarketplace/Experience/x"] {
        assert_eq!(code(MEMBER, unknown, many(1)).await, "ResourceNotFoundException", "{unknown}");
    }
    let long = vec![tag(&"k".repeat(129), "")];
    for wrong in [many(0), many(51), many(50), long, vec![tag("AWS:x", "")], vec![tag("k", &"v".repeat(257))]] {
        assert_eq!(
            code(MEMBER, &experience, wrong).await,
            "ValidationException",
            "50 and the one that is there are 51"
        );
    }
}

#[tokio::test]
async fn entities_are_listed_by_filter_and_order() {
    let rig = Rig::start(world()).await;
    let list = || rig.catalog(MEMBER).list_entities().catalog("AWSMarketplace").entity_type("Experience");
    let ids =
        async |request: aws_sdk_marketplacecatalog::operation::list_entities::builders::ListEntitiesFluentBuilder| {
            let answer = request.send().await.map_err(|error| error.code().unwrap_or_default().to_owned())?;
            let entities = answer.entity_summary_list.unwrap_or_default();
            Ok::<_, String>(entities.iter().map(|entity| entity.entity_id().unwrap().to_owned()).collect::<Vec<_>>())
        };
    let filter = |name: &str, value: &str| Filter::builder().name(name).value_list(value).build();
    let sort = |by: &str, order: SortOrder| Sort::builder().sort_by(by).sort_order(order).build();

    let by_id = ids(list().sort(sort("EntityId", SortOrder::Descending))).await.unwrap();
    assert_eq!(by_id, ["exp-member-old", "exp-member-live", "exp-member-bare"]);
    // Today's reference knows neither of these.
    assert_eq!(ids(list().sort(sort("Name", SortOrder::Ascending))).await.unwrap_err(), "ValidationException");
    assert_eq!(ids(list().filter_list(filter("Name", "Live"))).await.unwrap_err(), "ValidationException");
    assert_eq!(ids(list().filter_list(filter("EntityId", LIVE))).await.unwrap(), [LIVE]);
    let shared = list().ownership_type(OwnershipType::Shared);
    assert_eq!(ids(shared).await.unwrap(), Vec::<String>::new());

    // The last one that was changed comes first.
    let set = rig.catalog(MEMBER).start_change_set().catalog("AWSMarketplace").change_set(change(ALLOW, LIVE, &["p"]));
    set.send().await.unwrap();
    crate::rig::eventually("the experience is changed", async || {
        (ids(list().max_results(1)).await.unwrap() == [LIVE]).then_some(())
    })
    .await;
    for (name, value) in [("Other", "x"), ("AfterLastModifiedDate", "yesterday"), ("Scope", "Everyone")] {
        assert_eq!(ids(list().filter_list(filter(name, value))).await.unwrap_err(), "ValidationException", "{name}");
    }
    assert_eq!(ids(list().sort(sort("Size", SortOrder::Ascending))).await.unwrap_err(), "ValidationException");
    assert_eq!(ids(list().entity_type("Nothing")).await.unwrap_err(), "ValidationException");
    assert_eq!(ids(list().entity_type("Offer")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn beyond_the_request_rate_an_account_is_throttled_and_others_are_not() {
    let rates = RequestRates { list_change_sets: 1, ..RequestRates::default() };
    let limits = CatalogLimits { requests_per_second: rates, ..CatalogLimits::default() };
    let rig = Rig::start(World { catalog: limits, ..world() }).await;
    let once = rig.unretried(MEMBER, aws_sdk_marketplacecatalog::Client::new);
    let list =
        |catalog: &aws_sdk_marketplacecatalog::Client| catalog.list_change_sets().catalog("AWSMarketplace").send();
    let mut throttled = 0;
    // A slow machine refills the bucket in between; ten requests do not take ten seconds.
    for _ in 0..10 {
        if let Err(error) = list(&once).await {
            assert_eq!(error.code(), Some("ThrottlingException"));
            assert_eq!(error.raw_response().unwrap().status().as_u16(), 429);
            throttled += 1;
        }
    }
    assert!(throttled > 0);
    list(&rig.catalog(DELEGATE)).await.unwrap();
}

#[tokio::test]
async fn validation_only_is_not_for_private_marketplace() {
    let rig = Rig::start(world()).await;
    let request = rig.catalog(MEMBER).start_change_set().catalog("AWSMarketplace").intent(Intent::Validate);
    let refused = request.change_set(change(ALLOW, LIVE, &["prod-new"])).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(refused.message().unwrap().contains("VALIDATE"));
}

#[tokio::test]
async fn open_change_sets_are_limited_per_account() {
    let limits = CatalogLimits { open_change_sets: 1, ..CatalogLimits::without_throttling() };
    let rig = Rig::start(World { catalog: limits, ..slow() }).await;
    start(&rig, MEMBER, LIVE).await;
    let request = rig.catalog(MEMBER).start_change_set().catalog("AWSMarketplace");
    let refused = request.change_set(change(ALLOW, WITHOUT_POLICY, &["prod-new"])).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ServiceQuotaExceededException"));
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 402);
    start(&rig, DELEGATE, WITHOUT_POLICY).await;
}

#[tokio::test]
async fn what_is_no_request_gets_the_documented_error_and_the_server_goes_on() {
    let rig = Rig::start(world()).await;
    for (method, path, body, status, error) in [
        ("POST", "/StartChangeSet", "{", 422, "ValidationException"),
        ("POST", "/StartChangeSet", "[]", 422, "ValidationException"),
        ("POST", "/StartChangeSet", r#"{"Catalog":"AWSMarketplace"}"#, 422, "ValidationException"),
        ("POST", "/ListEntities", r#"{"Catalog":"Elsewhere","EntityType":"Experience"}"#, 422, "ValidationException"),
        (
            "POST",
            "/ListEntities",
            r#"{"Catalog":"AWSMarketplace","EntityType":"Experience","MaxResults":"many"}"#,
            422,
            "ValidationException",
        ),
        ("GET", "/DescribeEntity?catalog=AWSMarketplace", "", 422, "ValidationException"),
        ("GET", "/DescribeEntity?catalog=AWSMarketplace&entityId=exp-member-live%40x", "", 422, "ValidationException"),
        ("GET", "/DescribeChangeSet?changeSetId=x", "", 422, "ValidationException"),
        ("PATCH", "/CancelChangeSet?catalog=AWSMarketplace&changeSetId=x", "", 404, "ResourceNotFoundException"),
        ("POST", "/PutResourcePolicy", "{}", 404, "UnknownOperationException"),
        ("GET", "/StartChangeSet", "", 404, "UnknownOperationException"),
    ] {
        let (found, head) = send(&rig, MEMBER, method, path, body).await;
        assert_eq!(found, status, "{method} {path} {body}: {head}");
        let wanted = format!("x-amzn-errortype: {error}");
        assert!(head.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()), "{method} {path} {body}: {head}");
    }
    let (_, answer) = send(&rig, EMPLOYEE, "POST", "/StartChangeSet", "{").await;
    assert!(answer.contains(r#""Message":"Document not valid JSON format""#), "{answer}");
    start(&rig, MEMBER, LIVE).await;
}
