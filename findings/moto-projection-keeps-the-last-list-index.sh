#!/usr/bin/env bash
# moto 5.2.5 with boto3 1.43.11: a ProjectionExpression that names several elements of one list.
#
# DynamoDB answers with a list of the elements that were named, in the order of the list: `l[0], l[2]` of [a, b, c, d] is [a, c]. moto
# answers with a list of one element, that of the path that is named last. GetItem and Query do so alike, at the top and within a map.
# Nothing is refused, and one index alone is right.
#
# Seen:
#   l[2]: c
#   l[0], l[2]: c
#   l[2], l[0]: a
#   l[1], l[2], l[3]: d
#   m.l[0], m.l[2]: c
#
# Why it matters: a program that reads two elements of a list at once passes no test against moto, though it is right; and one that takes
# the first element of the answer passes for the wrong reason where the paths are in falling order.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check \
    'moto[dynamodb]==5.2.5' 'boto3==1.43.11' 'botocore==1.43.11'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

EXPECTED = {
    "l[2]": "c",
    "l[0], l[2]": "c",
    "l[2], l[0]": "a",
    "l[1], l[2], l[3]": "d",
    "m.l[0], m.l[2]": "c",
}


def letters(item):
    found = item["m"]["M"]["l"] if "m" in item else item["l"]
    return "".join(element["S"] for element in found["L"])


found = {}
with mock_aws():
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
    )
    key, four = {"k": {"S": "1"}}, {"L": [{"S": letter} for letter in "abcd"]}
    client.put_item(TableName="t", Item={**key, "l": four, "m": {"M": {"l": four}}})
    for paths in EXPECTED:
        item = client.get_item(TableName="t", Key=key, ProjectionExpression=paths)["Item"]
        queried = client.query(
            TableName="t",
            KeyConditionExpression="k = :k",
            ExpressionAttributeValues={":k": key["k"]},
            ProjectionExpression=paths,
        )["Items"]
        assert queried == [item], f"Query answers otherwise: {queried}"
        found[paths] = letters(item)
for paths, seen in found.items():
    print(f"{paths}: {seen}")
assert found == EXPECTED, f"the behaviour has changed: expected {EXPECTED}"
PYTHON
