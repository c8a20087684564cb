"""What policies say about any request, as formulas of z3.

A request has an action, a resource, a principal, and condition keys. Which of the patterns of all policies and claims a text of it
matches is all that they ask about it, so a formula's variables are these answers. `Universe` makes one for each question as it comes up,
and says at the end which answers are possible together: those of the cells of `patterns.py`, no more and no fewer.

What AWS documents is in `statement` and `condition`. An element, an operator, a key or a value that is not known here is an error.
"""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

import z3

from patterns import NotUnderstood, Pattern, cells, in_order

# How many values a condition key has. One that is not here has to be looked up in the Service Authorization Reference first: `ForAllValues`
# means something for many values, and the other operators for one.
KEYS = {
    "aws:principalarn": "one",
    "aws:principalorgid": "one",
    "aws:securetransport": "one",
    "aws:sourceaccount": "one",
    "aws:sourcearn": "one",
    "catalog:changetype": "one",
    "dynamodb:leadingkeys": "many",
    "kms:viaservice": "one",
    "sns:protocol": "one",
    "sts:externalid": "one",
}
# Texts of which IAM ignores the case.
FOLDED = {"action", "aws:securetransport"}
# Who asks: an account and its user or role, or a service, or nobody who says so.
ACCOUNT, PRINCIPAL, SERVICE = "principal:account", "principal:arn", "principal:service"
SINGLE = {ACCOUNT, PRINCIPAL, SERVICE, *(key for key, values in KEYS.items() if values == "one")}

# Each operator: how it compares, and whether it holds where that does not.
OPERATORS = {
    "StringEquals": ("exact", False),
    "StringNotEquals": ("exact", True),
    "StringLike": ("text", False),
    "StringNotLike": ("text", True),
    # AWS: "ArnEquals and ArnLike behave identically".
    "ArnEquals": ("arn", False),
    "ArnLike": ("arn", False),
    "ArnNotEquals": ("arn", True),
    "ArnNotLike": ("arn", True),
    "Bool": ("exact", False),
}


@dataclass
class Request:
    """
    `keys` has a text or, where a key has many values, a list, by the key in lower case. It has no resource where a role's trust is asked,
    and no principal where the policies of a principal are asked.
    """

    action: str
    resource: str | None
    keys: dict = field(default_factory=dict)
    account: str | None = None
    arn: str | None = None
    service: str | None = None

    def values(self, variable):
        """None where the request has none, else a list."""
        fixed = {"action": self.action, "resource": self.resource, ACCOUNT: self.account, PRINCIPAL: self.arn, SERVICE: self.service}
        value = fixed[variable] if variable in fixed else self.keys.get(variable)
        if value is None or isinstance(value, list):
            return value
        return [value.lower() if variable in FOLDED else value]

    def __str__(self):
        who = self.service or self.arn or (f"somebody of account {self.account}" if self.account else "whoever it is")
        on = "" if self.resource is None else f" on {self.resource!r}"
        keys = "".join(f"\n        {key} = {value!r}" for key, value in sorted(self.keys.items()))
        return f"{who} asks for {self.action}{on}{keys or ', without condition keys'}"


class Reading:
    """How a text is compared with a pattern, and when a key is there. An evaluator that reads otherwise has one of its own."""

    def matches(self, variable, pattern, text):
        return compared(pattern, text)

    def there(self, values):
        """AWS: `Null` is about whether a key "exists and its value is not null"; an empty list has no value."""
        return bool(values)

    def everybody(self, request):
        """AWS: the principals `"*"` and `{"AWS": "*"}` are the same."""
        return True


@lru_cache(maxsize=1 << 20)
def compared(pattern, text):
    return pattern.matches(text)


class Universe:
    def __init__(self, samples=()):
        # By variable and pattern: whether the text matches.
        self.asked = {}
        # By key, patterns and quantifier: whether each value of the key, or some value, matches one of them.
        self.asked_of_values = {}
        # By key: whether the request has it.
        self.present = {}
        # Formulas of statements, since mutants of a policy have most of them in common.
        self.statements = {}
        # Texts that a person recognizes, by variable: shown in place of the shortest one.
        self.samples = dict(samples)
        self.solver = None

    # What a formula may ask.

    def matches(self, variable, pattern):
        """Whether the request has the text, and it matches."""
        if variable in FOLDED:
            pattern = Pattern(pattern.kind, pattern.text.lower())
        if variable not in SINGLE and variable not in ("action", "resource"):
            raise NotUnderstood(f"{variable} is not known as a key of one value")
        answer = self.asked.setdefault((variable, pattern), z3.Bool(f"{variable} ~ {pattern.kind} {pattern.text}"))
        return answer if variable in ("action", "resource") else z3.And(self.has(variable), answer)

    def any_of(self, variable, patterns):
        return z3.Or([self.matches(variable, pattern) for pattern in patterns])

    def every_value(self, key, patterns):
        """Whether each value of the key matches one of the patterns: also where there is none."""
        return self.values(key, patterns, "every")

    def some_value(self, key, patterns):
        return self.values(key, patterns, "some")

    def values(self, key, patterns, quantifier):
        if KEYS.get(key) != "many":
            raise NotUnderstood(f"{key} is not known as a key of many values")
        patterns = frozenset(patterns)
        name = f"{quantifier} {key} ~ {sorted((pattern.kind, pattern.text) for pattern in patterns)}"
        return self.asked_of_values.setdefault((key, patterns, quantifier), z3.Bool(name))

    def everybody(self):
        """Who `{"AWS": "*"}` is: a variable, since not every evaluator takes it for everybody."""
        return z3.Bool("everybody")

    def has(self, key):
        return self.present.setdefault(key, z3.Bool(f"has {key}"))

    # What is possible.

    def close(self):
        """After the last question: from now on it can be asked what is possible."""
        self.solver = z3.Solver()
        self.solver.add(self.everybody())
        self.cells = {}
        for variable in sorted({variable for variable, _ in self.asked}):
            self.solver.add(self.one_cell(variable))
        for key in sorted({key for key, _, _ in self.asked_of_values}):
            self.solver.add(self.many_cells(key))
        # A principal of an account has an ARN and an account, and is no service.
        has = self.present.get
        if ACCOUNT in self.present and PRINCIPAL in self.present:
            self.solver.add(has(ACCOUNT) == has(PRINCIPAL))
        for one in (ACCOUNT, PRINCIPAL):
            if one in self.present and SERVICE in self.present:
                self.solver.add(z3.Not(z3.And(has(one), has(SERVICE))))

    def one_cell(self, variable):
        patterns = [pattern for of, pattern in self.asked if of == variable]
        found = list(cells(in_order(patterns)).items())
        ours = [z3.Bool(f"{variable} in cell {place}") for place in range(len(found))]
        self.cells[variable] = [(cell, matched, text) for cell, (matched, text) in zip(ours, found)]
        yield z3.PbEq([(cell, 1) for cell in ours], 1)
        for pattern in patterns:
            inside = [cell for cell, matched, _ in self.cells[variable] if pattern in matched]
            yield self.asked[variable, pattern] == z3.Or(inside)

    def many_cells(self, key):
        """The values of a key may lie in any of the cells, so a set of values is a set of cells to every question."""
        patterns = {pattern for of, group, _ in self.asked_of_values if of == key for pattern in group}
        found = list(cells(in_order(patterns)).items())
        ours = [z3.Bool(f"a value of {key} in cell {place}") for place in range(len(found))]
        self.cells[key] = [(cell, matched, text) for cell, (matched, text) in zip(ours, found)]
        for (of, group, quantifier), answer in self.asked_of_values.items():
            if of == key:
                inside = [cell for cell, matched, _ in self.cells[key] if matched & group]
                outside = [cell for cell, matched, _ in self.cells[key] if not matched & group]
                yield answer == (z3.Or(inside) if quantifier == "some" else z3.Not(z3.Or(outside)))
        yield self.has(key) == z3.Or(ours)

    def possible(self, *formulas):
        """A request of which all of them hold; None where there is none."""
        self.solver.push()
        self.solver.add(*formulas)
        answer = self.solver.check()
        model = self.solver.model() if answer == z3.sat else None
        self.solver.pop()
        if answer == z3.unknown:
            raise NotUnderstood("z3 does not know")
        return model and self.request(model)

    def request(self, model):
        def true(formula):
            return z3.is_true(model.eval(formula))

        keys, fixed = {}, {"action": "any:Action", "resource": None}
        for key in self.present.keys() | {"action", "resource"}:
            if key in self.present and not true(self.present[key]):
                continue
            chosen = [self.shown(key, matched, text) for cell, matched, text in self.cells.get(key, []) if true(cell)]
            if key in fixed:
                fixed[key] = chosen[0] if chosen else fixed[key]
            else:
                keys[key] = chosen if KEYS.get(key) == "many" else chosen[0] if chosen else "any"
        account, arn, service = (keys.pop(one, None) for one in (ACCOUNT, PRINCIPAL, SERVICE))
        return Request(fixed["action"], fixed["resource"], keys, account, arn, service)

    def shown(self, variable, matched, text):
        """A text of a cell: one that a person recognizes, if there is one."""
        patterns = {pattern for of, pattern in self.asked if of == variable}
        patterns |= {pattern for of, group, _ in self.asked_of_values if of == variable for pattern in group}
        for sample in self.samples.get(variable, ()):
            folded = sample.lower() if variable in FOLDED else sample
            if {pattern for pattern in patterns if compared(pattern, folded)} == matched:
                return sample
        return text

    # One request, for the comparison with other evaluators.

    def asker(self, formula, reading=None):
        """The formula itself as a function of a request: each of its variables is answered for that request."""
        reading = reading or Reading()
        leaves = {}
        source = written(formula, leaves)
        questions = []
        for (variable, pattern), answer in self.asked.items():
            questions.append((answer, lambda request, v=variable, p=pattern: one_matches(reading, request, v, p)))
        for (key, group, quantifier), answer in self.asked_of_values.items():
            of_values = all if quantifier == "every" else any
            questions.append((answer, lambda request, k=key, g=group, q=of_values: values_match(reading, request, k, g, q)))
        for key, answer in self.present.items():
            questions.append((answer, lambda request, k=key: reading.there(request.values(k))))
        questions.append((self.everybody(), reading.everybody))
        by_name = {answer.decl().name(): question for answer, question in questions}
        needed = [by_name[name] for name in leaves]
        decide = eval(f"lambda v: {source}")
        return lambda request: decide([question(request) for question in needed])


def one_matches(reading, request, variable, pattern):
    values = request.values(variable)
    return bool(values) and reading.matches(variable, pattern, values[0])


def values_match(reading, request, key, group, of_values):
    return of_values(any(reading.matches(key, pattern, value) for pattern in group) for value in request.values(key) or [])


def written(formula, leaves):
    """A formula as an expression of Python over `v`, the list of its variables' values. `leaves` gets their names and places."""
    parts = [written(part, leaves) for part in formula.children()]
    if z3.is_true(formula) or z3.is_and(formula):
        return f"({' and '.join(['True', *parts])})"
    if z3.is_false(formula) or z3.is_or(formula):
        return f"({' or '.join(['False', *parts])})"
    if z3.is_not(formula):
        return f"(not {parts[0]})"
    if not parts:
        return f"v[{leaves.setdefault(formula.decl().name(), len(leaves))}]"
    raise NotUnderstood(f"{formula.decl()} in a formula")


def listed(value):
    return value if isinstance(value, list) else [value]


class Decision:
    """What a policy says of any request: whether one of its statements allows it, and whether one denies it."""

    def __init__(self, universe, policy):
        by_effect = {"Allow": [], "Deny": []}
        for one in policy.statements:
            if one["Effect"] not in by_effect:
                raise NotUnderstood(f"the effect {one['Effect']}")
            key = (policy.kind, json.dumps(one, sort_keys=True))
            if key not in universe.statements:
                universe.statements[key] = statement(universe, policy.kind, one)
            by_effect[one["Effect"]].append(universe.statements[key])
        self.denied = z3.Or(by_effect["Deny"])
        self.allowed = z3.And(z3.Or(by_effect["Allow"]), z3.Not(self.denied))


def statement(universe, kind, said):
    """Whether a statement is about a request."""
    about = ["Action", *(["Principal"] if kind in ("trust", "resource") else []), *([] if kind == "trust" else ["Resource"])]
    needed = {name: next((one for one in (name, f"Not{name}") if one in said), None) for name in about}
    unknown = set(said) - {"Sid", "Effect", "Condition", *filter(None, needed.values())}
    if unknown or None in needed.values() or "NotPrincipal" in said:
        raise NotUnderstood(f"a statement of a policy of the kind {kind} with {sorted(said)}")
    parts = []
    for name, element in needed.items():
        values = listed(said[element])
        if not values:
            raise NotUnderstood(f"an empty {element}")
        if name == "Principal":
            formula = principal(universe, said[element])
        else:
            formula = universe.any_of(name.lower(), [Pattern("text" if name == "Action" else "resource", value) for value in values])
        parts.append(z3.Not(formula) if element.startswith("Not") else formula)
    for operator, keys in said.get("Condition", {}).items():
        parts += [condition(universe, operator, key, listed(values)) for key, values in keys.items()]
    return z3.And(parts)


def principal(universe, said):
    """An account, by its number or its root, is whoever it lets act."""
    if said == "*":
        return z3.BoolVal(True)
    if not isinstance(said, dict) or set(said) - {"AWS", "Service"}:
        raise NotUnderstood(f"the principal {said}")
    parts = [universe.matches(SERVICE, Pattern("exact", service)) for service in listed(said.get("Service", []))]
    for one in listed(said.get("AWS", [])):
        account = re.fullmatch(r"(?:arn:aws:iam::)?(\d{12})(?::root)?", one)
        if account:
            parts.append(universe.matches(ACCOUNT, Pattern("exact", account[1])))
        elif re.fullmatch(r"arn:aws:iam::\d{12}:(role|user)/[^*?]+", one):
            parts.append(universe.matches(PRINCIPAL, Pattern("exact", one)))
        elif one == "*":
            parts.append(universe.everybody())
        else:
            raise NotUnderstood(f"the principal {one}")
    return z3.Or(parts)


def condition(universe, operator, key, values):
    """Whether a condition holds: one operator with one key, which holds for any of the values."""
    parsed = re.fullmatch(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?", operator)
    quantifier, name, if_exists = parsed.groups() if parsed else (None, operator, None)
    key = key.lower()
    if key not in KEYS:
        raise NotUnderstood(f"the condition key {key}")
    if not all(isinstance(value, str) for value in values) or not values:
        raise NotUnderstood(f"the values {values} of {key}")
    if name == "Null":
        if quantifier or if_exists or values not in (["true"], ["false"]):
            raise NotUnderstood(f"{operator} with {values}")
        return z3.Not(universe.has(key)) if values == ["true"] else universe.has(key)
    if name not in OPERATORS:
        raise NotUnderstood(f"the operator {operator}")
    if (name == "Bool") != (key in FOLDED) or (quantifier is None) == (KEYS[key] == "many"):
        raise NotUnderstood(f"{operator} with {key}")
    kind, negated = OPERATORS[name]
    patterns = [Pattern(kind, value) for value in values]
    has = universe.has(key)
    if quantifier is None:
        found = universe.any_of(key, patterns)
        # AWS: without the key, an operator holds if it is negated, and else not.
        return z3.Or(z3.Not(has), z3.Not(found) if negated else found) if negated or if_exists else found
    if negated:
        raise NotUnderstood(f"{operator}: no template has it yet")
    # AWS: without a value, ForAllValues holds and ForAnyValue does not.
    if quantifier == "ForAllValues":
        return universe.every_value(key, patterns)
    some = universe.some_value(key, patterns)
    return z3.Or(z3.Not(has), some) if if_exists else some
