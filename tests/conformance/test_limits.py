"""What AWS holds callers to, at its published figures: requests per second, and how product ids are counted."""

import threading
import time

import pytest

import world
from clients import Caller, refused
from marketplace import CATALOG, allow, deny, describe, ended, start

JSON = {"Content-Type": "application/json"}
DESCRIBE = f"catalog={CATALOG}"

# AWS's quotas per account and second (docs.aws.amazon.com/marketplace/latest/APIReference/catalog-service-quotas.html),
# and a request of each operation that is answered or refused without changing anything.
RATES = [
    ("ListEntities", 10, "POST", "/ListEntities", {"Catalog": CATALOG, "EntityType": "Experience"}),
    ("DescribeEntity", 20, "GET", f"/DescribeEntity?{DESCRIBE}&entityId=exp-nowhere", None),
    ("StartChangeSet", 5, "POST", "/StartChangeSet", {"Catalog": CATALOG, "ChangeSet": [allow("exp-nowhere", "p")]}),
    ("DescribeChangeSet", 10, "GET", f"/DescribeChangeSet?{DESCRIBE}&changeSetId=nowhere", None),
    ("ListChangeSets", 5, "POST", "/ListChangeSets", {"Catalog": CATALOG}),
    ("CancelChangeSet", 5, "PATCH", f"/CancelChangeSet?{DESCRIBE}&changeSetId=nowhere", None),
    # Those of Marketplace Discovery (docs.aws.amazon.com/marketplace/latest/developerguide/discovery-service-quotas.html).
    ("GetProduct", 5, "POST", "/2026-02-05/getProduct", {"productId": "prod-nowhere"}),
    ("SearchListings", 10, "POST", "/2026-02-05/searchListings", {"maxResults": 1}),
]


@pytest.fixture(scope="module")
def limited(serve):
    """A server with the limits that AWS has."""
    return serve("limited", world.text("20ms", "60ms", count=40, more=""))


@pytest.fixture
def caller(limited, untouched):
    organization = next(untouched.setdefault(limited.name, iter(world.organizations())))
    return Caller(limited.endpoint, organization.management)


@pytest.mark.parametrize(("operation", "rate", "method", "path", "body"), RATES, ids=[rate[0] for rate in RATES])
def test_requests_beyond_the_published_rate_are_throttled(limited, caller, operation, rate, method, path, body):
    answers = []

    def ask():
        for _ in range(rate):
            answers.append(caller.http(method, path, body or b"", JSON))

    began = time.monotonic()
    # From several sides at once, so that even a busy machine asks faster than the rate.
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    elapsed = time.monotonic() - began
    throttled = [answer for answer in answers if answer.status == 429]
    admitted = len(answers) - len(throttled)
    assert len(answers) == 4 * rate
    assert rate <= admitted <= rate + rate * elapsed + 1
    # A second's worth at once is no offence; a machine this slow would have asked too slowly.
    assert throttled or elapsed > 3, f"{len(answers)} {operation} in {elapsed:.1f} s"
    for answer in throttled:
        assert answer.headers["x-amzn-errortype"].split(":")[0] == "ThrottlingException"
        assert answer.json.get("Message") or answer.json.get("message")
    # Another account is not concerned.
    other = Caller(limited.endpoint, world.LARGE_OWNER)
    assert other.http(method, path, body or b"", JSON).status != 429


def test_boto3_gets_through_with_its_own_retries(caller):
    patient = caller.client("marketplace-catalog", retries=True)
    for _ in range(15):
        assert patient.list_entities(Catalog=CATALOG, EntityType="Experience")["EntitySummaryList"]


def test_boto3_names_the_error(caller):
    catalog = caller.catalog

    def ask():
        for _ in range(100):
            catalog.list_change_sets(Catalog=CATALOG)

    assert refused("ThrottlingException", 429, ask)


def test_ids_may_be_counted_per_request(serve):
    """AWS's reference says "request" and "change request", and leaves open which of the two that is. The world says."""
    server = serve("per-request", world.text(count=1, more='[catalog]\nthrottling = false\nproduct_ids = "per-request"\n'))
    organization = world.organizations()[0]
    catalog = Caller(server.endpoint, organization.management).catalog
    ids = [f"prod-{number}" for number in range(26)]
    both = [allow(organization.live, *ids[:25]), deny(organization.live, *ids[:26])]
    text = refused("ValidationException", 422, catalog.start_change_set, Catalog=CATALOG, ChangeSet=both)
    assert "Cumulative number of values in Ids array must be less than or equal to 50" in text
    both = [allow(organization.live, *ids[:25]), deny(organization.live, *(f"x-{one}" for one in ids[:25]))]
    ended(catalog, start(catalog, *both))
    assert describe(catalog, organization.live)["EntityIdentifier"] == f"{organization.live}@2"
