"""The policies of a template, all of them: who carries each, whose resource it guards, and its statements."""

import json
from dataclasses import dataclass, field

from patterns import NotUnderstood

# Properties that hold a policy, by the type of the resource. Others may not hold anything that looks like one.
ROLE = "AWS::IAM::Role"
RESOURCE_POLICIES = {"AWS::SNS::TopicPolicy": "Topics", "AWS::SQS::QueuePolicy": "Queues"}
BUS_POLICY = "AWS::Events::EventBusPolicy"
PERMISSION = "AWS::Lambda::Permission"
MANAGED = "AWS::IAM::ManagedPolicy"
CONTROL = "AWS::Organizations::Policy"
CARRIERS = {ROLE, MANAGED, CONTROL, PERMISSION, BUS_POLICY, *RESOURCE_POLICIES}
# What looks like a policy and is none.
OTHER_STATEMENTS = {"AWS::CloudWatch::Dashboard", "AWS::CloudWatch::Alarm"}


@dataclass
class Policy:
    """`kind` is what it decides:

    - `identity`: what its carrier may do;
    - `trust`: who may become the role;
    - `resource`: what others may do with a resource;
    - `control`: what nobody in an account may do.
    """

    name: str
    kind: str
    account: str
    statements: list = field(default_factory=list)
    # The role's ARN or the resource's, for `trust` and `resource`.
    guards: str = ""

    def document(self):
        return {"Version": "2012-10-17", "Statement": self.statements}


def policies(template):
    """By name: `hub FunctionRole`, `hub FunctionRole trust`."""
    found = {}

    def add(name, kind, document, guards=""):
        if set(document) - {"Version", "Statement"} or document.get("Version") != "2012-10-17":
            raise NotUnderstood(f"the policy of {name} has another version than 2012-10-17, or other elements")
        statements = document["Statement"]
        policy = found.setdefault(name, Policy(name, kind, template.account, [], guards))
        policy.statements += statements if isinstance(statements, list) else [statements]

    for logical, kind, properties in template.resources(CARRIERS):
        name = f"{template.name} {logical}"
        if kind == ROLE:
            if "ManagedPolicyArns" in properties:
                raise NotUnderstood(f"{name} has policies that are not in the template")
            add(f"{name} trust", "trust", template.value(properties["AssumeRolePolicyDocument"]), template.attribute(logical, "Arn"))
            for policy in template.value(properties["Policies"]):
                add(name, "identity", policy["PolicyDocument"])
        elif kind == MANAGED:
            add(name, "identity", template.value(properties["PolicyDocument"]))
        elif kind in RESOURCE_POLICIES:
            (guarded,) = properties[RESOURCE_POLICIES[kind]]
            add(name, "resource", template.value(properties["PolicyDocument"]), template.attribute(guarded["Ref"], "Arn"))
        elif kind == BUS_POLICY:
            # All of them are one policy: that of the account's default bus.
            bus = f"arn:aws:events:us-east-1:{template.account}:event-bus/default"
            add(
                f"{template.name} event bus",
                "resource",
                {"Version": "2012-10-17", "Statement": template.value(properties["Statement"])},
                bus,
            )
        elif kind == PERMISSION:
            function = template.attribute(properties["FunctionName"]["Ref"], "Arn")
            add(f"{template.name} function's policy", "resource", permission(template.value(properties), function), function)
        elif kind == CONTROL:
            if template.value(properties["Type"]) != "SERVICE_CONTROL_POLICY":
                raise NotUnderstood(f"{name} is no service control policy")
            add(name, "control", template.value(properties["Content"]))
        elif kind not in OTHER_STATEMENTS and any(f'"{word}"' in json.dumps(properties) for word in ("Statement", "Effect", "Principal")):
            raise NotUnderstood(f"{name}, a {kind}, seems to hold a policy")
    return found


def permission(properties, function):
    """The statement that Lambda makes of AddPermission."""
    unknown = set(properties) - {"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"}
    if unknown or not properties["Principal"].endswith(".amazonaws.com"):
        raise NotUnderstood(f"a permission of a function with {sorted(unknown)} for {properties['Principal']}")
    condition = {}
    if "SourceArn" in properties:
        condition["ArnLike"] = {"aws:SourceArn": properties["SourceArn"]}
    if "SourceAccount" in properties:
        condition["StringEquals"] = {"aws:SourceAccount": properties["SourceAccount"]}
    statement = {"Effect": "Allow", "Principal": {"Service": properties["Principal"]}, "Action": properties["Action"], "Resource": function}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition} if condition else statement]}
