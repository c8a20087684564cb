"""Asks the formulas and the two evaluators about the same requests, and explains where they differ, or fails."""

import random
import tempfile
from collections import Counter
from itertools import combinations

from draws import Draws
from evaluators import ALLOWED, DENIED, NOT_ALLOWED, Formulas, IamSimulate, Otherwise, PMapper
from known import KNOWN

# Of each evaluator, how many unexplained differences are printed.
SHOWN = 5
# How many random requests are drawn at most for each that is asked: about a small policy, many are alike.
TRIES = 20
# With fewer requests, a known difference may not come up by chance.
ENOUGH = 50_000


def compare(proofs, count, seed, environment):
    """Prints the figures. Returns what failed."""
    chance = random.Random(seed)
    tables = [proof.subject.table for proof in proofs]
    resources = sorted({one for table in tables for line in table.may + table.never for one in line.resources})
    resources = [one.replace("*", "x").replace("?", "x") for one in resources]
    draws = [Draws(proof.subject, resources, chance) for proof in proofs]
    formulas = [Formulas(proof) for proof in proofs]
    requests = different(draws, count)
    ours = [formulas[number].verdict(request) for number, request in requests]
    said = Counter(ours)
    print(f"{count} different requests: " + ", ".join(f"{said[one]} {one}" for one in (ALLOWED, DENIED, NOT_ALLOWED)))
    failures = [f"no request is {one}" for one in (ALLOWED, DENIED, NOT_ALLOWED) if not said[one]]
    policies = [proof.subject.policy for proof in proofs]
    for evaluator in (IamSimulate(), PMapper()):
        with tempfile.TemporaryDirectory() as folder:
            theirs = evaluator.verdicts(policies, requests, folder, environment)
        if len(theirs) != count:
            failures.append(f"{evaluator.name} answered {len(theirs)} of {count} requests")
        explained, unexplained = Counter(), []
        for (number, request), mine, other in zip(requests, ours, theirs):
            if mine != other:
                reason = explanation(formulas[number], request, other, KNOWN[evaluator.name])
                explained[reason] += 1
                if reason is None:
                    subject = proofs[number].subject
                    said = f"{evaluator.name} says {other}, the formulas say {mine}"
                    unexplained.append(f"{said}: {subject.policy.name} of {subject.deployments[0]}\n    {request}")
        unknown = explained.pop(None, 0)
        known = sum(explained.values())
        print(f"{evaluator.name}: {count - known - unknown} alike, {known} differ as known, {unknown} otherwise")
        for reason, number in explained.most_common():
            print(f"    {number:6} because {', and '.join(reason)}")
        failures += unexplained[:SHOWN]
        if unknown > SHOWN:
            failures.append(f"{evaluator.name} says otherwise of {unknown - SHOWN} more requests")
        if count >= ENOUGH:
            shown = {one for reason in explained for one in reason}
            failures += [f"{evaluator.name} no longer differs by this: {one}" for one in KNOWN[evaluator.name] if one not in shown]
    return failures


def different(draws, count):
    """Pairs of a policy's number and a request about it, each once."""
    found = {}
    for place in range(TRIES * count):
        number = place % len(draws)
        request = draws[number].draw()
        found.setdefault((number, str(request)), (number, request))
        if len(found) == count:
            return list(found.values())
    raise RuntimeError(f"only {len(found)} of {TRIES * count} random requests are different")


def explanation(formulas, request, other, known):
    """The fewest known ways of reading otherwise by which the formulas themselves say what the evaluator says."""
    for size in range(1, len(known) + 1):
        for names in combinations(known, size):
            if formulas.verdict(request, Otherwise(names)) == other:
                return names
    return None
