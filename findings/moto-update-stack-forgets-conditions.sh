#!/usr/bin/env bash
# moto 5.2.5 with boto3 1.43.11: a stack is updated, and a parameter changes that a resource has by a condition alone.
#
# CloudFormation evaluates the conditions of a template again with each update, and changes every resource that comes out otherwise.
# moto 5.2.5 changes a resource only where a changed parameter stands in it as a Ref: one that reaches it through `Fn::If` with a
# condition, or within `Fn::Sub`, leaves it as it was, and update_stack ends in success.
#
# Seen:
#   by Ref: 'one', 'two'
#   by a condition: 'off', 'off'
#   within a text: 'is one', 'is one'
#
# Why it matters: a deployment test passes over a parameter that switches something on later, and says nothing. tests/deploy/page.py
# leaves such a block of commands out, with the reason; tests/iam deploys it.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check \
    'moto[cloudformation,ssm]==5.2.5' 'boto3==1.43.11' 'botocore==1.43.11'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import json

import boto3
from moto import mock_aws


def parameter(name, value):
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}}


TEMPLATE = {
    "Parameters": {"Word": {"Type": "String", "Default": "one"}},
    "Conditions": {"Switched": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Word"}, "one"]}]}},
    "Resources": {
        "Plain": parameter("plain", {"Ref": "Word"}),
        "Condition": parameter("condition", {"Fn::If": ["Switched", "on", "off"]}),
        "Text": parameter("text", {"Fn::Sub": "is ${Word}"}),
    },
}


@mock_aws
def main():
    client = lambda name: boto3.client(name, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    cloudformation, ssm = client("cloudformation"), client("ssm")
    values = lambda: [ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in ("plain", "condition", "text")]
    template = json.dumps(TEMPLATE)
    cloudformation.create_stack(StackName="s", TemplateBody=template)
    created = values()
    cloudformation.update_stack(StackName="s", TemplateBody=template, Parameters=[{"ParameterKey": "Word", "ParameterValue": "two"}])
    found = list(zip(created, values()))
    for what, (before, after) in zip(("by Ref", "by a condition", "within a text"), found):
        print(f"{what}: {before!r}, {after!r}")
    if found != EXPECTED:
        raise SystemExit(f"the behaviour changed: expected {EXPECTED!r}")


EXPECTED = [("one", "two"), ("off", "off"), ("is one", "is one")]
main()
PYTHON
