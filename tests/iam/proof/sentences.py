"""What a security reviewer asks, each as a sentence that is proven of every deployment.

Each follows from the tables of `permissions.py`. They are proven by themselves all the same: a table is long, and these say what matters.
"""

from dataclasses import dataclass

from claims import Account, Any, Is, IsArn, IsNot, Service, row
from deployments import ALPHA, ALPHA_ACCOUNT, ALPHA_SECRET, BETA, BUS, HUB, LISTED, SIGNING_KEY, SNAPSHOTS, TIMESTAMPS, TOPIC
from permissions import DEAD_LETTERS, FUNCTION, HUB_DEAD_LETTERS, PLAIN_HTTP, QUEUE, keys

HUB_ROLE, OPERATOR, OBSERVER = "hub FunctionRole", "hub OperatorPolicy", "hub ObserverPolicy"
SCHEDULE, MEMBER, SPOKE = "hub ScheduleRole", "hub-member MemberRole", "spoke FunctionRole"
FORWARDER = "change-events ForwardingRole"
EVERYBODY = {HUB_ROLE, OPERATOR, OBSERVER, SCHEDULE, MEMBER, SPOKE, FORWARDER}
READS = {"BatchGetItem", "ConditionCheckItem", "Describe*", "GetItem", "GetRecords", "GetShardIterator", "List*", "Query", "Scan"}
START = "aws-marketplace:StartChangeSet"


@dataclass(frozen=True)
class Never:
    """No request that the row describes is allowed by any of these policies."""

    sentence: str
    policies: frozenset
    row: object
    # Of deployments with this switch, where it is given; of those without, where it begins with `no `.
    only: str = ""


@dataclass(frozen=True)
class Denied:
    """Every request that the row describes is denied outright by each of these policies, whatever else allows it."""

    sentence: str
    policies: frozenset
    row: object
    only: str = ""


@dataclass(frozen=True)
class Together:
    """A request that the row describes is allowed by both policies, or by no means by both."""

    sentence: str
    # Template, name of the deployment, policy.
    first: tuple
    second: tuple
    row: object
    possible: bool


def never(sentence, policies, *what, only=""):
    return Never(sentence, frozenset([policies] if isinstance(policies, str) else policies), row(sentence, *what), only)


def denied(sentence, policy, *what, only=""):
    return Denied(sentence, frozenset([policy]), row(sentence, *what), only)


def of_receipts(*given):
    return ("dynamodb:*", TIMESTAMPS, *given)


# Whatever DynamoDB has or will have, but for what only reads.
WRITES = IsNot(row("reads", sorted(f"dynamodb:{name}" for name in READS)))
OTHERS = {BETA, "o-second0000", "o-third00000", "o-third11111", "o-fourth0000"}
UNTOUCHED = [
    *("iam:*", "organizations:*", "cloudformation:*", "events:PutPermission", "kms:PutKeyPolicy", "kms:CreateGrant"),
    *("sns:*Permission", "sns:SetTopicAttributes", "sqs:*Permission", "sqs:SetQueueAttributes", "lambda:*Permission", "lambda:Update*"),
]
SERVICES_OF_DATA = tuple(f"{service}.us-east-1.amazonaws.com" for service in ("dynamodb", "sns", "sqs"))
OBSERVING = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "kms:Decrypt", "kms:DescribeKey", "lambda:GetFunctionConfiguration"]
LOOKING = [f"aws-marketplace:{name}" for name in ("DescribeEntity", "GetProduct", "SearchListings")]
HUB_SAYS = {f"hub#{one}" for one in OTHERS} | {"hub#audit", "hub#directed", "hub#told"}
SPOKES = ("arn:aws:iam::*:role/pmp-sync-spoke", "arn:aws:iam::*:role/marketplace/pmp-sync-spoke")
FORWARDERS = ("222222222222", "555555555555", "666666666666")
FORWARDING_ROLE = IsArn("aws:PrincipalArn", ("arn:aws:iam::*:role/*pmp-sync-change-events",))
FORWARDING_RULE = IsArn("aws:SourceArn", ("arn:aws:events:*:*:rule/pmp-sync-change-events",))
SECRETS = Is("sts:ExternalId", (ALPHA_SECRET, "beta-0123456789abcdef"))
ADMITTED = tuple(one for organizations in LISTED for one in organizations)

SENTENCES = [
    never("Only the hub's role writes snapshots.", EVERYBODY - {HUB_ROLE}, "dynamodb:*", SNAPSHOTS, WRITES),
    never(
        "No role deletes a table, changes one, or restores one.",
        EVERYBODY,
        ["dynamodb:Delete*Table*", "dynamodb:Create*", "dynamodb:UpdateTable*", "dynamodb:Restore*", "dynamodb:UpdateTimeToLive"],
    ),
    never("No role has any right to a table of other names.", EVERYBODY, "dynamodb:*", (), IsNot(row("", "*", [SNAPSHOTS, TIMESTAMPS]))),
    never("A member writes nothing without naming whose items it writes.", MEMBER, *of_receipts(WRITES, IsNot(keys("*")))),
    never(
        "A member writes no other organization's items.",
        MEMBER,
        *of_receipts(WRITES, Any("dynamodb:LeadingKeys", tuple(sorted(OTHERS)))),
        only="no beta",
    ),
    never(
        "A member writes nothing that the hub says: no item of hub#….",
        MEMBER,
        *of_receipts(WRITES, Any("dynamodb:LeadingKeys", ("hub#*",))),
    ),
    never("A member never scans, so it sees no other member's receipts that way.", MEMBER, "dynamodb:Scan"),
    never(
        "A member reads of other organizations nothing: neither their receipts nor what the hub says of them.",
        MEMBER,
        *of_receipts(Any("dynamodb:LeadingKeys", tuple(sorted(OTHERS | HUB_SAYS)))),
        only="no beta",
    ),
    never("The hub's role writes no organization's receipts.", HUB_ROLE, *of_receipts(WRITES, Any("dynamodb:LeadingKeys", ("o-*",)))),
    never(
        "The hub's role admits nobody: it does not write the roster.",
        HUB_ROLE,
        *of_receipts(WRITES, Any("dynamodb:LeadingKeys", ("hub#roster",))),
    ),
    never(
        "Without waves, the hub's role confirms and directs nothing: it does not write hub#o-….",
        HUB_ROLE,
        *of_receipts(WRITES, Any("dynamodb:LeadingKeys", ("hub#o-*", "hub#directed"))),
        only="no waves",
    ),
    never(
        "Operators write no receipts, and name what they write.",
        OPERATOR,
        *of_receipts(WRITES, IsNot(keys("hub#*"))),
    ),
    never("Whoever observes writes nothing anywhere.", OBSERVER, "*", (), IsNot(row("", OBSERVING))),
    never("Only the hub and its operators publish on the topic.", EVERYBODY - {HUB_ROLE, OPERATOR}, "sns:*", TOPIC),
    never("The topic itself lets nobody publish.", "hub TopicPolicy", "sns:Publish"),
    never(
        "Nobody subscribes to the topic who is not of an admitted organization.",
        "hub TopicPolicy",
        "sns:*",
        (),
        IsNot(Is("aws:PrincipalOrgID", ADMITTED)),
    ),
    never(
        "Nothing but queues is subscribed to the topic by its policy.", "hub TopicPolicy", "sns:*", (), IsNot(Is("sns:Protocol", ("sqs",)))
    ),
    never("The topic lets in nobody for anything but subscribing.", "hub TopicPolicy", "*", (), IsNot(row("", "sns:Subscribe"))),
    never(
        "Nobody but SNS, for the hub's topic, sends to the spoke's queues by their policies.",
        ["spoke QueuePolicy", "spoke DeadLettersPolicy"],
        "*",
        (),
        IsNot(row("", "sqs:SendMessage", (), IsArn("aws:SourceArn", (TOPIC,)), who=Service("sns.amazonaws.com"))),
    ),
    never("No role of the templates sends to the spoke's queue.", EVERYBODY, ["sqs:Send*", "sqs:Set*", "sqs:Add*"], QUEUE),
    never("No role but the spoke's takes from its queue.", EVERYBODY - {SPOKE}, "sqs:*", [QUEUE, DEAD_LETTERS]),
    denied("The spoke's queue refuses everything without TLS.", "spoke QueuePolicy", "sqs:*", QUEUE, PLAIN_HTTP),
    denied("The spoke's dead letters refuse everything without TLS.", "spoke DeadLettersPolicy", "sqs:*", DEAD_LETTERS, PLAIN_HTTP),
    denied("The hub's dead letters refuse everything without TLS.", "hub DeadLettersPolicy", "sqs:*", HUB_DEAD_LETTERS, PLAIN_HTTP),
    denied("The topic refuses to publish without TLS.", "hub TopicPolicy", "sns:Publish", TOPIC, PLAIN_HTTP),
    never("Only the spoke changes experiences.", EVERYBODY - {SPOKE}, [START, "aws-marketplace:CancelChangeSet"]),
    never("The hub's role only reads in AWS Marketplace.", HUB_ROLE, "aws-marketplace:*", (), IsNot(row("", LOOKING))),
    denied(
        "The spoke changes products and, at most, whether users may ask for them: all else is denied, whatever else its role is given.",
        SPOKE,
        START,
        (),
        IsNot(Is("catalog:ChangeType", ("AllowProductProcurement", "DenyProductProcurement", "UpdateProcurementPolicy"))),
    ),
    denied("A spoke that only observes starts no change, whatever else its role is given.", SPOKE, START, only="observes"),
    denied(
        "Without SyncSettings, the spoke does not change whether users may ask for products, whatever else its role is given.",
        SPOKE,
        START,
        (),
        IsNot(Is("catalog:ChangeType", ("AllowProductProcurement", "DenyProductProcurement"))),
        only="no settings",
    ),
    never("No role but the spoke's becomes another role.", EVERYBODY - {SPOKE}, "sts:*"),
    never(
        "The spoke becomes one role, of the hub's account, and no other.",
        SPOKE,
        "sts:*",
        (),
        IsNot(row("", "*", f"arn:aws:iam::{HUB}:role/pmp-sync-member-{ALPHA}")),
    ),
    never("No role touches IAM, Organizations or the templates' own policies.", EVERYBODY, UNTOUCHED),
    never("Only the hub and its operators sign.", EVERYBODY - {HUB_ROLE, OPERATOR}, ["kms:Sign", "kms:*"], SIGNING_KEY),
    never(
        "No role uses a key of the data but through a service of AWS.",
        EVERYBODY,
        "kms:*",
        (),
        IsNot(Is("kms:ViaService", SERVICES_OF_DATA)),
        IsNot(row("", "*", SIGNING_KEY)),
    ),
    never("Only operators and the schedule invoke the hub's function.", EVERYBODY - {OPERATOR, SCHEDULE}, "lambda:Invoke*"),
    never(
        "Nobody but the schedule and people does anything with the hub's function.", EVERYBODY - {OPERATOR, OBSERVER, SCHEDULE}, "lambda:*"
    ),
    never(
        "By its own policy, the hub's function is invoked by EventBridge alone.",
        "hub function's policy",
        "*",
        (),
        IsNot(row("", "lambda:InvokeFunction", FUNCTION, who=Service("events.amazonaws.com"))),
    ),
    never(
        "The hub's bus takes events of the named accounts alone.",
        "hub event bus",
        "*",
        (),
        IsNot(row("", "events:PutEvents", BUS, who=Account(FORWARDERS))),
    ),
    never(
        "No account is let into the hub's bus but by a role or a rule of the forwarding stack's name.",
        "hub event bus",
        "*",
        (),
        IsNot(FORWARDING_ROLE),
        IsNot(FORWARDING_RULE),
    ),
    never("Nobody becomes a member's role without its external id.", f"{MEMBER} trust", "*", (), IsNot(SECRETS)),
    never(
        "Nobody of another organization becomes a member's role.",
        f"{MEMBER} trust",
        "*",
        (),
        IsNot(Is("aws:PrincipalOrgID", (ALPHA, BETA))),
    ),
    never(
        "No person and no other role of the member's account becomes a member's role.",
        f"{MEMBER} trust",
        "*",
        (),
        IsNot(IsArn("aws:PrincipalArn", SPOKES)),
    ),
    never(
        "Nobody of another account becomes the spoke's role.",
        f"{SPOKE} trust",
        "*",
        (),
        IsNot(Account((ALPHA_ACCOUNT,))),
        IsNot(Service("lambda.amazonaws.com")),
    ),
    never(
        "No role of the hub is assumed by a person: only services of AWS take them.",
        [f"{HUB_ROLE} trust", f"{SCHEDULE} trust", f"{FORWARDER} trust"],
        "*",
        (),
        IsNot(Service("lambda.amazonaws.com")),
        IsNot(Service("scheduler.amazonaws.com")),
        IsNot(Service("events.amazonaws.com")),
    ),
    never(
        "Scheduler and EventBridge take their roles for this account's own schedules and rule alone.",
        [f"{SCHEDULE} trust", f"{FORWARDER} trust"],
        "*",
        (),
        IsNot(Is("aws:SourceAccount", (HUB, "666666666666"))),
    ),
    denied(
        "Under protect.yaml, nobody but those named changes an experience.",
        "protect Policy",
        START,
        "arn:aws:aws-marketplace:*:*:AWSMarketplace/Experience/*",
        IsNot(IsArn("aws:PrincipalArn", (f"arn:aws:iam::{ALPHA_ACCOUNT}:role/pmp-sync-spoke", "arn:aws:iam::*:role/Marketplace?Admin"))),
    ),
    Together(
        "No request to write is allowed to two members.",
        ("hub-member", "nothing on", MEMBER),
        ("hub-member", "another member", MEMBER),
        row("", "*", (), WRITES),
        False,
    ),
    Together(
        "Nobody who becomes one member's role could become another's by the same request.",
        ("hub-member", "nothing on", f"{MEMBER} trust"),
        ("hub-member", "another member", f"{MEMBER} trust"),
        row("", "*"),
        False,
    ),
    Together(
        "The spoke gets in: its own role allows what the member's role lets in.",
        ("spoke", "nothing on", SPOKE),
        ("hub-member", "nothing on", f"{MEMBER} trust"),
        row("", "sts:AssumeRole", f"arn:aws:iam::{HUB}:role/pmp-sync-member-{ALPHA}"),
        True,
    ),
    Together(
        "A spoke with a path gets in, too.",
        ("spoke", "only path", SPOKE),
        ("hub-member", "only path", f"{MEMBER} trust"),
        row("", "sts:AssumeRole", f"arn:aws:iam::{HUB}:role/pmp-sync-member-{ALPHA}"),
        True,
    ),
    Together(
        "One organization's spoke does not become another member's role, whatever it knows.",
        ("spoke", "everything on", SPOKE),
        ("hub-member", "another member", f"{MEMBER} trust"),
        row("", "*", (), Is("aws:PrincipalOrgID", (ALPHA,))),
        False,
    ),
    Together(
        "The forwarding role gets its events into the hub's bus.",
        ("change-events", "nothing on", FORWARDER),
        ("hub", "everything on", "hub event bus"),
        row("", "events:PutEvents", BUS, who=Account(("666666666666",))),
        True,
    ),
]
