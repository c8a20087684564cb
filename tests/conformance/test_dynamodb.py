"""DynamoDB as the ledger uses it: conditional writes, transactions, queries in pages, the size of an item, policies."""

import threading
import uuid

import pytest
from botocore.exceptions import ClientError

import world
from clients import REFUSED, Caller, refused
from test_sts import assume

FAILED = "ConditionalCheckFailedException"


def item(organization, experience, **more):
    return {"organization": {"S": organization}, "experience": {"S": experience}, **more}


def number(value):
    return {"N": str(value)}


class Table:
    """A table with a partition and a sort key."""

    def __init__(self, caller, name="receipts", sort="S"):
        self.name = name
        self.db = caller.client("dynamodb")
        self.db.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "organization", "AttributeType": "S"},
                {"AttributeName": "experience", "AttributeType": sort},
            ],
            KeySchema=[
                {"AttributeName": "organization", "KeyType": "HASH"},
                {"AttributeName": "experience", "KeyType": "RANGE"},
            ],
        )
        self.db.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})

    def put(self, made, condition=None, **values):
        more = {"ConditionExpression": condition} if condition else {}
        if values:
            more["ExpressionAttributeValues"] = {f":{key}": value for key, value in values.items()}
        return self.db.put_item(TableName=self.name, Item=made, **more)

    def get(self, organization, experience):
        return self.db.get_item(
            TableName=self.name, Key=item(organization, experience), ConsistentRead=True
        ).get("Item")

    def query(self, **more):
        pages = self.db.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="organization = :o",
            ExpressionAttributeValues={":o": {"S": "o-1"}},
            **more,
        )
        return [found for page in pages for found in page["Items"]]


@pytest.fixture
def table(management):
    return Table(management)


def test_a_table_is_made_described_and_deleted(table):
    described = table.db.describe_table(TableName="receipts")["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["organization", "experience"]
    assert table.db.list_tables()["TableNames"] == ["receipts"]
    refused("ResourceInUseException", 400, table.db.create_table, TableName="receipts", **described_again(described))
    table.db.delete_table(TableName="receipts")
    refused("ResourceNotFoundException", 400, table.get, "o-1", "e-1")


def described_again(described):
    return {key: described[key] for key in ("AttributeDefinitions", "KeySchema")} | {"BillingMode": "PAY_PER_REQUEST"}


def test_every_type_of_value_comes_back_as_it_was(table):
    made = item(
        "o-1",
        "e-1",
        number=number("12345678901234567890.5"),
        binary={"B": bytes(range(256))},
        flag={"BOOL": True},
        nothing={"NULL": True},
        list={"L": [{"S": "a"}, number(1)]},
        map={"M": {"member": {"S": "a key named member"}}},
        strings={"SS": ["a", "b"]},
        numbers={"NS": ["1", "2"]},
    )
    table.put(made)
    found = table.get("o-1", "e-1")
    found["strings"]["SS"].sort()
    found["numbers"]["NS"].sort()
    assert found == made
    assert table.get("o-1", "e-2") is None


def test_a_condition_guards_a_write(table):
    guard = "attribute_not_exists(version) OR version <= :v"
    table.put(item("o-1", "e-1", version=number(2)), guard, v=number(2))
    refused(FAILED, 400, table.put, item("o-1", "e-1", version=number(1)), guard, v=number(1))
    table.put(item("o-1", "e-1", version=number(3)), guard, v=number(3))
    assert table.get("o-1", "e-1")["version"] == number(3)
    refused(FAILED, 400, table.put, item("o-1", "e-1"), "attribute_not_exists(organization)")


def test_a_failed_condition_tells_the_old_item(table):
    table.put(item("o-1", "e-1", version=number(2)))
    with pytest.raises(ClientError) as caught:
        table.db.put_item(
            TableName="receipts",
            Item=item("o-1", "e-1"),
            ConditionExpression="attribute_not_exists(organization)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Error"]["Code"] == FAILED
    assert caught.value.response["Item"] == item("o-1", "e-1", version=number(2))


def test_one_of_many_racing_writers_wins(server, management, table):
    outcomes, lock = [], threading.Lock()
    barrier = threading.Barrier(12)

    def write(writer):
        db = Caller(server.endpoint, management.account).client("dynamodb")
        barrier.wait(30)
        try:
            db.put_item(
                TableName="receipts",
                Item=item("o-1", "e-1", writer=number(writer)),
                ConditionExpression="attribute_not_exists(organization)",
            )
            outcome = writer
        except ClientError as error:
            outcome = error.response["Error"]["Code"]
        with lock:
            outcomes.append(outcome)

    writers = [threading.Thread(target=write, args=[writer]) for writer in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    [winner] = [outcome for outcome in outcomes if outcome != FAILED]
    assert len(outcomes) == 12
    assert table.get("o-1", "e-1")["writer"] == number(winner)


def test_an_update_counts_and_removes(table):
    table.put(item("o-1", "e-1", count=number(1), former={"S": "x"}))
    answer = table.db.update_item(
        TableName="receipts",
        Key=item("o-1", "e-1"),
        UpdateExpression="SET #c = #c + :n, fresh = if_not_exists(fresh, :f) REMOVE former",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":n": number(5), ":f": {"S": "new"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == item("o-1", "e-1", count=number(6), fresh={"S": "new"})
    assert table.get("o-1", "e-1") == answer["Attributes"]


def test_a_delete_is_conditional(table):
    table.put(item("o-1", "e-1", holder={"S": "a"}))
    asked = {"TableName": "receipts", "Key": item("o-1", "e-1"), "ConditionExpression": "holder = :h"}
    refused(FAILED, 400, table.db.delete_item, **asked, ExpressionAttributeValues={":h": {"S": "b"}})
    table.db.delete_item(**asked, ExpressionAttributeValues={":h": {"S": "a"}})
    assert table.get("o-1", "e-1") is None


def put(made, condition=None):
    asked = {"TableName": "receipts", "Item": made}
    if condition:
        asked["ConditionExpression"] = condition
    return {"Put": asked}


def test_a_transaction_is_whole_or_nothing(table):
    table.put(item("o-1", "e-2"))
    writes = [put(item("o-1", "e-1")), put(item("o-1", "e-2"), "attribute_not_exists(organization)")]
    with pytest.raises(ClientError) as caught:
        table.db.transact_write_items(TransactItems=writes)
    error = caught.value.response
    assert error["Error"]["Code"] == "TransactionCanceledException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert [reason["Code"] for reason in error["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert table.get("o-1", "e-1") is None
    table.db.transact_write_items(TransactItems=[put(item("o-1", f"e-{n}")) for n in range(100)])
    assert len(table.query()) == 100


def test_a_transaction_holds_a_hundred_writes_each_on_its_own_item(management, table):
    call = management.client("dynamodb", checked=False).transact_write_items
    refused("ValidationException", 400, call, TransactItems=[put(item("o-1", f"e-{n}")) for n in range(101)])
    refused("ValidationException", 400, call, TransactItems=[put(item("o-1", "e-1"))] * 2)


def test_a_batch_is_written_and_read(table):
    writes = [{"PutRequest": {"Item": item("o-1", f"e-{n:02}")}} for n in range(25)]
    assert table.db.batch_write_item(RequestItems={"receipts": writes})["UnprocessedItems"] == {}
    keys = [item("o-1", f"e-{n:02}") for n in range(0, 25, 2)]
    found = table.db.batch_get_item(RequestItems={"receipts": {"Keys": keys}})["Responses"]["receipts"]
    assert sorted(one["experience"]["S"] for one in found) == [f"e-{n:02}" for n in range(0, 25, 2)]
    many = {"receipts": [*writes, {"PutRequest": {"Item": item("o-1", "e-99")}}]}
    refused("ValidationException", 400, table.db.batch_write_item, RequestItems=many)


def test_a_query_is_ordered_by_its_sort_key(management):
    numbers = Table(management, "versions", sort="N")
    for value in (10, 9, 100, 1):
        numbers.put({"organization": {"S": "o-1"}, "experience": number(value)})
    assert [found["experience"]["N"] for found in numbers.query()] == ["1", "9", "10", "100"]
    newest = numbers.query(ScanIndexForward=False, PaginationConfig={"MaxItems": 1})
    assert [found["experience"]["N"] for found in newest] == ["100"]


def test_a_query_takes_conditions_on_the_sort_key_and_filters(table):
    for name in ("a#1", "a#2", "b#1"):
        table.put(item("o-1", name, kind={"S": name[0]}))
    table.put(item("o-2", "a#1"))

    def query(condition, **values):
        return [
            found["experience"]["S"]
            for found in table.db.query(
                TableName="receipts",
                KeyConditionExpression=f"organization = :o AND {condition}",
                ExpressionAttributeValues={":o": {"S": "o-1"}, **{f":{k}": {"S": v} for k, v in values.items()}},
            )["Items"]
        ]

    assert query("begins_with(experience, :p)", p="a#") == ["a#1", "a#2"]
    assert query("experience BETWEEN :a AND :b", a="a#2", b="b#1") == ["a#2", "b#1"]
    assert query("experience > :a", a="a#2") == ["b#1"]
    filtered = table.db.query(
        TableName="receipts",
        KeyConditionExpression="organization = :o",
        FilterExpression="kind = :k",
        ExpressionAttributeValues={":o": {"S": "o-1"}, ":k": {"S": "b"}},
    )
    assert (filtered["Count"], filtered["ScannedCount"]) == (1, 3)


def test_a_page_ends_at_a_mebibyte(table):
    made = [item("o-1", f"e-{n:02}", data={"S": "x" * 150_000}) for n in range(20)]
    for one in made:
        table.put(one)
    first = table.db.query(
        TableName="receipts",
        KeyConditionExpression="organization = :o",
        ExpressionAttributeValues={":o": {"S": "o-1"}},
    )
    assert 1 <= first["Count"] < 20 and first["LastEvaluatedKey"]
    size = sum(len(one["data"]["S"]) for one in first["Items"])
    assert size <= 1024 * 1024 + 150_000
    # boto3's paginator goes on until the end: nothing is missing, nothing comes twice.
    assert table.query() == made
    pages = table.db.get_paginator("scan").paginate(TableName="receipts")
    assert sum(page["Count"] for page in pages) == 20


def test_a_page_is_measured_by_names_and_values(table):
    # Some 270 bytes each as DynamoDB counts, a third of a mebibyte in all; as JSON text more than a mebibyte.
    many = {f"a{number:02}": {"S": "x"} for number in range(60)}
    size = len("organization" + "o-1" + "experience" + "e-0000") + 4 * len(many)
    made = [item("o-1", f"e-{n:04}", **many) for n in range(1200)]
    for begin in range(0, len(made), 25):
        batch = [{"PutRequest": {"Item": one}} for one in made[begin : begin + 25]]
        assert table.db.batch_write_item(RequestItems={"receipts": batch})["UnprocessedItems"] == {}
    whole = table.db.scan(TableName="receipts", ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert whole["Count"] == whole["ScannedCount"] == len(whole["Items"]) == 1200
    assert "LastEvaluatedKey" not in whole
    assert whole["ConsumedCapacity"]["CapacityUnits"] == -(-1200 * size // 4096)
    asked = {
        "TableName": "receipts",
        "KeyConditionExpression": "organization = :o",
        "ExpressionAttributeValues": {":o": {"S": "o-1"}},
    }
    limited = table.db.query(Limit=1100, **asked)
    assert limited["Count"] == 1100 and limited["Items"] == made[:1100]
    rest = table.db.query(ExclusiveStartKey=limited["LastEvaluatedKey"], **asked)
    assert rest["Items"] == made[1100:] and "LastEvaluatedKey" not in rest


def test_a_limit_makes_pages(table):
    for n in range(7):
        table.put(item("o-1", f"e-{n}"))
    found = table.query(PaginationConfig={"PageSize": 3})
    assert [one["experience"]["S"] for one in found] == [f"e-{n}" for n in range(7)]


def test_an_item_holds_400_kibibytes(table):
    # Names and values count; binary values as the bytes that they are, not as their text.
    room = 400 * 1024 - len("organization" + "o-1" + "experience" + "e-1" + "data")
    table.put(item("o-1", "e-1", data={"B": b"\x01" * room}))
    assert len(table.get("o-1", "e-1")["data"]["B"]) == room
    refused("ValidationException", 400, table.put, item("o-1", "e-1", data={"B": b"\x01" * (room + 1)}))
    table.put(item("o-1", "e-2", data={"S": "x" * room}))
    assert len(table.get("o-1", "e-2")["data"]["S"]) == room
    refused("ValidationException", 400, table.put, item("o-1", "e-2", data={"S": "x" * (room + 1)}))


def test_keys_are_checked(table):
    refused("ValidationException", 400, table.put, {"organization": {"S": "o-1"}})
    refused("ValidationException", 400, table.put, item("", "e-1"))
    refused("ValidationException", 400, table.put, item("o-1", "e-1"), "version <")


def test_a_session_writes_its_own_partition_alone(management, delegate, organization):
    table = Table(management, f"receipts-{uuid.uuid4()}")
    session = assume(delegate, organization.role("writer")).client("dynamodb")
    own, other = item(organization.id, "e-1"), item("o-other00000", "e-1")
    session.put_item(TableName=table.name, Item=own)
    assert session.get_item(TableName=table.name, Key=own)["Item"] == own
    refused("AccessDeniedException", 400, session.put_item, TableName=table.name, Item=other)
    refused("AccessDeniedException", 400, session.get_item, TableName=table.name, Key=other)
    refused("AccessDeniedException", 400, session.scan, TableName=table.name)
    refused("AccessDeniedException", 400, session.delete_item, TableName=table.name, Key=own)
    # By ARN it is the same table; another account's own key does not open it.
    arn = f"arn:aws:dynamodb:{world.REGION}:{organization.management}:table/{table.name}"
    assert session.get_item(TableName=arn, Key=own)["Item"] == own
    refused("AccessDeniedException", 400, delegate.client("dynamodb").get_item, TableName=arn, Key=own)
    refused("ResourceNotFoundException", 400, delegate.client("dynamodb").get_item, TableName=table.name, Key=own)


def test_the_cli_puts_gets_and_queries(management, table):
    where = ["--table-name", "receipts"]
    made = '{"organization": {"S": "o-1"}, "experience": {"S": "e-1"}, "version": {"N": "7"}}'
    key = '{"organization": {"S": "o-1"}, "experience": {"S": "e-1"}}'
    assert management.aws("dynamodb", "put-item", *where, "--item", made).code == 0
    assert management.aws("dynamodb", "get-item", *where, "--key", key).json["Item"]["version"] == number(7)
    asked = ["--key-condition-expression", "organization = :o", "--expression-attribute-values", '{":o": {"S": "o-1"}}']
    assert management.aws("dynamodb", "query", *where, *asked).json["Count"] == 1
    guard = ["--condition-expression", "attribute_not_exists(organization)"]
    again = management.aws("dynamodb", "put-item", *where, "--item", made, *guard)
    assert again.code == REFUSED
    assert f"An error occurred ({FAILED}) when calling the PutItem operation" in again.err
