"""Each narrowing of each policy, dropped or widened in turn, one at a time: what has to break a theorem."""

import copy
from dataclasses import dataclass

from documents import Policy
from formulas import listed

# Mutants that change no answer, with the reason: they break no theorem, and a policy's table says what it answers to every request. Any
# other that breaks none fails, and so does one of these that breaks one.
TWICE = "the statement NeverTheExperienceItself denies all other types of changes, whatever a statement allows"
NO_DIFFERENCE = {
    f"spoke FunctionRole, {statement}: {change}": TWICE
    for statement in ("ChangeExperiences", "StartChangeSets")
    for change in (
        "without StringEquals catalog:ChangeType",
        "StringEquals catalog:ChangeType only if it exists",
        "StringEquals catalog:ChangeType: AllowProductProcurement*",
        "StringEquals catalog:ChangeType: DenyProductProcurement*",
        "StringEquals catalog:ChangeType: UpdateProcurementPolicy*",
        "StringEquals catalog:ChangeType: another value, too",
    )
}


@dataclass(frozen=True)
class Mutant:
    """`what` says the change, with the statement's name; two deployments may have the same."""

    what: str
    policy: Policy


def mutants(policy):
    for number, statement in enumerate(policy.statements):
        name = f"{policy.name}, {statement.get('Sid', f'statement {number + 1}')}"
        for what, changed in changes(policy.kind, statement):
            statements = [*policy.statements]
            statements[number : number + 1] = [] if changed is None else [changed]
            yield Mutant(f"{name}: {what}", Policy(policy.name, policy.kind, policy.account, statements, policy.guards))


def changes(kind, statement):
    """Pairs of a change in words and the statement with it; None where it is gone."""
    yield "the statement is gone", None
    other = "Deny" if statement["Effect"] == "Allow" else "Allow"
    yield f"{other} in place of {statement['Effect']}", {**statement, "Effect": other}
    for element in ("Action", "Resource"):
        if element in statement:
            values = listed(statement[element])
            for place, value in enumerate(values):
                for what, others in widened(element, value):
                    yield f"{element} {value}: {what}", replaced(statement, element, values, place, others)
    if "Principal" in statement:
        yield from principals(statement)
    for operator, keys in statement.get("Condition", {}).items():
        for key, value in keys.items():
            yield from conditions(statement, operator, key, listed(value))
    conditions_of = statement.get("Condition", {})
    if sum(map(len, conditions_of.values())) > 1:
        yield "without any condition", {name: value for name, value in statement.items() if name != "Condition"}


def replaced(statement, element, values, place, others):
    values = [*values[:place], *others, *values[place + 1 :]]
    # AWS takes no empty list.
    return {**statement, element: values} if values else None


def widened(element, value):
    yield "left out", []
    if value == "*":
        return
    yield "any", ["*"]
    if element == "Action":
        service, name = value.split(":")
        if name != "*":
            yield "all of the service", [f"{service}:*"]
        return
    parts = value.split(":", 5)
    if parts[4] not in ("*", ""):
        yield "of any account", [":".join([*parts[:4], "*", parts[5]])]
    if not value.endswith("*"):
        yield "and what begins with it", [f"{value}*"]
    elif "/" in parts[5]:
        yield "of any kind", [":".join([*parts[:5], "*"])]


def principals(statement):
    said = statement["Principal"]
    if said not in ("*", {"AWS": "*"}):
        yield "anybody as Principal", {**statement, "Principal": "*"}
        for kind, values in said.items():
            values = listed(values)
            for place, value in enumerate(values):
                if len(values) > 1:
                    left = {**said, kind: values[:place] + values[place + 1 :]}
                    yield f"Principal {value} left out", {**statement, "Principal": left}
                if kind == "Service":
                    yield f"another service than {value}, too", {**statement, "Principal": {**said, kind: [*values, "ec2.amazonaws.com"]}}
                else:
                    yield f"another account than {value}, too", {**statement, "Principal": {**said, kind: [*values, "999999999999"]}}
    else:
        yield "only one account as Principal", {**statement, "Principal": {"AWS": "999999999999"}}


def conditions(statement, operator, key, values):
    def changed(of_this_key):
        """The statement with other operators in place of this one, for this key: `of_this_key` has their values."""
        found = copy.deepcopy(statement)
        block = found["Condition"]
        del block[operator][key]
        for name, others in of_this_key.items():
            block.setdefault(name, {})[key] = others
        found["Condition"] = {name: keys for name, keys in block.items() if keys}
        return found

    said = f"{operator} {key}"
    yield f"without {said}", changed({})
    if operator == "Null":
        yield f"{said} turned round", changed({operator: "true" if values == ["false"] else "false"})
        return
    if operator == "Bool":
        yield f"{said} turned round", changed({operator: "true" if values == ["false"] else "false"})
        return
    if operator.startswith("ForAllValues:"):
        yield f"{said} by ForAnyValue", changed({operator.replace("ForAllValues", "ForAnyValue"): values})
    elif "Not" not in operator:
        yield f"{said} only if it exists", changed({f"{operator}IfExists": values})
    for place, value in enumerate(values):
        if len(values) > 1:
            yield f"{said}: {value} left out", changed({operator: values[:place] + values[place + 1 :]})
        if operator.startswith("Arn"):
            parts = value.split(":", 5)
            others = [":".join([*parts[:4], "*", parts[5]])] if parts[4] != "*" else []
            others += [f"{value}*"] if not value.endswith("*") else [":".join([*parts[:5], "*"])]
            for other in others:
                yield f"{said}: {value} as {other}", changed({operator: [*values[:place], other, *values[place + 1 :]]})
        elif "Like" in operator:
            other = f"{value.rstrip('*')[:-1]}*"
            yield f"{said}: {value} as {other}", changed({operator: [*values[:place], other, *values[place + 1 :]]})
        else:
            like = operator.replace("Equals", "Like")
            yield f"{said}: {value}*", changed({like: [*values[:place], f"{value}*", *values[place + 1 :]]})
    more = "arn:aws:iam::999999999999:role/other" if operator.startswith("Arn") else "other"
    yield f"{said}: another value, too", changed({operator: [*values, more]})
