"""StartChangeSet: each change type of private marketplaces, what it does, and how it fails."""

import json

import pytest

import world
from clients import refused
from marketplace import (
    CATALOG,
    allow,
    change,
    created,
    deny,
    describe,
    details,
    ended,
    fail,
    lists,
    new_experience,
    products,
    revision,
    start,
    succeed,
)

APPROVED, REJECTED = sorted(world.APPROVED), sorted(world.REJECTED)


# CreateExperience and UpdateExperience


def test_a_created_experience_is_disabled_and_bare(management):
    description = succeed(
        management.catalog, change("CreateExperience", None, {"Name": "New", "Description": "Made by a test"})
    )
    experience = created(description)
    assert experience.startswith("exp-")
    answer = describe(management.catalog, experience)
    assert answer["EntityType"] == "Experience@1.0"
    assert answer["EntityIdentifier"] == f"{experience}@1"
    document = answer["DetailsDocument"]
    assert (document["Name"], document["Description"], document["Status"]) == ("New", "Made by a test", "Disabled")
    # "An Experience entity with no procurement policy (null) allows all products to be procured."
    assert document["ProcurementPolicies"] is None
    assert document.get("BrandingSettings", []) == []
    assert document["AdminStatus"] == "Editable"


def test_an_experience_of_a_delegated_administrator_belongs_to_the_management_account(management, delegate, organization):
    experience = new_experience(delegate.catalog)
    assert describe(management.catalog, experience)["EntityArn"] == organization.arn("Experience", experience)


def test_every_created_experience_has_an_id_of_its_own(management):
    changes = [change("CreateExperience", None, {"Name": "Twin"}) for _ in range(3)]
    description = succeed(management.catalog, *changes)
    assert len({created(description, position) for position in range(3)}) == 3


def test_an_experience_is_enabled_disabled_renamed_and_described_anew(management, organization):
    catalog = management.catalog
    for update in ({"Status": "Enabled"}, {"Name": "Renamed"}, {"Description": "Anew"}, {"Status": "Disabled"}):
        before = details(catalog, organization.bare)
        number = revision(catalog, organization.bare)
        succeed(catalog, change("UpdateExperience", organization.bare, update))
        assert details(catalog, organization.bare) == {**before, **update}
        assert revision(catalog, organization.bare) == number + 1


@pytest.mark.parametrize(
    "wrong", [{"Status": "Paused"}, {"Name": ""}, {"Name": "n" * 51}, {"Name": 5}, {"Colour": "red"}, []], ids=str
)
def test_an_update_of_an_experience_is_checked(management, organization, wrong):
    call = management.catalog.start_change_set
    changes = [change("UpdateExperience", organization.live, wrong)]
    refused("ValidationException", 422, call, Catalog=CATALOG, ChangeSet=changes)


def test_a_created_experience_needs_a_name(management):
    call = management.catalog.start_change_set
    for wrong in ({}, {"Name": ""}):
        changes = [change("CreateExperience", None, wrong)]
        refused("ValidationException", 422, call, Catalog=CATALOG, ChangeSet=changes)


# CreateProcurementPolicy and UpdateProcurementPolicy


def test_a_created_policy_is_empty_and_takes_requests(management, organization):
    catalog = management.catalog
    succeed(catalog, change("CreateProcurementPolicy", organization.bare, {"Name": "Empty"}))
    [policy] = details(catalog, organization.bare)["ProcurementPolicies"]
    assert lists(catalog, policy) == ([], [])
    document = details(catalog, policy)
    assert document["Name"] == "Empty"
    assert document["Configuration"] == {"PolicyResourceRequests": "Allow"}
    assert describe(catalog, policy)["EntityArn"] == organization.arn("ProcurementPolicy", policy)
    assert revision(catalog, organization.bare) == 2
    succeed(catalog, allow(organization.bare, "prod-a"))
    assert lists(catalog, policy) == (["prod-a"], [])


def test_a_second_policy_exists_already(management, organization):
    [errors] = fail(management.catalog, change("CreateProcurementPolicy", organization.live, {"Name": "Second"}))
    assert errors == [("ENTITY_ALREADY_EXISTS", "Procurement policy exists for Experience")]
    assert details(management.catalog, organization.live)["ProcurementPolicies"] == [organization.policy]


def test_requests_are_denied_and_allowed(management, organization):
    catalog = management.catalog
    for requests in ("Deny", "Allow"):
        configuration = {"Configuration": {"PolicyResourceRequests": requests}}
        succeed(catalog, change("UpdateProcurementPolicy", organization.live, configuration))
        assert details(catalog, organization.policy)["Configuration"] == {"PolicyResourceRequests": requests}
    assert lists(catalog, organization.policy) == (APPROVED, REJECTED)
    assert revision(catalog, organization.policy) == 3


def test_a_policy_is_renamed(management, organization):
    update = {"Name": "Renamed", "Description": "By a test"}
    succeed(management.catalog, change("UpdateProcurementPolicy", organization.live, update))
    document = details(management.catalog, organization.policy)
    assert (document["Name"], document["Description"]) == ("Renamed", "By a test")
    assert lists(management.catalog, organization.policy) == (APPROVED, REJECTED)


def test_an_update_of_a_missing_policy_fails(management, organization):
    update = {"Configuration": {"PolicyResourceRequests": "Deny"}}
    [errors] = fail(management.catalog, change("UpdateProcurementPolicy", organization.bare, update))
    assert errors == [("ENTITY_NOT_FOUND", "Procurement policy missing from Experience")]


@pytest.mark.parametrize("wrong", ["Sometimes", "", 7])
def test_the_setting_of_requests_is_checked(management, organization, wrong):
    changes = [
        change("UpdateProcurementPolicy", organization.live, {"Configuration": {"PolicyResourceRequests": wrong}})
    ]
    refused("ValidationException", 422, management.catalog.start_change_set, Catalog=CATALOG, ChangeSet=changes)


# AllowProductProcurement and DenyProductProcurement


def test_products_are_allowed_and_denied(management, organization):
    catalog = management.catalog
    succeed(catalog, allow(organization.live, "prod-new", notes="Wanted"), deny(organization.live, APPROVED[0]))
    assert lists(catalog, organization.policy) == (sorted([APPROVED[1], "prod-new"]), sorted([APPROVED[0], *REJECTED]))
    assert revision(catalog, organization.live) == 2
    assert revision(catalog, organization.policy) == 2
    resources = [r for s in details(catalog, organization.policy)["Statements"] for r in s["Resources"]]
    assert [r["Notes"] for r in resources if r["Ids"] == ["prod-new"]] == ["Wanted"]


def test_a_product_is_on_one_list_at_a_time(management, organization):
    catalog = management.catalog
    succeed(catalog, allow(organization.live, *REJECTED))
    assert lists(catalog, organization.policy) == (sorted([*APPROVED, *REJECTED]), [])
    succeed(catalog, deny(organization.live, *REJECTED))
    assert lists(catalog, organization.policy) == (APPROVED, REJECTED)


def test_the_delegated_administrator_changes_products(delegate, organization):
    succeed(delegate.catalog, allow(organization.live, "prod-new"))
    assert "prod-new" in lists(delegate.catalog, organization.policy)[0]


def test_several_experiences_change_in_one_change_set(management, organization):
    catalog = management.catalog
    succeed(catalog, allow(organization.live, "prod-new"), allow(organization.disabled, "prod-new"))
    for experience in (organization.live, organization.disabled):
        [policy] = details(catalog, experience)["ProcurementPolicies"]
        assert "prod-new" in lists(catalog, policy)[0]


def test_fifty_products_are_the_most_of_a_change(management, organization):
    catalog = management.catalog
    many = [f"prod-{number}" for number in range(51)]
    text = refused(
        "ValidationException",
        422,
        catalog.start_change_set,
        Catalog=CATALOG,
        ChangeSet=[allow(organization.live, *many)],
    )
    assert "Cumulative number of values in Ids array must be less than or equal to 50" in text
    succeed(catalog, allow(organization.live, *many[:50]), deny(organization.live, *(f"x-{id}" for id in many[:50])))
    approved, rejected = lists(catalog, organization.policy)
    assert (len(approved), len(rejected)) == (52, 51)


def test_groups_of_products_count_together(management, organization):
    groups = [{"Ids": [f"prod-{g}-{n}" for n in range(17)], "Notes": f"group {g}"} for g in range(3)]
    changes = [change("AllowProductProcurement", organization.live, {"Products": groups})]
    text = refused(
        "ValidationException", 422, management.catalog.start_change_set, Catalog=CATALOG, ChangeSet=changes
    )
    assert "Cumulative number of values in Ids array must be less than or equal to 50" in text
    groups[0]["Ids"].pop()
    succeed(management.catalog, *changes)
    assert len(lists(management.catalog, organization.policy)[0]) == 52


def test_a_product_is_named_once_in_a_change(management, organization):
    for groups in ([{"Ids": ["prod-a", "prod-a"]}], [{"Ids": ["prod-a"]}, {"Ids": ["prod-a"]}]):
        changes = [change("AllowProductProcurement", organization.live, {"Products": groups})]
        text = refused(
            "ValidationException", 422, management.catalog.start_change_set, Catalog=CATALOG, ChangeSet=changes
        )
        assert "Values in Ids array must be unique" in text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"Products": []},
        {"Products": [{}]},
        {"Products": [{"Ids": []}]},
        {"Products": [{"Ids": [""]}]},
        {"Products": [{"Ids": ["p" * 51]}]},
        {"Products": [{"Ids": [7]}]},
        {"Products": [{"Ids": ["prod-a"], "Notes": ""}]},
        {"Products": [{"Ids": ["prod-a"], "Notes": "n" * 51}]},
        {"Products": "prod-a"},
    ],
)
@pytest.mark.parametrize("kind", ["AllowProductProcurement", "DenyProductProcurement"])
def test_the_details_of_products_are_checked(management, organization, kind, wrong):
    changes = [change(kind, organization.live, wrong)]
    refused("ValidationException", 422, management.catalog.start_change_set, Catalog=CATALOG, ChangeSet=changes)


@pytest.mark.parametrize("kind", ["AllowProductProcurement", "DenyProductProcurement"])
def test_products_need_a_policy(management, organization, kind):
    [errors] = fail(management.catalog, change(kind, organization.bare, products("prod-a")))
    assert errors == [("ENTITY_NOT_FOUND", "Procurement policy missing from Experience")]


def test_a_product_that_the_catalog_refuses_fails_the_whole_change_set(management, organization):
    catalog = management.catalog
    errors = fail(catalog, allow(organization.live, "prod-new", world.POISON), deny(organization.live, APPROVED[0]))
    assert errors[0] and not errors[1]
    # Nothing of it is applied, and the experience is free.
    assert lists(catalog, organization.policy) == (APPROVED, REJECTED)
    assert revision(catalog, organization.live) == 1
    succeed(catalog, allow(organization.live, "prod-new"))


def test_the_legacy_details_do_the_same(management, organization):
    one = change("AllowProductProcurement", organization.live, products("prod-new"), as_text=True)
    description = succeed(management.catalog, one)
    assert json.loads(description["ChangeSet"][0]["Details"]) == products("prod-new")
    assert "prod-new" in lists(management.catalog, organization.policy)[0]


# CreateBrandingSettings and UpdateBrandingSettings

BRANDING = {
    "Name": "Brand",
    "Description": "Ours",
    "Configuration": {"Title": "Shop", "Information": "All that is approved", "ThemeColor": "#0e7f74"},
}


def test_branding_settings_are_created_and_updated(management, organization):
    catalog = management.catalog
    succeed(catalog, change("CreateBrandingSettings", organization.live, {"Name": "Brand"}))
    [branding] = details(catalog, organization.live)["BrandingSettings"]
    answer = describe(catalog, branding)
    assert answer["EntityType"] == "BrandingSettings@1.0"
    assert answer["EntityArn"] == organization.arn("BrandingSettings", branding)
    assert answer["DetailsDocument"]["Name"] == "Brand"
    succeed(catalog, change("UpdateBrandingSettings", organization.live, BRANDING))
    document = details(catalog, branding)
    assert (document["Name"], document["Description"]) == ("Brand", "Ours")
    assert document["Configuration"].items() >= BRANDING["Configuration"].items()
    assert revision(catalog, organization.live) == 3
    assert revision(catalog, branding) == 2


def test_branding_settings_may_be_created_with_all_their_details(management, organization):
    succeed(management.catalog, change("CreateBrandingSettings", organization.live, BRANDING))
    [branding] = details(management.catalog, organization.live)["BrandingSettings"]
    document = details(management.catalog, branding)
    assert document["Configuration"].items() >= BRANDING["Configuration"].items()


def test_second_branding_settings_exist_already(management, organization):
    one = change("CreateBrandingSettings", organization.live, {"Name": "Brand"})
    succeed(management.catalog, one)
    [errors] = fail(management.catalog, one)
    assert errors == [("ENTITY_ALREADY_EXISTS", "Branding settings exists for Experience")]


def test_an_update_of_missing_branding_settings_fails(management, organization):
    [errors] = fail(management.catalog, change("UpdateBrandingSettings", organization.live, BRANDING))
    assert errors == [("ENTITY_NOT_FOUND", "Branding settings missing from Experience")]


IMAGE = (
    "INVALID_IMAGE",
    "Image verification for type, content, or file size failed. Only .png and .svg file types with sizes less than or "
    "equal to 500KB are supported.",
)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        # pmp-local fetches nothing: what could not be fetched is what no URL is, and an image is what its name says.
        ("nowhere", ("INVALID_URL", "Image could not be fetched from the input URL")),
        ("https://example.com/logo.bmp", IMAGE),
    ],
    ids=["url", "image"],
)
def test_a_logo_that_cannot_be_had_fails(management, organization, url, error):
    document = {"Name": "Brand", "Configuration": {"LogoUrl": url}}
    assert fail(management.catalog, change("CreateBrandingSettings", organization.live, document)) == [[error]]
    succeed(management.catalog, change("CreateBrandingSettings", organization.live, {"Name": "Brand"}))
    assert fail(management.catalog, change("UpdateBrandingSettings", organization.live, document)) == [[error]]


# AssociateAudience and DisassociateAudience


def associate(experience, *principals, name="Audience"):
    return change("AssociateAudience", experience, {"Name": name, "Principals": list(principals)})


def disassociate(experience, *principals):
    return change("DisassociateAudience", experience, {"Principals": list(principals)})


def audience(caller, experience):
    """The principals of an experience: of the Audience entity that names it."""
    catalog = caller.catalog
    found = catalog.list_entities(Catalog=CATALOG, EntityType="Audience")["EntitySummaryList"]
    documents = [details(catalog, one["EntityId"]) for one in found]
    # Which field names the experience is not documented; whichever it is, its value is the experience's id.
    of_it = [document for document in documents if experience in json.dumps(document)]
    return sorted(principal for document in of_it for principal in document["Principals"])


def test_an_association_names_one_to_fifty_principals(management, organization):
    call = management.catalog.start_change_set
    for many in (0, 51):
        changes = [associate(organization.live, *[f"{900000000000 + n}" for n in range(many)])]
        refused("ValidationException", 422, call, Catalog=CATALOG, ChangeSet=changes)


def test_principals_are_added_to_an_audience_and_taken_away(management, organization):
    catalog = management.catalog
    succeed(catalog, associate(organization.live, organization.member))
    assert audience(management, organization.live) == [organization.member]
    succeed(catalog, associate(organization.live, organization.delegate, "ou-abcd-01234567"))
    assert audience(management, organization.live) == sorted(
        [organization.member, organization.delegate, "ou-abcd-01234567"]
    )
    succeed(catalog, disassociate(organization.live, organization.member, "ou-abcd-01234567"))
    assert audience(management, organization.live) == [organization.delegate]


def test_the_whole_organization_is_a_principal(management, organization):
    succeed(management.catalog, associate(organization.live, organization.id))
    assert audience(management, organization.live) == [organization.id]


def test_a_principal_has_one_experience(management, organization):
    catalog = management.catalog
    succeed(catalog, associate(organization.live, organization.member))
    [errors] = fail(catalog, associate(organization.disabled, organization.member))
    text = (
        f"An experience is already associated with the account {organization.member}. "
        "Disassociate previous experience before updating"
    )
    assert errors == [("ENTITY_ALREADY_EXISTS", text)]
    # Moved as AWS says: away from the one, then to the other.
    succeed(catalog, disassociate(organization.live, organization.member))
    succeed(catalog, associate(organization.disabled, organization.member))
    assert audience(management, organization.disabled) == [organization.member]


def test_accounts_of_other_organizations_are_not_associated(management, organization):
    [errors] = fail(management.catalog, associate(organization.live, world.OUTSIDER))
    assert errors == [("CALLER_NOT_AUTHORIZED", "Caller not authorized to execute the action")]


@pytest.mark.parametrize("wrong", [{}, {"Principals": []}, {"Principals": ["someone"]}, {"Principals": [7]}], ids=str)
@pytest.mark.parametrize("kind", ["AssociateAudience", "DisassociateAudience"])
def test_principals_are_checked(management, organization, kind, wrong):
    changes = [change(kind, organization.live, {**wrong, **({"Name": "A"} if kind.startswith("A") else {})})]
    refused("ValidationException", 422, management.catalog.start_change_set, Catalog=CATALOG, ChangeSet=changes)


# RestrictExperience and ReviveExperience


def test_an_experience_is_archived_and_revived(management, organization):
    catalog = management.catalog
    succeed(catalog, change("RestrictExperience", organization.disabled, {}))
    assert details(catalog, organization.disabled)["AdminStatus"] == "Restricted"
    succeed(catalog, change("ReviveExperience", organization.disabled, {}))
    document = details(catalog, organization.disabled)
    assert document["AdminStatus"] == "Editable"
    assert document["Status"] == "Disabled"
    assert revision(catalog, organization.disabled) == 3
    succeed(catalog, allow(organization.disabled, "prod-a"))


def outcome(catalog, one):
    """How a change is refused: at once as a ValidationException, or later as a failed change set. AWS documents that
    it is refused, and not where."""
    try:
        change_set = start(catalog, one)
    except catalog.exceptions.ValidationException:
        return "refused"
    description = ended(catalog, change_set)
    return "refused" if description["Status"] == "FAILED" else description["Status"]


def test_an_enabled_experience_is_not_archived(management, organization):
    assert outcome(management.catalog, change("RestrictExperience", organization.live, {})) == "refused"
    assert details(management.catalog, organization.live)["Status"] == "Enabled"
    assert details(management.catalog, organization.live)["AdminStatus"] == "Editable"


def test_an_archived_experience_is_not_changed(management, organization):
    catalog, archived = management.catalog, organization.archived
    before = details(catalog, archived), revision(catalog, archived)
    for one in (
        allow(archived, "prod-a"),
        change("UpdateExperience", archived, {"Status": "Enabled"}),
        change("UpdateProcurementPolicy", archived, {"Name": "Other"}),
        associate(archived, organization.member),
    ):
        assert outcome(catalog, one) == "refused", one
    assert (details(catalog, archived), revision(catalog, archived)) == before
    succeed(catalog, change("ReviveExperience", archived, {}))
    succeed(catalog, allow(archived, "prod-a"))


def test_an_active_experience_is_not_revived(management, organization):
    assert outcome(management.catalog, change("ReviveExperience", organization.live, {})) == "refused"


# Several change types together


def test_different_changes_of_one_experience_travel_together(management, organization):
    catalog = management.catalog
    succeed(
        catalog,
        change("UpdateExperience", organization.bare, {"Name": "Whole"}),
        change("CreateProcurementPolicy", organization.bare, {"Name": "Policy"}),
        change("CreateBrandingSettings", organization.bare, {"Name": "Brand"}),
        associate(organization.bare, organization.member),
    )
    document = details(catalog, organization.bare)
    assert document["Name"] == "Whole"
    assert len(document["ProcurementPolicies"]) == len(document["BrandingSettings"]) == 1
    assert audience(management, organization.bare) == [organization.member]
    assert revision(catalog, organization.bare) == 2


def test_a_change_may_name_what_an_earlier_one_creates(management):
    # "Invoking multiple change types in one change set", on AWS's page "Using the AWS Marketplace Catalog API".
    description = succeed(
        management.catalog,
        change("CreateExperience", None, {"Name": "Chained"}, name="NewOne"),
        change("CreateProcurementPolicy", "$NewOne.Entity.Identifier", {"Name": "Chained policy"}),
    )
    experience = created(description)
    [policy] = details(management.catalog, experience)["ProcurementPolicies"]
    assert details(management.catalog, policy)["Name"] == "Chained policy"
