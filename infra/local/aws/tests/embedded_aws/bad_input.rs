//! Bad input: each gets the error that AWS documents, in the form of the service, and the server
//! goes on.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use tokio::io::AsyncWriteExt;

use crate::raw::{Answer, authorization, connect, receive, request, send};
use crate::rig::{HUB, LIVE, OUTSIDER, Rig, world};

const JSON: &str = "Content-Type: application/x-amz-json-1.0";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    status: u16,
    /// What the answer must contain.
    code: &'static str,
}

fn case(what: &'static str, line: &str, headers: &[&str], body: &[u8], status: u16, code: &'static str) -> Case {
    Case { what, bytes: request(line, headers, body), status, code }
}

/// The error's name where the protocol puts it.
fn names(answer: &Answer, code: &str) -> bool {
    let header = answer.head.contains(&format!("x-amzn-errortype: {}", code.to_ascii_lowercase()));
    answer.body.contains(&format!("<Code>{code}</Code>"))
        || (header && answer.body.contains(&format!(r#""__type":"{code}""#)))
}

/// Each case, and after each one a good request of a real client.
async fn check(cases: Vec<Case>) {
    let rig = Rig::start(world()).await;
    for Case { what, bytes, status, code } in cases {
        let answer = send(&rig.server, &bytes).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(names(&answer, code), "{what}: {code} is not in {answer:?}");
        assert!(answer.head.contains("x-amzn-requestid: "), "{what}: {answer:?}");
        rig.sts(HUB).get_caller_identity().send().await.unwrap_or_else(|error| panic!("after {what}: {error:?}"));
    }
}

#[tokio::test]
async fn malformed_bodies_and_unknown_operations() {
    let [catalog, tables, queues, topics] =
        ["aws-marketplace", "dynamodb", "sqs", "sns"].map(|s| authorization(HUB, s));
    let (get_item, organizations) = ("X-Amz-Target: DynamoDB_20120810.GetItem", authorization(HUB, "organizations"));
    check(vec![
        case("no JSON for the catalog", "POST /ListEntities", &[&catalog], b"{not json", 422, "ValidationException"),
        case("an array for the catalog", "POST /ListEntities", &[&catalog], b"[]", 422, "ValidationException"),
        case("half a JSON", "POST /", &[&tables, JSON, get_item], b"{\"TableName\":", 400, "SerializationException"),
        case("no object", "POST /", &[&tables, JSON, get_item], b"\"text\"", 400, "SerializationException"),
        case(
            "invalid UTF-8",
            "POST /",
            &[&tables, JSON, get_item],
            b"{\"T\":\"\xff\xfe\"}",
            400,
            "SerializationException",
        ),
        case("no operation of the catalog", "POST /Destroy", &[&catalog], b"{}", 404, "UnknownOperationException"),
        case("the wrong method", "DELETE /ListEntities", &[&catalog], b"", 404, "UnknownOperationException"),
        case(
            "no operation of DynamoDB",
            "POST /",
            &[&tables, JSON, "X-Amz-Target: DynamoDB_20120810.Nope"],
            b"{}",
            400,
            "UnknownOperationException",
        ),
        case(
            "no operation of SQS",
            "POST /",
            &[&queues, JSON, "X-Amz-Target: AmazonSQS.Nope"],
            b"{}",
            400,
            "UnknownOperationException",
        ),
        case(
            "no operation of Organizations",
            "POST /",
            &[&organizations, JSON, "X-Amz-Target: AWSOrganizationsV20161128.Nope"],
            b"{}",
            400,
            "UnknownOperationException",
        ),
        case("no target", "POST /", &[&tables, JSON], b"{}", 404, "UnknownOperationException"),
        case("GET for a JSON service", "GET /", &[&tables], b"", 404, "UnknownOperationException"),
        case("no action of SNS", "POST /", &[&topics, FORM], b"Action=Nope&Version=2010-03-31", 400, "InvalidAction"),
        case("no action at all", "POST /", &[&topics, FORM], b"Version=2010-03-31", 400, "MissingAction"),
        case("a form that is no text", "POST /", &[&topics, FORM], b"Action=\xff\xfe", 400, "MissingAction"),
        case("JSON for a query service", "POST /", &[&topics, "Content-Type: text/plain"], b"{}", 400, "MissingAction"),
        case("a service that is not here", "POST /", &[&authorization(HUB, "s3")], b"", 400, "UnknownService"),
    ])
    .await;
}

#[tokio::test]
async fn missing_garbled_and_unknown_signatures() {
    let unknown = authorization("AKIANOBODY", "dynamodb");
    let expired = authorization("ASIAOLDSESSION", "sts");
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables";
    check(vec![
        case("nothing", "POST /ListEntities", &[], b"{}", 403, "MissingAuthenticationTokenException"),
        case("nothing, for DynamoDB", "POST /", &[JSON, target], b"{}", 403, "MissingAuthenticationTokenException"),
        case("nothing, as a form", "POST /", &[FORM], b"Action=ListTopics", 403, "MissingAuthenticationToken"),
        case("garbled", "POST /", &["Authorization: AWS4-HMAC-SHA256 nonsense", FORM], b"", 400, "IncompleteSignature"),
        case(
            "Basic",
            "POST /",
            &["Authorization: Basic eDp5", JSON, target],
            b"{}",
            400,
            "IncompleteSignatureException",
        ),
        case("an unknown key", "POST /", &[&unknown, JSON, target], b"{}", 403, "UnrecognizedClientException"),
        case("a session that is gone", "POST /", &[&expired, FORM], b"Action=GetCallerIdentity", 403, "ExpiredToken"),
    ])
    .await;
}

#[tokio::test]
async fn presigned_urls_are_taken_until_they_expire() {
    let rig = Rig::start(world()).await;
    let now = rig.server.now();
    let url = |account: &str, date: jiff::Timestamp, expires: &str| {
        let date = date.strftime("%Y%m%dT%H%M%SZ");
        format!(
            "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={account}%2F20261125%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date={date}{expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        )
    };
    let ask = async |line: String| send(&rig.server, &request(&line, &[], b"")).await;
    let answer = ask(url(HUB, now, "&X-Amz-Expires=60")).await;
    assert!(answer.status == 200 && answer.body.contains(HUB), "{answer:?}");
    let hour_ago = now - jiff::SignedDuration::from_hours(1);
    for (line, status, code) in [
        (url(HUB, hour_ago, "&X-Amz-Expires=60"), 403, "SignatureDoesNotMatch"),
        (url(HUB, now, ""), 400, "IncompleteSignature"),
        (url("AKIANOBODY", now, "&X-Amz-Expires=60"), 403, "InvalidClientTokenId"),
    ] {
        let answer = ask(line).await;
        assert!(answer.status == status && names(&answer, code), "{code}: {answer:?}");
    }
}

#[tokio::test]
async fn oversized_truncated_and_broken_requests() {
    let rig = Rig::start(world()).await;
    let (tables, topics) = (authorization(HUB, "dynamodb"), authorization(HUB, "sns"));
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables";
    let large = "Content-Length: 40000000";
    let announced = send(&rig.server, &request("POST /", &[&tables, JSON, target, large], b"{")).await;
    assert!(announced.status == 413 && names(&announced, "RequestEntityTooLargeException"), "{announced:?}");
    let announced = send(&rig.server, &request("POST /", &[&topics, FORM, large], b"A")).await;
    assert!(announced.status == 413 && names(&announced, "RequestEntityTooLarge"), "{announced:?}");

    // One that says nothing of its size, and never ends.
    let chunked = ["Transfer-Encoding: chunked", &tables, JSON, target].join("\r\n");
    let mut stream = connect(&rig.server).await;
    stream.write_all(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{chunked}\r\n\r\n").as_bytes()).await.unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    while sent < 64 && stream.write_all(&chunk).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 64, "the server stopped reading");

    let truncated = request("POST /", &[&tables, JSON, target, "Content-Length: 100"], b"{\"Limit\":");
    let mut stream = connect(&rig.server).await;
    stream.write_all(&truncated).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_ne!(receive(stream).await.status, 200);

    let huge = format!("X-Large: {}", "x".repeat(1 << 20));
    for (what, bytes) in [
        ("huge headers", request("POST /", &[&tables, &huge], b"")),
        ("a path that is no text", request("GET /\u{0}\u{1}", &[], b"")),
        ("no HTTP", b"\x16\x03\x01 hello\r\n\r\n".to_vec()),
    ] {
        let answer = send(&rig.server, &bytes).await;
        assert!(answer.status == 0 || (400..500).contains(&answer.status), "{what}: {answer:?}");
    }
    let percent = send(&rig.server, &request("POST /%ff%fe", &[&authorization(HUB, "aws-marketplace")], b"{}")).await;
    assert!(percent.status == 404 && names(&percent, "UnknownOperationException"), "{percent:?}");
    rig.sts(HUB).get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn clients_that_never_finish_hold_up_no_one() {
    let rig = Rig::start(world()).await;
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = connect(&rig.server).await;
        let part: &[u8] = if n % 2 == 0 {
            b"POST / HTTP/1.1\r\nHost: loc"
        } else {
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
        };
        stream.write_all(part).await.unwrap();
        slow.push(stream);
    }
    rig.sts(HUB).get_caller_identity().send().await.unwrap();
    drop(slow);
}

#[tokio::test]
async fn the_wrong_account_is_told_so_by_every_service() {
    let rig = Rig::start(world()).await;
    let entity = rig.catalog(OUTSIDER).describe_entity().catalog("AWSMarketplace").entity_id(LIVE).send().await;
    assert_eq!(entity.unwrap_err().code(), Some("AccessDeniedException"));
    let topic = rig.sns(HUB).create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let publish = rig.sns(OUTSIDER).publish().topic_arn(topic).message("m").send().await;
    assert_eq!(publish.unwrap_err().code(), Some("AuthorizationError"));
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let message = rig.sqs(OUTSIDER).send_message().queue_url(queue).message_body("m").send().await;
    assert_eq!(message.unwrap_err().code(), Some("AccessDenied"));
    let table = format!("arn:aws:dynamodb:us-east-1:{HUB}:table/t");
    let item = rig.dynamodb(OUTSIDER).describe_table().table_name(table).send().await;
    assert_eq!(item.unwrap_err().code(), Some("AccessDeniedException"));
    let role = format!("arn:aws:iam::{HUB}:role/r");
    let assumed = rig.sts(OUTSIDER).assume_role().role_arn(role).role_session_name("session").send().await;
    assert_eq!(assumed.unwrap_err().code(), Some("AccessDenied"));
}
