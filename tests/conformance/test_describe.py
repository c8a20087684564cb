"""DescribeEntity and BatchDescribeEntities."""

import json
import re

import pytest

import world
from clients import MISUSED, REFUSED, Caller, refused
from marketplace import CATALOG, allow, describe, details, lists, succeed

# The pattern of `DateTimeISO8601` in the service model.
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")


def test_an_experience_is_described_with_its_policy(management, organization):
    answer = describe(management.catalog, organization.live)
    assert answer["EntityType"] == "Experience@1.0"
    assert answer["EntityIdentifier"] == f"{organization.live}@1"
    assert answer["EntityArn"] == organization.arn("Experience", organization.live)
    assert DATE.match(answer["LastModifiedDate"])
    document = answer["DetailsDocument"]
    assert document["Name"] == "Live"
    assert document["Status"] == "Enabled"
    assert document["ProcurementPolicies"] == [organization.policy]
    assert document["BrandingSettings"] == []
    # As one that CreateExperience makes: the sample for Python takes those alone that say it.
    assert document["AdminStatus"] == "Editable"


def test_the_legacy_details_are_the_document_as_text(management, organization):
    for entity in (organization.live, organization.policy):
        answer = describe(management.catalog, entity)
        assert json.loads(answer["Details"]) == answer["DetailsDocument"]


def test_a_policy_is_described_whole(management, organization):
    answer = describe(management.catalog, organization.policy)
    assert answer["EntityType"] == "ProcurementPolicy@1.0"
    assert answer["EntityIdentifier"] == f"{organization.policy}@1"
    assert answer["EntityArn"] == organization.arn("ProcurementPolicy", organization.policy)
    document = answer["DetailsDocument"]
    assert isinstance(document["Name"], str)
    assert document["Configuration"] == {"PolicyResourceRequests": "Allow"}
    assert lists(management.catalog, organization.policy) == (sorted(world.APPROVED), world.REJECTED)
    notes = [
        resource.get("Notes")
        for statement in document["Statements"]
        for resource in statement["Resources"]
        if resource["Ids"] == [world.APPROVED[0]]
    ]
    assert notes == [world.NOTE]


def test_an_experience_without_a_policy_has_null_for_it(management, organization):
    # "An Experience entity with no procurement policy (null) allows all products to be procured."
    document = details(management.catalog, organization.bare)
    assert document["ProcurementPolicies"] is None


def test_the_newest_revision_may_be_asked_for(management, organization):
    # boto3's own model has no `@` in this parameter's pattern, but checks no patterns; what AWS does is not documented.
    assert describe(management.catalog, f"{organization.live}@1")["EntityIdentifier"] == f"{organization.live}@1"


def test_the_delegated_administrator_reads_what_the_management_account_owns(delegate, organization):
    assert describe(delegate.catalog, organization.live)["EntityArn"] == organization.arn("Experience", organization.live)


def test_a_policy_of_two_thousand_products_comes_in_one_answer(server):
    catalog = Caller(server.endpoint, world.LARGE_OWNER).catalog
    assert lists(catalog, world.LARGE_POLICY) == (world.LARGE_PRODUCTS, [])


def test_an_unknown_entity_is_not_found(management):
    refused(
        "ResourceNotFoundException",
        404,
        management.catalog.describe_entity,
        Catalog=CATALOG,
        EntityId="exp-nowhere",
    )


def test_others_are_denied(member, outsider, organization):
    for caller in (member, outsider):
        refused(
            "AccessDeniedException",
            403,
            caller.catalog.describe_entity,
            Catalog=CATALOG,
            EntityId=organization.live,
        )


@pytest.mark.parametrize("wrong", [{"Catalog": "OtherMarketplace"}, {"Catalog": ""}, {"EntityId": ""}])
def test_parameters_out_of_form_are_invalid(management, organization, wrong):
    call = management.client("marketplace-catalog", checked=False).describe_entity
    refused("ValidationException", 422, call, **{"Catalog": CATALOG, "EntityId": organization.live, **wrong})


def test_the_cli_describes_an_entity(management, organization):
    command = ["marketplace-catalog", "describe-entity", "--catalog", CATALOG, "--entity-id"]
    found = management.aws(*command, organization.live).json
    assert found["EntityIdentifier"] == f"{organization.live}@1"
    assert found["DetailsDocument"]["Status"] == "Enabled"
    name = management.aws(*command, organization.live, "--query", "DetailsDocument.Name", "--output", "text")
    assert name.out == "Live\n"


def test_the_cli_says_what_the_service_refused(management):
    command = ["marketplace-catalog", "describe-entity", "--catalog", CATALOG]
    ended = management.aws(*command, "--entity-id", "exp-nowhere")
    assert ended.code == REFUSED
    expected = r"An error occurred \(ResourceNotFoundException\) when calling the DescribeEntity operation: \S+"
    assert re.search(expected, ended.err)
    assert ended.out == ""
    misused = management.aws(*command)
    assert misused.code == MISUSED
    assert "--entity-id" in misused.err


# BatchDescribeEntities


def requests(*entities, catalog=CATALOG):
    return [{"Catalog": catalog, "EntityId": entity} for entity in entities]


def batch(caller, *entities):
    return caller.catalog.batch_describe_entities(EntityRequestList=requests(*entities))


def test_a_batch_describes_each_entity_as_a_single_call_does(management, organization):
    entities = [organization.live, organization.policy, organization.archived]
    answer = batch(management, *entities)
    assert answer.get("Errors", {}) == {}
    assert sorted(answer["EntityDetails"]) == sorted(entities)
    for entity in entities:
        alone = describe(management.catalog, entity)
        expected = {
            key: alone[key]
            for key in ("EntityType", "EntityArn", "EntityIdentifier", "LastModifiedDate", "DetailsDocument")
        }
        assert answer["EntityDetails"][entity] == expected


def test_a_batch_reports_each_error_by_its_entity(management, outsider, organization):
    answer = batch(management, organization.live, "exp-nowhere")
    assert list(answer["EntityDetails"]) == [organization.live]
    assert answer["Errors"]["exp-nowhere"]["ErrorCode"] == "ResourceNotFoundException"
    assert answer["Errors"]["exp-nowhere"]["ErrorMessage"]
    denied = batch(outsider, organization.live)
    assert denied["EntityDetails"] == {}
    assert denied["Errors"][organization.live]["ErrorCode"] == "AccessDeniedException"


def test_a_batch_sees_changes(management, organization):
    succeed(management.catalog, allow(organization.live, "prod-new"))
    found = batch(management, organization.live, organization.policy)["EntityDetails"]
    for entity in (organization.live, organization.policy):
        assert found[entity]["EntityIdentifier"] == f"{entity}@2"


def test_a_batch_holds_one_to_twenty_entities(management, organization):
    call = management.client("marketplace-catalog", checked=False).batch_describe_entities
    refused("ValidationException", 422, call, EntityRequestList=[])
    many = [f"exp-{number}" for number in range(20)]
    assert len(batch(management, *many)["Errors"]) == 20
    refused("ValidationException", 422, call, EntityRequestList=requests(*many, organization.live))


def test_the_delegated_administrator_reads_batches(delegate, organization):
    assert batch(delegate, organization.live)["EntityDetails"][organization.live]["EntityType"] == "Experience@1.0"


def test_the_cli_describes_a_batch(management, organization):
    asked = json.dumps(requests(organization.live, "exp-nowhere"))
    found = management.aws("marketplace-catalog", "batch-describe-entities", "--entity-request-list", asked).json
    assert found["EntityDetails"][organization.live]["DetailsDocument"]["Name"] == "Live"
    assert found["Errors"]["exp-nowhere"]["ErrorCode"] == "ResourceNotFoundException"
