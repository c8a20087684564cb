//! The SDK adapter against a server that answers as written here: what the real catalog may answer,
//! and no simulator can be trusted to know.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pmp_catalog::{
    Catalog, CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetState, ErrorClass, Part, PolicyId, RateLimits,
    Revision, Scope, SdkCatalog,
};
use pmp_protocol::{ExperienceId, ManagementId, ProductBatch, ProductId};
use pmp_test_clients::{account, without_retries};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the server answers next, and what it was asked.
#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<(u16, &'static str, Value)>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Script>>;

async fn answer(State(script): State<Shared>, request: Request) -> Response {
    let mut script = script.lock().unwrap();
    script.asked.push(request.uri().path().trim_start_matches('/').to_owned());
    // Of several that are asked for side by side, each gets the answer that is about it, where
    // there is one.
    let asked = request.uri().query().unwrap_or_default();
    let about = |(_, _, body): &(u16, &str, Value)| {
        let id = body["EntityIdentifier"].as_str().and_then(|id| id.split('@').next());
        id.is_some_and(|id| asked.split('&').any(|field| field == format!("entityId={id}")))
    };
    let place = script.answers.iter().position(about).unwrap_or_default();
    let (status, error, body) = script.answers.remove(place).expect("asked more often than the script knows");
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("x-amzn-ErrorType", error), ("content-type", "application/json")], body.to_string()).into_response()
}

/// A catalog whose server answers with these, in this order, and what it is asked.
async fn catalog(answers: impl IntoIterator<Item = (u16, &'static str, Value)>) -> (SdkCatalog, Shared) {
    let script = Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), asked: Vec::new() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = without_retries(&account(&endpoint, "111111111111"));
    (SdkCatalog::new(&config, RateLimits::default()), script)
}

fn ok(body: Value) -> (u16, &'static str, Value) {
    (200, "", body)
}

fn ids<const N: usize>(names: [&str; N]) -> [ExperienceId; N] {
    names.map(|name| ExperienceId::new(name).unwrap())
}

fn entity(identifier: &str) -> Value {
    json!({"EntityIdentifier": identifier, "EntityType": "Experience@1.0",
           "DetailsDocument": {"Name": "One", "Status": "Enabled", "ProcurementPolicies": ["policy-1"]}})
}

/// Answers each connection with the next of these, byte by byte as they are, and closes it.
async fn server(answers: Vec<String>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            // A request without a body fits into one packet.
            connection.read_buf(&mut Vec::with_capacity(16 * 1024)).await.unwrap();
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    endpoint
}

#[tokio::test]
async fn a_large_answer_that_ends_in_the_middle_is_asked_for_again() {
    let ids: Vec<_> = (0..10_000).map(|n| format!("prod-{n:013}")).collect();
    let statement = json!({"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ids}]});
    let policy = json!({"EntityIdentifier": "policy-1@3", "DetailsDocument": {"Statements": [statement]}}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", policy.len());
    let whole = format!("{head}connection: close\r\n\r\n{policy}");
    let half = whole[..whole.len() / 2].to_owned();
    let policies = [PolicyId::new("policy-1").unwrap()];

    let config = account(&server(vec![half.clone(), whole.clone()]).await, "111111111111");
    let again = SdkCatalog::new(&config, RateLimits::default()).describe_policies(&policies).await.pop().unwrap();
    assert_eq!(again.unwrap().approved.len(), ids.len());

    let config = account(&server(vec![half, whole]).await, "111111111111");
    let once = SdkCatalog::without_retries(&config, RateLimits::default());
    let cut = once.describe_policies(&policies).await.pop().unwrap().unwrap_err();
    assert_eq!(cut.class(), ErrorClass::Transient, "{cut}");
    let then = once.describe_policies(&policies).await.pop().unwrap();
    assert_eq!(then.unwrap().approved.len(), ids.len());
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let page = |ids: &[&str], token: Option<&str>| {
        let entities: Vec<_> = ids.iter().map(|id| json!({"EntityId": id, "EntityType": "Experience"})).collect();
        ok(json!({"EntitySummaryList": entities, "NextToken": token}))
    };
    let (catalog, script) =
        catalog([page(&["exp-a", "exp-b"], Some("more")), page(&[], Some("yet more")), page(&["exp-c"], None)]).await;
    let found = catalog.list_experiences(Scope::SharedWithMe).await.unwrap();
    assert_eq!(found, ids(["exp-a", "exp-b", "exp-c"]));
    assert_eq!(script.lock().unwrap().asked, ["ListEntities"; 3]);
}

#[tokio::test]
async fn pages_that_lead_round_in_a_circle_are_refused_and_not_followed_for_ever() {
    let page = |token: &str| ok(json!({"EntitySummaryList": [], "NextToken": token}));
    for round in [&["one", "one"][..], &["one", "two", "one"]] {
        let (catalog, script) = catalog(round.iter().map(|token| page(token))).await;
        let error = catalog.list_experiences(Scope::Own).await.unwrap_err();
        assert!(error.to_string().contains("a page leads back to one that was read"), "{error}");
        assert_eq!(script.lock().unwrap().asked.len(), round.len());
    }
}

#[tokio::test]
async fn a_batch_tells_each_entity_by_itself() {
    let answer = json!({
        "EntityDetails": {"exp-a": entity("exp-a@3"), "exp-c": entity("exp-c")},
        "Errors": {"exp-b": {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": "not there"}}
    });
    let missing = || (404, "ResourceNotFoundException", json!({"Message": "not there"}));
    let later = ok(json!({"EntityDetails": {"exp-a": entity("exp-a@4")}}));
    let (catalog, script) = catalog([ok(answer), missing(), missing(), missing(), later, missing()]).await;
    let mut found = catalog.describe_experiences(&ids(["exp-a", "exp-b", "exp-c", "exp-d"])).await.into_iter();
    assert_eq!(found.next().unwrap().unwrap().revision.0, 3);
    // What it does not describe, or without a revision, is asked for by itself.
    for missing in ["exp-b", "exp-c", "exp-d"] {
        assert_eq!(found.next().unwrap(), Err(CatalogError::NotFound(missing.to_owned())));
    }
    // That did no better: batches are as good as before.
    catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
    let asked = script.lock().unwrap().asked.clone();
    let one = "DescribeEntity";
    assert_eq!(asked, ["BatchDescribeEntities", one, one, one, "BatchDescribeEntities", one]);
}

#[tokio::test]
async fn a_batch_that_does_not_find_what_is_there_is_the_last_one() {
    let errors = |code: &str| json!({"exp-b": {"ErrorCode": code, "ErrorMessage": "no such entity"}});
    for code in ["ENTITY_NOT_FOUND", "ResourceNotFoundException", "ACCESS_DENIED", "SOMETHING_NEW"] {
        let batch = json!({"EntityDetails": {"exp-a": entity("exp-a@3"), "exp-b": null}, "Errors": errors(code)});
        let one = |id: &str| ok(entity(id));
        let (catalog, script) = catalog([ok(batch), one("exp-b@7"), one("exp-a@4"), one("exp-b@8")]).await;
        for revisions in [[3, 7], [4, 8]] {
            let found = catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
            // Those that are asked for side by side are answered in the order in which they come.
            let found: BTreeSet<_> = found.into_iter().map(|outcome| outcome.unwrap().revision.0).collect();
            assert_eq!(found, BTreeSet::from(revisions), "{code}");
        }
        let asked = script.lock().unwrap().asked.clone();
        assert_eq!(asked, ["BatchDescribeEntities", "DescribeEntity", "DescribeEntity", "DescribeEntity"], "{code}");
    }
}

#[tokio::test]
async fn an_answer_about_another_entity_is_refused() {
    let other = || ok(entity("exp-other@3"));
    let batch = ok(json!({"EntityDetails": {"exp-a": entity("exp-other@3"), "exp-b": entity("exp-b@1")}}));
    let (catalog, _) = catalog([other(), batch, other(), other()]).await;
    let about = |error: &CatalogError| error.to_string().contains("the answer is about `exp-other@3`");
    assert!(catalog.describe_experiences(&ids(["exp-a"])).await[0].as_ref().is_err_and(about));
    let found = catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
    assert!(found[0].as_ref().is_err_and(about) && found[1].is_ok(), "{found:?}");
    // Read as a policy, it would say that nothing is approved.
    let policy = PolicyId::new("policy-1").unwrap();
    assert!(catalog.describe_policies(&[policy]).await[0].as_ref().is_err_and(about));
}

#[tokio::test]
async fn an_entity_of_a_batch_that_is_throttled_is_left_to_be_asked_for_later() {
    let errors = json!({"exp-b": {"ErrorCode": "THROTTLED", "ErrorMessage": "slow down"}});
    let (catalog, script) =
        catalog([ok(json!({"EntityDetails": {"exp-a": entity("exp-a@3")}, "Errors": errors}))]).await;
    let found = catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
    assert!(found[0].is_ok() && found[1].as_ref().is_err_and(|e| e.class() == ErrorClass::Throttled), "{found:?}");
    assert_eq!(script.lock().unwrap().asked.len(), 1);
}

#[tokio::test]
async fn a_list_whose_order_is_refused_is_asked_for_without_and_twice_where_it_has_pages() {
    let page = |ids: &[&str], token: Option<&str>| {
        let entities: Vec<_> = ids.iter().map(|id| json!({"EntityId": id, "EntityType": "Experience"})).collect();
        ok(json!({"EntitySummaryList": entities, "NextToken": token}))
    };
    let refused = || (422, "ValidationException", json!({"Message": "not with these filters"}));
    // Between the pages of the first list, `exp-c` is changed, and with that the first of all.
    let unordered = [page(&["exp-a", "exp-b"], Some("more")), page(&["exp-d"], None)];
    let again = [page(&["exp-c", "exp-a"], Some("more")), page(&["exp-b", "exp-d"], None)];
    let later = [page(&["exp-a"], None)];
    let answers = [refused()].into_iter().chain(unordered).chain(again).chain(later);
    let (catalog, script) = catalog(answers).await;
    let found = catalog.list_experiences(Scope::SharedWithMe).await.unwrap();
    assert_eq!(found, ids(["exp-a", "exp-b", "exp-d", "exp-c"]));
    // From then on it is not asked for an order at all, and one page is one call.
    assert_eq!(catalog.list_experiences(Scope::SharedWithMe).await.unwrap(), ids(["exp-a"]));
    assert_eq!(script.lock().unwrap().asked.len(), 6);
}

#[tokio::test]
async fn a_list_that_is_refused_without_an_order_too_is_refused() {
    let refused = || (422, "ValidationException", json!({"Message": "not at all"}));
    let (catalog, script) = catalog([refused(), refused(), refused(), refused()]).await;
    for _ in 0..2 {
        let error = catalog.list_experiences(Scope::SharedWithMe).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid);
    }
    assert_eq!(script.lock().unwrap().asked.len(), 4, "the order was not to blame");
}

#[tokio::test]
async fn a_stale_revision_is_known_by_the_newest_one_or_by_the_field_whatever_the_words() {
    let field = |field: &str, entity: &str| {
        json!({"Message": "Validation failed", "ValidationExceptionFieldList": [
            {"Reason": "INVALID_INPUT", "EntityId": entity, "ChangeType": "AllowProductProcurement", "Field": field, "Message": "no"}]})
    };
    let text = |text: &str| json!({"Message": text});
    for (body, class) in [
        (text("The latest revision is exp-a@7"), ErrorClass::StaleRevision),
        (text("Use exp-a@7 instead"), ErrorClass::StaleRevision),
        (text("exp-a@5 is archived, and so is exp-b@9"), ErrorClass::Invalid),
        (field("Entity.Identifier", "exp-a@5"), ErrorClass::StaleRevision),
        (field("Entity.Identifier", "exp-a"), ErrorClass::StaleRevision),
        (field("Entity.Identifier", "exp-b@1"), ErrorClass::Invalid),
        (field("Details", "exp-a@5"), ErrorClass::Invalid),
        (field("ClientRequestToken", "exp-a@5"), ErrorClass::KnownToken),
    ] {
        let (catalog, _) = catalog([(422, "ValidationException", body.clone())]).await;
        let error = catalog.start_change_set(&allow("exp-a", 5)).await.unwrap_err();
        assert_eq!(error.class(), class, "{body}");
    }
    // What the fields say is told, since it is all that may help.
    let (catalog, _) = catalog([(422, "ValidationException", field("Details", "exp-a@5"))]).await;
    let error = catalog.start_change_set(&allow("exp-a", 5)).await.unwrap_err();
    assert!(error.to_string().ends_with("Validation failed (AllowProductProcurement exp-a@5 Details: no)"), "{error}");
}

fn allow(experience: &str, revision: u64) -> ChangeSetRequest {
    let products = BTreeSet::from([ProductId::new("prod-a").unwrap()]);
    let management = ManagementId::new(ExperienceId::new("exp-management").unwrap());
    let part = Part {
        experience: management.member(ExperienceId::new(experience).unwrap()).unwrap(),
        revision: Revision(revision),
        allow: ProductBatch::split(&products).pop(),
        deny: None,
        settings: None,
        after: None,
        refused: 0,
    };
    ChangeSetRequest::new(part, "test")
}

#[tokio::test]
async fn where_batches_are_refused_entities_are_described_one_by_one_from_then_on() {
    let refused = (403, "AccessDeniedException", json!({"Message": "not BatchDescribeEntities"}));
    let one = |id: &str| ok(entity(id));
    let (catalog, script) = catalog([refused, one("exp-a@1"), one("exp-b@1"), one("exp-a@2"), one("exp-b@2")]).await;
    for _ in 0..2 {
        let found = catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
    let asked = script.lock().unwrap().asked.clone();
    assert_eq!(
        asked,
        ["BatchDescribeEntities", "DescribeEntity", "DescribeEntity", "DescribeEntity", "DescribeEntity"]
    );
}

#[tokio::test]
async fn a_batch_that_is_throttled_is_not_mistaken_for_one_that_is_refused() {
    let throttled = (429, "ThrottlingException", json!({"Message": "slow down"}));
    let (catalog, script) = catalog([throttled]).await;
    let found = catalog.describe_experiences(&ids(["exp-a", "exp-b"])).await;
    assert!(found.iter().all(|outcome| outcome.as_ref().is_err_and(|e| e.class() == ErrorClass::Throttled)));
    assert_eq!(script.lock().unwrap().asked.len(), 1);
}

#[tokio::test]
async fn details_are_read_from_the_string_where_there_is_no_document() {
    let details = json!({"Statements": [{"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ["prod-a"]}]}]});
    let answer = json!({"EntityIdentifier": "policy-1@9", "Details": details.to_string()});
    let (catalog, _) = catalog([ok(answer)]).await;
    let found = catalog.describe_policies(&[PolicyId::new("policy-1").unwrap()]).await.remove(0).unwrap();
    assert_eq!(found.approved.len(), 1);
}

#[tokio::test]
async fn an_entity_that_is_not_there_is_named() {
    let (catalog, _) = catalog([(404, "ResourceNotFoundException", json!({"Message": "no"}))]).await;
    let found = catalog.describe_experiences(&ids(["exp-a"])).await.remove(0);
    assert_eq!(found, Err(CatalogError::NotFound("exp-a".to_owned())));
}

#[tokio::test]
async fn each_state_of_a_change_set_is_told_apart() {
    let failed = |code: &str| {
        json!({"Status": "FAILED", "FailureCode": code, "ChangeSet": [
            {"ChangeType": "AllowProductProcurement", "ErrorDetailList": [{"ErrorCode": "ENTITY_NOT_FOUND", "ErrorMessage": "no such"}]}]})
    };
    let bare = json!({"Status": "FAILED", "FailureCode": "SERVER_FAULT", "FailureDescription": "sorry"});
    let answers = [
        json!({"Status": "PREPARING"}),
        json!({"Status": "APPLYING"}),
        json!({"Status": "SUCCEEDED"}),
        json!({"Status": "CANCELLED"}),
        failed("CLIENT_ERROR"),
        bare,
        json!({"Status": "SOMETHING_NEW"}),
    ];
    let (catalog, _) = catalog(answers.map(ok)).await;
    let id = ChangeSetId::new("cs-1");
    let mut told = Vec::new();
    for _ in 0..7 {
        told.push(match catalog.describe_change_set(&id).await.map(|status| status.state) {
            Ok(ChangeSetState::Failed { server_fault, errors }) => format!("{server_fault} {}", errors[0]),
            Ok(state) => format!("{state:?}"),
            Err(error) => format!("{:?}", error.class()),
        });
    }
    let expected = [
        "Running",
        "Running",
        "Succeeded",
        "Cancelled",
        "false ENTITY_NOT_FOUND: no such",
        "true SERVER_FAULT: sorry",
        "Unexpected",
    ];
    assert_eq!(told, expected);
}
