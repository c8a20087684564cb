//! The page over HTTP, as a browser or a program asks for it. What a browser makes of it is
//! `tests/browser`'s.

use std::time::{Duration, Instant};

use pmp_local_aws::World;
use pmp_local_aws::world::{ChangeSetTiming, Experience, Organization, ProcurementPolicy, Product};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{HUB, MANAGEMENT, MEMBER, Rig, WITHOUT_POLICY, eventually, lists, world};

/// A complete answer of the server.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines
            .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
            .map(|(_, v)| v)
    }
}

/// Sends what is written here, byte by byte: other clients would mend the headers that are tested.
async fn send(rig: &Rig, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let address = rig.server.endpoint().replace("http://", "");
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    let mut connection = TcpStream::connect(&address).await.unwrap();
    connection.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

async fn get(rig: &Rig, path: &str) -> Answer {
    send(rig, &format!("GET {path}"), &[], "").await
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn click(rig: &Rig, experience: &str, fields: &str, headers: &[(&str, &str)]) -> Answer {
    send(rig, &format!("POST /_local/experiences/{experience}/products"), &[&[FORM], headers].concat(), fields).await
}

#[tokio::test]
async fn it_shows_organizations_experiences_and_products() {
    let mut world = world();
    let named = Product { id: "prod-b".into(), name: "Fish & <Chips>".into(), ..Product::default() };
    world.products.push(named);
    let rig = Rig::start(world).await;
    rig.sqs(MEMBER).create_queue().queue_name("inbox").send().await.unwrap();
    let page = get(&rig, "/").await;
    assert_eq!(page.status, 200);
    for shown in ["o-hub0000000", "o-member0000", MANAGEMENT, "Archived", "prod-a", "Fish &amp; &lt;Chips&gt;", "inbox"]
    {
        assert!(page.body.contains(shown), "{shown} is missing");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for asset in ["/_local/page.css", "/_local/page.js", "/_local/icon.svg"] {
        assert!(page.body.contains(asset));
        assert_eq!(get(&rig, asset).await.status, 200, "{asset}");
    }
}

#[tokio::test]
async fn a_page_that_nothing_changed_is_not_sent_again() {
    let rig = Rig::start(world()).await;
    let tag = get(&rig, "/").await.header("etag").unwrap().to_owned();
    let again = send(&rig, "GET /", &[("If-None-Match", &tag)], "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    rig.sqs(HUB).create_queue().queue_name("another").send().await.unwrap();
    assert_eq!(send(&rig, "GET /", &[("If-None-Match", &tag)], "").await.status, 200);
}

#[tokio::test]
async fn a_click_is_a_change_set_of_the_owner() {
    let rig = Rig::start(world()).await;
    let origin = rig.server.endpoint();
    let clicked = click(&rig, MANAGEMENT, "product=+prod-new&action=approve&q=new", &[("Origin", &origin)]).await;
    assert_eq!(clicked.status, 303, "{}", clicked.body);
    let back = clicked.header("location").unwrap();
    assert!(back.starts_with("/?experience=exp-management&q=new&started="), "{back}");
    assert!(get(&rig, back).await.body.contains("approves prod-new in exp-management"));
    let catalog = rig.catalog(HUB);
    eventually("the approval", async || {
        let approved = lists(&catalog, "policy-management").await.0;
        approved.contains(&"prod-new".to_owned()).then_some(())
    })
    .await;
    let sets = catalog.list_change_sets().catalog("AWSMarketplace").send().await.unwrap();
    assert_eq!(sets.change_set_summary_list().len(), 1, "it is the owner's, and in its list");
    // A rejection is asked back, and nothing has begun until the answer.
    let asked = click(&rig, MANAGEMENT, "product=prod-new&action=reject&q=new", &[("Origin", &origin)]).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    for part in ["Reject prod-new in Management?", r#"name="confirmed" value="yes""#, "Yes, reject it", "No, leave it"]
    {
        assert!(asked.body.contains(part), "`{part}` is missing");
    }
    let sets = catalog.list_change_sets().catalog("AWSMarketplace").send().await.unwrap();
    assert_eq!(sets.change_set_summary_list().len(), 1);
    assert_eq!(
        click(&rig, MANAGEMENT, "product=prod-new&action=reject&confirmed=yes", &[]).await.status,
        303,
        "a program sends no origin"
    );
    eventually("the rejection", async || {
        lists(&catalog, "policy-management").await.1.contains(&"prod-new".to_owned()).then_some(())
    })
    .await;
    let story = get(&rig, "/").await.body;
    for told in ["change set on exp-management started: approves prod-new", "rejects prod-new", "succeeded after"] {
        assert!(story.contains(told), "`{told}` is missing");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_plain_words() {
    let hour = ChangeSetTiming::always(Duration::from_secs(3600));
    let rig = Rig::start(World { change_sets: hour, ..world() }).await;
    assert_eq!(click(&rig, MANAGEMENT, "product=prod-new&action=approve", &[]).await.status, 303);
    let page = get(&rig, "/?q=prod-new&list=moving").await.body;
    assert!(page.contains("being approved") && page.contains("<progress"), "it is seen on its way");
    let long = format!("product={}&action=approve", "p".repeat(51));
    for (experience, fields, status, words) in [
        (
            MANAGEMENT,
            "product=prod-b&action=reject&confirmed=yes",
            423,
            "exp-management is locked: a change set is running on it",
        ),
        ("exp-member-live", "product=&action=reject", 422, "Which product?"),
        ("exp-member-live", "product=x&action=burn", 422, "neither approve nor reject"),
        ("exp-member-live", &long, 422, "The catalog refused"),
        (WITHOUT_POLICY, "product=x&action=approve", 422, "has no procurement policy"),
        ("exp-nowhere", "product=x&action=approve", 404, "There is no experience exp-nowhere"),
    ] {
        let answer = click(&rig, experience, fields, &[]).await;
        assert_eq!(answer.status, status, "{fields}");
        assert!(answer.body.contains(words), "`{words}` is missing");
        assert!(answer.body.contains("o-hub0000000"), "and the page is still there");
    }
}

#[tokio::test]
async fn a_page_elsewhere_can_neither_read_nor_click() {
    let rig = Rig::start(world()).await;
    for path in ["/", "/_local/view", "/_local/page.js"] {
        let rebound = send(&rig, &format!("GET {path}"), &[("Host", "evil.example")], "").await;
        assert_eq!(rebound.status, 403, "{path}");
        assert!(!rebound.body.contains(MANAGEMENT));
    }
    let fields = "product=prod-new&action=approve";
    for foreign in [("Origin", "http://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        assert_eq!(click(&rig, MANAGEMENT, fields, &[foreign]).await.status, 403, "{foreign:?}");
    }
    let sets = rig.catalog(HUB).list_change_sets().catalog("AWSMarketplace").send().await.unwrap();
    assert_eq!(sets.change_set_summary_list().len(), 0, "nothing was started");
}

#[tokio::test]
async fn a_page_elsewhere_cannot_sign_for_a_service_either() {
    let rig = Rig::start(world()).await;
    let asked = r#"{"Catalog":"AWSMarketplace","ChangeSet":[{"ChangeType":"AllowProductProcurement",
        "Entity":{"Type":"Experience@1.0","Identifier":"exp-management"},
        "DetailsDocument":{"Products":[{"Ids":["prod-foreign"]}]}}]}"#;
    let date = rig.server.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={HUB}%2F20261128%2Fus-east-1%2Faws-marketplace%2Faws4_request\
         &X-Amz-Date={date}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    );
    let line = format!("POST /StartChangeSet?{query}");
    // What a browser sends of itself, without asking before.
    let text = ("Content-Type", "text/plain");
    for foreign in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Host", "evil.example"),
    ] {
        let answer = send(&rig, &line, &[text, foreign], asked).await;
        assert_eq!(answer.status, 403, "{foreign:?}: {}", answer.body);
        assert!(answer.body.contains("AccessDeniedException"), "in the service's form: {}", answer.body);
    }
    let sets = rig.catalog(HUB).list_change_sets().catalog("AWSMarketplace").send().await.unwrap();
    assert_eq!(sets.change_set_summary_list().len(), 0, "nothing was started");
    let own = send(&rig, &line, &[text], asked).await;
    assert_eq!(own.status, 200, "a program that signs in the query is served: {}", own.body);
}

#[tokio::test]
async fn requests_for_services_are_theirs_also_at_the_root() {
    let rig = Rig::start(world()).await;
    let unsigned = send(&rig, "POST /", &[FORM], "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_ne!(unsigned.status, 405);
    assert!(!unsigned.body.contains("<html"), "{}", unsigned.body);
    let signature =
        "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
    let signed =
        send(&rig, "GET /?Action=GetCallerIdentity&Version=2011-06-15", &[("Authorization", signature)], "").await;
    assert!(!signed.body.contains("<html"), "{}", signed.body);
    rig.sts(HUB).get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn twenty_thousand_products_are_a_page_that_is_small_and_fast() {
    let ids: Vec<String> = (0..20_000).map(|n| format!("prod-{n:05}")).collect();
    let policy = ProcurementPolicy::new("policy-large").approving(ids.iter().map(String::as_str));
    let organization = Organization::new("o-large00000", "Large", HUB)
        .with_experience(Experience::new("exp-large", "Large").with_policy(policy));
    let rig = Rig::start(World { organizations: vec![organization], ..World::default() }).await;
    let began = Instant::now();
    let page = get(&rig, "/").await;
    let took = began.elapsed();
    println!("{} bytes in {took:?}", page.body.len());
    assert!(page.body.contains("20000 products, page 1 of 1667"));
    assert!(page.body.len() < 40_000, "{} bytes", page.body.len());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let found = get(&rig, "/?q=PROD-19999").await.body;
    assert!(found.contains("product-prod-19999") && found.contains("1 product, page 1 of 1"));
    let moved = get(&rig, "/_local/experiences/exp-large").await;
    assert_eq!((moved.status, moved.header("location")), (303, Some("/?experience=exp-large")));
}

#[tokio::test]
async fn everything_is_there_as_json_too() {
    let rig = Rig::start(world()).await;
    let view: serde_json::Value = serde_json::from_str(&get(&rig, "/_local/view").await.body).unwrap();
    assert_eq!(view["organizations"][0]["experiences"][0]["approved"], 2);
    assert_eq!(view["organizations"][1]["id"], "o-member0000");
}

#[tokio::test]
async fn of_two_hundred_organizations_some_are_shown_and_each_is_found() {
    let organization = |n: usize| {
        let policy = ProcurementPolicy::new(&format!("policy-{n}")).approving(["prod-a"]);
        Organization::new(
            &format!("o-org{n:07}"),
            &format!("Organization {n}"),
            &format!("{:012}", 200_000_000_000_u64 + n as u64),
        )
        .with_experience(Experience::new(&format!("exp-{n}"), "Live").with_policy(policy))
    };
    let rig = Rig::start(World { organizations: (0..200).map(organization).collect(), ..World::default() }).await;
    let shown = |body: &str| body.matches("<article").count();
    let page = get(&rig, "/").await.body;
    assert_eq!(shown(&page), 24);
    assert!(page.contains("And 176 more organizations. Find one above."));
    for sought in ["organization+199", "o-org0000199", "200000000199", "exp-199"] {
        let page = get(&rig, &format!("/?org={sought}")).await.body;
        assert!(shown(&page) == 1 && page.contains("organization-o-org0000199"), "{sought}");
    }
    assert!(get(&rig, "/?org=nobody").await.body.contains("No organization is like that."));
    click(&rig, "exp-7", "product=prod-new&action=approve", &[]).await;
    let told = "change set on exp-7 started: approves prod-new";
    assert!(get(&rig, "/?org=o-org0000007").await.body.contains(told));
    let elsewhere = get(&rig, "/?org=o-org0000008").await.body;
    assert!(!elsewhere.contains(told) && elsewhere.contains("Nothing in these organizations."));
}

#[tokio::test]
async fn what_a_filter_keeps_back_says_why_and_what_is_in_step_can_be_left_out() {
    let rig = Rig::start(world()).await;
    let dynamodb = rig.dynamodb(HUB);
    crate::tables::create_receipts(&dynamodb).await;
    let put = async |items: Vec<(&str, aws_sdk_dynamodb::types::AttributeValue)>| {
        let mut request = dynamodb.put_item().table_name("receipts").item("experience", crate::tables::text("any"));
        for (name, value) in items {
            request = request.item(name, value);
        }
        request.send().await.unwrap();
    };
    let text = crate::tables::text;
    let number = |value: &str| aws_sdk_dynamodb::types::AttributeValue::N(value.to_owned());
    // A snapshot of the hub, and a receipt in which the filter names one reason.
    let chunk = dynamodb.put_item().table_name("receipts").item("organization", text("any"));
    let chunk = chunk.item("experience", text(MANAGEMENT)).item("item", text("v00000000000000000007#0001"));
    chunk.send().await.unwrap();
    let reason = [("reason", text("label generative-ai")), ("products", number("58")), ("example", text("prod-b"))];
    let reason = reason.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let reasons = aws_sdk_dynamodb::types::AttributeValue::L(vec![aws_sdk_dynamodb::types::AttributeValue::M(reason)]);
    put(vec![
        ("organization", text("o-member0000")),
        ("member_experience", text("exp-member-live")),
        ("version", number("7")),
        ("status", text("in-sync")),
        ("narrowed_for", reasons),
    ])
    .await;
    let page = get(&rig, "/").await.body;
    assert!(page.contains("58 kept back by filter: label generative-ai"), "{page}");
    assert!(page.contains(r#"title="on no list; the filter says: label generative-ai""#), "{page}");
    // The hub, and the one member: nothing differs.
    let page = get(&rig, "/?differs=yes").await.body;
    assert!(page.contains("No organization is like that."), "{page}");
}
