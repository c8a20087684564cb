"""Proves the theorems, shows that they need each narrowing of a policy, and asks two other evaluators: see README.md beside this file."""

import argparse
import sys
import time
from collections import Counter

from compare import compare
from deployments import SWITCHES, deployments
from formulas import Decision
from mutants import NO_DIFFERENCE, mutants
from sentences import SENTENCES, Denied, Never
from theorems import Proof, subjects, together


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", help="the folder with iam-simulate")
    parser.add_argument("--requests", type=int, default=5_000, help="how many requests the evaluators are asked (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random requests")
    parser.add_argument("--list", action="store_true", help="print each sentence, and each mutant with the request that shows it")
    given = parser.parse_args()

    started = time.monotonic()

    def seconds():
        return f"{time.monotonic() - started:.0f} s"

    asked = {}
    everywhere = [one for template in SWITCHES for one in deployments(template)]
    found, failures = subjects(everywhere, asked)
    for (template, condition), values in asked.items():
        if len(values) < 2:
            failures.append(f"no deployment of {template}.yaml has {condition} otherwise than {values}")
    print(f"{len(everywhere)} deployments of {len(SWITCHES)} templates have {len(found)} different policies ({seconds()})")

    proofs = [Proof(subject) for subject in found]
    tried, wrong = try_mutants(proofs, given.list)
    theorems = sum(proof.count() for proof in proofs)
    for proof in proofs:
        for sentence, request in proof.failures():
            failures.append(f"{sentence}\n    {proof.subject.deployments[0]}\n    {request or 'there is no such request'}")
    for sentence, request in together(found):
        theorems += 1
        if request:
            failures.append(f"{sentence.sentence}\n    {request}")
    if given.list:
        print(*(f"- {one.sentence}" for one in SENTENCES), sep="\n")
    print(f"{theorems} theorems, {len(failures)} of them wrong; {len(SENTENCES)} are sentences for reviewers ({seconds()})")
    print(f"{len(tried)} mutants: {sum(tried.values())} break a theorem ({seconds()})")
    for reason, number in Counter(NO_DIFFERENCE[what] for what, broken in tried.items() if not broken and what in NO_DIFFERENCE).items():
        print(f"    {number:6} change no answer, because {reason}")
    failures += wrong
    if given.requests:
        failures += compare(proofs, given.requests, given.seed, given.environment)
        print(f"in {seconds()}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def try_mutants(proofs, shown):
    """
    By each mutant's name whether it breaks a theorem, and what is wrong with that. One that several deployments have is found where one of
    them shows it. Each sentence has to be broken by some mutant, or it would say nothing about the templates.
    """
    tried = {}
    idle = {one.sentence for one in SENTENCES if isinstance(one, (Never, Denied))}
    for proof in proofs:
        name = proof.subject.policy.name
        ours = [one for one in mutants(proof.subject.policy) if not tried.get(one.what)]
        decisions = [Decision(proof.universe, one.policy) for one in ours]
        proof.universe.close()
        for mutant, decision in zip(ours, decisions):
            broken = proof.broken_by(decision, {f"{name}: {sentence}" for sentence in idle})
            tried[mutant.what] = bool(broken)
            if broken:
                idle -= {sentence.removeprefix(f"{name}: ") for sentence in broken[2]}
                if shown:
                    print(f"- {mutant.what}\n    breaks: {broken[0]}\n    {broken[1]}")
    unfound = {what for what, broken in tried.items() if not broken}
    wrong = [f"a mutant breaks no theorem: {what}" for what in sorted(unfound - NO_DIFFERENCE.keys())]
    wrong += [f"no mutant is without effect any more, or there is none: {what}" for what in sorted(NO_DIFFERENCE.keys() - unfound)]
    wrong += [f"no mutant breaks this sentence: {sentence}" for sentence in sorted(idle)]
    return tried, wrong


if __name__ == "__main__":
    sys.exit(main())
