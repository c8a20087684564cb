"""The world of the suite: many organizations that are alike, so that each test has one to itself."""

import json
from dataclasses import dataclass

REGION = "us-east-1"
# Tests that need an organization of their own take the next one.
ORGANIZATIONS = 480

# Products with a name, for Discovery. Every other id may be approved all the same.
PRODUCTS = [
    {
        "id": "prod-observability1",
        "name": "Lighthouse Observability",
        "manufacturer": "Harbor Systems",
        "categories": ["Monitoring", "Operations"],
        "fulfillment": "SaaS",
    },
    {
        "id": "prod-database00001",
        "name": "Quarry Database",
        "manufacturer": "Stonework Data",
        "categories": ["Databases"],
        "fulfillment": "Container image",
    },
    {
        "id": "prod-firewall00001",
        "name": "Portcullis Firewall",
        "manufacturer": "Harbor Systems",
        "categories": ["Security"],
        "fulfillment": "AMI",
    },
]
POISON = "prod-poison0000001"


@dataclass(frozen=True)
class Organization:
    """An organization, and what there is in it at the start."""

    number: int

    @property
    def id(self):
        return f"o-conform{self.number:05}"

    @property
    def management(self):
        """The management account, which owns the private marketplace."""
        return f"1{self.number:011}"

    @property
    def delegate(self):
        """A member account that administers it on its behalf."""
        return f"2{self.number:011}"

    @property
    def member(self):
        """A member account that does not."""
        return f"3{self.number:011}"

    @property
    def live(self):
        """An enabled experience with a policy."""
        return f"exp-live{self.number:05}"

    @property
    def policy(self):
        """The policy of the live experience."""
        return f"procpolicy-live{self.number:05}"

    @property
    def disabled(self):
        """A disabled experience with an empty policy."""
        return f"exp-disabled{self.number:05}"

    @property
    def archived(self):
        """An archived experience."""
        return f"exp-archived{self.number:05}"

    @property
    def bare(self):
        """A disabled experience without a policy."""
        return f"exp-bare{self.number:05}"

    @property
    def experiences(self):
        return [self.live, self.disabled, self.archived, self.bare]

    def arn(self, kind, identifier):
        return f"arn:aws:aws-marketplace:{REGION}:{self.management}:AWSMarketplace/{kind}/{identifier}"

    def role(self, name):
        return f"arn:aws:iam::{self.management}:role/{name}"


# What the live experience approves and rejects at the start.
APPROVED = ["prod-database00001", "prod-observability1"]
REJECTED = ["prod-firewall00001"]
NOTE = "Reviewed in spring"
OUTSIDER = "999999999999"
# Changes of many products need a policy that is large from the start.
LARGE = "exp-large"
LARGE_POLICY = "procpolicy-large"
LARGE_OWNER = "400000000000"
LARGE_PRODUCTS = [f"prod-large{number:06}" for number in range(2000)]


def organizations():
    """Every organization that tests may take."""
    return [Organization(number) for number in range(ORGANIZATIONS)]


def table(values):
    """A TOML inline table. TOML's strings are JSON's, but for what none of ours have."""
    return "{ " + ", ".join(f"{key} = {value(item)}" for key, item in values.items()) + " }"


def value(item):
    if isinstance(item, dict):
        return table(item)
    if isinstance(item, list):
        return "[" + ", ".join(value(one) for one in item) + "]"
    return json.dumps(item)


def block(name, values):
    return f"[[{name}]]\n" + "".join(f"{key} = {value(item)}\n" for key, item in values.items())


def allow(principal, action, resource="*", condition=None, sid="Conformance"):
    """A policy with one statement, as text."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": action}
    if principal:
        statement["Principal"] = principal
    if resource:
        statement["Resource"] = resource
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def experiences_of(organization):
    with_note = [{"id": APPROVED[0], "notes": NOTE}, *APPROVED[1:]]
    return [
        {
            "id": organization.live,
            "name": "Live",
            "policy": {"id": organization.policy, "approved": with_note, "rejected": REJECTED},
            "discovery_policies": ["discopolicy-abcdef12345"],
            "integration": "integ-abcdefgh12345",
        },
        {
            "id": organization.disabled,
            "name": "Disabled",
            "status": "Disabled",
            "policy": {"id": f"procpolicy-disabled{organization.number:05}"},
        },
        {
            "id": organization.archived,
            "name": "Archived",
            "status": "Disabled",
            "admin_status": "Restricted",
            "policy": {"id": f"procpolicy-archived{organization.number:05}"},
        },
        {"id": organization.bare, "name": "Bare", "status": "Disabled"},
    ]


def roles_of(organization):
    """Roles of the management account: what other accounts may assume, and on which condition."""
    owner = organization.management
    anyone = {"AWS": "*"}
    external = {"StringEquals": {"sts:ExternalId": "conformance-7", "aws:PrincipalOrgID": organization.id}}
    assume = "sts:AssumeRole"
    change = ["AllowProductProcurement"]
    return [
        {
            "account": owner,
            "name": "reader",
            "trust": allow(anyone, assume, None, external),
            "permissions": [
                allow(None, ["aws-marketplace:Describe*", "aws-marketplace:List*", "sts:AssumeRole", "sns:Publish"])
            ],
        },
        {
            "account": owner,
            "name": "allower",
            "trust": allow({"AWS": f"arn:aws:iam::{owner}:root"}, assume, None),
            "permissions": [
                allow(None, "aws-marketplace:Describe*"),
                allow(
                    None,
                    "aws-marketplace:StartChangeSet",
                    "*",
                    {"StringEquals": {"catalog:ChangeType": change}},
                ),
            ],
        },
        {
            # Reached from the role `reader` of the same organization alone.
            "account": organization.delegate,
            "name": "chained",
            "trust": allow({"AWS": organization.role("reader")}, assume, None),
            "permissions": [allow(None, "sqs:*")],
        },
        {
            "account": owner,
            "name": "writer",
            "trust": allow(anyone, assume, None, {"StringEquals": {"aws:PrincipalOrgID": organization.id}}),
            "permissions": [
                allow(
                    None,
                    ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"],
                    f"arn:aws:dynamodb:{REGION}:{owner}:table/*",
                    {
                        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [organization.id]},
                        "Null": {"dynamodb:LeadingKeys": "false"},
                    },
                )
            ],
        },
    ]


# Tests look as often as they like. What AWS limits by default has a world of its own.
UNLIMITED = "[catalog]\nthrottling = false\n"


def text(shortest="20ms", longest="60ms", count=ORGANIZATIONS, more=UNLIMITED):
    """The world as a TOML file. `more` are further tables of it."""
    parts = [f'region = "{REGION}"\nseed = 7\npoison_products = ["{POISON}"]\n', more]
    parts.append(f'[change_sets]\nmin = "{shortest}"\nmax = "{longest}"\n')
    for organization in organizations()[:count]:
        parts.append(
            block(
                "organizations",
                {
                    "id": organization.id,
                    "name": f"Organization {organization.number}",
                    "management_account": organization.management,
                    "member_accounts": [organization.delegate, organization.member],
                    "delegated_administrators": [organization.delegate],
                    "experiences": experiences_of(organization),
                },
            )
        )
        parts.extend(block("roles", role) for role in roles_of(organization))
        parts.append(block("change_event_targets", {"account": organization.management, "queue": "catalog-events"}))
    large = {"id": LARGE, "name": "Large", "policy": {"id": LARGE_POLICY, "approved": LARGE_PRODUCTS}}
    parts.append(
        block(
            "organizations",
            {
                "id": "o-largelarge",
                "name": "Large",
                "management_account": LARGE_OWNER,
                "experiences": [large],
            },
        )
    )
    parts.extend(block("products", product) for product in PRODUCTS)
    return "\n".join(parts)
