"""Deploys the hub, a member and its spoke twice into moto, by CloudFormation and by Terraform, and compares what came of it.

Each way has accounts of its own; all that is said about an account's resources must be equal but for the numbers of accounts.
Needs `terraform`, and its provider for AWS: from the folder PMP_TERRAFORM_PLUGINS, else from Terraform's registry. Started by
`run --terraform`.
"""

import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from check import EXTERNAL_ID, MANAGEMENT, MEMBER, OTHER, REGION, Deployment
from likeness import MODULES, snake
from servers import Failed, expect, moto
from templates import Stack, read

# The hub's and the member's account, of either way. They need not be in an organization: moto does not look.
CLOUDFORMATION = ("111111111111", "222222222222")
TERRAFORM = ("333333333333", "444444444444")
ORGANIZATION = "o-member0000"
SERVICES = ("cloudwatch", "dynamodb", "events", "iam", "lambda", "logs", "scheduler", "sns", "sqs", "sts")

# Settings beyond the defaults, by the names of the templates.
BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"
KEY = f"arn:aws:kms:{REGION}:555555555555:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HUB = {
    "ExperienceId": MANAGEMENT,
    "MoreExperienceIds": ["exp-second", "exp-third"],
    "MemberOrganizationIds": [ORGANIZATION],
    "SecondMemberOrganizationIds": ["o-second0000", "o-another000"],
    "Interval": "2h",
    "ChangeWindows": "daily 22:00-04:00 UTC",
    "ReservedConcurrency": 2,
    "RolePath": "/marketplace/",
    "PermissionsBoundaryArn": BOUNDARY,
    "KmsKeyArn": KEY,
    "NotifyTopicArn": f"arn:aws:sns:{REGION}:555555555555:operations",
    "NotifyFormat": "chatbot",
    "Metrics": "all",
    "MakeDashboard": True,
}
HUB_MEMBER = {"SharedTopic": True, "RolePath": "/marketplace/", "SpokeRolePath": "/products/private/", "PermissionsBoundaryArn": BOUNDARY}
SPOKE = {
    "MemberExperienceIds": [MEMBER, OTHER],
    "FilterBucket": "filters",
    "FilterKey": "no-genai.wasm",
    "FilterDigest": "sha256:" + "0" * 64,
    "FilterConfig": '{"exclude_labels":["genai"]}',
    "Filters": '[{"names":["Sandbox*"],"filter":"s3://filters/sandbox.wasm","digest":"sha256:' + "0" * 64 + '"}]',
    "FilterObjectArns": ["arn:aws:s3:::filters/sandbox.wasm"],
    "ProductAttributes": True,
    "FilterShare": "settings",
    "SyncSettings": True,
    "Drift": '[{"names":["Sandbox*"],"drift":"report"}]',
    "ChangeWindows": "Mon-Fri 22:00-04:00 Europe/Berlin; Sat 00:00-Mon 05:00 Europe/Berlin",
    "PermissionsBoundaryArn": BOUNDARY,
    "KmsKeyArn": KEY,
    "OperatorPrincipalArns": ["arn:aws:iam::ACCOUNT:user/ada", "arn:aws:iam::ACCOUNT:role/platform-*"],
    "MaxRemovedProducts": 100,
    "GuardWindow": "12h",
    "KeepDecisions": 30,
    "KeepDecisionsFor": "90d",
    "Timeout": 600,
    "Paused": True,
    "Metrics": "all",
    "MakeDashboard": True,
}
PARAMETERS = re.compile(r"\b(?:%s)\b" % "|".join(name for one in ("hub", "spoke") for name in read(one)["Parameters"] if snake(name) != name.lower()))
BARE_HUB = {"ExperienceId": MANAGEMENT}


def as_parameter(value):
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def code(account, program):
    return {"CodeBucket": f"code-{account}", "CodeKey": f"0.1.0/pmp-{program}-arm64.zip"}


def settings(given, account):
    """Settings in which ACCOUNT stands for the account."""
    own = {name: [one.replace("ACCOUNT", account) for one in value] for name, value in given.items() if isinstance(value, list)}
    return given | own


def alarms(account):
    return {"AlarmTopicArn": f"arn:aws:sns:{REGION}:{account}:alarms"}


def member(account):
    return {"OrganizationId": ORGANIZATION, "SpokeAccountId": account, "HubExternalId": EXTERNAL_ID}


class Agreement(Deployment):
    def by_cloudformation(self, hub, hub_member, spoke):
        accounts = CLOUDFORMATION

        def deploy(account, template, outputs, given):
            stack = Stack(self.client("cloudformation", account), template, template)
            return stack.deploy(outputs, **{name: as_parameter(value) for name, value in settings(given, account).items()})

        outputs = deploy(accounts[0], "hub", {}, hub | code(accounts[0], "hub") | alarms(accounts[0]))
        outputs = deploy(accounts[0], "hub-member", outputs, hub_member | member(accounts[1]))
        deploy(accounts[1], "spoke", outputs, spoke | code(accounts[1], "spoke") | alarms(accounts[1]))

    def by_terraform(self, hub, hub_member, spoke):
        """One root module, whose outputs of the one are the variables of the next by equal name."""
        accounts = TERRAFORM
        root = self.folder / "terraform"
        root.mkdir()
        providers = [self.provider(alias, account) for alias, account in zip(("hub", "member"), accounts)]

        def variables(module):
            text = (MODULES / module / "variables.tf").read_text(encoding="utf-8")
            return set(re.findall(r'^variable "(\w+)"', text, re.M))

        def outputs(module):
            text = (MODULES / module / "outputs.tf").read_text(encoding="utf-8")
            return set(re.findall(r'^output "(\w+)"', text, re.M))

        def call(module, provider, given, source=None):
            given = {snake(name): value for name, value in given.items()}
            passed = {} if source is None else {name: f"${{module.{source}.{name}}}" for name in outputs(source) & variables(module)}
            # Two slashes: what comes before is copied as a whole, with the modules that this one calls.
            return {"source": f"{MODULES}//{module}", "providers": {"aws": f"aws.{provider}"}} | passed | given

        modules = {
            "hub": call("hub", "hub", settings(hub, accounts[0]) | code(accounts[0], "hub") | alarms(accounts[0])),
            "hub-member": call("hub-member", "hub", hub_member | member(accounts[1]), "hub"),
            "spoke": call("spoke", "member", settings(spoke, accounts[1]) | code(accounts[1], "spoke") | alarms(accounts[1]), "hub-member"),
        }
        document = {
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {"aws": providers},
            "module": modules,
        }
        (root / "main.tf.json").write_text(json.dumps(document, indent=1))
        plugins = os.environ.get("PMP_TERRAFORM_PLUGINS")
        self.terraform(root, "init", "-input=false", *([f"-plugin-dir={plugins}"] if plugins else []))
        self.terraform(root, "apply", "-input=false", "-auto-approve")
        self.root = root

    def provider(self, alias, account):
        keys = self.credentials(f"arn:aws:iam::{account}:role/platform-engineer")
        return {
            "alias": alias,
            "region": REGION,
            "access_key": keys["AWS_ACCESS_KEY_ID"],
            "secret_key": keys["AWS_SECRET_ACCESS_KEY"],
            "token": keys["AWS_SESSION_TOKEN"],
            "skip_metadata_api_check": True,
            "endpoints": {name: self.endpoint for name in SERVICES},
        }

    def terraform(self, root, *arguments):
        command = ["terraform", arguments[0], "-no-color", *arguments[1:]]
        # Unset, what a machine has configured for other work.
        environment = self.environment | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
        ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
        if ended.returncode:
            raise Failed(f"terraform {arguments[0]} ended with {ended.returncode}:\n{ended.stderr}")
        return ended.stdout

    def many(self):
        """The example with two hundred members: one plan has all of their roles, and an update by one member more changes nothing else."""
        root = self.folder / "many"
        shutil.copytree(MODULES, root, ignore=shutil.ignore_patterns(".terraform*"))
        example = root / "examples" / "members"
        provider = self.provider("hub", TERRAFORM[0])
        provider.pop("alias")
        # Beside the example's own, which names the region.
        (example / "override.tf.json").write_text(json.dumps({"provider": {"aws": provider}}))
        given = {"experience_id": MANAGEMENT, "code_bucket": "my-artifacts", "code_key": "0.1.0/pmp-hub-arm64.zip"}

        def planned(count):
            members = {f"o-many{number:06}": {"account_id": str(300000000000 + number), "external_id": f"{number:032}"} for number in range(count)}
            (example / "terraform.tfvars.json").write_text(json.dumps(given | {"members": members}))
            self.terraform(example, "plan", "-input=false", "-out=plan")
            plan = json.loads(self.terraform(example, "show", "-json", "plan"))
            made = [one for one in plan["resource_changes"] if one["change"]["actions"] == ["create"]]
            return [one for one in made if one["address"].startswith("module.member")], made

        plugins = os.environ.get("PMP_TERRAFORM_PLUGINS")
        self.terraform(example, "init", "-input=false", *([f"-plugin-dir={plugins}"] if plugins else []))
        self.terraform(example, "validate")
        roles, everything = planned(200)
        expect([one["type"] for one in roles].count("aws_iam_role"), 200, "roles of members in one plan")
        expect(len(roles), 400, "resources of members in one plan: a role and its policy")
        more, all_of_them = planned(201)
        expect((len(more) - len(roles), len(all_of_them) - len(everything)), (2, 2), "resources of one member more")

    def lists_of_many(self):
        """The example's lists by themselves, which need no provider: nobody moves another out of the function's environment."""
        source, root = MODULES / "examples" / "members", self.folder / "lists"
        root.mkdir()
        shutil.copy(source / "variables.tf", root)
        text = (source / "main.tf").read_text(encoding="utf-8")
        said = re.search(r"^locals \{\n.*?^\}\n", text, re.M | re.S)[0] + 'output "lists" {\n  value = local.lists\n}\n'
        (root / "main.tf").write_text(said + (source / "outputs.tf").read_text(encoding="utf-8").replace("module.member", "{}"))
        given = {"experience_id": MANAGEMENT, "code_bucket": "my-artifacts", "code_key": "0.1.0/pmp-hub-arm64.zip"}
        members = {f"o-many{number:06}": {"account_id": str(300000000000 + number), "external_id": f"{number:032}"} for number in range(250)}
        self.terraform(root, "init", "-input=false")

        def planned():
            (root / "terraform.tfvars.json").write_text(json.dumps(given | {"members": members}))
            self.terraform(root, "plan", "-input=false", "-out=plan")
            return json.loads(self.terraform(root, "show", "-json", "plan"))["planned_values"]["outputs"]

        full = planned()
        expect([len(one) for one in full["lists"]["value"]], [250, 0, 0, 0], "the lists of 250 members")
        # By its name it would be the first of all.
        members["o-aaaaaaaaaa"] = {"account_id": "400000000000", "external_id": "a" * 32}
        try:
            planned()
        except Failed as error:
            expect("Give new members the next list" in " ".join(str(error).replace("│", " ").split()), True, str(error))
        else:
            raise Failed("a list takes more than 250 members")
        members["o-aaaaaaaaaa"]["list"] = 2
        more = planned()
        expect(more["lists"]["value"], [full["lists"]["value"][0], ["o-aaaaaaaaaa"], [], []], "the lists of a member more")
        expect((full["admit"]["value"], more["admit"]["value"]), ("", "o-aaaaaaaaaa"), "whom to admit")

    # What is in an account.

    def everything(self, account):
        def all_of(service, operation, key, **given):
            return [one for page in self.client(service, account).get_paginator(operation).paginate(**given) for one in page.get(key, [])]

        iam, functions, sqs = (self.client(name, account) for name in ("iam", "lambda", "sqs"))
        sns, events, dynamodb = (self.client(name, account) for name in ("sns", "events", "dynamodb"))
        found = {}
        for role in all_of("iam", "list_roles", "Roles"):
            name = role["RoleName"]
            policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
            found[f"role {name}"] = {
                "trust": role["AssumeRolePolicyDocument"],
                "description": role["Description"],
                "session": role["MaxSessionDuration"],
                "path": role["Path"],
                "boundary": iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary"),
                "policies": {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in policies},
                "managed": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
                "tags": tags(iam.list_role_tags(RoleName=name)["Tags"]),
            }
        for one in all_of("lambda", "list_functions", "Functions"):
            name = one["FunctionName"]
            kept = ("Architectures", "Description", "Environment", "Handler", "Layers", "MemorySize", "Role", "Runtime", "Timeout")
            got = functions.get_function(FunctionName=name)
            mappings = functions.list_event_source_mappings()["EventSourceMappings"]
            found[f"function {name}"] = {key: one.get(key) for key in kept} | {
                "tags": got.get("Tags"),
                "concurrency": got.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
                "mappings": [
                    without(each, "UUID", "EventSourceMappingArn", "LastModified", "Tags")
                    for each in mappings
                    if each["FunctionArn"] == one["FunctionArn"]
                ],
            }
        for name in [name for name in found if name.startswith("function") and name.endswith("-hub")]:
            name = name.split()[1]
            config = functions.get_function_event_invoke_config(FunctionName=name)
            allowed = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
            found[f"invocations of {name}"] = {
                "config": without(config, "LastModified", "ResponseMetadata", "FunctionArn"),
                "allowed": sorted((without(one, "Sid", "FunctionName") for one in allowed), key=json.dumps),
            }
        for url in sqs.list_queues().get("QueueUrls", []):
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            kept = without(attributes, "CreatedTimestamp", "LastModifiedTimestamp")
            found[f"queue {url.rsplit('/', 1)[-1]}"] = kept | {"tags": sqs.list_queue_tags(QueueUrl=url).get("Tags")}
        for topic in all_of("sns", "list_topics", "Topics"):
            arn = topic["TopicArn"]
            attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            kept = {key: attributes.get(key) for key in ("Policy", "KmsMasterKeyId", "DisplayName")}
            found[f"topic {arn.rsplit(':', 1)[-1]}"] = kept | {"tags": tags(sns.list_tags_for_resource(ResourceArn=arn)["Tags"])}
        for name in all_of("dynamodb", "list_tables", "TableNames"):
            table = dynamodb.describe_table(TableName=name)["Table"]
            found[f"table {name}"] = {
                "keys": table["KeySchema"],
                "attributes": sorted(table["AttributeDefinitions"], key=json.dumps),
                "billing": table["BillingModeSummary"]["BillingMode"],
                "protected": table["DeletionProtectionEnabled"],
                "encrypted": table.get("SSEDescription", {}).get("Status"),
                # AWS's own key has another id in each account.
                "key": table.get("SSEDescription", {}).get("KMSMasterKeyArn") == KEY,
                "recovery": dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"][
                    "PointInTimeRecoveryDescription"
                ]["PointInTimeRecoveryStatus"],
                "tags": tags(dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]),
            }
        for rule in events.list_rules()["Rules"]:
            name = rule["Name"]
            targets = events.list_targets_by_rule(Rule=name)["Targets"]
            found[f"rule {name}"] = without(rule, "Arn") | {"targets": targets}
        scheduler = self.client("scheduler", account)
        for one in scheduler.list_schedules()["Schedules"]:
            schedule = scheduler.get_schedule(Name=one["Name"])
            found[f"schedule {one['Name']}"] = without(schedule, "Arn", "CreationDate", "LastModificationDate", "ResponseMetadata")
        for alarm in all_of("cloudwatch", "describe_alarms", "MetricAlarms"):
            moment = [key for key in alarm if key.startswith("State") or key.endswith("Timestamp")]
            # Each names its own settings: CloudFormation's parameters, Terraform's variables.
            said = PARAMETERS.sub(lambda name: snake(name[0]), alarm["AlarmDescription"])
            found[f"alarm {alarm['AlarmName']}"] = without(alarm, *moment) | {"AlarmDescription": said}
        cloudwatch = self.client("cloudwatch", account)
        for one in all_of("cloudwatch", "list_dashboards", "DashboardEntries"):
            name = one["DashboardName"]
            found[f"dashboard {name}"] = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
        for one in all_of("logs", "describe_log_groups", "logGroups"):
            found[f"log group {one['logGroupName']}"] = {"days": one.get("retentionInDays"), "key": one.get("kmsKeyId")}
        return found

    def subscriptions(self, accounts):
        """moto keeps a subscription in the account of the topic or of the queue, depending on who asks."""
        found = []
        for account in accounts:
            sns = self.client("sns", account)
            for one in sns.list_subscriptions()["Subscriptions"]:
                attributes = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
                kept = ("Endpoint", "FilterPolicy", "Protocol", "RawMessageDelivery", "RedrivePolicy", "TopicArn")
                found.append({key: attributes.get(key) for key in kept})
        return found

    def compare(self, hub, hub_member, spoke):
        self.code_in(CLOUDFORMATION + TERRAFORM)
        self.by_cloudformation(hub, hub_member, spoke)
        self.by_terraform(hub, hub_member, spoke)
        told = []
        for accounts in (CLOUDFORMATION, TERRAFORM):
            found = {role: self.everything(account) for role, account in zip(("hub", "member"), accounts)}
            found["subscriptions"] = self.subscriptions(accounts)
            text = json.dumps(plain(found), indent=1, sort_keys=True)
            # A queue's address: moto's CloudFormation says AWS's, its service says its own.
            text = re.sub(r"https?://(127\.0\.0\.1:\d+|sqs\.[a-z0-9-]+\.amazonaws\.com)/", "QUEUES/", text)
            for role, account in zip(("HUB", "MEMBER"), accounts):
                text = text.replace(account, role)
            told.append(text.splitlines())
        self.count = sum(len(found[role]) for role in ("hub", "member")) + len(found["subscriptions"])
        difference = list(difflib.unified_diff(*told, "CloudFormation", "Terraform", lineterm="", n=3))
        if difference:
            raise Failed("\n".join(difference))
        # Fewer by the defaults, which make few alarms and no dashboard.
        expect(self.count >= (35 if "Metrics" in hub else 25), True, f"{self.count} things were compared")


def tags(list_of_tags):
    return {one["Key"]: one["Value"] for one in list_of_tags if not one["Key"].startswith("aws:")}


def without(mapping, *keys):
    return {key: value for key, value in mapping.items() if key not in keys}


def plain(value, key=None):
    """JSON within texts read, and one resource or action in a policy as good as a list of one."""
    if isinstance(value, str) and value.startswith("{'"):
        # moto's CloudFormation keeps a role's policy in Python's own words.
        return plain(ast.literal_eval(value), key)
    if isinstance(value, str) and value[:1] in ("{", "["):
        return plain(json.loads(value), key)
    if isinstance(value, dict):
        return {name: plain(one, name) for name, one in value.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        # In policies and attributes order means nothing, but it does in a dashboard.
        # And moto keeps what AWS::NoValue takes away.
        items = [plain(one) for one in value if one is not None]
        return items if key in ("widgets", "metrics") or (items and isinstance(items[0], list)) else sorted(items, key=lambda one: json.dumps(one, sort_keys=True))
    if key in ("Resource", "Action"):
        return [value]
    return value


def main():
    if shutil.which("terraform") is None:
        print("skipped: there is no terraform, so nothing says that the modules agree with the templates", file=sys.stderr)
        return 1 if os.environ.get("PMP_REQUIRE_TERRAFORM") else 0
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="pmp-agree-") as folder, ExitStack() as stack:
        agreement = Agreement(Path(folder))
        environment = agreement.environment | {"PYTHONPATH": os.environ["PYTHONPATH"]}
        agreement.endpoint, _ = stack.enter_context(moto(Path(folder), environment, (sys.executable, "-m", "emulator")))
        agreement.check("the example's lists move nobody out of the function's environment", agreement.lists_of_many)
        agreement.check("Terraform admits two hundred members by one map, in one plan", agreement.many)
        passed, failed = agreement.passed, agreement.failed
    for what, *settings_of in (
        ("with little more than the defaults", BARE_HUB, {}, {"FilterName": "exclude-ids", "Mode": "observe"}),
        ("with every setting", HUB, HUB_MEMBER, SPOKE),
    ):
        with tempfile.TemporaryDirectory(prefix="pmp-agree-") as folder, ExitStack() as stack:
            agreement = Agreement(Path(folder))
            server = (sys.executable, "-m", "emulator")
            environment = agreement.environment | {"PYTHONPATH": os.environ["PYTHONPATH"]}
            agreement.endpoint, _ = stack.enter_context(moto(Path(folder), environment, server))
            agreement.check(f"CloudFormation and Terraform make the same, {what}", lambda: agreement.compare(*settings_of))  # noqa: B023
            passed, failed = passed + agreement.passed, failed + agreement.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
