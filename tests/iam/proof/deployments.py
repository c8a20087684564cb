"""With which parameters the templates are looked at.

Each template has *switches*: what its parameters turn on and off in a policy. It is looked at with none of them, with each alone, with
all, and with all but each. `check.py` fails where a condition of a template that a policy depends on was not seen both ways.
"""

from dataclasses import dataclass

HUB = "111111111111"
CATALOG_OWNER = "222222222222"
ALPHA_ACCOUNT = "333333333333"
BETA_ACCOUNT = "444444444444"
OTHER_ACCOUNT = "555555555555"
FORWARDING_ACCOUNT = "666666666666"
STRANGER = "999999999999"

ALPHA, BETA = "o-alpha00000", "o-beta000000"
# One for each of the four lists of hub.yaml; Alpha is in the first.
LISTED = [[ALPHA, BETA], ["o-second0000"], ["o-third00000", "o-third11111"], ["o-fourth0000"]]
ALPHA_SECRET, BETA_SECRET = "alpha-0123456789abcdef", "beta-0123456789abcdef"

SNAPSHOTS = f"arn:aws:dynamodb:us-east-1:{HUB}:table/pmp-sync-Snapshots"
TIMESTAMPS = f"arn:aws:dynamodb:us-east-1:{HUB}:table/pmp-sync-SyncTimestamps"
TOPIC = f"arn:aws:sns:us-east-1:{HUB}:pmp-sync-snapshots"
BUS = f"arn:aws:events:us-east-1:{HUB}:event-bus/default"
NOTIFIED = f"arn:aws:sns:us-east-1:{HUB}:operations"
SIGNING_KEY = f"arn:aws:kms:us-east-1:{HUB}:key/signing"
HUB_KEY = f"arn:aws:kms:us-east-1:{HUB}:key/hub"
SPOKE_KEY = f"arn:aws:kms:us-east-1:{ALPHA_ACCOUNT}:key/spoke"
OPERATORS = [f"arn:aws:iam::{ALPHA_ACCOUNT}:role/Admin*", f"arn:aws:iam::{ALPHA_ACCOUNT}:user/maria"]
PROTECTED_FROM_ALL_BUT = [f"arn:aws:iam::{ALPHA_ACCOUNT}:role/pmp-sync-spoke", "arn:aws:iam::*:role/Marketplace?Admin"]

# Switches: parameters for each.
HUB_SWITCHES = {
    "members": {"MemberOrganizationIds": ",".join(LISTED[0])},
    "second": {"SecondMemberOrganizationIds": ",".join(LISTED[1])},
    "third": {"ThirdMemberOrganizationIds": ",".join(LISTED[2])},
    "fourth": {"FourthMemberOrganizationIds": ",".join(LISTED[3])},
    "delegated": {"CatalogAccountId": CATALOG_OWNER},
    "forwarders": {"ChangeEventAccountIds": f"{FORWARDING_ACCOUNT},{OTHER_ACCOUNT}"},
    "more": {"MoreExperienceIds": "exp-second,exp-third"},
    "waves": {"Waves": "none"},
    "notifies": {"NotifyTopicArn": NOTIFIED},
    "signs": {"SigningKeyArn": SIGNING_KEY},
    "no lookups": {"ProductAttributes": "false"},
    "key": {"KmsKeyArn": HUB_KEY},
    "path": {"RolePath": "/hub/"},
}
SPOKE_SWITCHES = {
    "members": {"MemberExperienceIds": "exp-one,exp-two"},
    "delegated": {"CatalogAccountId": CATALOG_OWNER},
    "settings": {"SyncSettings": "true"},
    "observes": {"Mode": "observe"},
    "looks up": {"ProductAttributes": "own"},
    "filter": {"FilterBucket": "filters", "FilterKey": "one.wasm", "FilterDigest": f"sha256:{'0' * 64}"},
    "filters": {"FilterObjectArns": "arn:aws:s3:::filters/two.wasm,arn:aws:s3:::more/three.wasm"},
    "filter's settings": {"FilterConfigBucket": "settings", "FilterConfigKey": "one.json"},
    "operators": {"OperatorPrincipalArns": ",".join(OPERATORS)},
    "key": {"KmsKeyArn": SPOKE_KEY},
    "path": {"SpokeRolePath": "/marketplace/"},
}
MEMBER_SWITCHES = {
    "key": {"TablesKeyArn": HUB_KEY},
    "path": {"SpokeRolePath": "/marketplace/"},
    "role's path": {"RolePath": "/hub/"},
}
SWITCHES = {
    "hub": HUB_SWITCHES,
    "spoke": SPOKE_SWITCHES,
    "hub-member": MEMBER_SWITCHES,
    "change-events": {"path": {"RolePath": "/events/"}},
    "protect": {},
}

ACCOUNTS = {
    "hub": HUB,
    "hub-member": HUB,
    "spoke": ALPHA_ACCOUNT,
    "protect": CATALOG_OWNER,
    "change-events": FORWARDING_ACCOUNT,
}
LEDGER = {"SnapshotsTableArn": SNAPSHOTS, "TimestampsTableArn": TIMESTAMPS, "TopicArn": TOPIC}
ALWAYS = {
    "hub": {"ExperienceId": "exp-first", "CodeBucket": "code", "CodeKey": "hub.zip"},
    "hub-member": {
        "OrganizationId": ALPHA,
        "SpokeAccountId": ALPHA_ACCOUNT,
        "HubExternalId": ALPHA_SECRET,
        "ExperienceId": "exp-first",
        **LEDGER,
    },
    "spoke": {
        "ExperienceId": "exp-first",
        "OrganizationId": ALPHA,
        "HubRoleArn": f"arn:aws:iam::{HUB}:role/pmp-sync-member-{ALPHA}",
        "HubExternalId": ALPHA_SECRET,
        "CodeBucket": "code",
        "CodeKey": "spoke.zip",
        **LEDGER,
    },
    "protect": {"TargetIds": ALPHA_ACCOUNT, "PrincipalArns": ",".join(PROTECTED_FROM_ALL_BUT)},
    "change-events": {"HubEventBusArn": BUS},
}
# Where a condition comes out the same for another reason, which no switch shows.
OTHERWISE = {
    "hub": [
        ("waves of one experience", {"waves"}, {"Waves": "", "Experiences": "[]"}),
        ("its own account as the catalog's", set(), {"CatalogAccountId": HUB}),
    ],
    "spoke": [
        ("its own account as the catalog's", set(), {"CatalogAccountId": ALPHA_ACCOUNT}),
        ("lookups where the hub has none", {"looks up"}, {"ProductAttributes": "true"}),
        ("lookups by the hub", set(), {"ProductAttributes": "hub"}),
    ],
    "hub-member": [
        (
            "another member",
            {"beta"},
            {"OrganizationId": BETA, "SpokeAccountId": BETA_ACCOUNT, "HubExternalId": BETA_SECRET},
        )
    ],
}


@dataclass(frozen=True)
class Deployment:
    """A template with what is switched on in it."""

    template: str
    name: str
    on: frozenset
    parameters: tuple

    @property
    def account(self):
        return ACCOUNTS[self.template]

    def __str__(self):
        return f"{self.template}.yaml ({self.name})"


def deployments(template):
    switches = SWITCHES[template]
    chosen = {"nothing on": set()}
    if switches:
        chosen["everything on"] = set(switches)
        chosen |= {f"only {one}": {one} for one in switches}
        chosen |= {f"all but {one}": set(switches) - {one} for one in switches if len(switches) > 2}
    for name, on in chosen.items():
        parameters = dict(ALWAYS[template])
        for one in sorted(on):
            parameters |= switches[one]
        yield Deployment(template, name, frozenset(on), tuple(parameters.items()))
    for name, on, given in OTHERWISE.get(template, []):
        yield Deployment(template, name, frozenset(on), tuple((ALWAYS[template] | given).items()))
