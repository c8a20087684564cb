"""ListEntities: whose entities, filters, sort, pages."""

import pytest

from clients import REFUSED, refused
from marketplace import CATALOG, allow, change, named, new_experience, shared, succeed


def ids(answer):
    return [summary["EntityId"] for summary in answer["EntitySummaryList"]]


def ask(caller, kind="Experience", **more):
    return caller.catalog.list_entities(Catalog=CATALOG, EntityType=kind, **more)


def everything(caller, kind="Experience", **more):
    """The ids of all pages, by boto3's own paginator."""
    pages = caller.catalog.get_paginator("list_entities").paginate(Catalog=CATALOG, EntityType=kind, **more)
    return [entity for page in pages for entity in ids(page)]


@pytest.fixture
def crowd(management, organization):
    """An organization with 25 more experiences, made in two change sets."""
    made = []
    for count in (20, 5):
        changes = [change("CreateExperience", None, {"Name": f"Crowd {n}"}) for n in range(count)]
        description = succeed(management.catalog, *changes)
        made += [one["Entity"]["Identifier"].split("@")[0] for one in description["ChangeSet"]]
    assert len(set(made)) == 25
    return sorted([*organization.experiences, *made])


def test_the_owner_lists_its_experiences(management, organization):
    answer = ask(management)
    assert sorted(ids(answer)) == sorted(organization.experiences)
    assert "NextToken" not in answer
    found = {summary["EntityId"]: summary for summary in answer["EntitySummaryList"]}[organization.live]
    assert found["Name"] == "Live"
    assert found["EntityType"] == "Experience"
    assert found["EntityArn"] == organization.arn("Experience", organization.live)
    assert found["LastModifiedDate"].endswith("Z")


def test_the_owner_lists_its_policies(management, organization):
    assert organization.policy in everything(management, "ProcurementPolicy")
    assert len(everything(management, "ProcurementPolicy")) == 3


def test_the_owner_lists_its_branding_settings_and_audiences(management, organization):
    for kind in ("BrandingSettings", "Audience"):
        assert everything(management, kind) == []
    branding = change("CreateBrandingSettings", organization.live, {"Name": "Brand"})
    audience = change("AssociateAudience", organization.live, {"Name": "All", "Principals": [organization.member]})
    succeed(management.catalog, branding, audience)
    for kind in ("BrandingSettings", "Audience"):
        answer = ask(management, kind)
        assert [summary["EntityType"] for summary in answer["EntitySummaryList"]] == [kind]


def test_what_is_shared_is_seen_with_the_scope_alone(management, delegate, organization):
    assert everything(delegate) == []
    assert sorted(everything(delegate, FilterList=shared())) == sorted(organization.experiences)
    # Only what lies outside one's own account is shared.
    assert everything(management, FilterList=shared()) == []


def test_others_see_nothing(member, outsider):
    for caller in (member, outsider):
        assert everything(caller) == []
        assert everything(caller, FilterList=shared()) == []


def test_the_id_filter_picks_entities(management, delegate, organization):
    wanted = [organization.live, organization.bare, "exp-nowhere"]
    found = everything(management, FilterList=[named("EntityId", *wanted)])
    assert sorted(found) == sorted([organization.live, organization.bare])
    both = shared(named("EntityId", organization.live))
    assert everything(delegate, FilterList=both) == [organization.live]
    assert everything(management, FilterList=[named("EntityId", organization.policy)]) == []


def test_entities_are_sorted_as_asked(management, organization):
    def sorted_by(key, order):
        return everything(management, Sort={"SortBy": key, "SortOrder": order})

    assert sorted_by("EntityId", "ASCENDING") == sorted(organization.experiences)
    assert sorted_by("EntityId", "DESCENDING") == sorted(organization.experiences, reverse=True)
    newest = new_experience(management.catalog)
    # Without an order it is descending, and without a key it is the date of the last change.
    for sort in ({"SortBy": "LastModifiedDate"}, {"SortBy": "LastModifiedDate", "SortOrder": "DESCENDING"}):
        found = ask(management, Sort=sort)["EntitySummaryList"]
        dates = [summary["LastModifiedDate"] for summary in found]
        assert dates == sorted(dates, reverse=True)
    assert newest in sorted_by("LastModifiedDate", "ASCENDING")
    oldest = ask(management, Sort={"SortBy": "LastModifiedDate", "SortOrder": "ASCENDING"})["EntitySummaryList"]
    dates = [summary["LastModifiedDate"] for summary in oldest]
    assert dates == sorted(dates)


def test_pages_are_twenty_long_unless_asked_otherwise(management, crowd):
    answer = ask(management)
    assert len(ids(answer)) == 20
    rest = ask(management, NextToken=answer["NextToken"])
    assert "NextToken" not in rest
    assert sorted(ids(answer) + ids(rest)) == crowd
    assert len(ids(ask(management, MaxResults=50))) == len(crowd)


@pytest.mark.parametrize("size", [1, 7, 10, 28, 29])
def test_pages_of_any_size_hold_everything_once(management, crowd, size):
    for sort in ({"SortBy": "EntityId", "SortOrder": "ASCENDING"}, {"SortBy": "LastModifiedDate"}):
        assert sorted(everything(management, MaxResults=size, Sort=sort)) == crowd


def test_a_delegated_administrator_pages_too(delegate, crowd):
    assert sorted(everything(delegate, FilterList=shared(), MaxResults=7)) == crowd


def test_an_entity_that_comes_between_two_pages_shifts_nothing(management, organization):
    sort = {"SortBy": "EntityId", "SortOrder": "ASCENDING"}
    first = ask(management, MaxResults=2, Sort=sort)
    new_experience(management.catalog)
    second = ask(management, MaxResults=50, Sort=sort, NextToken=first["NextToken"])
    together = ids(first) + ids(second)
    assert len(together) == len(set(together))
    assert set(organization.experiences) <= set(together)


def test_a_list_names_the_newest_change(management, organization):
    before = {s["EntityId"]: s["LastModifiedDate"] for s in ask(management)["EntitySummaryList"]}
    succeed(management.catalog, allow(organization.live, "prod-new"))
    after = {s["EntityId"]: s["LastModifiedDate"] for s in ask(management)["EntitySummaryList"]}
    assert after[organization.live] >= before[organization.live]
    assert after[organization.bare] == before[organization.bare]


def test_an_entity_type_that_nobody_here_has_is_empty(management):
    for kind in ("SaaSProduct", "AmiProduct", "ContainerProduct", "Offer", "ResaleAuthorization"):
        assert everything(management, kind) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"Catalog": "OtherMarketplace"},
        {"EntityType": "NoSuchType"},
        {"EntityType": ""},
        {"MaxResults": 0},
        {"MaxResults": 51},
        {"NextToken": "not-a-token"},
        {"FilterList": [{"Name": "Colour", "ValueList": ["red"]}]},
        {"FilterList": [{"Name": "Name", "ValueList": ["Live"]}]},
        {"FilterList": [{"Name": "AfterLastModifiedDate", "ValueList": ["2026-01-01T00:00:00Z"]}]},
        {"FilterList": [{"Name": "BeforeLastModifiedDate", "ValueList": ["2026-01-01T00:00:00Z"]}]},
        {"FilterList": [{"Name": "Scope", "ValueList": ["Everything"]}]},
        {"FilterList": [{"Name": "EntityId", "ValueList": []}]},
        {"FilterList": [{"Name": "EntityId", "ValueList": [f"exp-{n}" for n in range(11)]}]},
        {"FilterList": [{"Name": "EntityId", "ValueList": ["exp-1"]}] * 9},
        {"Sort": {"SortBy": "Colour"}},
        {"Sort": {"SortBy": "Name"}},
        {"Sort": {"SortBy": "EntityId", "SortOrder": "SIDEWAYS"}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_parameters_out_of_form_are_invalid(management, wrong):
    call = management.client("marketplace-catalog", checked=False).list_entities
    refused("ValidationException", 422, call, **{"Catalog": CATALOG, "EntityType": "Experience", **wrong})


def test_a_token_of_another_list_is_invalid_or_harmless(management, delegate, crowd):
    # What AWS does with the token of another caller is not documented; it must not open that caller's list.
    token = ask(management)["NextToken"]
    try:
        answer = ask(delegate, NextToken=token)
    except delegate.catalog.exceptions.ValidationException:
        return
    assert ids(answer) == []


def test_the_cli_lists_and_pages(management, crowd):
    command = ["marketplace-catalog", "list-entities", "--catalog", CATALOG, "--entity-type", "Experience"]
    found = management.aws(*command).json
    assert sorted(entity["EntityId"] for entity in found["EntitySummaryList"]) == crowd
    # The CLI's own paging: `--page-size` asks for smaller pages, `--max-items` cuts and gives a token to go on from.
    first = management.aws(*command, "--page-size", 10, "--max-items", 12).json
    assert len(first["EntitySummaryList"]) == 12
    rest = management.aws(*command, "--starting-token", first["NextToken"]).json
    together = first["EntitySummaryList"] + rest["EntitySummaryList"]
    assert sorted(entity["EntityId"] for entity in together) == crowd


def test_the_cli_lists_what_is_shared(delegate, organization):
    command = ["marketplace-catalog", "list-entities", "--catalog", CATALOG, "--entity-type", "Experience"]
    filters = ["--filter-list", "Name=Scope,ValueList=SharedWithMe", f"Name=EntityId,ValueList={organization.live}"]
    sort = ["--sort", "SortBy=EntityId,SortOrder=ASCENDING"]
    found = delegate.aws(*command, *filters, *sort).json["EntitySummaryList"]
    assert [entity["EntityId"] for entity in found] == [organization.live]


def test_the_cli_says_what_is_invalid(management):
    command = ["marketplace-catalog", "list-entities", "--catalog", "Elsewhere", "--entity-type", "Experience"]
    ended = management.aws(*command)
    assert ended.code == REFUSED
    assert "An error occurred (ValidationException) when calling the ListEntities operation" in ended.err
