"""Expressions of DynamoDB, and what reads and writes tell: the same cases against pmp-local and against moto, a second opinion.

Where moto is known to be laxer than AWS, the case says so, and is asked of pmp-local alone.
"""

import boto3
import pytest
from botocore.exceptions import ClientError

import world
from test_dynamodb import FAILED, Table, item, number

INVALID = "ValidationException"
KEY = item("o-1", "e-1")
MADE = item(
    "o-1",
    "e-1",
    amount=number(3),
    label={"S": "a#1"},
    strings={"SS": ["x", "y"]},
    numbers={"NS": ["1", "2"]},
    many={"L": [number(1), {"S": "two"}, number(3)]},
    tree={"M": {"branch": {"M": {"deep": number(7)}}, "flag": {"BOOL": True}}},
    hollow={"NULL": True},
)
VALUES = {
    ":one": number(1),
    ":three": number(3),
    ":four": number(4),
    ":a": {"S": "a"},
    ":b": {"S": "b"},
    ":x": {"S": "x"},
    ":n": {"S": "N"},
    ":more": {"L": [number(9)]},
    ":set": {"SS": ["y", "z"]},
    ":map": {"M": {"k": {"S": "v"}}},
}


@pytest.fixture(params=["pmp-local", "moto"])
def table(request):
    """A table of each of the two."""
    if request.param == "pmp-local":
        yield Table(request.getfixturevalue("management"), "expressions")
        return
    moto = pytest.importorskip("moto")
    with moto.mock_aws():
        # A session of its own: one from before moto was imported would call AWS.
        session = boto3.session.Session("any", "any", region_name=world.REGION)
        yield Table(session, "expressions")


def given(*texts):
    """The values that the texts use, as a parameter."""
    words = " ".join(texts).replace(",", " ").replace(")", " ").replace("(", " ").split()
    used = {name: value for name, value in VALUES.items() if name in words}
    return {"ExpressionAttributeValues": used} if used else {}


def code(call, **asked):
    """The name of the error that a call ends with; None if it ends well."""
    try:
        call(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


@pytest.mark.parametrize(
    "condition, holds",
    [
        ("attribute_exists(amount)", True),
        ("attribute_not_exists(amount)", False),
        ("attribute_not_exists(nothing) AND amount = :three", True),
        ("NOT amount = :three", False),
        ("amount < :four AND amount >= :three", True),
        ("amount = :one OR amount = :three AND label = :a", False),
        ("(amount = :one OR amount = :three) AND label <> :a", True),
        ("amount BETWEEN :one AND :four", True),
        ("amount IN (:one, :four)", False),
        ("amount IN (:one, :three)", True),
        ("begins_with(label, :a)", True),
        ("contains(label, :x)", False),
        ("contains(strings, :x)", True),
        ("contains(many, :three)", True),
        ("attribute_type(amount, :n)", True),
        ("attribute_type(label, :n)", False),
        ("size(strings) < :three", True),
        ("size(many) = :three", True),
        ("many[1] <> :a AND many[2] = :three", True),
        ("tree.branch.deep > :four", True),
        ("tree.branch.nothing > :four", False),
        ("attribute_exists(many[3])", False),
        ("attribute_exists(hollow)", True),
    ],
)
def test_a_condition_holds_or_does_not(table, condition, holds):
    table.put(MADE)
    asked = {"TableName": table.name, "Key": KEY, "ConditionExpression": condition, **given(condition)}
    assert code(table.db.delete_item, **asked) == (None if holds else FAILED)


@pytest.mark.parametrize(
    "update, name, after",
    [
        ("SET amount = amount + :four", "amount", number(7)),
        ("SET amount = :four - amount", "amount", number(1)),
        ("SET amount = if_not_exists(amount, :four)", "amount", number(3)),
        ("SET fresh = if_not_exists(nothing, :four)", "fresh", number(4)),
        ("SET many = list_append(many, :more)", "many", {"L": [*MADE["many"]["L"], number(9)]}),
        ("SET many = list_append(:more, many)", "many", {"L": [number(9), *MADE["many"]["L"]]}),
        ("SET many[1] = :b", "many", {"L": [number(1), {"S": "b"}, number(3)]}),
        ("SET many[8] = :b", "many", {"L": [*MADE["many"]["L"], {"S": "b"}]}),
        ("REMOVE many[0]", "many", {"L": MADE["many"]["L"][1:]}),
        ("SET tree.branch.deep = :b", "tree", {"M": {**MADE["tree"]["M"], "branch": {"M": {"deep": {"S": "b"}}}}}),
        ("REMOVE tree.flag", "tree", {"M": {"branch": MADE["tree"]["M"]["branch"]}}),
        ("REMOVE label, hollow", "label", None),
        ("ADD amount :four", "amount", number(7)),
        ("ADD fresh :four", "fresh", number(4)),
        ("ADD strings :set", "strings", {"SS": ["x", "y", "z"]}),
        ("DELETE strings :set", "strings", {"SS": ["x"]}),
        ("SET label = :b REMOVE hollow ADD amount :one DELETE strings :set", "amount", number(4)),
    ],
)
def test_an_update_changes_what_it_names(table, update, name, after):
    table.put(MADE)
    asked = {"TableName": table.name, "Key": KEY, "UpdateExpression": update, **given(update)}
    answer = table.db.update_item(ReturnValues="ALL_NEW", **asked)["Attributes"]
    found = answer.get(name)
    if found and "SS" in found:
        found["SS"].sort()
    assert found == after
    assert {key: value for key, value in answer.items() if key in KEY} == KEY


@pytest.mark.parametrize(
    "update",
    [
        "SET amount = nothing + :one",
        "SET amount = label + :one",
        "SET amount = :one, amount = :three",
        "SET amount = :one REMOVE amount",
        "SET nothing.branch = :one",
        "ADD label :one",
        "ADD amount :a",
        "DELETE many :set",
        "SET experience = :a",
        "SET amount = ",
        "SET amount = :one SET label = :a",
        "SET size = :one",
    ],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(table, update):
    table.put(MADE)
    asked = {"TableName": table.name, "Key": KEY, "UpdateExpression": update, **given(update)}
    assert code(table.db.update_item, **asked) == INVALID
    assert table.get("o-1", "e-1")["amount"] == number(3)


def test_an_update_takes_all_values_from_before(table, request):
    table.put(MADE)
    asked = {"TableName": table.name, "Key": KEY, "UpdateExpression": "SET amount = label, label = amount"}
    swapped = table.db.update_item(ReturnValues="ALL_NEW", **asked)["Attributes"]
    if request.node.callspec.params["table"] == "moto":
        pytest.skip("moto goes from left to right")
    assert (swapped["amount"], swapped["label"]) == (MADE["label"], MADE["amount"])


@pytest.mark.parametrize(
    "values, told",
    [
        ("NONE", None),
        ("ALL_OLD", MADE),
        ("UPDATED_OLD", {"amount": number(3)}),
        ("UPDATED_NEW", {"amount": number(4)}),
    ],
)
def test_an_update_tells_what_was_asked_for(table, values, told):
    table.put(MADE)
    asked = {"TableName": table.name, "Key": KEY, "UpdateExpression": "ADD amount :one", **given(":one")}
    answer = table.db.update_item(ReturnValues=values, **asked).get("Attributes")
    if values == "ALL_OLD":
        for found in (answer, told):
            found["strings"]["SS"].sort()
            found["numbers"]["NS"].sort()
    assert answer == told


@pytest.mark.parametrize(
    "shown, found",
    [
        ("amount, nothing", {"amount": number(3)}),
        ("tree.branch.deep, tree.flag", {"tree": MADE["tree"]}),
        ("many[2]", {"many": {"L": [number(3)]}}),
    ],
)
def test_a_projection_shows_parts(table, shown, found):
    table.put(MADE)
    assert table.db.get_item(TableName=table.name, Key=KEY, ProjectionExpression=shown)["Item"] == found


def test_segments_of_a_scan_hold_each_item_once(table):
    for number_ in range(40):
        table.put(item(f"o-{number_ % 20}", f"e-{number_}"))
    found = []
    for segment in range(4):
        pages = table.db.get_paginator("scan").paginate(
            TableName=table.name, Segment=segment, TotalSegments=4, PaginationConfig={"PageSize": 3}
        )
        found += [one["experience"]["S"] for page in pages for one in page["Items"]]
    assert sorted(found) == sorted(f"e-{n}" for n in range(40))


def test_a_cancelled_transaction_tells_each_reason_with_the_item(table):
    table.put(MADE)
    guarded = {"TableName": table.name, "ConditionExpression": "attribute_not_exists(amount)"}
    writes = [
        {"Put": {"TableName": table.name, "Item": item("o-1", "e-2")}},
        {"Delete": {**guarded, "Key": KEY, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
    ]
    with pytest.raises(ClientError) as caught:
        table.db.transact_write_items(TransactItems=writes)
    none, failed = caught.value.response["CancellationReasons"]
    assert (none["Code"], failed["Code"]) == ("None", "ConditionalCheckFailed")
    assert failed["Item"]["amount"] == number(3)
    assert table.get("o-1", "e-2") is None


@pytest.fixture
def strict(management):
    """A table of pmp-local: moto takes what is asked of it here."""
    return Table(management, "strict")


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"ExpressionAttributeValues": {":a": {"S": "a"}}}, "can only be specified when using expressions"),
        ({"ConditionExpression": "label = :none"}, "not defined; attribute value: :none"),
        ({"ConditionExpression": "#none = label"}, "not defined; attribute name: #none"),
        (
            {"ConditionExpression": "label = :a", "ExpressionAttributeValues": {":a": {"S": "a"}, ":b": {"S": "b"}}},
            "unused in expressions: keys: {:b}",
        ),
        (
            {"ConditionExpression": "attribute_exists(label)", "ExpressionAttributeNames": {"#n": "label"}},
            "unused in expressions: keys: {#n}",
        ),
        ({"Item": item("o-1", "e-1", strings={"SS": ["a", "a"]})}, "contains duplicates"),
        ({"Item": item("o-1", "e-1", numbers={"NS": ["1", "1.0"]})}, "contains duplicates"),
        ({"Item": item("o-1", "e-1", amount=number("1" * 39))}, "more than 38 significant digits"),
        ({"Item": item("o-1", "e-1", amount=number("1e126"))}, "Number overflow"),
        ({"Item": {"organization": {"S": "o-1"}, "experience": number(1)}}, "Type mismatch for key experience"),
    ],
)
def test_a_write_that_aws_refuses_is_refused(strict, asked, said):
    with pytest.raises(ClientError) as caught:
        strict.db.put_item(**{"TableName": strict.name, "Item": KEY, **asked})
    assert caught.value.response["Error"]["Code"] == INVALID
    assert said in caught.value.response["Error"]["Message"]


def test_numbers_lose_needless_zeros_and_lists_show_several_parts(strict):
    strict.put(item("o-1", "e-1", many={"L": [number("1.50"), number("007"), number("1e3"), number("-0")]}))
    shown = strict.db.get_item(TableName=strict.name, Key=KEY, ProjectionExpression="many[3], many[0], many[2]")
    assert shown["Item"]["many"] == {"L": [number("1.5"), number("1000"), number("0")]}


def test_a_token_makes_a_transaction_once(strict):
    update = {"TableName": strict.name, "Key": KEY, "UpdateExpression": "ADD amount :one", **given(":one")}
    for _ in range(2):
        strict.db.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="once")
    assert strict.get("o-1", "e-1")["amount"] == number(1)
    other = [{"Put": {"TableName": strict.name, "Item": KEY}}]
    asked = {"TransactItems": other, "ClientRequestToken": "once"}
    assert code(strict.db.transact_write_items, **asked) == "IdempotentParameterMismatchException"
