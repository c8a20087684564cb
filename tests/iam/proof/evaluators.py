"""Two evaluators of IAM that others wrote, asked about the same policies and requests, and how each reads otherwise than AWS documents."""

import collections
import collections.abc
import json
import subprocess
from pathlib import Path

from formulas import Reading, compared
from known import (
    CASE_IS_IGNORED,
    CASE_IS_IGNORED_BEFORE_THE_RESOURCE,
    EMPTY_IS_A_VALUE,
    NOT_TRUE_IS_FALSE,
    SERVICES_ARE_NOBODY,
    STAR_ENDS_AT_COLON,
    WILDCARDS_CROSS_COLONS,
)
from patterns import Pattern

# PMapper was written for Pythons in which these were here.
for name in ("Mapping", "MutableMapping"):
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))

from principalmapper.common import Node, Policy as PMapperPolicy
from principalmapper.querying.local_policy_simulation import (
    ResourcePolicyEvalResult,
    has_matching_statement,
    resource_policy_authorization,
)
from principalmapper.util.case_insensitive_dict import CaseInsensitiveDict

ALLOWED, DENIED, NOT_ALLOWED = "allowed", "denied", "not allowed"


class Formulas:
    """What the formulas say, as a verdict about a request by somebody whose own account's policies allow everything."""

    def __init__(self, proof):
        self.proof = proof
        self.by_reading = {}

    def verdict(self, request, reading=None):
        name = type(reading).__name__, getattr(reading, "names", None)
        if name not in self.by_reading:
            universe, decision = self.proof.universe, self.proof.decision
            self.by_reading[name] = universe.asker(decision.denied, reading), universe.asker(decision.allowed, reading)
        denied, allowed = self.by_reading[name]
        policy = self.proof.subject.policy
        if denied(request):
            return DENIED
        if policy.kind == "control" or (policy.kind == "resource" and request.account == policy.account):
            return ALLOWED
        return ALLOWED if allowed(request) else NOT_ALLOWED


class Otherwise(Reading):
    """Some ways of reading otherwise, together."""

    def __init__(self, names):
        self.names = names

    def matches(self, variable, pattern, text):
        if pattern.kind == "resource" and STAR_ENDS_AT_COLON in self.names and pattern.text != "*":
            pattern = Pattern("arn", pattern.text)
        if pattern.kind in ("resource", "arn") and WILDCARDS_CROSS_COLONS in self.names:
            pattern = Pattern("text", pattern.text)
        if pattern.kind == "resource" and CASE_IS_IGNORED_BEFORE_THE_RESOURCE in self.names:
            pattern, text = Pattern(pattern.kind, folded_before_the_resource(pattern.text)), folded_before_the_resource(text)
        if pattern.kind in ("resource", "arn", "text") and CASE_IS_IGNORED in self.names and variable != "dynamodb:leadingkeys":
            pattern, text = Pattern(pattern.kind, pattern.text.lower()), text.lower()
        if variable == "aws:securetransport" and NOT_TRUE_IS_FALSE in self.names and pattern.text == "false":
            return text != "true"
        return compared(pattern, text)

    def everybody(self, request):
        return request.service is None or SERVICES_ARE_NOBODY not in self.names

    def there(self, values):
        return values is not None if EMPTY_IS_A_VALUE in self.names else bool(values)


def folded_before_the_resource(text):
    *before, resource = text.split(":", 5)
    return ":".join([*(part.lower() for part in before), resource])


class IamSimulate:
    name = "iam-simulate"

    def verdicts(self, policies, requests, folder, environment):
        """`requests` are pairs of a policy's number and a request."""
        path = Path(folder) / "requests.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            print(json.dumps([{"kind": one.kind, "document": one.document(), "owner": one.account} for one in policies]), file=file)
            for number, request in requests:
                who = request.service or request.arn or f"arn:aws:iam::{policies[number].account}:role/asks"
                line = {"policy": number, "principal": who, "account": request.account, "action": request.action}
                print(json.dumps({**line, "resource": request.resource, "keys": request.keys}), file=file)
        ran = subprocess.run(["node", str(Path(environment) / "simulate.mjs"), str(path)], check=True, capture_output=True, text=True)
        known = {"Allowed": ALLOWED, "ExplicitlyDenied": DENIED, "ImplicitlyDenied": NOT_ALLOWED}
        return [known.get(line, line) for line in ran.stdout.splitlines()]


class PMapper:
    name = "PMapper"

    def verdicts(self, policies, requests, folder, environment):
        return [self.verdict(policies[number], request) for number, request in requests]

    def verdict(self, policy, request):
        keys = CaseInsensitiveDict(request.keys)
        if policy.kind in ("identity", "control"):
            node = self.node(request.arn or f"arn:aws:iam::{policy.account}:role/asks", policy.document())
            if has_matching_statement(node, "Deny", request.action, request.resource, keys):
                return DENIED
            if policy.kind == "control":
                return ALLOWED
            return ALLOWED if has_matching_statement(node, "Allow", request.action, request.resource, keys) else NOT_ALLOWED
        asks = request.service or self.node(request.arn, None)
        answer = resource_policy_authorization(asks, policy.account, policy.document(), request.action, request.resource, keys)
        if answer == ResourcePolicyEvalResult.DENY_MATCH:
            return DENIED
        own = policy.kind == "resource" and request.account == policy.account
        return ALLOWED if own or answer != ResourcePolicyEvalResult.NO_MATCH else NOT_ALLOWED

    def node(self, arn, document):
        attached = [PMapperPolicy(arn, "policy", document)] if document else []
        trust = {"Version": "2012-10-17", "Statement": []} if ":role/" in arn else None
        return Node(arn, "AROAEXAMPLE", attached, [], trust, None, 0, False, False, None, False, None)
