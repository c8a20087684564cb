"""The least that each role needs, and whom each resource lets in: the list that the templates are held to.

It is written by hand from docs/deploy.md ("For security reviewers") and docs/security.md, and never made from a template. `may` is all that
a policy allows, and each line of it has to be possible. `never` is all that it denies outright, whatever else allows it.
"""

from dataclasses import dataclass

from claims import Account, Is, IsArn, IsNot, Only, Service, row
from deployments import (
    ALPHA,
    ALPHA_ACCOUNT,
    ALPHA_SECRET,
    BETA,
    BETA_ACCOUNT,
    BETA_SECRET,
    BUS,
    CATALOG_OWNER,
    FORWARDING_ACCOUNT,
    HUB,
    HUB_KEY,
    LISTED,
    NOTIFIED,
    OPERATORS,
    OTHER_ACCOUNT,
    PROTECTED_FROM_ALL_BUT,
    SIGNING_KEY,
    SNAPSHOTS,
    SPOKE_KEY,
    TIMESTAMPS,
    TOPIC,
)


@dataclass
class Table:
    may: list
    never: list

    def __post_init__(self):
        self.may = [line for line in self.may if line]
        self.never = [line for line in self.never if line]


def entity(account, kind, name="*"):
    return f"arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/{kind}/{name}"


FUNCTION = f"arn:aws:lambda:us-east-1:{HUB}:function:pmp-sync-hub"
HUB_DEAD_LETTERS = f"arn:aws:sqs:us-east-1:{HUB}:pmp-sync-hub-dead-letters"
QUEUE = f"arn:aws:sqs:us-east-1:{ALPHA_ACCOUNT}:pmp-sync-snapshots"
DEAD_LETTERS = f"{QUEUE}-dead-letters"
READ_FACTS = [
    row("look a product up", "aws-marketplace:GetProduct", "arn:aws:aws-marketplace:::catalog/AWSMarketplace*/product/*"),
    row("search listings", "aws-marketplace:SearchListings", "arn:aws:aws-marketplace:::catalog/AWSMarketplace*/listing/*"),
]
USE_OF_A_KEY = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
PLAIN_HTTP = Is("aws:SecureTransport", ("false",))


def log(account, name):
    group = f"arn:aws:logs:us-east-1:{account}:log-group:/aws/lambda/{name}:*"
    return row("write its own log", ["logs:CreateLogStream", "logs:PutLogEvents"], group)


def through(*services):
    """A key is used by these services alone, in the role's name."""
    return Is("kms:ViaService", tuple(f"{service}.us-east-1.amazonaws.com" for service in services))


def keys(*values):
    return Only("dynamodb:LeadingKeys", values)


def assumed_by(service, *given):
    return Table([row(f"{service} becomes the role", "sts:AssumeRole", (), *given, who=Service(service))], [])


def hub(on):
    catalog = CATALOG_OWNER if "delegated" in on else HUB
    notes = ["hub#audit", "hub#heads", "hub#told", *(["hub#o-*", "hub#directed"] if "waves" in on else [])]
    forwarders = tuple(([CATALOG_OWNER] if "delegated" in on else []) + ([FORWARDING_ACCOUNT, OTHER_ACCOUNT] if "forwarders" in on else []))
    lists = [LISTED[place] for place, name in enumerate(("members", "second", "third", "fourth")) if name in on]
    tables = {
        "hub FunctionRole": Table(
            [
                row("read the management experience", "aws-marketplace:DescribeEntity", entity(catalog, "Experience", "exp-first")),
                row("read its policy", "aws-marketplace:DescribeEntity", entity(catalog, "ProcurementPolicy")),
                "more" in on
                and row(
                    "read the further experiences that are named, whichever account has them",
                    "aws-marketplace:DescribeEntity",
                    [entity("*", "Experience", "exp-second"), entity("*", "Experience", "exp-third")],
                ),
                row(
                    "keep snapshots",
                    [f"dynamodb:{name}" for name in ("BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem")],
                    SNAPSHOTS,
                ),
                row("look at what spokes report", ["dynamodb:Query", "dynamodb:Scan"], TIMESTAMPS),
                row("keep its own notes", ["dynamodb:GetItem", "dynamodb:PutItem"], TIMESTAMPS, keys(*notes)),
                row("announce", "sns:Publish", TOPIC),
                "notifies" in on and row("tell operations", "sns:Publish", NOTIFIED),
                "signs" in on and row("sign snapshots", ["kms:Sign", "kms:GetPublicKey"], SIGNING_KEY),
                *([] if "no lookups" in on else READ_FACTS),
                row("set aside what fails", "sqs:SendMessage", HUB_DEAD_LETTERS),
                log(HUB, "pmp-sync-hub"),
                "key" in on and row("use the key", USE_OF_A_KEY, HUB_KEY, through("dynamodb", "sns", "sqs")),
            ],
            [],
        ),
        "hub FunctionRole trust": assumed_by("lambda.amazonaws.com"),
        "hub ScheduleRole": Table(
            [
                row("invoke the hub", "lambda:InvokeFunction", FUNCTION),
                row("set aside what cannot be brought", "sqs:SendMessage", HUB_DEAD_LETTERS),
                "key" in on and row("use the key", ["kms:Decrypt", "kms:GenerateDataKey"], HUB_KEY, through("sqs")),
            ],
            [],
        ),
        "hub ScheduleRole trust": assumed_by(
            "scheduler.amazonaws.com",
            Is("aws:SourceAccount", (HUB,)),
            IsArn("aws:SourceArn", (f"arn:aws:scheduler:us-east-1:{HUB}:schedule-group/default",)),
        ),
        "hub ObserverPolicy": Table(
            [
                row("look at snapshots", ["dynamodb:GetItem", "dynamodb:Query"], SNAPSHOTS),
                row("look at the members", ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"], TIMESTAMPS),
                row("take over the function's settings", "lambda:GetFunctionConfiguration", FUNCTION),
                "key" in on and row("use the key to read", ["kms:Decrypt", "kms:DescribeKey"], HUB_KEY, through("dynamodb")),
            ],
            [],
        ),
        "hub OperatorPolicy": Table(
            [
                row("say what is directed", "dynamodb:PutItem", TIMESTAMPS, keys("hub#o-*", "hub#audit", "hub#directed", "hub#heads")),
                row("take a confirmation back", "dynamodb:DeleteItem", TIMESTAMPS, keys("hub#o-*")),
                row("announce", "sns:Publish", TOPIC),
                row("have the hub publish", "lambda:InvokeFunction", FUNCTION),
                "signs" in on and row("sign what is directed", ["kms:Sign", "kms:GetPublicKey"], SIGNING_KEY),
                "key" in on and row("use the key", USE_OF_A_KEY, HUB_KEY, through("dynamodb", "sns")),
            ],
            [],
        ),
        "hub TopicPolicy": Table(
            [
                row(
                    f"an admitted organization's account subscribes a queue ({len(organizations)} in the list)",
                    "sns:Subscribe",
                    TOPIC,
                    Is("aws:PrincipalOrgID", tuple(organizations)),
                    Is("sns:Protocol", ("sqs",)),
                )
                for organizations in lists
            ],
            [row("publish without TLS", "sns:Publish", TOPIC, PLAIN_HTTP)],
        ),
        "hub DeadLettersPolicy": Table(
            [
                row(
                    "the rule of this stack sets an event aside",
                    "sqs:SendMessage",
                    HUB_DEAD_LETTERS,
                    IsArn("aws:SourceArn", (f"arn:aws:events:us-east-1:{HUB}:rule/pmp-sync-change-events",)),
                    IsNot(PLAIN_HTTP),
                    who=Service("events.amazonaws.com"),
                )
            ],
            [row("anything without TLS", "sqs:*", HUB_DEAD_LETTERS, PLAIN_HTTP)],
        ),
        "hub function's policy": Table(
            [
                row(
                    "the rule of this stack invokes the hub",
                    "lambda:InvokeFunction",
                    FUNCTION,
                    IsArn("aws:SourceArn", (f"arn:aws:events:us-east-1:{HUB}:rule/pmp-sync-change-events",)),
                    who=Service("events.amazonaws.com"),
                )
            ],
            [],
        ),
    }
    if forwarders:
        forwarding = ("arn:aws:iam::*:role/pmp-sync-change-events", "arn:aws:iam::*:role/*/pmp-sync-change-events")
        rule = ("arn:aws:events:us-east-1:*:rule/pmp-sync-change-events",)
        tables["hub event bus"] = Table(
            [
                row(
                    "a named account's forwarding role",
                    "events:PutEvents",
                    BUS,
                    IsArn("aws:PrincipalArn", forwarding),
                    who=Account(forwarders),
                ),
                row("a named account's forwarding rule", "events:PutEvents", BUS, IsArn("aws:SourceArn", rule), who=Account(forwarders)),
            ],
            [],
        )
    return tables


def hub_member(on):
    organization, account, secret = (BETA, BETA_ACCOUNT, BETA_SECRET) if "beta" in on else (ALPHA, ALPHA_ACCOUNT, ALPHA_SECRET)
    path = "/marketplace/" if "path" in on else "/"
    return {
        "hub-member MemberRole": Table(
            [
                row("read snapshots", ["dynamodb:GetItem", "dynamodb:Query"], SNAPSHOTS),
                row("write its own receipts", "dynamodb:PutItem", TIMESTAMPS, keys(organization)),
                row(
                    "read its own receipts, what the hub says of it, and how far the hub came",
                    ["dynamodb:GetItem", "dynamodb:Query"],
                    TIMESTAMPS,
                    keys(organization, f"hub#{organization}", "hub#heads"),
                ),
                "key" in on and row("use the key of the tables", USE_OF_A_KEY, HUB_KEY, through("dynamodb")),
            ],
            [],
        ),
        "hub-member MemberRole trust": Table(
            [
                row(
                    "the spoke's one role, with this external id, from this organization",
                    "sts:AssumeRole",
                    (),
                    Is("sts:ExternalId", (secret,)),
                    Is("aws:PrincipalOrgID", (organization,)),
                    IsArn("aws:PrincipalArn", (f"arn:aws:iam::{account}:role{path}pmp-sync-spoke",)),
                    who=Account((account,)),
                )
            ],
            [],
        ),
    }


def spoke(on):
    catalog = CATALOG_OWNER if "delegated" in on else ALPHA_ACCOUNT
    types = ("AllowProductProcurement", "DenyProductProcurement", *(["UpdateProcurementPolicy"] if "settings" in on else []))
    named = [entity("*", "Experience", "exp-one"), entity("*", "Experience", "exp-two")]
    change_sets = [entity(account, "ChangeSet") for account in sorted({ALPHA_ACCOUNT, catalog})]
    start, of_these_types = "aws-marketplace:StartChangeSet", Is("catalog:ChangeType", types)
    from_topic = IsArn("aws:SourceArn", (TOPIC,))

    def letterbox(queue):
        return Table(
            [row("the hub's topic sends", "sqs:SendMessage", queue, from_topic, IsNot(PLAIN_HTTP), who=Service("sns.amazonaws.com"))],
            [row("anything without TLS", "sqs:*", queue, PLAIN_HTTP)],
        )

    trust = assumed_by("lambda.amazonaws.com")
    if "operators" in on:
        people = IsArn("aws:PrincipalArn", tuple(OPERATORS))
        trust.may.append(row("people who are named, of its own account", "sts:AssumeRole", (), people, who=Account((ALPHA_ACCOUNT,))))
    return {
        "spoke FunctionRole": Table(
            [
                row("act in the hub, as this one role", "sts:AssumeRole", f"arn:aws:iam::{HUB}:role/pmp-sync-member-{ALPHA}"),
                row(
                    "take messages",
                    [f"sqs:{name}" for name in ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")],
                    QUEUE,
                ),
                row("set aside what is not understood", "sqs:SendMessage", DEAD_LETTERS),
                row("find experiences and change sets", ["aws-marketplace:ListChangeSets", "aws-marketplace:ListEntities"]),
                row("follow change sets", "aws-marketplace:DescribeChangeSet", change_sets),
                row(
                    "read experiences",
                    "aws-marketplace:DescribeEntity",
                    [entity(catalog, "Experience"), entity(catalog, "ProcurementPolicy")],
                ),
                "observes" not in on
                and row("change products", start, named if "members" in on else entity(catalog, "Experience"), of_these_types),
                "observes" not in on and row("start change sets", start, change_sets, of_these_types),
                "filter" in on and row("load the filter", "s3:GetObject", "arn:aws:s3:::filters/one.wasm"),
                "filters" in on
                and row(
                    "load the filters of rules",
                    "s3:GetObject",
                    ["arn:aws:s3:::filters/two.wasm", "arn:aws:s3:::more/three.wasm"],
                ),
                "filter's settings" in on and row("read the filter's settings", "s3:GetObject", "arn:aws:s3:::settings/one.json"),
                *(READ_FACTS if "looks up" in on else []),
                log(ALPHA_ACCOUNT, "pmp-sync-spoke"),
                "key" in on and row("use the key", ["kms:Decrypt", "kms:GenerateDataKey"], SPOKE_KEY, through("sqs")),
            ],
            [
                row("make a change of any other type", start, (), IsNot(of_these_types)),
                "observes" in on and row("make any change", start),
            ],
        ),
        "spoke FunctionRole trust": trust,
        "spoke QueuePolicy": letterbox(QUEUE),
        "spoke DeadLettersPolicy": letterbox(DEAD_LETTERS),
    }


def protect(on):
    change, others = "aws-marketplace:StartChangeSet", IsNot(IsArn("aws:PrincipalArn", tuple(PROTECTED_FROM_ALL_BUT)))
    own = Is("catalog:ChangeType", ("CancelProductProcurementRequest", "CreateProductProcurementRequest"))
    anywhere = "arn:aws:aws-marketplace:*:*:AWSMarketplace"
    return {
        "protect Policy": Table(
            [],
            [
                row("others change experiences", change, f"{anywhere}/Experience/*", others),
                row(
                    "others decide on products",
                    [f"aws-marketplace:{name}ProductsWithPrivateMarketplace" for name in ("Associate",)]
                    + ["aws-marketplace:DisassociateProductsFromPrivateMarketplace"],
                    (),
                    others,
                ),
                row("others decide on requests of users", change, f"{anywhere}/ProductProcurementRequest/*", others, IsNot(own)),
            ],
        )
    }


def change_events(on):
    rule = f"arn:aws:events:us-east-1:{FORWARDING_ACCOUNT}:rule/pmp-sync-change-events"
    return {
        "change-events ForwardingRole": Table([row("bring events to the hub's bus", "events:PutEvents", BUS)], []),
        "change-events ForwardingRole trust": assumed_by(
            "events.amazonaws.com", Is("aws:SourceAccount", (FORWARDING_ACCOUNT,)), IsArn("aws:SourceArn", (rule,))
        ),
    }


TABLES = {"hub": hub, "hub-member": hub_member, "spoke": spoke, "protect": protect, "change-events": change_events}


def permissions(deployment):
    """By the policy's name."""
    return TABLES[deployment.template](deployment.on)
