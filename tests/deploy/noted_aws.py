"""An `aws` for scripts.py: it keeps the stacks that it is told in a file, writes down each command, and deploys nothing.

The file is `state.json` beside it: stacks and StackSets with their templates, parameters and outputs, the bucket and its policy, and what AWS
answers in place of these, by command.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "111111111111"
STATE = HERE / "state.json"


def value(arguments, name, default=None):
    return arguments[arguments.index(name) + 1] if name in arguments else default


def refuse(said):
    sys.exit(said)


def described(name, stack):
    pairs = {"Parameters": ("ParameterKey", "ParameterValue"), "Outputs": ("OutputKey", "OutputValue")}
    return {"StackName": name, "StackStatus": "UPDATE_COMPLETE"} | {
        kind: [dict(zip(names, one)) for one in stack[kind].items()] for kind, names in pairs.items()
    }


def describe_stacks(state, arguments):
    name = value(arguments, "--stack-name")
    if name is None:
        begins = re.search("'(.*)'", value(arguments, "--query"))[1]
        return [described(one, stack) for one, stack in state["stacks"].items() if one.startswith(begins)]
    if name not in state["stacks"]:
        refuse(f"An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id {name} does not exist")
    return {"Stacks": [described(name, state["stacks"][name])]}


def deploy(state, arguments):
    """As the CLI does: what the template does not know is left out, and what is not given keeps its value."""
    template = Path(value(arguments, "--template-file")).read_text()
    known = re.findall(r"^  (\w+):$", re.search(r"^Parameters:\n((?:  .*\n|\n|#.*\n)*)", template, re.MULTILINE)[1], re.MULTILINE)
    words = arguments[arguments.index("--parameter-overrides") + 1 :] if "--parameter-overrides" in arguments else []
    given = dict(one.split("=", 1) for one in words)
    stack = state["stacks"].setdefault(value(arguments, "--stack-name"), {"Parameters": {}, "Outputs": {}})
    stack["Parameters"] = {name: of[name] for of in (stack["Parameters"], given) for name in known if name in of} | {
        name: given[name] for name in known if name in given
    }
    stack["Template"] = template
    if value(arguments, "--stack-name").endswith("-hub"):
        stack["Outputs"] = state["outputs"]


def delete_stack(state, arguments):
    del state["stacks"][value(arguments, "--stack-name")]


def get_template(state, arguments):
    return state["stacks"][value(arguments, "--stack-name")]["Template"]


def describe_stack_set(state, arguments):
    if value(arguments, "--stack-set-name") not in state["sets"]:
        refuse("An error occurred (StackSetNotFoundException) when calling the DescribeStackSet operation: StackSet not found")
    return state["sets"][value(arguments, "--stack-set-name")]


def change_set(state, arguments):
    one = [parameter["ParameterKey"] for parameter in json.loads(value(arguments, "--parameters"))]
    state["sets"][value(arguments, "--stack-set-name")] = one


def list_stack_instances(state, arguments):
    return "\t".join(state["instances"])


def head_bucket(state, arguments):
    if state["owner"] is None:
        refuse("An error occurred (404) when calling the HeadBucket operation: Not Found")
    if state["owner"] != value(arguments, "--expected-bucket-owner", state["owner"]):
        refuse("An error occurred (403) when calling the HeadBucket operation: Forbidden")
    return {}


def get_bucket_policy(state, arguments):
    if not state["policy"]:
        refuse("An error occurred (NoSuchBucketPolicy) when calling the GetBucketPolicy operation: The bucket policy does not exist")
    return json.dumps(state["policy"])


def put_bucket_policy(state, arguments):
    state["policy"] = json.loads(Path(value(arguments, "--policy").removeprefix("file://")).read_text())


ANSWERS = {
    "sts get-caller-identity": lambda *_: ACCOUNT,
    "cloudformation create-stack-set": change_set,
    "cloudformation update-stack-set": change_set,
    "cloudformation create-stack-instances": lambda *_: None,
    "cloudformation wait": lambda *_: None,
    "s3api put-object": lambda *_: None,
    "s3 mb": lambda *_: None,
}
for one in (describe_stacks, deploy, delete_stack, get_template, describe_stack_set, list_stack_instances):
    ANSWERS[f"cloudformation {one.__name__.replace('_', '-')}"] = one
for one in (head_bucket, get_bucket_policy, put_bucket_policy):
    ANSWERS[f"s3api {one.__name__.replace('_', '-')}"] = one


def main():
    arguments = sys.argv[1:]
    state = json.loads(STATE.read_text())
    state["log"].append(arguments)
    STATE.write_text(json.dumps(state))
    command = " ".join(arguments[:2])
    if command in state["errors"]:
        refuse(state["errors"][command])
    answer = ANSWERS[command](state, arguments)
    STATE.write_text(json.dumps(state))
    if answer is not None:
        print(answer if isinstance(answer, str) and value(arguments, "--output") == "text" else json.dumps(answer))


if __name__ == "__main__":
    main()
