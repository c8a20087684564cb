"""Change sets: their states, tokens, locks, revisions, limits; DescribeChangeSet, ListChangeSets, CancelChangeSet."""

import json
import re
import time
from datetime import datetime, timedelta

import pytest

import world
from clients import REFUSED, Caller, refused
from marketplace import (
    CATALOG,
    allow,
    change,
    created,
    deny,
    details,
    ended,
    eventually,
    lists,
    named,
    products,
    revision,
    shared,
    start,
    succeed,
)

DATE = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")


def ask(caller, change_set):
    return caller.catalog.describe_change_set(Catalog=CATALOG, ChangeSetId=change_set)


def cancel(caller, change_set):
    return caller.catalog.cancel_change_set(Catalog=CATALOG, ChangeSetId=change_set)


def refuse_start(caller, code, status, *changes, **more):
    call = caller.client("marketplace-catalog", checked=False).start_change_set
    return refused(code, status, call, Catalog=CATALOG, ChangeSet=list(changes), **more)


# DescribeChangeSet


def test_a_change_set_is_described_as_it_was_asked(management, organization):
    one = change(
        "AllowProductProcurement", f"{organization.live}@1", products("prod-new", notes="Why"), name="First"
    )
    change_set = start(management.catalog, one, deny(organization.live, "prod-old"), ChangeSetName="Spring list")
    description = ended(management.catalog, change_set)
    assert description["ChangeSetId"] == change_set
    arn = f"arn:aws:aws-marketplace:us-east-1:{organization.management}:{CATALOG}/ChangeSet/{change_set}"
    assert description["ChangeSetArn"] == arn
    assert description["ChangeSetName"] == "Spring list"
    assert description["Intent"] == "APPLY"
    assert description["Status"] == "SUCCEEDED"
    assert DATE.match(description["StartTime"]) and DATE.match(description["EndTime"])
    assert description["StartTime"] <= description["EndTime"]
    assert description.get("FailureCode") is None
    first, second = description["ChangeSet"]
    assert first["ChangeType"] == "AllowProductProcurement"
    assert first["ChangeName"] == "First"
    assert first["Entity"]["Type"] == "Experience@1.0"
    assert first["Entity"]["Identifier"].split("@")[0] == organization.live
    assert first["DetailsDocument"] == products("prod-new", notes="Why")
    assert json.loads(first["Details"]) == first["DetailsDocument"]
    assert first["ErrorDetailList"] == []
    assert second["ChangeType"] == "DenyProductProcurement"


def test_an_open_change_set_has_no_end(slow_management, slow_organization):
    change_set = start(slow_management.catalog, allow(slow_organization.live, "prod-new"))
    description = ask(slow_management, change_set)
    assert description["Status"] == "PREPARING"
    assert description.get("EndTime") is None


def test_a_change_set_is_seen_by_both_administrators_and_nobody_else(management, delegate, member, outsider, organization):
    for starter in (management, delegate):
        change_set = start(starter.catalog, allow(organization.live, "prod-new"))
        assert ended(management.catalog, change_set)["Status"] == "SUCCEEDED"
        assert ask(delegate, change_set)["Status"] == "SUCCEEDED"
        for caller in (member, outsider):
            refused("AccessDeniedException", 403, ask, caller, change_set)


def test_an_unknown_change_set_is_not_found(management):
    for call in (ask, cancel):
        refused("ResourceNotFoundException", 404, call, management, "nosuchchangeset0000000000")


def test_the_states_come_in_order(serve):
    server = serve("visible", world.text("700ms", "700ms", count=1))
    organization = world.organizations()[0]
    caller = Caller(server.endpoint, organization.management)
    change_set = start(caller.catalog, allow(organization.live, "prod-new"))
    seen = []

    def look():
        status = ask(caller, change_set)["Status"]
        if seen[-1:] != [status]:
            seen.append(status)
        return status == "SUCCEEDED"

    eventually("the change set succeeds", look)
    assert seen == ["PREPARING", "APPLYING", "SUCCEEDED"]


def test_a_failed_change_set_says_which_change_failed(management, organization):
    change_set = start(
        management.catalog, allow(organization.bare, "prod-new"), allow(organization.live, "prod-new")
    )
    description = ended(management.catalog, change_set)
    assert description["Status"] == "FAILED"
    assert description["FailureCode"] == "CLIENT_ERROR"
    # AWS documents this text for a change set whose preparation fails, whatever was wrong.
    assert description["FailureDescription"] == (
        "Change set preparation has failed. For details see 'ErrorDetailList'."
    )
    bad, good = description["ChangeSet"]
    assert [error["ErrorCode"] for error in bad["ErrorDetailList"]] == ["ENTITY_NOT_FOUND"]
    assert good["ErrorDetailList"] == []


# The form of StartChangeSet


@pytest.mark.parametrize(
    "wrong",
    [
        {"Catalog": "OtherMarketplace"},
        {"ChangeSetName": ""},
        {"ChangeSetName": "n" * 101},
        {"ChangeSetName": "a/b"},
        {"ClientRequestToken": ""},
        {"ClientRequestToken": "t" * 65},
        {"ClientRequestToken": "with space"},
        {"Intent": "VALIDATE"},
        {"Intent": "PERHAPS"},
        {"ChangeSet": []},
    ],
    ids=lambda wrong: "-".join(f"{key}:{str(item)[:10]}" for key, item in wrong.items()),
)
def test_requests_out_of_form_are_invalid(management, organization, wrong):
    call = management.client("marketplace-catalog", checked=False).start_change_set
    asked = {"Catalog": CATALOG, "ChangeSet": [allow(organization.live, "prod-a")], **wrong}
    refused("ValidationException", 422, call, **asked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ChangeType": "DeleteEverything"},
        {"ChangeType": "lowercase"},
        {"Entity": {"Type": "ProcurementPolicy@1.0", "Identifier": "exp-live00000"}},
        {"Entity": {"Type": "Experience@1.0"}},
        {"Entity": {"Type": "Experience@1.0", "Identifier": "exp live"}},
        {"Entity": {"Identifier": "exp-live00000"}},
        {"DetailsDocument": None},
        {"Details": "{}"},
    ],
    ids=lambda wrong: "-".join(f"{key}:{str(item)[:40]}" for key, item in wrong.items()),
)
def test_changes_out_of_form_are_invalid(management, organization, wrong):
    one = {**allow(organization.live, "prod-a"), **wrong}
    refuse_start(management, "ValidationException", 422, {key: item for key, item in one.items() if item is not None})


def test_details_must_be_json(management, organization):
    one = allow(organization.live, "prod-a")
    del one["DetailsDocument"]
    text = refuse_start(management, "ValidationException", 422, {**one, "Details": "{not json}"})
    assert "Document not valid JSON format" in text


def test_legacy_details_end_at_16384_characters_and_documents_do_not(management, organization):
    one = allow(organization.live, *(f"prod-{number:02}-{'x' * 35}" for number in range(50)))
    padded = json.dumps(one.pop("DetailsDocument")).ljust(16_385)
    refuse_start(management, "ValidationException", 422, {**one, "Details": padded})
    succeed(management.catalog, {**one, "Details": padded[:16_384]})


def test_a_change_set_holds_at_most_twenty_changes(management):
    changes = [change("CreateExperience", None, {"Name": f"Number {n}"}) for n in range(21)]
    refuse_start(management, "ValidationException", 422, *changes)
    succeed(management.catalog, *changes[:20])


def test_a_change_type_comes_once_for_an_entity(management, organization):
    twice = [allow(organization.live, "prod-a"), allow(organization.live, "prod-b")]
    refuse_start(management, "ValidationException", 422, *twice)
    # A revision does not make it another entity.
    refuse_start(management, "ValidationException", 422, twice[0], allow(f"{organization.live}@1", "prod-b"))


def test_an_entity_that_is_missing_or_not_ones_own_is_not_changed(management, member, outsider, organization):
    refuse_start(management, "ResourceNotFoundException", 404, allow("exp-nowhere", "prod-a"))
    for caller in (member, outsider):
        refuse_start(caller, "AccessDeniedException", 403, allow(organization.live, "prod-a"))


def test_only_administrators_create_experiences(member):
    # AWS's table of errors has this among those that DescribeChangeSet tells; a client must cope with either.
    try:
        change_set = start(member.catalog, change("CreateExperience", None, {"Name": "Mine"}))
    except member.catalog.exceptions.AccessDeniedException:
        return
    description = ended(member.catalog, change_set)
    assert description["Status"] == "FAILED"
    [error] = description["ChangeSet"][0]["ErrorDetailList"]
    assert error["ErrorCode"] == "CALLER_NOT_AUTHORIZED"
    assert error["ErrorMessage"].startswith("Caller not authorized to create experience.")


# Tokens


def test_a_token_starts_a_change_set_once(slow_management, slow_organization):
    catalog, one = slow_management.catalog, allow(slow_organization.live, "prod-new")
    first = start(catalog, one, ClientRequestToken="conformance-token")
    assert start(catalog, one, ClientRequestToken="conformance-token") == first
    listed = catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]
    assert [summary["ChangeSetId"] for summary in listed] == [first]


def test_a_token_is_remembered_after_the_end(management, organization):
    catalog, one = management.catalog, allow(organization.live, "prod-new")
    first = start(catalog, one, ClientRequestToken="conformance-token")
    ended(catalog, first)
    assert start(catalog, one, ClientRequestToken="conformance-token") == first
    assert revision(catalog, organization.live) == 2


def test_a_token_belongs_to_its_request(management, organization):
    succeed(management.catalog, allow(organization.live, "prod-a"), ClientRequestToken="conformance-token")
    other = allow(organization.live, "prod-b")
    refuse_start(management, "ValidationException", 422, other, ClientRequestToken="conformance-token")


def test_a_token_belongs_to_its_account(management, delegate, organization):
    one = allow(organization.live, "prod-a")
    first = start(management.catalog, one, ClientRequestToken="conformance-token")
    ended(management.catalog, first)
    assert start(delegate.catalog, one, ClientRequestToken="conformance-token") != first


def test_boto3_makes_a_token_for_each_request(management, organization):
    # The service model marks the token as one that clients fill in; two equal requests are two change sets.
    asked = {"Catalog": CATALOG, "ChangeSet": [allow(organization.live, "prod-a")]}
    first = management.catalog.start_change_set(**asked)["ChangeSetId"]
    ended(management.catalog, first)
    assert management.catalog.start_change_set(**asked)["ChangeSetId"] != first


# Locks


def test_an_entity_is_locked_while_its_change_set_is_open(slow_management, slow_delegate, slow_organization):
    organization = slow_organization
    first = start(slow_management.catalog, allow(organization.live, "prod-a"))
    for caller in (slow_management, slow_delegate):
        text = refuse_start(caller, "ResourceInUseException", 423, deny(organization.live, "prod-b"))
        # AWS's own text: aws-mp-utils reads the change set from it.
        assert f"- entity: '{organization.live}' change sets: {first}" in text
        assert re.search(r"change sets: (\w{25})", text).group(1) == first
    # Neither for another entity, nor for a reader.
    start(slow_management.catalog, allow(organization.disabled, "prod-a"))
    assert lists(slow_management.catalog, organization.policy)[0] == sorted(world.APPROVED)


def test_one_locked_entity_keeps_the_whole_change_set_out(slow_management, slow_organization):
    organization = slow_organization
    start(slow_management.catalog, allow(organization.live, "prod-a"))
    both = [allow(organization.disabled, "prod-a"), deny(organization.live, "prod-b")]
    refuse_start(slow_management, "ResourceInUseException", 423, *both)
    # It has locked nothing itself.
    start(slow_management.catalog, allow(organization.disabled, "prod-a"))


def test_the_cli_says_that_an_entity_is_in_use(slow_management, slow_organization):
    start(slow_management.catalog, allow(slow_organization.live, "prod-a"))
    changes = json.dumps([allow(slow_organization.live, "prod-b")])
    command = ["marketplace-catalog", "start-change-set", "--catalog", CATALOG, "--change-set", changes]
    found = slow_management.aws(*command)
    assert found.code == REFUSED
    assert "An error occurred (ResourceInUseException) when calling the StartChangeSet operation" in found.err


# Revisions


def test_a_revision_grows_by_one_with_each_change_set(management, organization):
    for number in range(1, 4):
        assert revision(management.catalog, organization.live) == number
        succeed(
            management.catalog,
            allow(f"{organization.live}@{number}", f"prod-{number}"),
            deny(f"{organization.live}@{number}", f"prod-x{number}"),
        )


def test_a_stale_revision_is_refused_and_the_newest_named(management, organization):
    succeed(management.catalog, allow(f"{organization.live}@1", "prod-a"))
    text = refuse_start(management, "ValidationException", 422, allow(f"{organization.live}@1", "prod-b"))
    assert re.search(r"(?<!\d)2(?!\d)", text.replace(organization.live, "")), text
    refuse_start(management, "ValidationException", 422, allow(f"{organization.live}@7", "prod-b"))
    succeed(management.catalog, allow(f"{organization.live}@2", "prod-b"))


def test_without_a_revision_the_newest_is_changed(management, organization):
    for product in ("prod-a", "prod-b"):
        succeed(management.catalog, allow(organization.live, product))
    assert {"prod-a", "prod-b"} <= set(lists(management.catalog, organization.policy)[0])


# CancelChangeSet


def test_a_preparing_change_set_is_cancelled(slow_management, slow_organization):
    organization, catalog = slow_organization, slow_management.catalog
    change_set = start(catalog, allow(organization.live, "prod-a"))
    answer = cancel(slow_management, change_set)
    assert answer["ChangeSetId"] == change_set
    assert answer["ChangeSetArn"].endswith(f"{CATALOG}/ChangeSet/{change_set}")
    description = ask(slow_management, change_set)
    assert description["Status"] == "CANCELLED"
    assert description["EndTime"]
    # Nothing is applied, and the entity is free.
    assert revision(catalog, organization.live) == 1
    start(catalog, allow(f"{organization.live}@1", "prod-b"))


def test_the_other_administrator_may_cancel(slow_management, slow_delegate, slow_organization):
    change_set = start(slow_delegate.catalog, allow(slow_organization.live, "prod-a"))
    cancel(slow_management, change_set)
    assert ask(slow_delegate, change_set)["Status"] == "CANCELLED"


def test_others_may_not_cancel(slow_server, slow_management, slow_organization):
    change_set = start(slow_management.catalog, allow(slow_organization.live, "prod-a"))
    for account in (slow_organization.member, world.OUTSIDER):
        refused("AccessDeniedException", 403, cancel, Caller(slow_server.endpoint, account), change_set)
    assert ask(slow_management, change_set)["Status"] == "PREPARING"


def test_what_is_applying_or_over_is_not_cancelled(serve, management, organization):
    change_set = start(management.catalog, allow(organization.live, "prod-a"))
    ended(management.catalog, change_set)
    refused("ResourceInUseException", 423, cancel, management, change_set)
    assert ask(management, change_set)["Status"] == "SUCCEEDED"
    server = serve("applying", world.text("6s", "6s", count=1))
    alone = world.organizations()[0]
    caller = Caller(server.endpoint, alone.management)
    running = start(caller.catalog, allow(alone.live, "prod-a"))
    eventually("it is applied", lambda: ask(caller, running)["Status"] == "APPLYING")
    refused("ResourceInUseException", 423, cancel, caller, running)
    assert ask(caller, running)["Status"] == "APPLYING"


def test_the_cli_starts_describes_lists_and_cancels(slow_management, slow_organization):
    aws, catalog = slow_management.aws, ["--catalog", CATALOG]
    changes = json.dumps([allow(slow_organization.live, "prod-a")])
    naming = ["--change-set-name", "From the CLI", "--client-request-token", "cli-1"]
    started = aws("marketplace-catalog", "start-change-set", *catalog, "--change-set", changes, *naming).json
    which = ["--change-set-id", started["ChangeSetId"]]
    described = aws("marketplace-catalog", "describe-change-set", *catalog, *which).json
    assert (described["Status"], described["ChangeSetName"]) == ("PREPARING", "From the CLI")
    assert described["ChangeSet"][0]["DetailsDocument"] == products("prod-a")
    filters = ["--filter-list", "Name=Status,ValueList=PREPARING,APPLYING", 'Name=ChangeSetName,ValueList="From the CLI"']
    listed = aws("marketplace-catalog", "list-change-sets", *catalog, *filters).json["ChangeSetSummaryList"]
    assert [summary["ChangeSetId"] for summary in listed] == [started["ChangeSetId"]]
    cancelled = aws("marketplace-catalog", "cancel-change-set", *catalog, *which).json
    assert cancelled["ChangeSetId"] == started["ChangeSetId"]
    again = aws("marketplace-catalog", "cancel-change-set", *catalog, *which)
    assert again.code == REFUSED
    assert re.search(r"An error occurred \(\w+\) when calling the CancelChangeSet operation: .", again.err)


# ListChangeSets


def listed(caller, **more):
    pages = caller.catalog.get_paginator("list_change_sets").paginate(Catalog=CATALOG, **more)
    return [summary["ChangeSetId"] for page in pages for summary in page["ChangeSetSummaryList"]]


def test_change_sets_are_listed_with_what_they_name(management, organization):
    change_set = start(
        management.catalog,
        allow(organization.live, "prod-a"),
        deny(organization.live, "prod-b"),
        allow(organization.disabled, "prod-a"),
        ChangeSetName="Two experiences",
    )
    ended(management.catalog, change_set)
    [summary] = management.catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]
    assert summary["ChangeSetId"] == change_set
    assert summary["ChangeSetArn"].endswith(change_set)
    assert summary["ChangeSetName"] == "Two experiences"
    assert summary["Status"] == "SUCCEEDED"
    assert DATE.match(summary["StartTime"]) and DATE.match(summary["EndTime"])
    assert set(summary["EntityIdList"]) == {organization.live, organization.disabled}
    assert summary.get("FailureCode") is None


def test_filters_of_change_sets_all_apply(management, organization):
    catalog = management.catalog
    good = start(catalog, allow(organization.live, "prod-a"), ChangeSetName="Good")
    ended(catalog, good)
    bad = start(catalog, allow(organization.bare, "prod-a"), ChangeSetName="Bad")
    ended(catalog, bad)

    def found(*filters):
        return listed(management, FilterList=list(filters))

    assert found(named("Status", "SUCCEEDED")) == [good]
    assert found(named("Status", "FAILED")) == [bad]
    assert sorted(found(named("Status", "SUCCEEDED", "FAILED"))) == sorted([good, bad])
    assert found(named("ChangeSetName", "Bad")) == [bad]
    assert found(named("EntityId", organization.live)) == [good]
    assert found(named("ChangeSetName", "Bad"), named("Status", "SUCCEEDED")) == []
    summaries = catalog.list_change_sets(Catalog=CATALOG, FilterList=[named("Status", "FAILED")])
    assert summaries["ChangeSetSummaryList"][0]["FailureCode"] == "CLIENT_ERROR"


def test_times_filter_change_sets(management, organization):
    catalog = management.catalog
    first = start(catalog, allow(organization.live, "prod-a"))
    began = ended(catalog, first)
    # Times are written in whole seconds: the second change set starts a whole one later.
    time.sleep(2.1)
    between = (datetime.fromisoformat(began["EndTime"]) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    second = start(catalog, allow(organization.live, "prod-b"))
    ended(catalog, second)
    assert listed(management, FilterList=[named("AfterStartTime", between)]) == [second]
    assert listed(management, FilterList=[named("BeforeStartTime", between)]) == [first]
    assert listed(management, FilterList=[named("BeforeEndTime", between)]) == [first]
    assert listed(management, FilterList=[named("AfterEndTime", between)]) == [second]
    both = [named("AfterStartTime", "2020-01-01T00:00:00Z"), named("BeforeEndTime", "2099-01-01T00:00:00Z")]
    assert sorted(listed(management, FilterList=both)) == sorted([first, second])


def test_change_sets_are_sorted_and_paged(management, organization):
    catalog = management.catalog
    made = []
    for number in range(23):
        made.append(start(catalog, allow(organization.live, f"prod-{number}")))
        ended(catalog, made[-1])
    assert len(catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]) == 20
    assert sorted(listed(management)) == sorted(made)
    for key in ("StartTime", "EndTime"):
        for order in ("ASCENDING", "DESCENDING"):
            sort = {"SortBy": key, "SortOrder": order}
            pages = catalog.get_paginator("list_change_sets").paginate(Catalog=CATALOG, Sort=sort, MaxResults=7)
            summaries = [summary for page in pages for summary in page["ChangeSetSummaryList"]]
            times = [summary[key] for summary in summaries]
            assert times == sorted(times, reverse=order == "DESCENDING")
            assert sorted(summary["ChangeSetId"] for summary in summaries) == sorted(made)
    for wrong in ({"MaxResults": 0}, {"MaxResults": 21}, {"NextToken": "nonsense"}, {"Sort": {"SortBy": "Colour"}}):
        call = management.client("marketplace-catalog", checked=False).list_change_sets
        refused("ValidationException", 422, call, Catalog=CATALOG, **wrong)
    unknown = [named("Colour", "red")]
    refused("ValidationException", 422, catalog.list_change_sets, Catalog=CATALOG, FilterList=unknown)


def test_change_sets_of_the_organizations_others_are_listed_with_the_scope(management, delegate, organization):
    own = start(delegate.catalog, allow(organization.live, "prod-a"))
    ended(delegate.catalog, own)
    others = start(management.catalog, allow(organization.live, "prod-b"))
    ended(management.catalog, others)
    assert listed(delegate) == [own]
    assert others in listed(delegate, FilterList=shared())
    assert listed(management) == [others]


# Limits


def test_an_account_has_250_open_change_sets(slow_management, slow_delegate):
    one = change("CreateExperience", None, {"Name": "One of many"})
    catalog = slow_management.client("marketplace-catalog", retries=True)
    for _ in range(250):
        last = start(catalog, one)
    text = refuse_start(slow_management, "ServiceQuotaExceededException", 402, one)
    assert text
    # One that ends makes room for one.
    cancel(slow_management, last)
    start(catalog, one)
    refuse_start(slow_management, "ServiceQuotaExceededException", 402, one)


# The events of change sets


def test_the_end_of_a_change_set_is_an_event(management, organization):
    queues = management.client("sqs")
    url = queues.get_queue_url(QueueName="catalog-events")["QueueUrl"]

    def event():
        got = queues.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        queues.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
        return json.loads(got[0]["Body"])

    good = start(management.catalog, allow(organization.live, "prod-a"), ChangeSetName="Heard of")
    found = event()
    # The form is EventBridge's; the fields are those of AWS's page on the catalog's events.
    assert found["source"] == "aws.marketplacecatalog"
    assert found["detail-type"] == "Change Set Succeeded"
    assert (found["account"], found["region"]) == (organization.management, "us-east-1")
    assert found["resources"] == [
        f"arn:aws:aws-marketplace:us-east-1:{organization.management}:{CATALOG}/ChangeSet/{good}"
    ]
    told = found["detail"]
    assert (told["Catalog"], told["ChangeSetId"], told["ChangeSetName"]) == (CATALOG, good, "Heard of")
    assert told["requestId"] and DATE.match(told["StartTime"]) and DATE.match(told["EndTime"])
    start(management.catalog, allow(organization.bare, "prod-a"))
    assert event()["detail-type"] == "Change Set Failed"


def test_a_cancelled_change_set_is_an_event(slow_management, slow_organization):
    queues = slow_management.client("sqs")
    url = queues.get_queue_url(QueueName="catalog-events")["QueueUrl"]
    change_set = start(slow_management.catalog, allow(slow_organization.live, "prod-a"))
    cancel(slow_management, change_set)
    [message] = queues.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    found = json.loads(message["Body"])
    assert found["detail-type"] == "Change Set Cancelled"
    assert found["detail"]["ChangeSetId"] == change_set


def test_a_created_entity_is_named_by_its_change_set(management):
    description = succeed(management.catalog, change("CreateExperience", None, {"Name": "Named"}))
    experience = created(description)
    assert details(management.catalog, experience)["Name"] == "Named"
    [summary] = management.catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]
    assert summary["EntityIdList"] == [experience]
