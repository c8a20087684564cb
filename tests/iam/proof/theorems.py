"""The theorems about one policy: its table, both ways, and the sentences that are about it."""

from dataclasses import dataclass, field

import z3

from documents import policies
from formulas import Decision, Universe
from permissions import permissions
from sentences import SENTENCES, Denied, Never, Together
from template import Template

# Texts that a person recognizes in a counterexample; else it shows the shortest text that there is.
SAMPLES = {
    "action": [
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "sts:AssumeRole",
        "sns:Subscribe",
        "sns:Publish",
        "sqs:SendMessage",
        "kms:Decrypt",
        "sqs:DeleteQueue",
        "aws-marketplace:StartChangeSet",
        "aws-marketplace:DescribeEntity",
        "events:PutEvents",
        "lambda:InvokeFunction",
    ],
    "dynamodb:leadingkeys": ["o-beta000000", "o-alpha00000", "hub#o-beta000000", "hub#roster", "hub#audit"],
    "aws:principalorgid": ["o-stranger00", "o-alpha00000", "o-beta000000"],
    "principal:account": ["999999999999", "111111111111", "333333333333", "444444444444"],
    "principal:service": ["ec2.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com", "lambda.amazonaws.com"],
    "aws:principalarn": [
        "arn:aws:iam::999999999999:role/stranger",
        "arn:aws:iam::333333333333:role/another",
        "arn:aws:iam::333333333333:role/pmp-sync-spoke",
        "arn:aws:iam::999999999999:role/pmp-sync-change-events",
    ],
    "principal:arn": ["arn:aws:iam::999999999999:role/stranger"],
    "aws:sourcearn": ["arn:aws:sns:us-east-1:999999999999:other", "arn:aws:events:us-east-1:999999999999:rule/other"],
    "aws:sourceaccount": ["999999999999"],
    "sts:externalid": ["guessed"],
    "sns:protocol": ["https"],
    "kms:viaservice": ["s3.us-east-1.amazonaws.com"],
    "catalog:changetype": ["AssociateAudience", "AllowProductProcurement"],
}


@dataclass
class Subject:
    """A policy, as one or several deployments have it, with what is claimed of it."""

    policy: object
    table: object
    sentences: list
    deployments: list = field(default_factory=list)

    def claims(self):
        """The theorems but for those about single lines: their sentence, and what has to be impossible, by universe and decision."""
        found = [
            (
                f"{self.policy.name}: no request outside its list is ever allowed",
                lambda at, decision: z3.And(decision.allowed, z3.Not(at.may)),
            ),
            (
                f"{self.policy.name}: every request on its list is allowed",
                lambda at, decision: z3.And(at.may, z3.Not(at.never), z3.Not(decision.allowed)),
            ),
            (
                f"{self.policy.name}: nothing outside its list is denied outright",
                lambda at, decision: z3.And(decision.denied, z3.Not(at.never)),
            ),
            (
                f"{self.policy.name}: everything on its list is denied outright, whatever else allows it",
                lambda at, decision: z3.And(at.never, z3.Not(decision.denied)),
            ),
        ]
        found += [(f"{self.policy.name}: {one.sentence}", contradiction(one)) for one in self.sentences]
        return found


def contradiction(sentence):
    """What has to be impossible for a sentence about one policy to be true."""
    if isinstance(sentence, Never):
        return lambda at, decision: z3.And(at.of(sentence), decision.allowed)
    return lambda at, decision: z3.And(at.of(sentence), z3.Not(decision.denied))


class Proof:
    """A subject with a universe of requests. Mutants of its policy are decided in the same one."""

    def __init__(self, subject):
        self.subject = subject
        self.universe = Universe(SAMPLES)
        self.decision = Decision(self.universe, subject.policy)
        self.lines = [(line, line.formula(self.universe)) for line in subject.table.may]
        self.denials = [(line, line.formula(self.universe)) for line in subject.table.never]
        self.may = z3.Or([formula for _, formula in self.lines])
        self.never = z3.Or([formula for _, formula in self.denials])
        self.sentences = {one.sentence: one.row.formula(self.universe) for one in subject.sentences}

    def of(self, sentence):
        return self.sentences[sentence.sentence]

    def failures(self):
        """Each theorem that does not hold, with a request that shows it."""
        for sentence, wrong in self.subject.claims():
            request = self.universe.possible(wrong(self, self.decision))
            if request:
                yield sentence, request
        for line, formula in self.lines:
            if not self.universe.possible(formula, self.decision.allowed):
                yield f"{self.subject.policy.name}: it is possible to {line.why}", None
        for line, formula in self.denials:
            if not self.universe.possible(formula, self.decision.denied):
                yield f"{self.subject.policy.name}: there is something that it denies: {line.why}", None

    def count(self):
        return len(self.subject.claims()) + len(self.lines) + len(self.denials)

    def broken_by(self, decision, besides=()):
        """
        The first theorem that another policy in this one's place breaks, with a request that shows it, and which of `besides` it breaks as
        well; None where it breaks none.
        """
        claims = self.subject.claims()
        for sentence, wrong in claims:
            request = self.universe.possible(wrong(self, decision))
            if request:
                more = [name for name, wrong in claims if name in besides and self.universe.possible(wrong(self, decision))]
                return sentence, request, more
        return None


def about(deployment, policy):
    """The sentences that are about a policy of a deployment."""
    for one in SENTENCES:
        if isinstance(one, (Never, Denied)) and policy.name in one.policies:
            without = one.only.startswith("no ")
            if not one.only or (one.only.removeprefix("no ") in deployment.on) != without:
                yield one


def subjects(deployments, asked):
    """All policies of the deployments; those that say the same of the same claims are one subject."""
    found, failures = {}, []
    for deployment in deployments:
        template = Template(deployment.template, deployment.account, dict(deployment.parameters), asked)
        ours, tables = policies(template), permissions(deployment)
        for name in sorted(ours.keys() ^ tables.keys()):
            where = "the list" if name in tables else "the template"
            failures.append(f"{deployment}: only {where} has {name}")
        for name in sorted(ours.keys() & tables.keys()):
            sentences = list(about(deployment, ours[name]))
            key = (name, repr(ours[name]), repr(tables[name]), repr(sentences))
            subject = found.setdefault(key, Subject(ours[name], tables[name], sentences))
            subject.deployments.append(deployment)
    unknown = {name for one in SENTENCES if not isinstance(one, Together) for name in one.policies} - {key[0] for key in found}
    failures += [f"a sentence is about {name}, and no template has it" for name in sorted(unknown)]
    return list(found.values()), failures


def together(found):
    """The sentences about two policies, and for each that does not hold what shows it."""
    for one in SENTENCES:
        if not isinstance(one, Together):
            continue
        universe = Universe(SAMPLES)
        decisions = [Decision(universe, policy_of(found, *place)) for place in (one.first, one.second)]
        row = one.row.formula(universe)
        universe.close()
        request = universe.possible(row, *(decision.allowed for decision in decisions))
        yield one, None if bool(request) == one.possible else request or "there is no such request"


def policy_of(found, template, deployment, name):
    for subject in found:
        if subject.policy.name == name and any((one.template, one.name) == (template, deployment) for one in subject.deployments):
            return subject.policy
    raise LookupError(f"{template} ({deployment}) has no {name}")
