"""Patterns of IAM policies as automata, and the cells into which patterns divide all texts.

A pattern is a text with `*` and `?`. Where patterns decide all that a policy asks about a text, two texts that match the same patterns
are one and the same to it. So the infinitely many texts fall into few *cells*, one for each set of patterns that some text matches and
no other. `cells` finds all of them, each with a shortest text, by following the automata of all patterns at once. This is exact: a set of
patterns without a cell is matched by no text at all.

With the patterns `hub#*` and `hub#o-*`, the cells are: neither (the empty text), the first alone (`hub#`), and both (`hub#o-`).
"""

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

# Colons that stand before the resource of an ARN.
ARN_COLONS = 5


class NotUnderstood(Exception):
    """What a template says and this proof does not know. Nothing is skipped."""


@dataclass(frozen=True)
class Pattern:
    """`kind` says what the wildcards may stand for:

    - `exact`: there are none;
    - `text`: any text and any character, as in actions and in `StringLike`;
    - `arn`: as in `ArnLike`, where each part of an ARN is compared by itself, so no colon before the resource;
    - `resource`: as in the element Resource, where a `*` that ends a part may also stand for what lies beyond its colon.
    """

    kind: str
    text: str

    def __post_init__(self):
        if "${" in self.text:
            raise NotUnderstood(f"a policy variable: {self.text}")
        if self.kind == "arn" and self.text.count(":") < ARN_COLONS:
            raise NotUnderstood(f"an ARN of fewer than six parts in a condition: {self.text}")
        if self.kind == "resource" and self.text != "*" and self.text.count(":") < ARN_COLONS:
            raise NotUnderstood(f"a resource that is neither `*` nor a whole ARN: {self.text}")

    def matches(self, text):
        pieces = steps(self)
        alive = closed(pieces, {0})
        for character in text:
            alive = advanced(pieces, alive, character)
        return len(pieces) in alive


@lru_cache(maxsize=None)
def steps(pattern):
    """What stands at each place: a character, or a wildcard with whether it may be a colon."""
    found, colons = [], 0
    for place, character in enumerate(pattern.text):
        colons += character == ":"
        if pattern.kind == "exact" or character not in "*?":
            found.append(("literal", character))
            continue
        # Within an ARN, and before its resource, a wildcard stays within its part.
        within = pattern.kind in ("arn", "resource") and colons < ARN_COLONS and pattern.text != "*"
        ends_part = pattern.text[place + 1 : place + 2] == ":"
        if pattern.kind == "resource" and character == "*" and ends_part:
            within = False
        found.append(("many" if character == "*" else "one", not within))
    return tuple(found)


def closed(pieces, places):
    """With the places that are reached without a character, since a `*` may stand for nothing."""
    found = set()
    for place in places:
        found.add(place)
        while place < len(pieces) and pieces[place][0] == "many":
            place += 1
            found.add(place)
    return frozenset(found)


def advanced(pieces, places, character):
    found = set()
    for place in places:
        if place == len(pieces):
            continue
        kind, what = pieces[place]
        if kind == "literal":
            if what == character:
                found.add(place + 1)
        elif what or character != ":":
            found.add(place if kind == "many" else place + 1)
    return closed(pieces, found) if found else frozenset()


def in_order(patterns):
    return tuple(sorted(patterns, key=lambda pattern: (pattern.kind, pattern.text)))


@lru_cache(maxsize=4096)
def cells(patterns):
    """Each set of these patterns that some text matches and no other pattern of them, with a shortest such text."""
    automata = [steps(pattern) for pattern in patterns]
    start = tuple((number, closed(pieces, {0})) for number, pieces in enumerate(automata))
    seen, found, queue = {start}, {}, deque([(start, "")])
    while queue:
        state, text = queue.popleft()
        matched = frozenset(patterns[number] for number, places in state if len(automata[number]) in places)
        found.setdefault(matched, text)
        for character in telling(automata, state):
            # What can't match any more is left out: then the states of texts that differ early are the same.
            after = ((number, advanced(automata[number], places, character)) for number, places in state)
            after = tuple((number, places) for number, places in after if places)
            if after not in seen:
                seen.add(after)
                queue.append((after, text + character))
    return found


def telling(automata, state):
    """The characters that the patterns tell apart here, and one that stands for all others."""
    next_ones = (automata[number][place] for number, places in state for place in places if place < len(automata[number]))
    literals = {what for kind, what in next_ones if kind == "literal"} | {":"}
    return [next(one for one in "xyzabcdefgh0123456789-/#" if one not in literals), *sorted(literals)]
