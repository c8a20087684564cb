"""Deploys the templates, and checks that what came of it and the programs fit together. Started by `run`."""

import ast
import io
import json
import os
import re
import signal
import sys
import tempfile
import time
import zipfile
from contextlib import ExitStack
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

import boto3

import likeness
import units
from checks import COMMAND_SECONDS, Checks, lists, run
from runtime_api import function
from servers import Failed, catalog, eventually, expect, moto, tail
from templates import Stack, group

BINARIES = Path(os.environ["PMP_BIN_DIR"])
DOCS = Path(__file__).resolve().parents[2] / "docs"

REGION = "us-east-1"
# Three accounts of two organizations. The member's is the one that moto takes unknown callers for.
HUB, MANAGEMENT_ACCOUNT, MEMBER_ACCOUNT = "111111111111", "333333333333", "123456789012"
# A fourth, from which people may change the management experience. Nothing is deployed there.
DELEGATED_ACCOUNT = "444444444444"
OPERATOR = f"arn:aws:iam::{MEMBER_ACCOUNT}:role/platform-engineer"
EXTERNAL_ID = "0d9a4a52-7f3c-4f0e-9a55-6f2f0a4c1f11"
MANAGEMENT, MEMBER, OTHER = "exp-management001", "exp-member0000001", "exp-member0000002"
A, B, C = (f"prod-{letter * 13}" for letter in "abc")
OLD, REJECTED, UNWANTED, NEW = (f"prod-{letter * 13}" for letter in "orun")
EVERY_METRIC = {"Metrics": "all", "MakeDashboard": "true"}
OF_BOTH = {"Errors", "Throttles"}  # told apart by a second dimension
CHANGES = {
    "source": ["aws.marketplacecatalog", "aws.private-marketplace"],
    "detail-type": ["Change Set Succeeded", "Product Request Approved"],
}
# As EventBridge Scheduler sends it where the schedule has no input of its own: the detail is a text.
SCHEDULE = {
    "version": "0",
    "id": "5f1f2c4e",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "account": HUB,
    "time": "2026-11-24T12:00:00Z",
    "region": REGION,
    "resources": [f"arn:aws:scheduler:{REGION}:{HUB}:schedule/default/pmp-sync-schedule"],
    "detail": "{}",
}


def statements(policy):
    """Of a policy; moto's CloudFormation keeps a role's in Python's own words, and what AWS::NoValue takes away as nothing."""
    return [one for one in (ast.literal_eval(policy) if isinstance(policy, str) else policy)["Statement"] if one]


def as_event(messages, queue):
    """Messages of the queue with this ARN, as Lambda hands them to a function."""
    records = [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": one["Attributes"],
            "messageAttributes": {},
            "md5OfBody": one["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": REGION,
        }
        for one in messages
    ]
    return {"Records": records}


class Deployment(Checks):
    def __init__(self, folder):
        super().__init__(folder)
        self.sessions = {}

    # Callers.

    def credentials(self, role):
        """Of a role, whichever account it is in: moto asks no one for leave."""
        if role not in self.sessions:
            sts = boto3.client("sts", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
            got = sts.assume_role(RoleArn=role, RoleSessionName="deploy")["Credentials"]
            self.sessions[role] = {
                "AWS_ACCESS_KEY_ID": got["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": got["SecretAccessKey"],
                "AWS_SESSION_TOKEN": got["SessionToken"],
            }
        return self.sessions[role]

    def client(self, service, account, endpoint=None, role=None):
        keys = self.credentials(role or f"arn:aws:iam::{account}:role/platform-engineer")
        lower = {name.lower(): value for name, value in keys.items()}
        return boto3.client(service, endpoint_url=endpoint or self.endpoint, region_name=REGION, **lower)

    # Stacks.

    def code_in(self, accounts):
        """What the functions' code is said to be. check.py runs the programs itself, so that any zip will do."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("bootstrap", "see check.py")
        for account in accounts:
            s3 = self.client("s3", account)
            s3.create_bucket(Bucket=f"code-{account}")
            for name in ("hub", "spoke"):
                s3.put_object(Bucket=f"code-{account}", Key=f"0.1.0/pmp-{name}-arm64.zip", Body=made.getvalue())

    def stack(self, account, name, template):
        return Stack(self.client("cloudformation", account), name, template)

    def organization(self):
        made = self.client("organizations", MEMBER_ACCOUNT).create_organization(FeatureSet="ALL")["Organization"]
        self.organization_id = made["Id"]

    def deploy_hub(self):
        self.hub = self.stack(HUB, "pmp-sync-hub", "hub")
        self.hub_outputs = self.hub.deploy(
            ExperienceId=MANAGEMENT,
            CatalogAccountId=MANAGEMENT_ACCOUNT,
            ChangeEventAccountIds=DELEGATED_ACCOUNT,
            CodeBucket=f"code-{HUB}",
            CodeKey="0.1.0/pmp-hub-arm64.zip",
            AlarmTopicArn=f"arn:aws:sns:{REGION}:{HUB}:alarms",
            **EVERY_METRIC,
        )
        # The policies are for people, and the event bus for another account.
        others = {"HubEventBusArn", "ObserverPolicyArn", "OperatorPolicyArn"}
        expect(set(self.hub_outputs) - others, group("hub-member", "Outputs of the hub"), "the hub's outputs")

    def admit_member(self):
        """What a member costs the hub: one small stack, and its organization in the hub's list."""
        self.hub_member = self.stack(HUB, "pmp-sync-member", "hub-member")
        self.member_outputs = self.hub_member.deploy(
            self.hub_outputs,
            OrganizationId=self.organization_id,
            SpokeAccountId=MEMBER_ACCOUNT,
            HubExternalId=EXTERNAL_ID,
        )
        expect(set(self.member_outputs), group("spoke", "Outputs of the hub"), "the member stack's outputs")
        self.hub.deploy(MemberOrganizationIds=f"o-another0000,{self.organization_id}")
        topic = self.client("sns", HUB).get_topic_attributes(TopicArn=self.hub_outputs["TopicArn"])["Attributes"]
        # moto keeps what AWS::NoValue takes away as nothing.
        found = {one["Sid"]: one for one in json.loads(topic["Policy"])["Statement"] if one}["MemberOrganizationsSubscribe"]
        expect(found["Action"], "sns:Subscribe", "what members may do to the topic")
        condition = {"aws:PrincipalOrgID": ["o-another0000", self.organization_id], "sns:Protocol": "sqs"}
        expect(found["Condition"], {"StringEquals": condition}, "who may do it")

    def deploy_spoke(self):
        self.spoke = self.stack(MEMBER_ACCOUNT, "pmp-sync-spoke", "spoke")
        self.spoke_outputs = self.spoke.deploy(
            self.member_outputs,
            CodeBucket=f"code-{MEMBER_ACCOUNT}",
            CodeKey="0.1.0/pmp-spoke-arm64.zip",
            MemberExperienceIds=f"{MEMBER},{OTHER}",
            Paused="true",
            OperatorPrincipalArns=OPERATOR,
            FilterName="exclude-ids",
            FilterConfig=json.dumps({"ids": [UNWANTED]}),
            **EVERY_METRIC,
        )

    def deploy_the_rest(self):
        self.change_events = self.stack(MANAGEMENT_ACCOUNT, "pmp-sync-change-events", "change-events")
        self.change_events.deploy(self.hub_outputs)
        targets = self.client("events", MANAGEMENT_ACCOUNT).list_targets_by_rule(Rule="pmp-sync-change-events")["Targets"]
        expect([one["Arn"] for one in targets], [self.hub_outputs["HubEventBusArn"]], "where change events go")
        bus = json.loads(self.client("events", HUB).describe_event_bus(Name="default")["Policy"])["Statement"]
        for one in bus:
            expect(one["Principal"]["AWS"], [MANAGEMENT_ACCOUNT, DELEGATED_ACCOUNT], "the accounts that the hub's event bus lets in")
        let_in = {key: pattern for one in bus for key, pattern in one["Condition"]["ArnLike"].items()}
        role = targets[0]["RoleArn"]
        expect(any(fnmatch(role, pattern) for pattern in let_in["aws:PrincipalArn"]), True, f"it lets in {role}")
        (rule,) = self.client("events", MANAGEMENT_ACCOUNT).list_rules(NamePrefix="pmp-sync")["Rules"]
        expect(fnmatch(rule["Arn"], let_in["aws:SourceArn"]), True, "the rule that it lets in")
        expect(json.loads(rule["EventPattern"]), CHANGES, "the events that are forwarded")
        organizations = self.client("organizations", MEMBER_ACCOUNT)
        root = organizations.list_roots()["Roots"][0]["Id"]
        self.protect = self.stack(MEMBER_ACCOUNT, "pmp-sync-protect", "protect")
        made = self.protect.deploy(TargetIds=root, PrincipalArns=self.spoke_outputs["FunctionRoleArn"])
        attached = organizations.list_targets_for_policy(PolicyId=made["PolicyId"])["Targets"]
        expect([one["TargetId"] for one in attached], [root], "what the service control policy is attached to")

    def second_management_experience(self):
        """Beside the first, in the same accounts."""
        hub = self.stack(HUB, "second-hub", "hub")
        outputs = hub.deploy(
            Prefix="second", ExperienceId="exp-management002", CodeBucket=f"code-{HUB}", CodeKey="0.1.0/pmp-hub-arm64.zip"
        )
        member = self.stack(HUB, "second-member", "hub-member")
        outputs = member.deploy(
            outputs, OrganizationId=self.organization_id, SpokeAccountId=MEMBER_ACCOUNT, HubExternalId=EXTERNAL_ID[::-1]
        )
        spoke = self.stack(MEMBER_ACCOUNT, "second-spoke", "spoke")
        spoke.deploy(outputs, CodeBucket=f"code-{MEMBER_ACCOUNT}", CodeKey="0.1.0/pmp-spoke-arm64.zip")
        self.second = [spoke, member, hub]
        for client, count in [(self.client("lambda", HUB), 2), (self.client("lambda", MEMBER_ACCOUNT), 2)]:
            expect(len(client.list_functions()["Functions"]), count, "the functions of an account")

    # What came of them.

    def configuration(self, account, name):
        found = self.client("lambda", account).get_function_configuration(FunctionName=name)
        # moto leaves a number of a template a number; Lambda knows text alone.
        found["Environment"]["Variables"] = {key: str(value) for key, value in found["Environment"]["Variables"].items()}
        variables = set(found["Environment"]["Variables"])
        documented = set(re.findall(r"`([A-Z_]+)`", (DOCS / "configuration.md").read_text(encoding="utf-8")))
        expect(variables - documented, set(), f"variables of {name} that docs/configuration.md does not know")
        return found

    def functions(self):
        self.hub_function = self.configuration(HUB, "pmp-sync-hub")
        self.spoke_function = self.configuration(MEMBER_ACCOUNT, "pmp-sync-spoke")
        for one in (self.hub_function, self.spoke_function):
            expect((one["Runtime"], one["Handler"], one["Architectures"]), ("provided.al2023", "bootstrap", ["arm64"]), one["FunctionName"])
        roster = self.hub_function["Environment"]["Variables"]["PMP_MEMBER_ORGANIZATIONS"]
        expect(roster, f"o-another0000,{self.organization_id}", "whom the hub misses where it does not report")
        variables = self.spoke_function["Environment"]["Variables"]
        expect(variables["PMP_HUB_ROLE_ARN"], f"arn:aws:iam::{HUB}:role/pmp-sync-member-{self.organization_id}", "the hub role")
        expect(variables["MEMBER_EXPERIENCE_IDS"], f"{MEMBER},{OTHER}", "the member experiences")
        config = self.client("lambda", HUB).get_function_event_invoke_config(FunctionName="pmp-sync-hub")
        queue = f"arn:aws:sqs:{REGION}:{HUB}:pmp-sync-hub-dead-letters"
        expect(config["DestinationConfig"]["OnFailure"]["Destination"], queue, "where failed events go")

    def rules(self):
        schedule = self.client("scheduler", HUB).get_schedule(Name="pmp-sync-schedule")
        expect(schedule["ScheduleExpression"], "rate(1 hour)", "the schedule")
        expect(schedule.get("StartDate"), None, "when the schedule begins, which is at once")
        target = schedule["Target"]
        expect(target["Arn"], self.hub_function["FunctionArn"], "the target of the schedule")
        expect(target["DeadLetterConfig"]["Arn"], f"arn:aws:sqs:{REGION}:{HUB}:pmp-sync-hub-dead-letters", "its dead letters")
        role = self.client("iam", HUB).get_role_policy(RoleName=target["RoleArn"].rsplit("/", 1)[-1], PolicyName="schedule")
        may = {one["Action"]: one["Resource"] for one in statements(role["PolicyDocument"])}
        expect(may, {"lambda:InvokeFunction": target["Arn"], "sqs:SendMessage": target["DeadLetterConfig"]["Arn"]}, "what it may do")
        events = self.client("events", HUB)
        rules = {one["Name"]: one for one in events.list_rules(NamePrefix="pmp-sync")["Rules"]}
        expect(set(rules), {"pmp-sync-change-events"}, "the rules")
        expect(json.loads(rules["pmp-sync-change-events"]["EventPattern"]), CHANGES, "the pattern of change events")
        allowed = json.loads(self.client("lambda", HUB).get_policy(FunctionName="pmp-sync-hub")["Policy"])["Statement"]
        sources = {one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in allowed}
        expect(sources, {one["Arn"] for one in rules.values()}, "who may invoke the hub")
        for name in rules:
            targets = events.list_targets_by_rule(Rule=name)["Targets"]
            expect([one["Arn"] for one in targets], [self.hub_function["FunctionArn"]], f"the targets of {name}")

    def tables(self):
        """`init` finds nothing to do: keys and topic are what the programs ask for."""
        made = json.loads(self.command("pmp-hub", self.hub_environment(), "init", "-o", "json"))
        expect(made["changes"], [], "what pmp-hub init would change")
        dynamodb = self.client("dynamodb", HUB)
        for name in ("pmp-sync-Snapshots", "pmp-sync-SyncTimestamps"):
            table = dynamodb.describe_table(TableName=name)["Table"]
            expect(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST", f"how {name} is paid")
            expect(table["DeletionProtectionEnabled"], True, f"the deletion protection of {name}")
            expect(table["SSEDescription"]["Status"], "ENABLED", f"the encryption of {name}")
            backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
            expect(recovery, "ENABLED", f"the recovery of {name}")
            tags = {one["Key"]: one["Value"] for one in dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]}
            expect(tags["retained"], "kept when the stack is deleted", f"the tags of {name}")

    def queue(self):
        sqs = self.client("sqs", MEMBER_ACCOUNT)
        attributes = self.attributes(self.spoke_outputs["QueueUrl"])
        longest = self.spoke_function["Timeout"]
        expect(int(attributes["VisibilityTimeout"]) >= 6 * longest, True, f"messages are hidden for six times {longest} s")
        redrive = json.loads(attributes["RedrivePolicy"])
        dead = self.attributes(self.spoke_outputs["DeadLettersUrl"])
        expect(redrive, {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 10}, "the redrive policy")
        # As `pmp-spoke init` makes it.
        environment = self.spoke_environment() | {"PMP_TOPIC_ARN": self.hub_outputs["TopicArn"], "PMP_QUEUE_NAME": "by-init"}
        made = json.loads(self.command("pmp-spoke", environment, "init", "-o", "json"))
        by_init = self.attributes(made["queue_url"])
        for name in ("MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled"):
            expect(attributes[name], by_init[name], f"{name} of the queue")

        def allows(found):
            statement = json.loads(found["Policy"])["Statement"][0]
            expect(statement.pop("Resource"), found["QueueArn"], "what the queue's policy is about")
            return {name: value for name, value in statement.items() if name != "Sid"}

        expect(allows(attributes), allows(by_init), "the queue's policy")
        expect(allows(dead), allows(by_init), "the policy of the dead letters")
        mine, theirs = self.subscription(HUB, attributes["QueueArn"]), self.subscription(MEMBER_ACCOUNT, by_init["QueueArn"])
        for one in (mine, theirs):
            expect(json.loads(one.get("FilterPolicy") or "{}"), {}, "the filter policy, of which a topic has two hundred at most")
        expect(mine["RawMessageDelivery"], theirs["RawMessageDelivery"], "raw delivery")
        expect(json.loads(mine["RedrivePolicy"]), {"deadLetterTargetArn": dead["QueueArn"]}, "the subscription's dead letters")
        self.client("sns", MEMBER_ACCOUNT).unsubscribe(SubscriptionArn=made["subscription_arn"])
        for url in (made["queue_url"], made["dead_letter_queue_url"]):
            sqs.delete_queue(QueueUrl=url)

    def attributes(self, url):
        return self.client("sqs", MEMBER_ACCOUNT).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def subscription(self, account, queue):
        sns = self.client("sns", account)
        found = [one for one in sns.list_subscriptions()["Subscriptions"] if one["Endpoint"] == queue]
        expect(len(found), 1, f"subscriptions of {queue}")
        return sns.get_subscription_attributes(SubscriptionArn=found[0]["SubscriptionArn"])["Attributes"]

    def mappings(self):
        """The first spoke is paused, so that check.py, and not moto, takes its messages."""
        for name, state in (("pmp-sync-spoke", "Disabled"), ("second-spoke", "Enabled")):
            found = self.client("lambda", MEMBER_ACCOUNT).list_event_source_mappings(FunctionName=name)
            (found,) = found["EventSourceMappings"]
            expect(found["State"], state, f"the event source mapping of {name}")
            expect(found["FunctionResponseTypes"], ["ReportBatchItemFailures"], "what the function answers")
            expect(found["ScalingConfig"], {"MaximumConcurrency": 2}, "how many instances at once")
            expect(found["BatchSize"], 10, "messages at once")

    def documented_metrics(self):
        text = (DOCS / "metrics.md").read_text(encoding="utf-8")
        return set(re.findall(r"^\| `(\w+)` \| (?:Count|Milliseconds|Seconds) \|", text, re.M))

    def defaults(self):
        """The second hub and spoke have the defaults, the first ones everything."""
        for account, name, billed in ((HUB, "hub", ["Published"]), (MEMBER_ACCOUNT, "spoke", [])):
            cloudwatch = self.client("cloudwatch", account)
            alarms = lambda prefix: cloudwatch.describe_alarms(AlarmNamePrefix=f"{prefix}-{name}-")["MetricAlarms"]  # noqa: B023, E731
            by_default = alarms("second")
            ours = [one["MetricName"] for one in by_default if one["Namespace"] == "pmp-sync"]
            expect(ours, billed, f"the {name}'s metrics that are billed by default")
            expect(len(by_default) < len(alarms("pmp-sync")), True, f"fewer alarms of the {name} by default")
            dashboards = [one["DashboardName"] for one in cloudwatch.list_dashboards()["DashboardEntries"]]
            expect(dashboards, [f"pmp-sync-{name}"], f"dashboards of the {name}")
            for prefix, metrics in (("second", "none"), ("pmp-sync", "all")):
                variables = self.configuration(account, f"{prefix}-{name}")["Environment"]["Variables"]
                expect(variables["PMP_METRICS"], metrics, f"the metrics of {prefix}-{name}")

    def questions(self):
        """docs/metrics.md says which alarm answers which question, with each of the parameter's values."""
        columns = {"none": set(), "alarms": set()}
        text = (DOCS / "metrics.md").read_text(encoding="utf-8").split("\n## Who answers which question\n")[1].split("\n## ")[0]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][1:]
        for question, before, by_none, by_alarms, by_all in rows[1:]:
            expect(by_all.startswith("the same"), True, f"what answers with `all`: {question}")
            alarms = {name: set(re.findall(r"`((?:hub|spoke)-[a-z-]+)`", cell)) for name, cell in (("none", by_none), ("alarms", by_alarms))}
            expect(bool(alarms["none"] or re.search(r"notification `|`pmp-", by_none)), True, f"there is an answer with `none`: {question}")
            # What was an alarm is one with `alarms`, too.
            expect(before in {"none"} | alarms["alarms"], True, f"the alarm {before} of before: {question}")
            for name, found in alarms.items():
                columns[name] |= found
        expect(sum(row[1] != "none" for row in rows[1:]), 15, "alarms of before")
        for name, prefix in (("none", "second"), ("alarms", "pmp-sync")):
            made = set()
            for account in (HUB, MEMBER_ACCOUNT):
                found = self.client("cloudwatch", account).describe_alarms(AlarmNamePrefix=f"{prefix}-")["MetricAlarms"]
                made |= {one["AlarmName"].removeprefix(f"{prefix}-") for one in found}
            expect(columns[name], made, f"alarms with Metrics={name}")

    def metrics(self):
        documented = self.documented_metrics()
        for account, name in ((HUB, "hub"), (MEMBER_ACCOUNT, "spoke")):
            cloudwatch = self.client("cloudwatch", account)
            alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"pmp-sync-{name}")["MetricAlarms"]
            expect(len(alarms) >= 7, True, f"the {name} has alarms")
            ours = [one for one in alarms if one["Namespace"] == "pmp-sync"]
            used = {one["MetricName"] for one in ours}
            told_apart = {"Component": name, "Experience": MANAGEMENT}
            for one in ours:
                found = {each["Name"]: each["Value"] for each in one["Dimensions"]}
                expected = told_apart if one["MetricName"] in OF_BOTH else {"Experience": MANAGEMENT}
                expect(found, expected, f"the dimensions of {one['AlarmName']}")
            body = json.loads(cloudwatch.get_dashboard(DashboardName=f"pmp-sync-{name}")["DashboardBody"])
            for widget in body["widgets"]:
                namespace = None
                dimensions = None
                for metric in widget["properties"]["metrics"]:
                    namespace = namespace if metric[0] in (".", "...") else metric[0]
                    if namespace == "pmp-sync" and metric[0] != "...":
                        used.add(metric[1])
                        said = [one for one in metric[2:] if isinstance(one, str)]
                        dimensions = dimensions if set(said) == {"."} else said
                        expected = ["Component", name, "Experience", MANAGEMENT] if metric[1] in OF_BOTH else ["Experience", MANAGEMENT]
                        expect((dimensions, len(said)), (expected, len(expected)), f"the dimensions of {metric[1]} on the {name}'s dashboard")
            expect(used - documented, set(), f"metrics of the {name} that docs/metrics.md does not know")

    # The programs.

    def as_lambda(self, configuration):
        """What Lambda adds to a function's own variables, and where the services are."""
        return self.environment | self.credentials(configuration["Role"]) | {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": self.catalog,
        }

    def as_tapped(self, configuration):
        """The same, with what is asked of the tables counted."""
        return self.as_lambda(configuration) | {"AWS_ENDPOINT_URL_DYNAMODB": self.tap.endpoint}

    def hub_environment(self):
        return self.as_lambda(self.hub_function) | self.hub_function["Environment"]["Variables"]

    def settings_of_a_person(self):
        """What `pmp-spoke env` prints becomes the function's variables in a shell, and nothing else of ours."""
        person = self.environment | self.credentials(f"arn:aws:iam::{MEMBER_ACCOUNT}:role/platform-engineer")
        person |= {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint, "PMP_LEASE_TERM": "5s"}
        printed = self.command("pmp-spoke", person, "env", "--function", "pmp-sync-spoke")
        script = ["-c", 'eval "$1"; exec env -0', "bash", printed]
        text = run(Path("/bin/bash"), script, {"PATH": os.environ["PATH"], "PMP_LEASE_TERM": "5s"})
        found = dict(one.split("=", 1) for one in text.split("\0") if "=" in one)
        ours = {name: value for name, value in found.items() if name.startswith("PMP_") or name.startswith("MEMBER_")}
        # What the function does not have does not come from a person's configuration file either.
        settings = self.spoke_function["Environment"]["Variables"] | {"PMP_CONTEXT": "none"}
        expect(ours, settings, "the settings in a person's shell")
        trust = self.client("iam", MEMBER_ACCOUNT).get_role(RoleName="pmp-sync-spoke")["Role"]["AssumeRolePolicyDocument"]
        (people,) = [one for one in statements(trust) if one.get("Sid") == "Operators"]
        expect(people["Condition"], {"ArnLike": {"aws:PrincipalArn": [OPERATOR]}}, "who may act as the spoke's role")

    def spoke_environment(self):
        return self.as_lambda(self.spoke_function) | self.spoke_function["Environment"]["Variables"]

    def command(self, program, environment, *arguments):
        return run(BINARIES / program, arguments, environment)

    def world(self):
        """The experiences. The catalog takes an access key for an account."""
        hub, spoke = (self.credentials(one["Role"])["AWS_ACCESS_KEY_ID"] for one in (self.hub_function, self.spoke_function))
        path = self.folder / "world.json"
        experiences = [
            {"account": hub, "id": MANAGEMENT, "approved": [A, B, UNWANTED], "rejected": [REJECTED]},
            {"account": spoke, "id": MEMBER, "approved": [A, OLD], "rejected": []},
            {"account": spoke, "id": OTHER, "approved": [], "rejected": []},
            # Nobody's business: the spoke has its list.
            {"account": spoke, "id": "exp-elsewhere0001", "approved": [A, OLD], "rejected": []},
        ]
        path.write_text(json.dumps({"experiences": experiences}))
        return path

    def lists(self, experience, configuration):
        return lists(self.client("marketplace-catalog", None, self.catalog, configuration["Role"]), experience)

    def approve(self, product):
        """A person approves a product in the management experience."""
        entities = self.client("marketplace-catalog", None, self.catalog, self.hub_function["Role"])
        change = {
            "ChangeType": "AllowProductProcurement",
            "Entity": {"Type": "Experience@1.0", "Identifier": MANAGEMENT},
            "Details": json.dumps({"Products": [{"Ids": [product]}]}),
        }
        id = entities.start_change_set(Catalog="AWSMarketplace", ChangeSet=[change])["ChangeSetId"]
        ended = lambda: entities.describe_change_set(Catalog="AWSMarketplace", ChangeSetId=id)["Status"] == "SUCCEEDED"  # noqa: E731
        eventually(COMMAND_SECONDS, "the change set succeeds", ended)

    def batch(self):
        """What is in the queue, as Lambda hands it to a function; and their receipt handles by id."""
        got = self.client("sqs", MEMBER_ACCOUNT).receive_message(
            QueueUrl=self.spoke_outputs["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=5, AttributeNames=["All"]
        )["Messages"]
        queue = self.attributes(self.spoke_outputs["QueueUrl"])["QueueArn"]
        return as_event(got, queue), {one["MessageId"]: one["ReceiptHandle"] for one in got}

    def deliver(self, spoke):
        """As an event source mapping does: a batch, and then what the answer does not name is deleted."""
        event, handles = self.batch()
        failures = {one["itemIdentifier"] for one in spoke.invoke(event)["batchItemFailures"]}
        sqs = self.client("sqs", MEMBER_ACCOUNT)
        for id, handle in handles.items():
            if id not in failures:
                sqs.delete_message(QueueUrl=self.spoke_outputs["QueueUrl"], ReceiptHandle=handle)
        expect(failures, set(), "messages that are to come again")

    def receipts(self):
        dynamodb = self.client("dynamodb", HUB)
        found = dynamodb.query(
            TableName="pmp-sync-SyncTimestamps",
            KeyConditionExpression="organization = :organization",
            ExpressionAttributeValues={":organization": {"S": self.organization_id}},
        )["Items"]
        return {one["item"]["S"]: (one["status"]["S"], int(one["version"]["N"])) for one in found if "status" in one}

    def published(self, event, outcome, version):
        published = self.hub_process.invoke(event)["published"]
        expect((published["outcome"], published["version"]), (outcome, version), "what the hub published")

    def first_sync(self):
        self.published(SCHEDULE, "stored", 1)
        self.deliver(self.spoke_process)
        expect(self.lists(MEMBER, self.spoke_function), ({A, B}, {OLD, REJECTED}), "the member experience")
        expect(self.lists(OTHER, self.spoke_function), ({A, B}, {REJECTED}), "the other member experience")
        expect(self.lists("exp-elsewhere0001", self.spoke_function), ({A, OLD}, set()), "the experience that is not the spoke's")

    def receipt(self):
        found = {f"{MANAGEMENT}#{one}": ("in-sync", 1) for one in (MEMBER, OTHER)}
        expect(self.receipts(), found, "the receipts in the hub's table")
        # The table is in the hub's account, where the spoke has nothing but this role.
        role = self.client("iam", HUB).get_role(RoleName=f"pmp-sync-member-{self.organization_id}")["Role"]
        expect("LastUsedDate" in role.get("RoleLastUsed", {}), True, "the member's role was used")

    def change(self):
        self.approve(C)
        self.published(self.changed(), "stored", 2)
        self.deliver(self.spoke_process)
        expect(self.lists(MEMBER, self.spoke_function), ({A, B, C}, {OLD, REJECTED}), "the member experience")
        expect(set(self.receipts().values()), {("in-sync", 2)}, "the receipts")

    def changed(self):
        """The event of a change set that succeeded just now."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return SCHEDULE | {"source": "aws.marketplacecatalog", "detail-type": "Change Set Succeeded", "time": now, "detail": {}}

    def dead_letter(self):
        sqs = self.client("sqs", MEMBER_ACCOUNT)
        sqs.send_message(QueueUrl=self.spoke_outputs["QueueUrl"], MessageBody="not an announcement")
        self.deliver(self.spoke_process)
        got = sqs.receive_message(QueueUrl=self.spoke_outputs["DeadLettersUrl"], MessageAttributeNames=["All"])["Messages"]
        expect([one["Body"] for one in got], ["not an announcement"], "the dead letters")
        expect("pmp-sync-reason" in got[0]["MessageAttributes"], True, "the dead letter says why")

    def status(self):
        rows = json.loads(self.command("pmp-hub", self.hub_environment(), "status", "-o", "json"))["spokes"]
        # The other organization of the hub's list has no spoke here.
        found = [(one["organization"], one["state"], one["version"]) for one in rows]
        member = (self.organization_id, "SYNCED", 2)
        expect(found, [("o-another0000", "NEVER", None), member, member], "pmp-hub status")

    def redeploy(self):
        """The hub's stack is deleted, and made again: the spoke hears it, and nobody has done anything about that."""
        subscribed = self.subscription(HUB, self.attributes(self.spoke_outputs["QueueUrl"])["QueueArn"])
        self.hub.delete()
        # moto would set a topic that is there to the template's state; AWS says that it exists.
        try:
            self.hub.deploy()
        except Exception as error:  # noqa: BLE001: whatever botocore makes of it
            expect("is there already" in str(error), True, f"a plain deployment is refused: {error}")
            self.hub.delete()
        else:
            raise Failed("a plain deployment finds no name taken")
        expect(self.hub.deploy_again(), self.hub_outputs, "the outputs of the hub that was deployed again")
        still = self.subscription(HUB, self.attributes(self.spoke_outputs["QueueUrl"])["QueueArn"])
        expect(still, subscribed, "the member's subscription")
        self.published(SCHEDULE, "announced", 2)
        self.deliver(self.spoke_process)
        expect(set(self.receipts().values()), {("in-sync", 2)}, "the receipts")

    def units(self):
        """Of a spoke by the template's defaults, which has no filter and keeps all live experiences, three; two organizations on the
        roster, and a snapshot that fits into the message."""
        by_default = {"PMP_FILTER": "", "PMP_FILTER_CONFIG": "", "MEMBER_EXPERIENCE_IDS": ""}
        configuration = self.spoke_function | {"Environment": {"Variables": self.spoke_function["Environment"]["Variables"] | by_default}}
        with function(BINARIES / "pmp-spoke", configuration, self.as_tapped(configuration), self.folder / "spoke-by-default.log") as spoke:
            # The first pass adopts the experiences.
            self.published(SCHEDULE, "announced", 2)
            self.deliver(spoke)
            self.approve(NEW)
            script = units.estimate()
            args = script.arguments(["--experiences", "3", "--products", "5"])
            found = {
                "the hub": self.tap.during(lambda: self.published(self.changed(), "stored", 3)),
                "the spoke": self.tap.during(lambda: self.deliver(spoke)),
            }
            expected = {
                "the hub": (script.hub_busy_reads(args), script.hub_busy_writes(args)),
                "the spoke": (script.spoke_busy_reads(args, versions=3), script.spoke_busy_writes(args)),
            }
            expect(found, expected, "units that a change reads and writes")
            noted = self.tap.during(lambda: self.published(SCHEDULE, "announced", 3))
            # Two passes of the spoke came since the hub looked last: it asks once for the outcome in between. An hourly look of a
            # fleet that changes less often finds none, so the bill has no line for it.
            in_between = 1
            reads = script.hub_quiet_reads(args, members=2) + in_between
            expected = (reads, script.HUB_QUIET_WRITES + script.hub_noted_writes(receipts=3))
            expect(noted, expected, "units of the announcement after a change")
            self.deliver(spoke)
            found = {
                "the hub": self.tap.during(lambda: self.published(SCHEDULE, "announced", 3)),
                "the spoke": self.tap.during(lambda: self.deliver(spoke)),
            }
            expected = {
                "the hub": (script.hub_quiet_reads(args, members=2), script.HUB_QUIET_WRITES),
                "the spoke": (script.spoke_quiet_reads(args), script.SPOKE_QUIET_WRITES),
            }
            expect(found, expected, "units that an announcement without a change reads and writes")

    def uninstall(self):
        for stack in [self.protect, self.change_events, self.spoke, self.hub_member, self.hub, *self.second]:
            stack.delete()
        for account in (HUB, MANAGEMENT_ACCOUNT, MEMBER_ACCOUNT):
            left = {
                "functions": self.client("lambda", account).list_functions()["Functions"],
                "mappings": self.client("lambda", account).list_event_source_mappings()["EventSourceMappings"],
                "topics": self.client("sns", account).list_topics()["Topics"] if account != HUB else [],
                "subscriptions": self.client("sns", account).list_subscriptions()["Subscriptions"],
                "queues": self.client("sqs", account).list_queues().get("QueueUrls", []),
                "roles": self.client("iam", account).list_roles()["Roles"],
                "policies": self.client("iam", account).list_policies(Scope="Local")["Policies"],
                "rules": self.client("events", account).list_rules()["Rules"],
                "schedules": self.client("scheduler", account).list_schedules()["Schedules"],
                "alarms": self.client("cloudwatch", account).describe_alarms()["MetricAlarms"],
                "dashboards": self.client("cloudwatch", account).list_dashboards()["DashboardEntries"],
                "log groups": self.client("logs", account).describe_log_groups()["logGroups"],
            }
            expect({kind: found for kind, found in left.items() if found}, {}, f"what is left in {account}")
            bus = self.client("events", account).describe_event_bus(Name="default")
            expect(json.loads(bus.get("Policy", "{}")).get("Statement", []), [], f"the policy of the event bus of {account}")
        policies = self.client("organizations", MEMBER_ACCOUNT).list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        expect([one["Name"] for one in policies if not one["AwsManaged"]], [], "service control policies")
        topics = {one["TopicArn"].rsplit(":", 1)[-1] for one in self.client("sns", HUB).list_topics()["Topics"]}
        expect(topics, {"pmp-sync-snapshots", "second-snapshots"}, "the topics, which are kept")
        tables = self.client("dynamodb", HUB).list_tables()["TableNames"]
        retained = [f"{prefix}-{name}" for prefix in ("pmp-sync", "second") for name in ("Snapshots", "SyncTimestamps")]
        expect(sorted(tables), retained, "the tables, which are kept")
        for account in (MANAGEMENT_ACCOUNT, MEMBER_ACCOUNT):
            expect(self.client("dynamodb", account).list_tables()["TableNames"], [], f"the tables of {account}")

    # The order of things.

    def all_of(self, *checks):
        return all(self.check(what, test) for what, test in checks)

    def deployed(self):
        return self.all_of(
            ("the Terraform modules name the same things", lambda: likeness.check(self.documented_metrics())),
            ("code in a bucket of each account", lambda: self.code_in([HUB, MEMBER_ACCOUNT])),
            ("moto: the member's organization", self.organization),
            ("hub.yaml: its outputs are what hub-member.yaml asks for", self.deploy_hub),
            ("hub-member.yaml admits the member: its outputs are what spoke.yaml asks for", self.admit_member),
            ("spoke.yaml in the member's account", self.deploy_spoke),
            ("change-events.yaml and protect.yaml", self.deploy_the_rest),
            ("a second management experience beside the first", self.second_management_experience),
            ("the functions are configured as docs/configuration.md says", self.functions),
        )

    def run(self, stack):
        if not self.deployed():
            return
        self.catalog = stack.enter_context(catalog(self.folder, self.environment, self.world()))
        self.tap = stack.enter_context(units.tap(self.endpoint))
        fits = self.all_of(
            ("the rules invoke the hub, and may", self.rules),
            ("pmp-hub init finds tables and topic as they should be", self.tables),
            ("queue and subscription are as pmp-spoke init makes them", self.queue),
            ("the event source mappings, one of them paused", self.mappings),
            ("pmp-spoke env gives a person the function's settings", self.settings_of_a_person),
            ("few alarms and no dashboard by default, all of them for the asking", self.defaults),
            ("docs/metrics.md says which alarm answers which question", self.questions),
            ("alarms and dashboards use metrics that there are", self.metrics),
        )
        if not fits:
            return
        for name, configuration in (("hub", self.hub_function), ("spoke", self.spoke_function)):
            started = function(BINARIES / f"pmp-{name}", configuration, self.as_tapped(configuration), self.folder / f"{name}.log")
            setattr(self, f"{name}_process", stack.enter_context(started))
        self.all_of(
            ("a schedule event: stored, announced, delivered across accounts, filtered, applied", self.first_sync),
            ("the receipts are in the hub's table, by the member's role", self.receipt),
            ("a change event: the approved product arrives", self.change),
            ("a message that is not understood is set aside", self.dead_letter),
            ("pmp-hub status shows SYNCED, and who never came", self.status),
            ("the hub is deleted and deployed again: its tables and its topic, with the member's subscription, are taken over", self.redeploy),
            ("the units of the tables are those that infra/costs/estimate counts", self.units),
            ("the stacks are deleted, and nothing is left but the tables and the topics", self.uninstall),
        )


def main(kind):
    """Runs a deployment of this kind, beside a moto of its own; the exit code."""
    # So that a kill stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pmp-deploy-") as folder, ExitStack() as stack:
        folder = Path(folder)
        deployment = kind(folder)
        path = os.environ["PYTHONPATH"]
        # boto3 too must see nothing of the caller's profiles, regions and proxies.
        os.environ.clear()
        os.environ.update(deployment.environment)
        server = (sys.executable, "-m", "emulator")
        deployment.endpoint, log = stack.enter_context(moto(folder, deployment.environment | {"PYTHONPATH": path}, server))
        deployment.run(stack)
        if deployment.failed:
            print(f"the last lines of moto:\n{tail(log)}", file=sys.stderr)
    print(f"{deployment.passed} passed, {deployment.failed} failed")
    return 1 if deployment.failed else 0


def program(kind):
    try:
        sys.exit(main(kind))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        sys.exit(1)


if __name__ == "__main__":
    program(Deployment)
