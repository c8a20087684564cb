"""Runs the shortest way of docs/deploy.md, and its way for many members, and counts commands and operations. Started by `run --launch`."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from check import BINARIES, HUB, REGION, as_event, program
from checks import run
from page import MANAGEMENT, MEMBER, PAGE, REPOSITORY, Walk, blocks
from runtime_api import function
from servers import address, expect, process
from short_forms import load

# What the page promises: from nothing to the first synchronized organization.
MOST_COMMANDS = 6
MOST_SECONDS = 12 * 60
MEMBERS = 200
# Of the hub's stack, the members' stack, a StackSet and its instances. One for each member would be six hundred.
MOST_OPERATIONS = 4
# Commands of the AWS CLI that have CloudFormation change something.
OPERATIONS = ("deploy", "create-", "update-", "delete-", "execute-", "import-")

# As page.py's, and each command is written down. The AWS CLI of Debian 12 uploads a large template to AWS itself, whatever the endpoint; so
# boto3 does what that command would.
AWS = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
    "cloudformation deploy "*" --s3-bucket "*) exec {python} {here}/deploy_large.py "$@" ;;
esac
exec {aws} --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"""


def commands(block):
    """The commands of a block, each in a line."""
    return [line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")]


class Launch(Walk):
    def prepare(self, stack):
        super().prepare(stack)
        # The folder of a release, as far as the commands need it.
        work = self.folder / "work"
        (work / "infra").unlink()
        (work / "target" / "lambda").rename(work / "lambda")
        (work / "VERSION").write_text("0.1.0\n")
        (work / "bin").mkdir()
        (work / "bin" / "x86_64").symlink_to(BINARIES)
        templates = work / "templates"
        templates.mkdir()
        for part in ("cloudformation", "terraform"):
            (templates / part).symlink_to(REPOSITORY / "infra" / part)
        for name in ("launch", "members", "releases/fill.py"):
            # Not as a link: it looks for what is beside it.
            shutil.copy(REPOSITORY / "infra" / name, templates)
        self.log = self.folder / "aws-commands.txt"
        wrapper = self.folder / "bin" / "aws"
        self.aws_alone = Path(wrapper.read_text().split()[2])
        wrapper.write_text(AWS.format(log=self.log, aws=self.aws_alone, python=sys.executable, here=Path(__file__).parent))
        self.work = work
        # Where the page has the list, and what is made of it.
        self.kept = self.folder / "home-hub" / "pmp-sync"
        self.blocks = blocks(PAGE.read_text(encoding="utf-8"))

    def operations(self):
        """What CloudFormation was asked to change since this was asked last."""
        said = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        asked = [line.split() for line in said if line.startswith("cloudformation ")]
        return [words[1] for words in asked if words[1].startswith(OPERATIONS)]

    def take_messages(self):
        """So that this test, and not moto, takes the spoke's messages."""
        functions = self.client("lambda", MEMBER)
        (mapping,) = functions.list_event_source_mappings(FunctionName="pmp-sync-spoke")["EventSourceMappings"]
        expect(mapping["State"], "Enabled", "the event source mapping")
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def spoke_passes(self):
        """What Lambda does with the spoke's messages."""
        self.spoke_outputs = {"QueueUrl": self.client("sqs", MEMBER).get_queue_url(QueueName="pmp-sync-snapshots")["QueueUrl"]}
        found = self.client("lambda", MEMBER).get_function_configuration(FunctionName="pmp-sync-spoke")
        found["Environment"]["Variables"] = {key: str(value) for key, value in found["Environment"]["Variables"].items()}
        with function(BINARIES / "pmp-spoke", found, self.as_lambda(found), self.folder / "spoke-function.log") as started:
            event, handles = self.batch()
            expect(started.invoke(event)["batchItemFailures"], [], "messages that are to come again")

    def batch(self):
        """In this account, and not in check.py's."""
        queue = self.spoke_outputs["QueueUrl"]
        sqs = self.client("sqs", MEMBER)
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5, AttributeNames=["All"])["Messages"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return as_event(got, arn), {}

    def first_organization(self):
        """The page's commands; the functions are run as Lambda would, which moto does not."""
        steps = [("Launch", 1, HUB), ("Launch", 2, HUB), ("Launch", 3, MEMBER), ("Launch", 4, HUB)]
        counted = sum(len(commands(self.blocks[heading, number])) for heading, number, _ in steps)
        expect(counted <= MOST_COMMANDS, True, f"{counted} commands, of at most {MOST_COMMANDS}")
        started = time.monotonic()
        for heading, number, account in steps:
            lines = commands(self.of_this_reader(self.blocks[heading, number]))
            for line in lines:
                if account == MEMBER:
                    shutil.copy(self.kept / "members" / f"{self.organization_id}.env", self.work)
                printed = self.shells[account].run(line + "\n")
                if account == MEMBER:
                    self.take_messages()
                if "lambda invoke" in line:
                    self.invoke_hub()
                    self.spoke_passes()
        took = time.monotonic() - started
        rows = [line for line in printed.splitlines() if self.organization_id in line and "exp-member0000001" in line]
        expect(len(rows) == 1 and "SYNCED" in rows[0], True, f"pmp-hub status:\n{printed}")
        expect(took <= MOST_SECONDS, True, f"{took:.0f} s, of at most {MOST_SECONDS}")
        print(f"        {counted} commands of at most {MOST_COMMANDS}, in {took:.0f} s of at most {MOST_SECONDS}", flush=True)
        expect(self.operations(), ["deploy", "deploy", "deploy"], "operations of CloudFormation for the first organization")

    def on_pmp_local(self):
        """The page's commands, on pmp-local. What `pmp-local env` prints makes a shell one of two accounts."""
        lines = commands(self.blocks["Launch", 5])
        expect(len(lines) <= MOST_COMMANDS, True, f"{len(lines)} commands, of at most {MOST_COMMANDS}")
        log = self.folder / "pmp-local.log"
        environment = {"PATH": f"{BINARIES}:/usr/bin:/bin", "HOME": str(self.folder / "pmp-local"), "LANG": "C.UTF-8"}
        Path(environment["HOME"]).mkdir()
        started = time.monotonic()
        with process("pmp-local", [BINARIES / "pmp-local", "serve", "--port", "0", "--output", "json"], log, environment) as child:
            environment["PMP_LOCAL_PORT"] = address("pmp-local", child, log, r'"endpoint":"http://127\.0\.0\.1:(\d+)"')
            for line in lines:
                # An organization of the built-in world, of which the page speaks.
                who = "aurora" if "in the member's account" in line else ""
                printed = run(Path("/bin/bash"), ["-euo", "pipefail", "-c", f'eval "$(pmp-local env {who})"\n{line}'], environment)
        took = time.monotonic() - started
        expect("SYNCED      2 experiences of 1 organization: o-aurora0001" in printed, True, f"pmp-hub status:\n{printed}")
        expect(took <= MOST_SECONDS, True, f"{took:.0f} s, of at most {MOST_SECONDS}")
        print(f"        {len(lines)} commands of at most {MOST_COMMANDS}, in {took:.0f} s of at most {MOST_SECONDS}", flush=True)

    def one_more(self):
        """A member more, later: the same two commands, and no other member's stack is made anew."""
        listed = self.kept / "members.txt"
        listed.write_text(listed.read_text() + "o-onemore00000 400000000000\n")
        self.shells[HUB].run(self.blocks["Many member organizations", 1])
        self.shells[HUB].run(self.of_this_reader(self.blocks["Many member organizations", 2]))
        asked = self.operations()
        expect(asked, ["deploy"] * 3 + ["update-stack-set", "create-stack-set", "create-stack-instances"], "operations for a member more")
        expect(len(self.roles()), MEMBERS + 1, "roles of members")

    def links(self):
        """`--link` deploys nothing, and prints where the console makes the same stack."""
        printed = self.shells[HUB].run(f"templates/launch --link hub {MANAGEMENT} ~/pmp-sync/members.txt Prefix=second --folder second\n")
        expect("https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/quickcreate?" in printed, True, printed)
        for part in (
            f"templateURL=https%3A%2F%2Fpmp-sync-code-{HUB}.s3.amazonaws.com%2F0.1.0%2Ftemplates%2Fhub.yaml",
            "stackName=second-hub",
            f"param_ExperienceId={MANAGEMENT}",
            f"param_MemberOrganizationIds={self.organization_id}",
            f"param_CodeBucket=pmp-sync-code-{HUB}",
        ):
            expect(part in printed, True, f"{part} in the link:\n{printed}")
        uploaded = self.client("s3", HUB).get_object(Bucket=f"pmp-sync-code-{HUB}", Key="0.1.0/templates/hub.yaml")["Body"].read()
        expect(uploaded, (REPOSITORY / "infra/cloudformation/hub.yaml").read_bytes(), "the template that the link names")
        expect(self.operations(), [], "operations of CloudFormation")

    def filled_templates(self):
        """Where the templates have a bucket as a default, no zip is uploaded, and the parameters name what is in that one."""
        printed = self.shells[HUB].run(
            f"templates/fill.py --bucket my-artifacts filled\nfilled/launch --link hub {MANAGEMENT} ~/pmp-sync/members.txt Prefix=third --folder third\n"
        )
        expect("stackName=third-hub" in printed and "param_CodeBucket=my-artifacts" in printed, True, f"the link:\n{printed}")
        expect("put-object" in printed and "lambda" not in printed, True, f"a zip is uploaded:\n{printed}")
        uploaded = self.client("s3", HUB).get_object(Bucket=f"pmp-sync-code-{HUB}", Key="0.1.0/templates/hub.yaml")["Body"].read()
        expect(b"    Default: my-artifacts\n" in uploaded, True, "the template that the link names")
        expect(self.operations(), [], "operations of CloudFormation")

    def many(self):
        """Two hundred members by one list."""
        listed = (self.kept / "members.txt").read_text()
        self.more = {f"o-many{number:06}": f"{300000000000 + number}" for number in range(MEMBERS - 1)}
        (self.kept / "members.txt").write_text(listed + "".join(f"{one} {account}\n" for one, account in self.more.items()))
        started = time.monotonic()
        self.shells[HUB].run(self.blocks["Many member organizations", 1])
        admitted = self.operations()
        expect(admitted, ["deploy", "deploy"], f"operations that admit {MEMBERS} members")
        roles = self.roles()
        expect(len(roles), MEMBERS, "roles of members")
        self.shells[HUB].run(self.of_this_reader(self.blocks["Many member organizations", 2]))
        deployed = self.operations()
        expect(len(admitted + deployed) <= MOST_OPERATIONS, True, f"operations for {MEMBERS} members: {admitted + deployed}")
        found = self.client("cloudformation", HUB).list_stack_instances(StackSetName="pmp-sync-spokes-1")["Summaries"]
        expect(len(found), MEMBERS - 1, "stacks of spokes, beside the one that was there")
        print(f"        {len(admitted + deployed)} operations for {MEMBERS} members, in {time.monotonic() - started:.0f} s", flush=True)

    def roles(self):
        pages = self.client("iam", HUB).get_paginator("list_roles").paginate()
        return [one["RoleName"] for page in pages for one in page["Roles"] if one["RoleName"].startswith("pmp-sync-member-")]

    def same_roles(self):
        """Each is the role that hub-member.yaml makes for that member, but for what a parameter says there."""
        one = load((REPOSITORY / "infra/cloudformation/hub-member.yaml").read_text(encoding="utf-8"))["Resources"]["MemberRole"]
        made = load((self.kept / "members" / "hub-members-1.yaml").read_text(encoding="utf-8"))["Resources"]
        members = [line.split() for line in (self.kept / "members.txt").read_text().splitlines()]
        expect(len({one[2] for one in members}), MEMBERS, "external ids, which differ")
        for organization, account, external_id, _ in members:
            values = {"OrganizationId": organization, "SpokeAccountId": account, "HubExternalId": external_id}
            expect(made.pop(f"RoleO{organization[2:]}"), filled(one, values), f"the role of {organization}")
        expect(made, {}, "roles of nobody")

    def spokes_of_the_set(self):
        """What one of them knows about itself, which no parameter says."""
        organization, account = list(self.more.items())[117]
        variables = self.variables(account, "pmp-sync-spoke")
        told = dict(line.split("=", 1) for line in (self.kept / "members" / f"{organization}.env").read_text().splitlines())
        for name, variable in {
            "OrganizationId": "PMP_ORG_ID", "HubRoleArn": "PMP_HUB_ROLE_ARN", "HubExternalId": "PMP_HUB_EXTERNAL_ID", "TopicArn": "PMP_TOPIC_ARN",
        }.items():  # fmt: skip
            expect(variables[variable], told[name], f"{variable} of {organization}")
        role = self.client("iam", HUB).get_role(RoleName=f"pmp-sync-member-{organization}")["Role"]
        expect(role["Arn"], variables["PMP_HUB_ROLE_ARN"], "the role that it assumes")
        policy = self.client("s3", HUB).get_bucket_policy(Bucket=f"pmp-sync-code-{HUB}")["Policy"]
        expect(organization in policy and "pmp-spoke-" in policy, True, "who may read the spoke's zip")

    def lists(self):
        """What infra/members makes of other lists, and what it refuses."""
        hub = self.folder / "hub.env"
        outputs = self.client("cloudformation", HUB).describe_stacks(StackName="pmp-sync-hub")["Stacks"][0]["Outputs"]
        hub.write_text("".join(f"{one['OutputKey']}={one['OutputValue']}\n" for one in outputs))
        listed, folder = self.folder / "listed.txt", self.folder / "listed"

        def make(text):
            if text is not None:
                listed.write_text(text)
            given = ["--hub", hub, "--bucket", "my-artifacts", "--key", "0.1.0/pmp-spoke-arm64.zip", listed, folder]
            return subprocess.run([sys.executable, self.work / "templates" / "members", *given], capture_output=True, text=True, check=False)

        def refused(text, why):
            ended = make(text)
            expect((ended.returncode, why in ended.stderr), (1, True), f"what is said of {text[:80]!r}: {ended.stderr}")

        first, second = "o-aaaaaaaaaa 300000000001", "o-bbbbbbbbbb 300000000002"
        refused("", "names no organization")
        refused(f"{first}\no-aaaaaaaaaa 300000000002\n", "line 2: o-aaaaaaaaaa or 300000000002 is there twice")
        refused(f"{first}\no-bbbbbbbbbb 300000000001\n", "line 2: o-bbbbbbbbbb or 300000000001 is there twice")
        refused(f"{first} short\n", "line 1: expected an organization")
        refused("o-aaaaaaaaaa 3000\n", "line 1: expected an organization")
        folder.mkdir()
        (folder / "mine").touch()
        refused(first + "\n", "is there, and this did not make it")
        (folder / "mine").unlink()
        # Whoever makes it once more gets the same, with a member more, too.
        expect(make(f"# ours\n{first}\n").returncode, 0, "a list of one")
        told, role = listed.read_text(), (folder / "o-aaaaaaaaaa.env").read_bytes()
        expect(make(None).returncode, 0, "the same list again")
        expect(listed.read_text(), told, "the list, which has all external ids")
        expect(make(f"{told}{second}\n").returncode, 0, "a longer list")
        expect(((folder / "o-aaaaaaaaaa.env").read_bytes(), listed.read_text().startswith(told)), (role, True), "what the first member has")
        # As many as the topic's policy takes; all parameters of hub.yaml are short enough, and all templates.
        lines = [f"o-many{number:06} {300000000000 + number}" for number in range(1120)]
        expect(make("\n".join(lines)).returncode, 0, "1,120 members")
        parameters = dict(line.split("=", 1) for line in (folder / "organizations.env").read_text().splitlines())
        expect(len(parameters), 4, "lists of organizations")
        expect(sum(len(one.split(",")) for one in parameters.values()), 1120, "organizations in them")
        expect(all(len(one) <= 4096 for one in parameters.values()), True, "each fits into a parameter")
        made = {kind: sorted(folder.glob(f"{kind}-*.yaml")) for kind in ("hub-members", "spoke-set")}
        expect({kind: len(found) for kind, found in made.items()}, {"hub-members": 6, "spoke-set": 6}, "templates")
        expect(max(path.stat().st_size for found in made.values() for path in found) <= 1_000_000, True, "each is short enough")
        refused("\n".join([*lines, "o-onemore00000 400000000000"]), "names 1121 organizations")

    def leaving(self):
        """Whoever leaves makes room for a new one, and moves nobody to another stack, which would make a role that is still there."""
        listed = self.folder / "leaving.txt"
        hub, folder = self.folder / "hub.env", self.folder / "leaving"
        given = ["--hub", hub, "--bucket", "my-artifacts", "--key", "0.1.0/pmp-spoke-arm64.zip", listed, folder]

        def stacks():
            subprocess.run([sys.executable, self.work / "templates" / "members", *given], capture_output=True, check=True)
            return {words[0]: words[3] for words in map(str.split, listed.read_text().splitlines())}

        listed.write_text("".join(f"o-many{number:06} {300000000000 + number}\n" for number in range(450)))
        before = stacks()
        expect(Counter(before.values()), {"1": 200, "2": 200, "3": 50}, "members of each stack")
        # The first one leaves, and two come.
        listed.write_text("".join(listed.read_text().splitlines(keepends=True)[1:]) + "o-onemore00000 400000000000\no-twomore00000 400000000001\n")
        after = stacks()
        expect((after.pop("o-onemore00000"), after.pop("o-twomore00000")), ("1", "3"), "the stacks of those who come")
        before.pop("o-many000000")
        expect(after, before, "the stacks of those who stay")

    def walk(self):
        for what, test in (
            ("the first synchronized organization, by the page's commands", self.first_organization),
            ("the same on pmp-local, where the programs make what stacks make", self.on_pmp_local),
            ("links to the console, in place of a deployment", self.links),
            ("templates that have a bucket already", self.filled_templates),
            (f"{MEMBERS} members by one list", self.many),
            ("their roles are those of hub-member.yaml", self.same_roles),
            ("lists of one and of 1,120 members, and lists that are refused", self.lists),
            ("a member that leaves moves nobody to another stack", self.leaving),
            ("a spoke of the StackSet knows by its account which member it is", self.spokes_of_the_set),
            ("a member more", self.one_more),
        ):
            if not self.check(what, test):
                return

    def run(self, stack):
        if self.check("two accounts, the folder of a release, and the programs", lambda: self.prepare(stack)):
            self.walk()


def filled(value, values):
    """A part of a template with these values in place of the parameters."""
    if isinstance(value, dict):
        if list(value) == ["Ref"] and value["Ref"] in values:
            return values[value["Ref"]]
        return {name: filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, values) for one in value]
    if isinstance(value, str):
        for name, one in values.items():
            value = value.replace(f"${{{name}}}", one)
    return value


if __name__ == "__main__":
    program(Launch)
