"""Requests for products: a user asks, an administrator decides. AWS documents the type, the change types of users, and the events."""

import pytest

from clients import refused
from marketplace import CATALOG, change, created, details, ended, fail, lists, revision, shared, start, succeed

KIND = "ProductProcurementRequest"


def ask(product, **more):
    return change("CreateProductProcurementRequest", None, {"ProductId": product, **more}, entity_type=f"{KIND}@1.0")


def decide(kind, request):
    return change(f"{kind}{KIND}", request, {}, entity_type=f"{KIND}@1.0")


@pytest.fixture
def audience(management, organization):
    """The member account buys in the live experience."""
    associate = {"Name": "All", "Principals": [organization.member]}
    succeed(management.catalog, change("AssociateAudience", organization.live, associate))
    return organization


def found(caller, **more):
    answer = caller.catalog.list_entities(Catalog=CATALOG, EntityType=KIND, **more)
    return [summary["EntityId"] for summary in answer["EntitySummaryList"]]


def test_a_user_asks_and_an_administrator_approves(management, delegate, member, audience):
    before = revision(management.catalog, audience.live)
    request = created(succeed(member.catalog, ask("prod-asked", Message="For the team")))
    # As in AWS's examples of events.
    assert request.startswith("prodprocreq-")
    assert found(member) == [request]
    assert found(delegate) == []
    assert request in found(delegate, FilterList=shared())
    answer = member.catalog.describe_entity(Catalog=CATALOG, EntityId=request)
    assert answer["EntityType"] == f"{KIND}@1.0"
    assert answer["EntityArn"] == f"arn:aws:aws-marketplace:us-east-1:{audience.member}:{CATALOG}/{KIND}/{request}"
    assert "prod-asked" not in lists(management.catalog, audience.policy)[0]
    succeed(delegate.catalog, decide("Approve", request))
    assert "prod-asked" in lists(management.catalog, audience.policy)[0]
    assert revision(management.catalog, audience.live) == before + 1
    assert details(member.catalog, request)["Status"] == "Approved"


def test_a_request_is_declined_or_taken_back_once(management, member, audience):
    declined = created(succeed(member.catalog, ask("prod-1")))
    taken_back = created(succeed(member.catalog, ask("prod-2")))
    succeed(management.catalog, decide("Decline", declined))
    succeed(member.catalog, decide("Cancel", taken_back))
    for request in (declined, taken_back):
        [[(code, _)]] = fail(management.catalog, decide("Approve", request))
        assert code == "ENTITY_NOT_FOUND"


def test_users_do_not_decide_and_others_see_nothing(member, outsider, audience):
    request = created(succeed(member.catalog, ask("prod-1")))
    for kind in ("Approve", "Decline"):
        [[(code, _)]] = fail(member.catalog, decide(kind, request))
        assert code == "CALLER_NOT_AUTHORIZED"
    refused("AccessDeniedException", 403, outsider.catalog.describe_entity, Catalog=CATALOG, EntityId=request)


def test_users_ask_where_the_policy_lets_them(management, member, audience):
    deny = {"Configuration": {"PolicyResourceRequests": "Deny"}}
    succeed(management.catalog, change("UpdateProcurementPolicy", audience.live, deny))
    description = ended(member.catalog, start(member.catalog, ask("prod-1")))
    assert description["Status"] == "FAILED"
    assert description["ChangeSet"][0]["ErrorDetailList"][0]["ErrorCode"] == "CALLER_NOT_AUTHORIZED"


def test_a_buyers_tokens_are_its_own(member, management):
    token = {"entity_type": "AgentTokenContainer@1.0"}
    container = created(succeed(member.catalog, change("CreateAgentTokenContainer", None, {}, **token)))
    refused("AccessDeniedException", 403, management.catalog.describe_entity, Catalog=CATALOG, EntityId=container)
    succeed(member.catalog, change("ExpireToken", container, {}, **token))
    listed = member.catalog.list_entities(Catalog=CATALOG, EntityType="AgentTokenContainer")["EntitySummaryList"]
    assert [summary["EntityId"] for summary in listed] == [container]
    [[(code, _)]] = fail(member.catalog, change("RequestExpressPrivateOffer", container, {}, **token))
    assert code == "ENTITY_NOT_FOUND"
