"""The words in which `permissions.py` says what may be asked. They are not IAM's, so that a mistake is not made in both alike."""

from dataclasses import dataclass

import z3

from formulas import ACCOUNT, SERVICE
from patterns import Pattern


def wild(kind, text):
    return Pattern(kind if set(text) & {"*", "?"} else "exact", text)


@dataclass(frozen=True)
class Is:
    """The request has the key, and its one value is one of these."""

    key: str
    values: tuple

    def formula(self, universe):
        return universe.any_of(self.key.lower(), [Pattern("exact", value) for value in self.values])


@dataclass(frozen=True)
class IsArn:
    """The request has the key, and its value is an ARN that one of these describes."""

    key: str
    values: tuple

    def formula(self, universe):
        return universe.any_of(self.key.lower(), [wild("arn", value) for value in self.values])


@dataclass(frozen=True)
class IsNot:
    """What the other says does not hold: also where the request has no such key."""

    other: object

    def formula(self, universe):
        return z3.Not(self.other.formula(universe))


@dataclass(frozen=True)
class Only:
    """The request names at least one value of the key, and none but these."""

    key: str
    values: tuple

    def formula(self, universe):
        key = self.key.lower()
        return z3.And(universe.has(key), universe.every_value(key, [wild("text", value) for value in self.values]))


@dataclass(frozen=True)
class Any:
    """The request names one of these values of the key, beside whatever else."""

    key: str
    values: tuple

    def formula(self, universe):
        return universe.some_value(self.key.lower(), [wild("text", value) for value in self.values])


@dataclass(frozen=True)
class Account:
    """A user or a role of one of these accounts."""

    numbers: tuple

    def formula(self, universe):
        return universe.any_of(ACCOUNT, [Pattern("exact", number) for number in self.numbers])


@dataclass(frozen=True)
class Service:
    name: str

    def formula(self, universe):
        return universe.matches(SERVICE, Pattern("exact", self.name))


@dataclass(frozen=True)
class Row:
    """A line of the table: these actions on these resources (all there are, where it names none), by whom, and if what is given."""

    why: str
    actions: tuple
    resources: tuple = ()
    given: tuple = ()
    who: object = None

    def formula(self, universe):
        parts = [universe.any_of("action", [wild("text", action) for action in self.actions])]
        if self.resources:
            parts.append(universe.any_of("resource", [wild("resource", resource) for resource in self.resources]))
        if self.who:
            parts.append(self.who.formula(universe))
        return z3.And(*parts, *(one.formula(universe) for one in self.given))


def row(why, actions, resources=(), *given, who=None):
    """With a text for one, or a list."""
    actions, resources = ((value,) if isinstance(value, str) else tuple(value) for value in (actions, resources))
    return Row(why, actions, resources, given, who)
