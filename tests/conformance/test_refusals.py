"""What a ValidationException blames, by the service model of 2026; and assessments, of which a private marketplace has none."""

import re

import pytest
from botocore.exceptions import ClientError

from clients import refused
from marketplace import CATALOG, allow, change
from service_model import deviations

FIELDS = "ValidationExceptionFieldList"


def blamed(caller, operation, **parameters):
    """The fields of a refusal, held to the service model."""
    client = caller.client("marketplace-catalog", checked=False)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    response = caught.value.response
    assert response["Error"]["Code"] == "ValidationException"
    shape = client.meta.service_model.shape_for(FIELDS)
    fields = response.get(FIELDS, [])
    assert deviations(shape, fields) == []
    # The only pattern that says how a path is written.
    pattern = shape.member.members["Field"].metadata["pattern"]
    assert all(re.match(pattern, field["Field"]) for field in fields)
    return fields


def test_too_many_ids_are_blamed_with_their_change(management, organization):
    changes = [allow(organization.live, *(f"prod-{n}" for n in range(51)))]
    [field] = blamed(management, "start_change_set", Catalog=CATALOG, ChangeSet=changes)
    assert field["Field"] == "Details.Products.Ids"
    assert field["Reason"] == "FieldValidationFailed"
    assert field["ChangeType"] == "AllowProductProcurement"
    assert (field["EntityType"], field["EntityId"]) == ("Experience@1.0", organization.live)
    assert "less than or equal to 50" in field["Message"]


def test_a_stale_revision_is_blamed_on_the_identifier(management, organization):
    changes = [allow(f"{organization.live}@9", "prod-1")]
    [field] = blamed(management, "start_change_set", Catalog=CATALOG, ChangeSet=changes)
    assert (field["Field"], field["EntityId"]) == ("Entity.Identifier", organization.live)


def test_details_of_another_form_cannot_be_parsed(management, organization):
    changes = [change("UpdateExperience", organization.live, {"Colour": "red"})]
    [field] = blamed(management, "start_change_set", Catalog=CATALOG, ChangeSet=changes)
    assert (field["Reason"], field["Field"]) == ("CannotParse", "Details")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("Catalog", {"Catalog": "OtherMarketplace"}),
        ("EntityType", {"EntityType": "NoSuchType"}),
        ("MaxResults", {"MaxResults": 51}),
        ("NextToken", {"NextToken": "not-a-token"}),
        ("FilterList.Name", {"FilterList": [{"Name": "Name", "ValueList": ["Live"]}]}),
        ("Sort.SortBy", {"Sort": {"SortBy": "Name"}}),
    ],
)
def test_lists_blame_their_parameters(management, field, wrong):
    asked = {"Catalog": CATALOG, "EntityType": "Experience", **wrong}
    assert [one["Field"] for one in blamed(management, "list_entities", **asked)] == [field]


def test_there_are_no_assessments(management, organization):
    catalog = management.catalog
    assert catalog.list_assessments(Catalog=CATALOG)["AssessmentSummaryList"] == []
    target = {"EntityId": organization.live}
    assert catalog.list_assessments(Catalog=CATALOG, AssessmentTargetFilter=target)["AssessmentSummaryList"] == []
    unknown = {"Catalog": CATALOG, "AssessmentIdentifier": "assessment-1a2b3c"}
    refused("ResourceNotFoundException", 404, catalog.describe_assessment, **unknown)
    asked = {"Catalog": CATALOG, "FrameworkId": "AMISecurity", "EntityId": organization.live}
    refused("ValidationException", 422, catalog.start_assessment, **asked)


def test_an_experience_may_have_policies_for_discovery_and_an_integration(management, organization):
    document = management.catalog.describe_entity(Catalog=CATALOG, EntityId=organization.live)["DetailsDocument"]
    # As the tests of AWS's published shapes have them; what they say is published nowhere.
    assert document["DiscoveryPolicies"] == ["discopolicy-abcdef12345"]
    assert document["Integration"] == "integ-abcdefgh12345"
