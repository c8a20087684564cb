"""Requests near the boundaries of a policy: one that its table allows or denies, changed in a few places, or not at all."""

import re

from claims import Account, Is, IsArn, Only, Service
from deployments import ALPHA, ALPHA_ACCOUNT, BETA, BETA_ACCOUNT, CATALOG_OWNER, HUB, STRANGER
from formulas import KEYS, Request

ORGANIZATIONS = [ALPHA, BETA, "o-second0000", "o-stranger00", "o-alpha0000", "O-ALPHA00000"]
VALUES = {
    "aws:principalorgid": ORGANIZATIONS,
    "aws:securetransport": ["true", "false", "False"],
    "aws:sourceaccount": [HUB, ALPHA_ACCOUNT, STRANGER, ""],
    "aws:sourcearn": [
        f"arn:aws:sns:us-east-1:{STRANGER}:pmp-sync-snapshots",
        f"arn:aws:sns:us-east-1:{HUB}:pmp-sync-snapshots2",
        f"arn:aws:events:us-east-1:{STRANGER}:rule/pmp-sync-change-events",
        f"arn:aws:events:us-east-1:{HUB}:rule/bus/pmp-sync-change-events",
    ],
    "catalog:changetype": [
        "AllowProductProcurement",
        "DenyProductProcurement",
        "UpdateProcurementPolicy",
        "AssociateAudience",
        "CancelProductProcurementRequest",
        "allowproductprocurement",
    ],
    "dynamodb:leadingkeys": [
        *ORGANIZATIONS,
        "hub#o-alpha00000",
        "hub#o-beta000000",
        "hub#heads",
        "hub#audit",
        "hub#told",
        "hub#directed",
        "hub#roster",
        "hub#",
        "HUB#heads",
        "hub#o-",
        "*",
    ],
    "kms:viaservice": [
        "dynamodb.us-east-1.amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "sqs.us-east-1.amazonaws.com",
        "sns.us-east-1.amazonaws.com",
        "sqs.eu-west-1.amazonaws.com",
    ],
    "sns:protocol": ["sqs", "https", "SQS", "email"],
    "sts:externalid": ["alpha-0123456789abcdef", "beta-0123456789abcdef", "", "alpha-0123456789ABCDEF"],
}
PRINCIPALS = [
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/pmp-sync-spoke",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/marketplace/pmp-sync-spoke",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/pmp-sync-spoke2",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/Admin",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/AdminOfAll",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/path/Admin",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:role/admin",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:user/maria",
    f"arn:aws:iam::{ALPHA_ACCOUNT}:user/mario",
    f"arn:aws:iam::{BETA_ACCOUNT}:role/pmp-sync-spoke",
    f"arn:aws:iam::{CATALOG_OWNER}:role/pmp-sync-change-events",
    f"arn:aws:iam::{CATALOG_OWNER}:role/a/b/pmp-sync-change-events",
    "arn:aws:iam::666666666666:role/pmp-sync-change-events",
    "arn:aws:iam::666666666666:role/not-pmp-sync-change-events",
    "arn:aws:iam::555555555555:role/Marketplace-Admin",
    "arn:aws:iam::555555555555:role/MarketplaceAdmin",
    f"arn:aws:iam::{STRANGER}:role/pmp-sync-spoke",
    f"arn:aws:iam::{STRANGER}:role/Marketplace Admin".replace(" ", "_"),
]
SERVICES = ["lambda.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com", "scheduler.amazonaws.com", "ec2.amazonaws.com"]
ACTIONS = [
    *(f"dynamodb:{name}" for name in "BatchGetItem BatchWriteItem DeleteItem DeleteTable GetItem PutItem Query Scan UpdateItem".split()),
    *(
        f"sqs:{name}"
        for name in "ChangeMessageVisibility DeleteMessage GetQueueAttributes ReceiveMessage SendMessage SetQueueAttributes".split()
    ),
    *(f"sns:{name}" for name in "Publish Subscribe AddPermission GetTopicAttributes".split()),
    *(f"kms:{name}" for name in "Decrypt DescribeKey Encrypt GenerateDataKey GetPublicKey ReEncryptFrom ReEncryptTo Sign".split()),
    *(
        f"aws-marketplace:{name}"
        for name in "StartChangeSet DescribeChangeSet DescribeEntity ListEntities ListChangeSets GetProduct SearchListings CancelChangeSet "
        "AssociateProductsWithPrivateMarketplace DisassociateProductsFromPrivateMarketplace".split()
    ),
    *(f"logs:{name}" for name in "CreateLogStream PutLogEvents CreateLogGroup".split()),
    "lambda:InvokeFunction",
    "lambda:UpdateFunctionCode",
    "events:PutEvents",
    "events:PutRule",
    "s3:GetObject",
    "s3:PutObject",
    "sts:AssumeRole",
    "sts:TagSession",
    "iam:PassRole",
]
# What a wildcard may stand for.
ANYTHING = ["", "a", "exp-one", "a/b", "a:b", "A"]
CHANGES = 3


class Draws:
    """Requests about one subject."""

    def __init__(self, subject, resources, random):
        self.random, self.policy = random, subject.policy
        self.lines = subject.table.may + subject.table.never
        # Those of all tables, so that one policy is asked about what another is about.
        self.resources = resources

    def draw(self):
        line = self.random.choice(self.lines)
        request = self.along(line)
        changes = [self.action, self.resource, self.key, self.key, self.value, self.value]
        if self.policy.kind in ("trust", "resource"):
            changes += [self.principal, self.principal]
        for _ in range(self.random.randrange(CHANGES + 1)):
            self.random.choice(changes)(request)
        if self.policy.kind in ("trust", "resource", "control") and request.arn:
            request.keys["aws:principalarn"] = request.arn
        return request

    def along(self, line):
        """As the line has it."""
        choose = self.random.choice
        action = choose(line.actions)
        fitting = [one for one in ACTIONS if one.startswith(action.rstrip("*"))]
        action = choose(fitting) if "*" in action else action
        if self.policy.kind == "trust":
            resource = self.policy.guards
        else:
            resource = self.filled(choose(line.resources)) if line.resources else choose(self.resources)
        request = Request(action, resource)
        for one in line.given:
            key = getattr(one, "key", "").lower()
            if isinstance(one, Is):
                request.keys[key] = choose(one.values)
            elif isinstance(one, IsArn):
                request.keys[key] = self.filled(choose(one.values))
            elif isinstance(one, Only):
                request.keys[key] = [self.filled(choose(one.values)) for _ in range(self.random.randrange(1, 4))]
        # Who is not told asks as a role of another account.
        if self.policy.kind == "identity":
            return request
        if isinstance(line.who, Service):
            request.service = line.who.name
        else:
            known = [one for one in PRINCIPALS if not isinstance(line.who, Account) or one.split(":")[4] in line.who.numbers]
            named = request.keys.get("aws:principalarn")
            if not named or not re.fullmatch(r"arn:aws:iam::\d{12}:(role|user)/.+", named) or self.random.random() < 0.2:
                named = choose(known)
            self.ask_as(request, named)
        return request

    def filled(self, pattern):
        return "".join(self.random.choice(ANYTHING) if one == "*" else "x" if one == "?" else one for one in pattern)

    def ask_as(self, request, arn):
        request.arn, request.account, request.service = arn, arn.split(":")[4], None

    def action(self, request):
        if self.policy.kind == "trust":
            # A role's trust is not asked about anything else.
            request.action = self.random.choice([one for one in ACTIONS if one.startswith("sts:")])
        elif self.random.random() < 0.2:
            service, name = request.action.split(":")
            request.action = f"{service}:{self.random.choice([name.lower(), name.upper()])}"
        else:
            near = [one for one in ACTIONS if one.split(":")[0] == request.action.split(":")[0]]
            others = ACTIONS
            if self.policy.kind == "resource":
                # Where a role is assumed or a key is used, IAM asks the role's trust or the key's policy, and no other.
                others = [one for one in ACTIONS if not one.startswith(("sts:", "kms:"))]
            request.action = self.random.choice(near if near and self.random.random() < 0.8 else others)

    def resource(self, request):
        if self.policy.kind == "trust":
            return
        old, choose = request.resource, self.random.choice
        kind = self.random.randrange(8)
        parts = old.split(":", 5)
        if kind == 0 or len(parts) < 6:
            new = choose(self.resources)
        elif kind == 1:
            new = old + choose(["2", "/x", ":x"])
        elif kind == 2:
            new = old[:-1]
        elif kind == 3:
            new = ":".join([*parts[:4], choose([HUB, ALPHA_ACCOUNT, STRANGER, ""]), parts[5]])
        elif kind == 4:
            new = ":".join([*parts[:3], choose(["eu-west-1", ""]), *parts[4:]])
        elif kind == 5:
            new = ":".join([*parts[:5], choose([parts[5].upper(), parts[5].lower(), parts[5].swapcase()])])
        elif kind == 6:
            new = ":".join([*parts[:2], parts[2].upper(), *parts[3:]])
        else:
            new = ":".join([*parts[:4], f"{parts[4]}:x", parts[5]])
        request.resource = new

    def key(self, request):
        """One key less, or one that the request did not have."""
        keys = sorted(KEYS.keys() - {"aws:principalarn"})
        key = self.random.choice(sorted(request.keys) if request.keys and self.random.random() < 0.7 else keys)
        if key in request.keys:
            del request.keys[key]
        elif key in VALUES:
            self.give(request, key)

    def give(self, request, key):
        values = VALUES[key]
        if KEYS[key] == "many":
            request.keys[key] = [self.random.choice(values) for _ in range(self.random.choice([0, 1, 1, 2, 3]))]
        else:
            request.keys[key] = self.random.choice(values)

    def value(self, request):
        keys = [key for key in request.keys if key in VALUES]
        if not keys:
            return
        key = self.random.choice(sorted(keys))
        old = request.keys[key]
        if isinstance(old, list) and self.random.random() < 0.5:
            request.keys[key] = [*old, self.random.choice(VALUES[key])]
        elif isinstance(old, str) and self.random.random() < 0.3:
            request.keys[key] = self.random.choice([f"{old}x", old[:-1], old.upper(), old.lower()])
        else:
            self.give(request, key)

    def principal(self, request):
        if self.random.random() < 0.5:
            request.arn = request.account = None
            request.keys.pop("aws:principalarn", None)
            request.service = self.random.choice(SERVICES)
        else:
            self.ask_as(request, self.random.choice(PRINCIPALS))
