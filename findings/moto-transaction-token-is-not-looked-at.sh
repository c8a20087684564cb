#!/usr/bin/env bash
# moto 5.2.5 with boto3 1.43.11: TransactWriteItems with a ClientRequestToken, sent again.
#
# DynamoDB makes such a call idempotent for ten minutes: the same token with the same items changes nothing a second time, and with
# other items it is refused with IdempotentParameterMismatchException (API reference of TransactWriteItems). moto 5.2.5 does not
# look at the token.
#
# Seen, for a counter that starts at nothing:
#   add 1, token "first": taken; the same again: taken; add 5, token "first": taken; the counter is 7
#
# Why it matters: whoever tests that a hub's repeated store does not count twice, or that a token which is used for something else is
# noticed, sees the opposite of AWS. The embedded AWS of infra/local does as DynamoDB does.
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

EXPECTED = (["taken", "taken", "taken"], "7")


@mock_aws
def main():
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.create_table(
        TableName="counters",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"name": {"S": "head"}}

    def add(number, token):
        update = {
            "TableName": "counters", "Key": key, "UpdateExpression": "ADD reached :number",
            "ExpressionAttributeValues": {":number": {"N": str(number)}},
        }
        try:
            client.transact_write_items(ClientRequestToken=token, TransactItems=[{"Update": update}])
            return "taken"
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    answers = [add(1, "first"), add(1, "first"), add(5, "first")]
    reached = client.get_item(TableName="counters", Key=key)["Item"]["reached"]["N"]
    print(f"answers: {answers}; the counter is {reached}")
    if (answers, reached) != EXPECTED:
        raise SystemExit(f"the behaviour changed: expected {EXPECTED!r}")


main()
PYTHON
