"""TagResource, UntagResource and ListTagsForResource, and tags given to StartChangeSet."""

import pytest

from clients import REFUSED, refused
from marketplace import allow, change, describe, ended, start


def tags(caller, arn):
    answer = caller.catalog.list_tags_for_resource(ResourceArn=arn)
    assert answer["ResourceArn"] == arn
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def pairs(**given):
    return [{"Key": key, "Value": item} for key, item in given.items()]


@pytest.fixture
def experience(organization):
    return organization.arn("Experience", organization.live)


def test_an_entity_is_tagged_and_untagged(management, experience):
    assert tags(management, experience) == {}
    management.catalog.tag_resource(ResourceArn=experience, Tags=pairs(team="platform", stage="test"))
    assert tags(management, experience) == {"team": "platform", "stage": "test"}
    management.catalog.tag_resource(ResourceArn=experience, Tags=pairs(stage="production", empty=""))
    assert tags(management, experience) == {"team": "platform", "stage": "production", "empty": ""}
    management.catalog.untag_resource(ResourceArn=experience, TagKeys=["team", "empty", "never-there"])
    assert tags(management, experience) == {"stage": "production"}


def test_a_tag_is_no_new_revision(management, organization, experience):
    before = describe(management.catalog, organization.live)["EntityIdentifier"]
    management.catalog.tag_resource(ResourceArn=experience, Tags=pairs(team="platform"))
    assert describe(management.catalog, organization.live)["EntityIdentifier"] == before


def test_change_sets_and_their_entities_are_tagged_as_they_start(management, organization):
    new = change("CreateExperience", None, {"Name": "Tagged"})
    new["EntityTags"] = pairs(team="entity")
    change_set = start(management.catalog, new, ChangeSetTags=pairs(team="change-set"))
    description = ended(management.catalog, change_set)
    assert tags(management, description["ChangeSetArn"]) == {"team": "change-set"}
    created = description["ChangeSet"][0]["Entity"]["Identifier"].split("@")[0]
    assert tags(management, organization.arn("Experience", created)) == {"team": "entity"}


def test_a_change_set_is_tagged_later(management, organization):
    change_set = start(management.catalog, allow(organization.live, "prod-a"))
    arn = ended(management.catalog, change_set)["ChangeSetArn"]
    management.catalog.tag_resource(ResourceArn=arn, Tags=pairs(team="platform"))
    assert tags(management, arn) == {"team": "platform"}


def test_what_does_not_exist_has_no_tags(management, organization):
    missing = organization.arn("Experience", "exp-nowhere")
    catalog = management.catalog
    refused("ResourceNotFoundException", 404, catalog.list_tags_for_resource, ResourceArn=missing)
    refused("ResourceNotFoundException", 404, catalog.tag_resource, ResourceArn=missing, Tags=pairs(a="b"))
    refused("ResourceNotFoundException", 404, catalog.untag_resource, ResourceArn=missing, TagKeys=["a"])


def test_others_are_denied(member, outsider, experience):
    for caller in (member, outsider):
        catalog = caller.catalog
        refused("AccessDeniedException", 403, catalog.list_tags_for_resource, ResourceArn=experience)
        refused("AccessDeniedException", 403, catalog.tag_resource, ResourceArn=experience, Tags=pairs(a="b"))
        refused("AccessDeniedException", 403, catalog.untag_resource, ResourceArn=experience, TagKeys=["a"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ResourceArn": "not-an-arn"},
        {"ResourceArn": ""},
        {"Tags": []},
        {"Tags": [{"Key": "", "Value": "v"}]},
        {"Tags": [{"Key": "k" * 129, "Value": "v"}]},
        {"Tags": [{"Key": "k", "Value": "v" * 257}]},
        {"Tags": [{"Key": "a;b", "Value": "v"}]},
        {"Tags": [{"Key": f"key-{number}", "Value": "v"} for number in range(201)]},
        {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]},
    ],
    ids=lambda wrong: str(wrong)[:30],
)
def test_tags_out_of_form_are_invalid(management, experience, wrong):
    call = management.client("marketplace-catalog", checked=False).tag_resource
    refused("ValidationException", 422, call, **{"ResourceArn": experience, "Tags": pairs(a="b"), **wrong})


def test_the_cli_tags(management, experience):
    tag = ["marketplace-catalog", "tag-resource", "--resource-arn", experience, "--tags"]
    assert management.aws(*tag, "Key=team,Value=platform", "Key=stage,Value=test").code == 0
    untag = ["marketplace-catalog", "untag-resource", "--resource-arn", experience, "--tag-keys", "stage"]
    assert management.aws(*untag).code == 0
    listing = ["marketplace-catalog", "list-tags-for-resource", "--resource-arn"]
    assert management.aws(*listing, experience).json["Tags"] == pairs(team="platform")
    missing = management.aws(*listing, experience.replace("exp-", "exp-not-"))
    assert missing.code == REFUSED
    assert "An error occurred (ResourceNotFoundException) when calling the ListTagsForResource operation" in missing.err
