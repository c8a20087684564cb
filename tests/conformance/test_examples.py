"""The examples of AWS's documentation, request by request, as plain signed HTTP, with ids of our own.

From the pages "Work with the private marketplace using the AWS Marketplace API"
(docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-marketplace.html) and "Using the AWS Marketplace
Catalog API" (…/APIReference/catalog-apis.html). README.md says which examples of them are left out, and why.
"""

import json

import pytest

from marketplace import CATALOG, created, details, ended, lists, succeed, change

JSON = {"Content-type": "application/json"}


def post(caller, operation, body):
    answer = caller.http("POST", f"/{operation}", body, JSON)
    assert answer.status == 200, answer.body
    return answer.json


def describe(caller, entity):
    answer = caller.http("GET", f"/DescribeEntity?catalog={CATALOG}&entityId={entity}")
    assert answer.status == 200, answer.body
    return answer.json


def request(kind, experience, document, name=None):
    """A StartChangeSet request of one change, in the form of the page."""
    entity = {"Type": "Experience@1.0"}
    if experience:
        entity["Identifier"] = experience
    made = {"Catalog": CATALOG, "ChangeSet": [{"ChangeType": kind, "DetailsDocument": document, "Entity": entity}]}
    if name:
        made["ChangeSetName"] = name
    return made


def run(caller, body):
    """Sends a StartChangeSet example; answers the description of its change set, which must have succeeded."""
    answer = post(caller, "StartChangeSet", body)
    assert sorted(answer) == ["ChangeSetArn", "ChangeSetId"]
    assert answer["ChangeSetArn"].startswith("arn:aws:aws-marketplace:")
    assert answer["ChangeSetArn"].endswith(f":{CATALOG}/ChangeSet/{answer['ChangeSetId']}")
    description = ended(caller.catalog, answer["ChangeSetId"])
    assert description["Status"] == "SUCCEEDED", description
    return description


BRANDING = {
    "Name": "AutumnBranding",
    "Description": "Our branding",
    "Configuration": {
        "Title": "Autumn",
        "Information": "What we approve.",
        "ThemeColor": "#0e7f74",
        "LogoUrl": "https://example.com/path/mylogo.png",
    },
}


def test_a_private_marketplace_from_nothing_to_its_first_product(management, organization):
    """The page's sections from "Creating a private marketplace" to "Adding or removing products": its requests name the
    revisions 1 to 6 of one experience one after the other, so each of them must make exactly one."""
    name = "Create Private Marketplace Example"
    description = run(management, request("CreateExperience", None, {"Name": "AutumnMarketplace"}, name))
    assert description["ChangeSetName"] == name
    # "You can also return the identifier by using DescribeChangeSet", and `ListEntities` finds it too.
    experience = created(description)
    listed = post(management, "ListEntities", {"Catalog": CATALOG, "EntityType": "Experience"})
    assert experience in [summary["EntityId"] for summary in listed["EntitySummaryList"]]
    assert describe(management, experience)["EntityIdentifier"] == f"{experience}@1"

    run(management, request("CreateProcurementPolicy", f"{experience}@1", {"Name": "AutumnPolicy"}))
    run(management, request("CreateBrandingSettings", f"{experience}@2", {"Name": "AutumnBranding"}))
    run(management, request("UpdateBrandingSettings", f"{experience}@3", BRANDING))
    run(management, request("UpdateExperience", f"{experience}@4", {"Status": "Enabled"}))
    refuse = {"Configuration": {"PolicyResourceRequests": "Deny"}}
    run(management, request("UpdateProcurementPolicy", f"{experience}@5", refuse))
    group = {"Ids": ["prod-1234-abcd-5678-autumn"], "Notes": "Useful product"}
    run(management, request("AllowProductProcurement", f"{experience}@6", {"Products": [group]}))
    assert describe(management, experience)["EntityIdentifier"] == f"{experience}@7"

    document = describe(management, experience)["DetailsDocument"]
    assert (document["Name"], document["Status"]) == ("AutumnMarketplace", "Enabled")
    [policy], [branding] = document["ProcurementPolicies"], document["BrandingSettings"]
    assert lists(management.catalog, policy) == (group["Ids"], [])
    assert details(management.catalog, policy)["Configuration"] == refuse["Configuration"]
    assert details(management.catalog, branding)["Configuration"].items() >= {"Title": "Autumn"}.items()


@pytest.fixture
def marketplace(management):
    """An enabled experience with branding settings, and two products allowed and one denied."""
    experience = created(succeed(management.catalog, change("CreateExperience", None, {"Name": "AutumnMarketplace"})))
    succeed(
        management.catalog,
        change("UpdateExperience", experience, {"Status": "Enabled"}),
        change("CreateProcurementPolicy", experience, {"Name": "AutumnPolicy"}),
        change("CreateBrandingSettings", experience, BRANDING),
    )
    groups = [{"Ids": ["prod-autumn-1", "prod-autumn-2"]}]
    succeed(
        management.catalog,
        change("AllowProductProcurement", experience, {"Products": groups}),
        change("DenyProductProcurement", experience, {"Products": [{"Ids": ["prod-autumn-3"]}]}),
    )
    return experience


def test_getting_a_list_of_products(management, organization, marketplace):
    """Section "Getting a list of products in a private marketplace experience": two GETs, and the form of the answers."""
    answer = describe(management, marketplace)
    assert {"Details", "DetailsDocument", "EntityArn", "EntityIdentifier", "EntityType", "LastModifiedDate"} <= set(answer)
    assert json.loads(answer["Details"]) == answer["DetailsDocument"]
    assert answer["EntityArn"] == organization.arn("Experience", marketplace)
    assert answer["EntityIdentifier"] == f"{marketplace}@3"
    assert answer["EntityType"] == "Experience@1.0"
    assert {"Name", "Status", "ProcurementPolicies", "BrandingSettings"} <= set(answer["DetailsDocument"])

    [policy] = answer["DetailsDocument"]["ProcurementPolicies"]
    answer = describe(management, policy)
    assert json.loads(answer["Details"]) == answer["DetailsDocument"]
    assert answer["EntityArn"] == organization.arn("ProcurementPolicy", policy)
    assert answer["EntityType"] == "ProcurementPolicy@1.0"
    document = answer["DetailsDocument"]
    assert document["Name"] == "AutumnPolicy"
    assert document["Configuration"] == {"PolicyResourceRequests": "Allow"}
    # The page's answer has a statement for each effect, and in it a resource for each product.
    effects = {statement["Effect"]: statement["Resources"] for statement in document["Statements"]}
    assert sorted(effects) == ["Allow", "Deny"]
    allowed, [denied] = effects["Allow"], effects["Deny"]
    assert sorted(resource["Ids"] for resource in allowed) == [["prod-autumn-1"], ["prod-autumn-2"]]
    assert denied["Ids"] == ["prod-autumn-3"]
    assert {resource["Type"] for resource in [*allowed, denied]} == {"Product"}


def test_removing_a_product(management, marketplace):
    """Section "Adding or removing products": "identical, with the exception that you use DenyProductProcurement"."""
    group = {"Ids": ["prod-autumn-1"], "Notes": "No longer useful"}
    run(management, request("DenyProductProcurement", f"{marketplace}@3", {"Products": [group]}))
    [policy] = details(management.catalog, marketplace)["ProcurementPolicies"]
    assert lists(management.catalog, policy) == (["prod-autumn-2"], ["prod-autumn-1", "prod-autumn-3"])


def test_disabling_a_private_marketplace(management, marketplace):
    """Section "Enabling or disabling a private marketplace experience": products and branding stay."""
    before = details(management.catalog, marketplace)
    run(management, request("UpdateExperience", marketplace, {"Status": "Disabled"}))
    assert details(management.catalog, marketplace) == {**before, "Status": "Disabled"}


def test_enabling_user_requests(management, marketplace):
    """Section "Enabling or disabling user requests"."""
    [policy] = details(management.catalog, marketplace)["ProcurementPolicies"]
    for requests in ("Deny", "Allow"):
        body = request("UpdateProcurementPolicy", marketplace, {"Configuration": {"PolicyResourceRequests": requests}})
        run(management, body)
        assert details(management.catalog, policy)["Configuration"] == {"PolicyResourceRequests": requests}


SHARED = {"FilterList": [{"Name": "Scope", "ValueList": ["SharedWithMe"]}]}


def test_listing_experiences_in_an_organization(management, delegate, organization):
    """Section "Working with private marketplaces for AWS Organizations": the three list requests."""
    listed = post(management, "ListEntities", {"Catalog": CATALOG, "EntityType": "Experience"})
    assert {summary["EntityId"] for summary in listed["EntitySummaryList"]} == set(organization.experiences)
    listed = post(delegate, "ListEntities", {"Catalog": CATALOG, "EntityType": "Experience", **SHARED})
    assert {summary["EntityId"] for summary in listed["EntitySummaryList"]} == set(organization.experiences)
    # "only entities outside of your account … are returned"
    assert post(management, "ListEntities", {"Catalog": CATALOG, "EntityType": "Experience", **SHARED})["EntitySummaryList"] == []

    body = request("AllowProductProcurement", organization.live, {"Products": [{"Ids": ["prod-autumn-1"]}]})
    change_set = run(management, body)["ChangeSetId"]
    listed = post(delegate, "ListChangeSets", {"Catalog": CATALOG, **SHARED})
    assert [summary["ChangeSetId"] for summary in listed["ChangeSetSummaryList"]] == [change_set]


def test_associating_and_disassociating_principals(management, organization, marketplace):
    """Section "Associating principals to experiences": an account, an organizational unit and the organization, added and
    taken away; the second request names its revision as `@02`."""
    principals = [organization.member, "ou-abcd-01234567", organization.id]
    experience = created(succeed(management.catalog, change("CreateExperience", None, {"Name": "Second"})))
    document = {"Name": "AudienceName", "Description": "Our audience.", "Principals": principals}
    name = "Set Audience for experience 01"
    body = request("AssociateAudience", f"{experience}@1", document, name)
    assert run(management, body)["ChangeSetName"] == name
    [audience] = post(management, "ListEntities", {"Catalog": CATALOG, "EntityType": "Audience"})["EntitySummaryList"]
    described = describe(management, audience["EntityId"])
    assert described["EntityType"] == "Audience@1.0"
    assert sorted(described["DetailsDocument"]["Principals"]) == sorted(principals)

    body = request("DisassociateAudience", f"{experience}@02", {"Principals": principals})
    run(management, {**body, "ChangeSetName": "Disassociate audience example"})
    # "To move a principal … disassociate it from the initial experience, then associate it with the second."
    run(management, request("AssociateAudience", marketplace, document))


def test_archiving_and_reactivating(management, marketplace):
    """Section "Archiving and reactivating a private marketplace experience": "you must disable it" first."""
    run(management, request("UpdateExperience", marketplace, {"Status": "Disabled"}))
    run(management, request("RestrictExperience", marketplace, {}))
    assert details(management.catalog, marketplace)["AdminStatus"] == "Restricted"
    run(management, request("ReviveExperience", marketplace, {}))
    assert details(management.catalog, marketplace)["AdminStatus"] == "Editable"


def test_the_legacy_details_attribute(management, marketplace):
    """"Working with the Details attribute (Legacy)" of the second page: the JSON as one line of text."""
    body = {
        "Catalog": CATALOG,
        "ChangeSet": [
            {
                "ChangeType": "UpdateProcurementPolicy",
                "Details": '{"Configuration" : {"PolicyResourceRequests" : "Deny"}}',
                "Entity": {"Type": "Experience@1.0", "Identifier": f"{marketplace}@3"},
            }
        ],
    }
    run(management, body)
    [policy] = details(management.catalog, marketplace)["ProcurementPolicies"]
    assert details(management.catalog, policy)["Configuration"] == {"PolicyResourceRequests": "Deny"}


def test_the_description_of_a_change_set(management, marketplace):
    """"Working with change sets" of the second page: every field of its example of an answer."""
    body = request("UpdateExperience", marketplace, {"Description": "Anew"}, "myChangeSetName")
    body["ChangeSet"][0]["ChangeName"] = "myChangeName"
    change_set = run(management, body)["ChangeSetId"]
    answer = management.http("GET", f"/DescribeChangeSet?catalog={CATALOG}&changeSetId={change_set}").json
    assert answer["ChangeSetId"] == change_set
    assert answer["ChangeSetName"] == "myChangeSetName"
    assert answer["Status"] == "SUCCEEDED"
    assert answer["StartTime"].endswith("Z") and answer["EndTime"].endswith("Z")
    assert answer.get("FailureCode") is None and answer.get("FailureDescription") is None
    [one] = answer["ChangeSet"]
    assert (one["ChangeName"], one["ChangeType"]) == ("myChangeName", "UpdateExperience")
    assert one["DetailsDocument"] == {"Description": "Anew"}
    assert json.loads(one["Details"]) == one["DetailsDocument"]
    assert one["Entity"]["Type"] == "Experience@1.0"
    assert one["Entity"]["Identifier"].split("@")[0] == marketplace
    assert one["ErrorDetailList"] == []


def test_listing_a_type_of_entity_without_its_version(management):
    """"Using DescribeEntity to get information about your entities" of the second page; nobody here sells containers."""
    listed = post(management, "ListEntities", {"Catalog": CATALOG, "EntityType": "ContainerProduct"})
    assert listed["EntitySummaryList"] == []
