"""The templates: what they say, and stacks of them."""

import re
from pathlib import Path

from servers import Failed, expect
from short_forms import load

FOLDER = Path(__file__).resolve().parents[2] / "infra" / "cloudformation"


def text(template):
    return (FOLDER / f"{template}.yaml").read_text(encoding="utf-8")


def read(template):
    return load(text(template))


def group(template, label):
    """The parameters of a group, as the console shows them."""
    groups = read(template)["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    return next(set(one["Parameters"]) for one in groups if label in one["Label"]["default"])


def fits(name, parameter, value):
    """Fails where CloudFormation would refuse the value; moto takes any."""
    values = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
    for one in values:
        if "AllowedPattern" in parameter and not re.search(parameter["AllowedPattern"], one):
            raise Failed(f"{name} does not take {one!r}: {parameter['ConstraintDescription']}")
        if "AllowedValues" in parameter and one not in map(str, parameter["AllowedValues"]):
            raise Failed(f"{name} does not take {one!r}")
        if parameter["Type"] == "Number":
            low, high = parameter.get("MinValue", float("-inf")), parameter.get("MaxValue", float("inf"))
            expect(low <= float(one) <= high, True, f"{name} takes {one}")
        length = parameter.get("MinLength", 0) <= len(one) <= parameter.get("MaxLength", 4096)
        expect(length, True, f"{name} takes {len(one)} characters")


class Stack:
    """A stack in one account: `client` is that account's CloudFormation."""

    def __init__(self, client, name, template):
        self.client, self.name, self.template = client, name, template
        self.parameters = read(template)["Parameters"]
        self.given = {}

    def deploy(self, outputs=None, **given):
        """Makes it, or updates it. A parameter that is not given has the output of the same name, else its default."""
        change = self.client.update_stack if self.exists() else self.client.create_stack
        change(**self.request(outputs, given))
        return self.outputs()

    def deploy_again(self):
        """Makes it once more with the same parameters, and takes over what it left when it was deleted: as docs/deploy.md says."""
        named = {"StackName": self.name, "ChangeSetName": "again"}
        self.client.create_change_set(**self.request(None, {}) | named, ChangeSetType="CREATE", ImportExistingResources=True)
        self.client.execute_change_set(**named)
        return self.outputs()

    def request(self, outputs, given):
        outputs = {name: value for name, value in (outputs or {}).items() if name in self.parameters}
        self.given |= outputs | given
        for name, parameter in self.parameters.items():
            fits(name, parameter, self.given.get(name, str(parameter.get("Default", ""))))
        body = text(self.template)
        # A longer one would have to be in a bucket first.
        expect(len(body.encode()) <= 51_200, True, f"{self.template}.yaml is short enough to be handed over as it is")
        return {
            "StackName": self.name,
            "TemplateBody": body,
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in self.given.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }

    def outputs(self):
        found = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        expect(found["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), True, f"{self.name} is {found['StackStatus']}")
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def exists(self):
        return any(one["StackName"] == self.name for one in self.client.describe_stacks()["Stacks"])

    def delete(self):
        self.client.delete_stack(StackName=self.name)
        expect(self.exists(), False, f"{self.name} is there after its deletion")
