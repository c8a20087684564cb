"""A template of CloudFormation with parameters: its resources, with every intrinsic function resolved."""

import re
from functools import lru_cache
from pathlib import Path

from patterns import NotUnderstood
from short_forms import load

FOLDER = Path(__file__).resolve().parents[3] / "infra" / "cloudformation"

# `AWS::NoValue`: the value, or the element of a list, is as if it were not there.
ABSENT = object()

# What a resource's name is, and what its ARN is made of: service, whether it has a region, what stands before the name and after it.
NAMED = {
    "AWS::DynamoDB::Table": ("TableName", "dynamodb", True, "table/", ""),
    "AWS::SNS::Topic": ("TopicName", "sns", True, "", ""),
    "AWS::SQS::Queue": ("QueueName", "sqs", True, "", ""),
    "AWS::Lambda::Function": ("FunctionName", "lambda", True, "function:", ""),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs", True, "log-group:", ":*"),
    "AWS::Events::Rule": ("Name", "events", True, "rule/", ""),
    "AWS::IAM::Role": ("RoleName", "iam", False, "role", ""),
}


@lru_cache(maxsize=None)
def body(name):
    return load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


class Template:
    """`name` is the file's, `account` where it is deployed. `asked` collects how each condition came out that was asked for."""

    def __init__(self, name, account, parameters, asked=None):
        self.name, self.account = name, account
        self.body = body(name)
        self.asked = {} if asked is None else asked
        self.pseudo = {
            "AWS::AccountId": account,
            "AWS::Region": "us-east-1",
            "AWS::Partition": "aws",
            "AWS::NoValue": ABSENT,
        }
        unknown = parameters.keys() - self.body["Parameters"].keys()
        if unknown:
            raise NotUnderstood(f"{name}.yaml has no parameters {sorted(unknown)}")
        self.parameters = {
            parameter: self.parameter(parameter, declared, parameters) for parameter, declared in self.body["Parameters"].items()
        }

    def parameter(self, name, declared, given):
        if name not in given and "Default" not in declared:
            raise NotUnderstood(f"{self.name}.yaml needs a value for {name}")
        value = str(given.get(name, declared.get("Default")))
        many = declared["Type"] == "CommaDelimitedList"
        # As AWS does: a pattern is looked for in each element of a list.
        for one in value.split(",") if many else [value]:
            if not re.search(declared.get("AllowedPattern", ""), one):
                raise NotUnderstood(f"{name} does not take {one!r}")
            if one not in map(str, declared.get("AllowedValues", [one])):
                raise NotUnderstood(f"{name} does not take {one!r}")
        return value.split(",") if many else value

    def resources(self, carriers):
        """
        Those that are made, by their logical id, with their type; properties are resolved when they are asked for. What becomes of the
        condition of one whose type is among the carriers of policies is noted.
        """
        for logical, resource in self.body["Resources"].items():
            condition = resource.get("Condition")
            made = condition is None or self.test(self.body["Conditions"][condition])
            if condition and resource["Type"] in carriers:
                self.condition(condition)
            if made:
                yield logical, resource["Type"], resource.get("Properties", {})

    def condition(self, name):
        value = self.test(self.body["Conditions"][name])
        self.asked.setdefault((self.name, name), set()).add(value)
        return value

    def test(self, what):
        (function, of), *more = what.items()
        if more:
            raise NotUnderstood(f"a condition with several functions: {what}")
        match function:
            case "Condition":
                return self.test(self.body["Conditions"][of])
            case "Fn::Not":
                return not self.test(of[0])
            case "Fn::And":
                return all([self.test(one) for one in of])
            case "Fn::Or":
                return any([self.test(one) for one in of])
            case "Fn::Equals":
                return self.value(of[0]) == self.value(of[1])
        raise NotUnderstood(f"the function {function} in a condition")

    def value(self, what):
        """What an expression comes to."""
        if isinstance(what, list):
            return [value for value in map(self.value, what) if value is not ABSENT]
        if not isinstance(what, dict):
            return what
        if len(what) == 1:
            ((function, of),) = what.items()
            if function == "Ref":
                return self.ref(of)
            if function.startswith("Fn::") or function == "Condition":
                return self.called(function, of)
        values = {key: self.value(value) for key, value in what.items()}
        return {key: value for key, value in values.items() if value is not ABSENT}

    def called(self, function, of):
        match function:
            case "Fn::Sub":
                text, given = (of, {}) if isinstance(of, str) else of
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.named(found[1], given), text)
            case "Fn::If":
                return self.value(of[1] if self.condition(of[0]) else of[2])
            case "Fn::Join":
                return of[0].join(self.value(of[1]))
            case "Fn::Split":
                return self.value(of[1]).split(of[0])
            case "Fn::GetAtt":
                return self.attribute(*of)
        raise NotUnderstood(f"the function {function}")

    def named(self, name, given):
        if name.startswith("!"):
            raise NotUnderstood(f"a literal ${{{name}}}")
        if name in given:
            value = self.value(given[name])
        elif "." in name:
            value = self.attribute(*name.split(".", 1))
        else:
            value = self.ref(name)
        if not isinstance(value, str):
            raise NotUnderstood(f"a text with ${{{name}}}, which is {value!r}")
        return value

    def ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        resource = self.body["Resources"][name]
        match resource["Type"]:
            case "AWS::SNS::Topic":
                return self.attribute(name, "Arn")
            case "AWS::SQS::Queue":
                queue = self.value(resource["Properties"]["QueueName"])
                return f"https://sqs.us-east-1.amazonaws.com/{self.account}/{queue}"
            case "AWS::Lambda::Function":
                return self.value(resource["Properties"]["FunctionName"])
        raise NotUnderstood(f"a reference to {name}, a {resource['Type']}")

    def attribute(self, name, attribute):
        resource = self.body["Resources"][name]
        if attribute != "Arn" or resource["Type"] not in NAMED:
            raise NotUnderstood(f"{name}.{attribute} of a {resource['Type']}")
        key, service, regional, before, after = NAMED[resource["Type"]]
        properties = resource["Properties"]
        path = ""
        if resource["Type"] == "AWS::IAM::Role":
            path = self.value(properties.get("Path", "/"))
            path = "/" if path is ABSENT else path
        region = "us-east-1" if regional else ""
        return f"arn:aws:{service}:{region}:{self.account}:{before}{path}{self.value(properties[key])}{after}"
