"""Private marketplaces as their administrators handle them: changes, change sets, lists of products."""

import json
import time
import uuid

CATALOG = "AWSMarketplace"
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")
# How long a change set of the suite's worlds may take, with room for busy machines.
CHANGE_SET_SECONDS = 30


def change(kind, entity, details, *, entity_type="Experience@1.0", name=None, as_text=False):
    """A change of a change set, with its details as a document, or as text in the legacy field."""
    target = {"Type": entity_type}
    if entity is not None:
        target["Identifier"] = entity
    made = {"ChangeType": kind, "Entity": target}
    if as_text:
        made["Details"] = json.dumps(details)
    else:
        made["DetailsDocument"] = details
    if name:
        made["ChangeName"] = name
    return made


def products(*ids, notes=None):
    """The details of a change that allows or denies products."""
    group = {"Ids": list(ids)}
    if notes:
        group["Notes"] = notes
    return {"Products": [group]}


def allow(entity, *ids, notes=None):
    return change("AllowProductProcurement", entity, products(*ids, notes=notes))


def deny(entity, *ids, notes=None):
    return change("DenyProductProcurement", entity, products(*ids, notes=notes))


def start(catalog, *changes, **more):
    """Starts a change set; answers its id."""
    more.setdefault("ClientRequestToken", str(uuid.uuid4()))
    answer = catalog.start_change_set(Catalog=CATALOG, ChangeSet=list(changes), **more)
    assert answer["ChangeSetArn"].endswith(f":{CATALOG}/ChangeSet/{answer['ChangeSetId']}")
    return answer["ChangeSetId"]


def eventually(what, look, seconds=CHANGE_SET_SECONDS, pause=0.02):
    """What `look` answers, once it answers something: a level is awaited, so nothing is missed between two looks."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(pause)


def ended(catalog, change_set):
    """The description of a change set, once it has ended."""

    def look():
        description = catalog.describe_change_set(Catalog=CATALOG, ChangeSetId=change_set)
        return description if description["Status"] in ENDS else None

    return eventually(f"change set {change_set} ends", look)


def succeed(catalog, *changes, **more):
    """Starts a change set, and asserts that it succeeds; answers its description."""
    description = ended(catalog, start(catalog, *changes, **more))
    assert description["Status"] == "SUCCEEDED", description
    return description


def fail(catalog, *changes):
    """Starts a change set, and asserts that it fails as the client's fault; answers the errors of each change."""
    description = ended(catalog, start(catalog, *changes))
    assert (description["Status"], description["FailureCode"]) == ("FAILED", "CLIENT_ERROR"), description
    return [
        [(error["ErrorCode"], error["ErrorMessage"]) for error in one.get("ErrorDetailList", [])]
        for one in description["ChangeSet"]
    ]


def describe(catalog, entity):
    return catalog.describe_entity(Catalog=CATALOG, EntityId=entity)


def details(catalog, entity):
    return describe(catalog, entity)["DetailsDocument"]


def revision(catalog, entity):
    """The number of an entity's newest revision."""
    return int(describe(catalog, entity)["EntityIdentifier"].split("@")[1])


def lists(catalog, policy):
    """The sorted ids that a policy allows, and those that it denies, as a reader of any form of it finds them."""
    found = {"Allow": [], "Deny": []}
    for statement in details(catalog, policy)["Statements"]:
        for resource in statement["Resources"]:
            assert resource["Type"] == "Product"
            found[statement["Effect"]].extend(resource["Ids"])
    for ids in found.values():
        assert len(ids) == len(set(ids)), "an id is listed twice"
    return sorted(found["Allow"]), sorted(found["Deny"])


def shared(*more):
    """The filters of a delegated administrator."""
    return [{"Name": "Scope", "ValueList": ["SharedWithMe"]}, *more]


def named(name, *values):
    """A filter."""
    return {"Name": name, "ValueList": list(values)}


def created(description, position=0):
    """The id of the entity that a change has created, from the description of its change set."""
    return description["ChangeSet"][position]["Entity"]["Identifier"].split("@")[0]


def new_experience(catalog, name="Conformance"):
    """Creates an experience; answers its id."""
    return created(succeed(catalog, change("CreateExperience", None, {"Name": name})))
