#!/usr/bin/env bash
# moto 5.2.5 with boto3 1.43.11: a Lambda function of a CloudFormation stack whose environment variable is a number of the template.
#
# Lambda's API knows environment variables as text alone (Environment.Variables is a map of strings), and CloudFormation turns a
# number, literal or of a parameter of type Number, into text. moto 5.2.5 returns both as JSON numbers from
# GetFunctionConfiguration, after create_stack and after update_stack.
#
# Seen:
#   after create_stack: (50, 50)
#   after update_stack: (50, 50)
#
# Why it matters: a test that hands a deployed function's variables to a process breaks (a process environment takes text), though
# nothing of the kind happens on AWS. tests/deploy/check.py makes text of them.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check \
    'moto[awslambda,cloudformation]==5.2.5' 'boto3==1.43.11' 'botocore==1.43.11'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import io
import json
import zipfile

import boto3
from moto import mock_aws

TEMPLATE = {
    "Parameters": {"Members": {"Type": "String", "Default": ""}, "Keep": {"Type": "Number", "Default": 50}},
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "f", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"S3Bucket": "code", "S3Key": "f.zip"},
                "Environment": {"Variables": {"LITERAL": 50, "KEEP": {"Ref": "Keep"}, "MEMBERS": {"Ref": "Members"}}},
            },
        },
    },
}


@mock_aws
def main():
    client = lambda name: boto3.client(name, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("bootstrap", "#!/bin/sh\n")
    client("s3").create_bucket(Bucket="code")
    client("s3").put_object(Bucket="code", Key="f.zip", Body=archive.getvalue())
    cloudformation, functions = client("cloudformation"), client("lambda")
    variables = lambda: functions.get_function_configuration(FunctionName="f")["Environment"]["Variables"]
    found = lambda: (variables()["LITERAL"], variables()["KEEP"])

    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE))
    created = found()
    cloudformation.update_stack(
        StackName="s", TemplateBody=json.dumps(TEMPLATE), Parameters=[{"ParameterKey": "Members", "ParameterValue": "o-example0000"}]
    )
    updated = found()
    print(f"after create_stack: {created!r}\nafter update_stack: {updated!r}")
    if (created, updated) != EXPECTED:
        raise SystemExit(f"the behaviour changed: expected {EXPECTED!r}")


EXPECTED = ((50, 50), (50, 50))
main()
PYTHON
