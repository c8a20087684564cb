"""What no client would send: bodies, signatures and operations that are wrong. Each gets its error, and the server goes on."""

import json

import pytest

from clients import Caller, send
from marketplace import CATALOG, describe

JSON = {"Content-Type": "application/x-amz-json-1.0"}
DYNAMODB = {**JSON, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
SQS = {**JSON, "X-Amz-Target": "AmazonSQS.ListQueues"}
ORGANIZATIONS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSOrganizationsV20161128.ListAccounts"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
STS_VERSION, SNS_VERSION = "2011-06-15", "2010-03-31"


@pytest.fixture(autouse=True)
def goes_on(management, organization):
    """After each of these the server answers as before."""
    yield
    assert describe(management.catalog, organization.live)["EntityIdentifier"] == f"{organization.live}@1"


def error_of(answer):
    """The name of an error, wherever the protocol has it."""
    named = answer.headers.get("x-amzn-errortype")
    if not named and answer.body.lstrip().startswith(b"{"):
        named = answer.json.get("__type")
    if not named:
        named = answer.body.decode().partition("<Code>")[2].partition("</Code>")[0]
    return named.rsplit("#")[-1].split(":")[0]


def refused(answer, status, *names):
    assert (answer.status, error_of(answer)) in [(status, name) for name in names], (answer.status, answer.body)
    lowered = answer.body.decode().lower()
    assert '"message"' in lowered or "<message>" in lowered, answer.body
    return answer


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"not json", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"Catalog":', b"{}" * 2, b"[" * 10_000],
    ids=lambda body: repr(body[:14]),
)
@pytest.mark.parametrize("operation", ["ListEntities", "ListChangeSets", "StartChangeSet", "BatchDescribeEntities"])
def test_a_malformed_body_of_the_catalog_is_invalid(management, operation, body):
    answer = management.http("POST", f"/{operation}", body, {"Content-Type": "application/json"})
    refused(answer, 422, "ValidationException")


@pytest.mark.parametrize("field", ["Catalog", "EntityType", "MaxResults", "FilterList", "Sort"])
def test_a_field_of_the_wrong_type_is_invalid(management, field):
    wrong = [1] if field in ("Catalog", "EntityType") else "text"
    asked = {"Catalog": CATALOG, "EntityType": "Experience", field: wrong}
    refused(management.http("POST", "/ListEntities", asked), 422, "ValidationException")


def test_missing_fields_and_parameters_are_invalid(management):
    for operation in ("ListEntities", "ListChangeSets", "StartChangeSet", "BatchDescribeEntities"):
        refused(management.http("POST", f"/{operation}", {}), 422, "ValidationException")
    for path in ("/DescribeEntity", "/DescribeEntity?catalog=AWSMarketplace", "/DescribeChangeSet?changeSetId=a"):
        refused(management.http("GET", path), 422, "ValidationException")
    refused(management.http("PATCH", "/CancelChangeSet"), 422, "ValidationException")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/DropEverything"),
        ("POST", "/"),
        ("GET", "/ListEntities"),
        ("DELETE", "/DescribeEntity"),
        ("POST", "/listentities"),
        ("POST", "/ListEntities/more"),
        ("PUT", "/StartChangeSet"),
    ],
)
def test_an_unknown_operation_of_the_catalog(management, method, path):
    refused(management.http(method, path, {}), 404, "UnknownOperationException")


def test_an_unknown_operation_of_the_other_services(management):
    target = {**JSON, "X-Amz-Target": "DynamoDB_20120810.DropEverything"}
    refused(management.http("POST", "/", {}, target, "dynamodb"), 400, "UnknownOperationException")
    target = {**JSON, "X-Amz-Target": "AmazonSQS.DropEverything"}
    refused(management.http("POST", "/", {}, target, "sqs"), 400, "UnknownOperationException")
    for service, version in (("sns", SNS_VERSION), ("sts", STS_VERSION)):
        body = f"Action=DropEverything&Version={version}"
        refused(management.http("POST", "/", body, FORM, service), 400, "InvalidAction")


def test_a_malformed_body_of_the_other_services(management):
    for headers, service in ((DYNAMODB, "dynamodb"), (SQS, "sqs"), (ORGANIZATIONS, "organizations")):
        for body in (b"{", b"not json", b'"text"', b"[1]"):
            answer = management.http("POST", "/", body, headers, service)
            refused(answer, 400, "SerializationException", "MalformedInput", "ValidationException")
    for service in ("sns", "sts"):
        answer = management.http("POST", "/", b"\xff\xfe", FORM, service)
        assert answer.status == 400 and error_of(answer), answer.body


def test_a_request_without_a_signature(server):
    """DynamoDB documents 400 for it, the others 403."""

    def unsigned(method, path, body=b"", headers=None):
        return send(server.endpoint, method, path, body, headers)

    names = ("MissingAuthenticationTokenException", "MissingAuthenticationToken")
    asked = json.dumps({"Catalog": CATALOG, "EntityType": "Experience"}).encode()
    refused(unsigned("POST", "/ListEntities", asked, {"Content-Type": "application/json"}), 403, *names)
    refused(unsigned("GET", f"/DescribeEntity?catalog={CATALOG}&entityId=exp-live00000"), 403, *names)
    for headers in (SQS, ORGANIZATIONS):
        answer = unsigned("POST", "/", b"{}", headers)
        assert answer.status in (400, 403) and error_of(answer) in names, answer.body
    answer = unsigned("POST", "/", b"{}", DYNAMODB)
    assert answer.status in (400, 403) and error_of(answer) in names, answer.body
    body = f"Action=ListTopics&Version={SNS_VERSION}".encode()
    refused(unsigned("POST", "/", body, FORM), 403, *names)


@pytest.mark.parametrize("header", ["", "Bearer abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=1/2/3", "\xfc"])
def test_an_authorization_that_cannot_be_read(server, header):
    answer = send(server.endpoint, "POST", "/ListEntities", b"{}", {"Authorization": header})
    names = ("IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException")
    assert answer.status in (400, 403) and error_of(answer) in names, (answer.status, answer.body)


def test_a_key_that_nobody_has(server):
    stranger = Caller(server.endpoint, "AKIACONFORMANCE00000")
    refused(stranger.http("POST", "/ListEntities", {}), 403, "UnrecognizedClientException")
    answer = stranger.http("POST", "/", {}, DYNAMODB, "dynamodb")
    assert answer.status in (400, 403) and error_of(answer) == "UnrecognizedClientException"
    body = f"Action=GetCallerIdentity&Version={STS_VERSION}"
    refused(stranger.http("POST", "/", body, FORM, "sts"), 403, "InvalidClientTokenId")


def test_a_service_that_is_not_here(management):
    answer = management.http("POST", "/", {}, JSON, "glacier")
    assert 400 <= answer.status < 500
    assert answer.body


def test_a_body_that_is_too_large(management):
    # Larger than the largest request of any service here, which is 16 MB of DynamoDB.
    answer = management.http("POST", "/ListEntities", b" " * (40 * 1024 * 1024))
    assert answer.status == 413, (answer.status, answer.body)
    assert error_of(answer)


def test_answers_have_a_request_id_and_are_json(management):
    good = management.http("POST", "/ListEntities", {"Catalog": CATALOG, "EntityType": "Experience"})
    bad = management.http("POST", "/ListEntities", {"Catalog": "Elsewhere", "EntityType": "Experience"})
    assert good.status == 200 and bad.status == 422
    for answer in (good, bad):
        assert answer.headers["x-amzn-requestid"]
        assert "json" in answer.headers["content-type"]
        assert isinstance(answer.json, dict)
    assert good.headers["x-amzn-requestid"] != bad.headers["x-amzn-requestid"]
    assert bad.headers["x-amzn-errortype"].split(":")[0] == "ValidationException"
