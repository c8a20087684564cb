"""What `aws cloudformation deploy --s3-bucket` does, at an endpoint that is not AWS's. Its arguments are that command's."""

import argparse
import os
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from short_forms import load

REGION = "us-east-1"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", nargs=2)
    for name in ("--stack-name", "--s3-bucket", "--s3-prefix"):
        parser.add_argument(name, required=True)
    parser.add_argument("--template-file", required=True, type=Path)
    parser.add_argument("--capabilities", nargs="+", required=True)
    parser.add_argument("--parameter-overrides", nargs="*", default=[])
    parser.add_argument("--disable-rollback", action="store_true")
    parser.add_argument("--no-fail-on-empty-changeset", action="store_true")
    asked = parser.parse_args()
    clients = {name: boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=REGION) for name in ("s3", "cloudformation")}
    key = f"{asked.s3_prefix}/{asked.template_file.name}"
    clients["s3"].put_object(Bucket=asked.s3_bucket, Key=key, Body=asked.template_file.read_bytes())
    given = dict(one.split("=", 1) for one in asked.parameter_overrides)
    stacks = {one["StackName"]: one for one in clients["cloudformation"].describe_stacks()["Stacks"]}
    there = stacks.get(asked.stack_name)
    had = {one["ParameterKey"] for one in there.get("Parameters", [])} if there else set()
    # What the template does not know is left out without a word, and what is not given keeps its value, whatever its default is now.
    known = load(asked.template_file.read_text(encoding="utf-8"))["Parameters"]
    parameters = [{"ParameterKey": name, "ParameterValue": given[name]} for name in known if name in given]
    parameters += [{"ParameterKey": name, "UsePreviousValue": True} for name in known if name in had and name not in given]
    change = clients["cloudformation"].update_stack if there else clients["cloudformation"].create_stack
    url = f"https://{asked.s3_bucket}.s3.amazonaws.com/{key}"
    try:
        change(StackName=asked.stack_name, TemplateURL=url, Parameters=parameters, Capabilities=asked.capabilities)
    except ClientError as error:
        if not (asked.no_fail_on_empty_changeset and "No updates are to be performed" in str(error)):
            raise


if __name__ == "__main__":
    main()
