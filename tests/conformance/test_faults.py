"""Faults on demand, as clients that we did not write meet them: the errors that AWS documents and nobody can provoke."""

import json
import re
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

import world
from clients import REFUSED, Caller, refused, send
from marketplace import CATALOG, allow, describe, ended, lists, revision, start
from test_sqs import Queue

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def faulty(serve):
    return serve("faulty", world.text(count=40))


@pytest.fixture
def organization(faulty, untouched):
    return next(untouched.setdefault(faulty.name, iter(world.organizations())))


@pytest.fixture
def caller(faulty, organization):
    return Caller(faulty.endpoint, organization.management)


@pytest.fixture
def fault(faulty, organization):
    """Adds a fault that befalls the organization's management account alone; all of them go at the end."""

    def add(kind, count=1, more=None, **where):
        rule = {"fault": {"kind": kind, **(more or {})}, "account": organization.management, "next": count, **where}
        answer = send(faulty.endpoint, "POST", "/_local/faults", json.dumps(rule).encode(), JSON)
        assert answer.status == 201, answer.body

    yield add
    assert send(faulty.endpoint, "DELETE", "/_local/faults").status == 200


ERRORS = [
    ("server-error", "InternalServiceException", 500),
    ("throttling", "ThrottlingException", 429),
    ("access-denied", "AccessDeniedException", 403),
    ("validation", "ValidationException", 422),
]


@pytest.mark.parametrize(("kind", "name", "status"), ERRORS, ids=[error[0] for error in ERRORS])
def test_every_operation_of_the_catalog_has_its_documented_errors(fault, caller, organization, kind, name, status):
    catalog = caller.catalog
    arn = organization.arn("Experience", organization.live)
    calls = {
        "ListEntities": lambda: catalog.list_entities(Catalog=CATALOG, EntityType="Experience"),
        "DescribeEntity": lambda: describe(catalog, organization.live),
        "BatchDescribeEntities": lambda: catalog.batch_describe_entities(
            EntityRequestList=[{"Catalog": CATALOG, "EntityId": organization.live}]
        ),
        "StartChangeSet": lambda: start(catalog, allow(organization.live, "prod-a")),
        "DescribeChangeSet": lambda: catalog.describe_change_set(Catalog=CATALOG, ChangeSetId="any"),
        "ListChangeSets": lambda: catalog.list_change_sets(Catalog=CATALOG),
        "CancelChangeSet": lambda: catalog.cancel_change_set(Catalog=CATALOG, ChangeSetId="any"),
        "TagResource": lambda: catalog.tag_resource(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}]),
        "UntagResource": lambda: catalog.untag_resource(ResourceArn=arn, TagKeys=["k"]),
        "ListTagsForResource": lambda: catalog.list_tags_for_resource(ResourceArn=arn),
    }
    for operation, call in calls.items():
        fault(kind, operation=operation)
        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response
        found = (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"])
        assert found == (name, status), operation
        assert error["Error"].get("Message") or error.get("Message")
        # The exception is one that boto3 made from the service model.
        assert isinstance(caught.value, getattr(catalog.exceptions, name)), operation


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [("resource-in-use", "ResourceInUseException", 423), ("quota-exceeded", "ServiceQuotaExceededException", 402)],
)
def test_starting_a_change_set_has_errors_of_its_own(fault, caller, organization, kind, name, status):
    fault(kind, operation="StartChangeSet")
    refused(name, status, start, caller.catalog, allow(organization.live, "prod-a"))
    assert caller.catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"] == []


def test_a_change_set_that_the_server_fails_says_so(fault, caller, organization):
    fault("server-fault")
    description = ended(caller.catalog, start(caller.catalog, allow(organization.live, "prod-a")))
    assert (description["Status"], description["FailureCode"]) == ("FAILED", "SERVER_FAULT")
    assert revision(caller.catalog, organization.live) == 1
    again = ended(caller.catalog, start(caller.catalog, allow(organization.live, "prod-a")))
    assert again["Status"] == "SUCCEEDED"


def test_boto3_gets_over_passing_faults(fault, caller, organization):
    patient = caller.client("marketplace-catalog", retries=True)
    for kind in ("server-error", "throttling", "unavailable", "lost-request"):
        fault(kind, count=2, operation="DescribeEntity")
        assert describe(patient, organization.live)["EntityType"] == "Experience@1.0", kind


def test_an_answer_that_is_lost_is_repeated_without_a_second_change_set(fault, caller, organization):
    # boto3 sends the request again with the token that it made: the change is made once.
    patient = caller.client("marketplace-catalog", retries=True)
    fault("lost-answer", operation="StartChangeSet")
    change_set = patient.start_change_set(Catalog=CATALOG, ChangeSet=[allow(organization.live, "prod-a")])["ChangeSetId"]
    ended(caller.catalog, change_set)
    [summary] = caller.catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]
    assert summary["ChangeSetId"] == change_set
    assert "prod-a" in lists(caller.catalog, organization.policy)[0]


def test_a_dropped_connection_is_an_error_of_the_client(fault, caller, organization):
    fault("lost-request", operation="StartChangeSet")
    with pytest.raises((ConnectionClosedError, ReadTimeoutError)):
        start(caller.catalog, allow(organization.live, "prod-a"))
    assert revision(caller.catalog, organization.live) == 1


def test_latency_is_felt(fault, caller, organization):
    fault("latency", more={"min": "700ms"}, operation="DescribeEntity")
    began = time.monotonic()
    describe(caller.catalog, organization.live)
    assert time.monotonic() - began > 0.6


def test_the_other_services_fail_in_their_own_words(fault, caller):
    queue = Queue(caller)
    for kind in ("server-error", "throttling"):
        for service, call in (
            ("sqs", queue.receive),
            ("sns", caller.client("sns").list_topics),
            ("dynamodb", caller.client("dynamodb").list_tables),
            ("sts", caller.client("sts").get_caller_identity),
        ):
            fault(kind, service=service)
            with pytest.raises(ClientError) as caught:
                call()
            status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
            code = caught.value.response["Error"]["Code"]
            assert (status >= 500) if kind == "server-error" else (status in (400, 403, 429)), (service, status)
            assert re.search("Internal|ServiceFailure" if kind == "server-error" else "Thrott", code), (service, code)


def test_messages_are_lost_duplicated_and_delayed(fault, caller):
    queue = Queue(caller)
    fault("message-lost", queue="inbox")
    queue.send("lost")
    queue.send("kept")
    assert queue.bodies() == ["kept"]
    fault("message-duplicated", queue="inbox")
    queue.send("twice")
    got = []
    for _ in range(5):
        got += [message["Body"] for message in queue.receive()]
    assert got == ["twice", "twice"]
    fault("message-delayed", more={"min": "800ms"}, queue="inbox")
    queue.send("late")
    assert queue.receive() == []
    assert queue.bodies(WaitTimeSeconds=5) == ["late"]


def test_the_cli_says_what_failed(fault, caller):
    fault("server-error", service="aws-marketplace")
    failed = caller.aws("marketplace-catalog", "list-change-sets", "--catalog", CATALOG)
    assert failed.code == REFUSED
    assert re.search(r"An error occurred \(InternalServiceException\) when calling the ListChangeSets operation", failed.err)
