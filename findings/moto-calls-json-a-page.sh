#!/usr/bin/env bash
# moto 5.2.5's server with boto3 1.43.11: the Content-Type of good answers in JSON.
#
# AWS answers in the JSON protocols as `application/x-amz-json-1.0` or `-1.1`, and its REST services as `application/json`. moto's
# server says so for DynamoDB and SQS, and calls what it answers for Organizations and Lambda `text/html`, with a good body. boto3
# reads it all the same: it never looks at the type.
#
# Seen:
#   organizations: text/html
#   lambda: text/html
#   dynamodb: application/x-amz-json-1.0
#   sqs: application/x-amz-json-1.0
#
# Why it matters: what a proxy or a portal sends in AWS's place is `text/html`, too. Whoever tells the two apart by the type alone
# refuses a server that answers well: the first bytes of the body have to decide.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check \
    'moto[server]==5.2.5' 'boto3==1.43.11' 'botocore==1.43.11'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import logging

import boto3
from moto.server import ThreadedMotoServer

EXPECTED = {
    "organizations": "text/html",
    "lambda": "text/html",
    "dynamodb": "application/x-amz-json-1.0",
    "sqs": "application/x-amz-json-1.0",
}
CALLS = {
    "organizations": lambda client: client.describe_organization(),
    "lambda": lambda client: client.list_functions(),
    "dynamodb": lambda client: client.list_tables(),
    "sqs": lambda client: client.list_queues(),
}

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()


def client(name):
    return boto3.client(
        name, region_name="us-east-1", endpoint_url=f"http://{host}:{port}", aws_access_key_id="a", aws_secret_access_key="b"
    )


client("organizations").create_organization(FeatureSet="ALL")
found = {}
for name, call in CALLS.items():
    headers = call(client(name))["ResponseMetadata"]["HTTPHeaders"]
    found[name] = headers["content-type"].split(";")[0]
    print(f"{name}: {found[name]}")
server.stop()
if found != EXPECTED:
    raise SystemExit(f"the behaviour changed: expected {EXPECTED!r}")
PYTHON
