"""STS: who one is, and roles of other accounts."""

import re

import pytest

import world
from clients import REFUSED, Caller, refused
from marketplace import CATALOG, allow, deny, describe, start


def assume(caller, role, **more):
    """A session of a role."""
    answer = caller.client("sts").assume_role(RoleArn=role, RoleSessionName="conformance", **more)
    given = answer["Credentials"]
    return Caller(caller.endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


@pytest.fixture
def reader(management, delegate, organization):
    return assume(delegate, organization.role("reader"), ExternalId="conformance-7")


def test_an_account_is_itself(management, outsider, organization):
    for caller, account in ((management, organization.management), (outsider, world.OUTSIDER)):
        identity = caller.client("sts").get_caller_identity()
        assert identity["Account"] == account
        assert identity["Arn"] == f"arn:aws:iam::{account}:root"
        assert identity["UserId"]


def test_a_session_is_its_role_in_its_account(delegate, organization):
    answer = delegate.client("sts").assume_role(
        RoleArn=organization.role("reader"), RoleSessionName="conformance", ExternalId="conformance-7"
    )
    arn = f"arn:aws:sts::{organization.management}:assumed-role/reader/conformance"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":conformance")
    given = answer["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA") and given["SessionToken"] and given["Expiration"]
    session = Caller(delegate.endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    identity = session.client("sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (organization.management, arn)


def test_the_external_id_must_be_the_right_one(delegate, organization):
    for more in ({}, {"ExternalId": "conformance-8"}):
        refused("AccessDenied", 403, assume, delegate, organization.role("reader"), **more)


def test_only_who_is_trusted_assumes_a_role(delegate, member, outsider, organization):
    assume(member, organization.role("reader"), ExternalId="conformance-7")
    refused("AccessDenied", 403, assume, outsider, organization.role("reader"), ExternalId="conformance-7")
    refused("AccessDenied", 403, assume, delegate, organization.role("allower"))
    refused("AccessDenied", 403, assume, delegate, organization.role("no-such-role"))


def test_a_session_does_what_its_role_may(reader, organization):
    assert describe(reader.catalog, organization.live)["EntityType"] == "Experience@1.0"
    assert reader.catalog.list_entities(Catalog=CATALOG, EntityType="Experience")["EntitySummaryList"]
    refused("AccessDeniedException", 403, start, reader.catalog, allow(organization.live, "prod-a"))
    refused("AccessDenied", 403, reader.client("sqs").create_queue, QueueName="mine")
    refused("AccessDeniedException", 400, reader.client("dynamodb").list_tables)


def test_the_change_type_is_a_condition(management, organization):
    session = assume(management, organization.role("allower"))
    text = refused("AccessDeniedException", 403, start, session.catalog, deny(organization.live, "prod-a"))
    assert "StartChangeSet" in text
    refused(
        "AccessDeniedException",
        403,
        start,
        session.catalog,
        allow(organization.live, "prod-a"),
        deny(organization.live, "prod-b"),
    )
    start(session.catalog, allow(organization.live, "prod-a"))


def test_a_role_is_reached_through_another(reader, delegate, organization):
    chained = assume(reader, f"arn:aws:iam::{organization.delegate}:role/chained")
    identity = chained.client("sts").get_caller_identity()
    assert identity["Account"] == organization.delegate
    url = chained.client("sqs").create_queue(QueueName="chained")["QueueUrl"]
    assert f"/{organization.delegate}/" in url
    # Trusted is the role alone, not the account it is in.
    refused("AccessDenied", 403, assume, delegate, f"arn:aws:iam::{organization.delegate}:role/chained")


def test_a_chained_session_lasts_an_hour_at_most(reader, organization):
    role = f"arn:aws:iam::{organization.delegate}:role/chained"
    refused("ValidationError", 400, assume, reader, role, DurationSeconds=3601)
    assume(reader, role, DurationSeconds=3600)


def test_a_session_policy_narrows(delegate, organization):
    narrow = world.allow(None, "aws-marketplace:DescribeEntity")
    session = assume(delegate, organization.role("reader"), ExternalId="conformance-7", Policy=narrow)
    assert describe(session.catalog, organization.live)
    refused(
        "AccessDeniedException", 403, session.catalog.list_entities, Catalog=CATALOG, EntityType="Experience"
    )


@pytest.mark.parametrize(
    "wrong",
    [{"RoleSessionName": ""}, {"RoleSessionName": "a b"}, {"ExternalId": "x"}, {"DurationSeconds": 899}],
    ids=str,
)
def test_parameters_out_of_form_are_invalid(delegate, organization, wrong):
    asked = {"RoleArn": organization.role("reader"), "RoleSessionName": "conformance", "ExternalId": "conformance-7"}
    refused("ValidationError", 400, delegate.client("sts", checked=False).assume_role, **{**asked, **wrong})


def test_a_session_key_that_was_never_given_is_refused(delegate):
    forged = Caller(delegate.endpoint, "ASIACONFORMANCE00000", "any", "token")
    refused("ExpiredToken", 403, forged.client("sts").get_caller_identity)


def test_the_cli_assumes_a_role(delegate, organization):
    command = ["sts", "assume-role", "--role-session-name", "from-the-cli", "--role-arn", organization.role("reader")]
    given = delegate.aws(*command, "--external-id", "conformance-7").json["Credentials"]
    session = Caller(delegate.endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    identity = session.aws("sts", "get-caller-identity").json
    assert identity["Arn"] == f"arn:aws:sts::{organization.management}:assumed-role/reader/from-the-cli"
    denied = delegate.aws(*command)
    assert denied.code == REFUSED
    assert re.search(r"An error occurred \(AccessDenied\) when calling the AssumeRole operation: \S+", denied.err)
