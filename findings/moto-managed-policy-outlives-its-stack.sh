#!/usr/bin/env bash
# moto 5.2.5 with boto3 1.43.11: a stack with an AWS::IAM::ManagedPolicy.
#
# CloudFormation deletes a managed policy with its stack. moto 5.2.5 reports DELETE_COMPLETE and keeps it, so that the same stack cannot
# be made again: its policy has a name. And where `Fn::If` takes a statement of it away with AWS::NoValue, CloudFormation leaves the
# statement out; moto hands the policy on with nothing in its place, and refuses it.
#
# Seen:
#   after the stack: ['kept']
#   the same stack again: EntityAlreadyExists
#   a statement that is taken away: MalformedPolicyDocument
#
# Why it matters: a deployment test that deletes a stack and makes it again fails at a policy that is right, and the usual way to write a
# statement for one case alone looks like a mistake. tests/deploy/emulator/resources.py does both as CloudFormation does.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check \
    'moto[cloudformation,iam]==5.2.5' 'boto3==1.43.11' 'botocore==1.43.11'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import json

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

STATEMENT = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


def template(name, *statements):
    properties = {"ManagedPolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": [*statements]}}
    return json.dumps({
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}},
    })


def refused(make):
    try:
        make()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "made"


with mock_aws():
    stacks, iam = (boto3.client(service, region_name="us-east-1") for service in ("cloudformation", "iam"))
    stacks.create_stack(StackName="one", TemplateBody=template("kept", STATEMENT))
    stacks.delete_stack(StackName="one")
    left = [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    again = refused(lambda: stacks.create_stack(StackName="one", TemplateBody=template("kept", STATEMENT)))
    taken_away = {"Fn::If": ["Never", STATEMENT, {"Ref": "AWS::NoValue"}]}
    without = refused(lambda: stacks.create_stack(StackName="two", TemplateBody=template("other", STATEMENT, taken_away)))
print("after the stack:", left)
print("the same stack again:", again)
print("a statement that is taken away:", without)
assert (left, again, without) == (["kept"], "EntityAlreadyExists", "MalformedPolicyDocument"), "the behaviour has changed"
PYTHON
