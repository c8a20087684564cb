"""Runs the commands of docs/deploy.md, as they stand there, in the accounts that they are for. Started by `run --page`.

Every block of commands is taken from the page. What a reader replaces by their own is replaced; nothing else is changed. A block
that is not run stands in `LEFT_OUT` with its reason, and a block that is in neither list fails the test.
"""

import json
import os
import re
import signal
import subprocess
import zipfile
from contextlib import contextmanager
from pathlib import Path

from check import BINARIES, HUB, REGION, SCHEDULE, Deployment, program
from runtime_api import function
from servers import Failed, catalog, expect

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "deploy.md"
# As the page calls it.
MEMBER = "222222222222"
MANAGEMENT = "exp-1234567890abc"
APPROVED = "prod-aaaaaaaaaaaaa"
BLOCK_SECONDS = 120

# What is run, in this order: the heading and the number of the block below it, and in whose account.
RUN = [
    ("1. The hub", 1, HUB),
    ("1. The hub", 2, HUB),
    ("2. Admit a member", 1, HUB),
    ("3. The spoke", 1, MEMBER),
    ("3. The spoke", 2, MEMBER),
    ("4. See it work", 1, HUB),
    ("A second member organization", 1, HUB),
    ("A second management experience", 1, HUB),
    ("A filter", 1, MEMBER),
    ("Signed snapshots", 1, HUB),
    ("Signed snapshots", 2, MEMBER),
    ("Data perimeters", 2, MEMBER),
    # Of a queue that is subscribed already it changes nothing.
    ("Deploy a hub again", 2, MEMBER),
    ("Uninstall", 1, None),
    ("Deploy a hub again", 1, HUB),
    ("Uninstall", 1, None),
    ("Uninstall", 2, HUB),
]
LEFT_OUT = {
    ("Launch", 1): "launch.py runs it, in accounts of its own",
    ("Launch", 2): "launch.py runs it",
    ("Launch", 3): "launch.py runs it",
    ("Launch", 4): "launch.py runs it",
    ("Launch", 5): "launch.py runs it, on pmp-local",
    ("Many member organizations", 1): "launch.py runs it",
    ("Many member organizations", 2): "launch.py runs it",
    ("What you need", 1): "builds both programs for Lambda, which takes minutes: .ci/steps/package does it",
    ("A filter", 2): "moto's update leaves a function as it is where only a condition changes; tests/iam deploys it so",
    ("Data perimeters", 1): "one option of a command that is left out there: `…`",
}
# What the AWS CLI of Debian 12, of January 2023, is too old for: the command and the option that it lacks. Where it does, boto3 does
# the same, and the test says so.
NEWER = {
    ("Deploy a hub again", 1): ("cloudformation create-change-set --stack-name x --change-set-name x", "--import-existing-resources"),
    ("Uninstall", 2): ("dynamodb update-table --table-name x", "--no-deletion-protection-enabled"),
}
# The comment of a line says whose it is, where a block is for two accounts.
WHOSE = {"in the member's account": MEMBER, "in the hub's": HUB}

# Debian's own aws, which is version 2, pointed at moto: that of Debian 12 does not know AWS_ENDPOINT_URL.
AWS = """#!/bin/sh
exec {aws} --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"""
# Runs the files that it is told, one after the other, in one shell: what one sets the next one has.
DRIVER = """
set -euo pipefail
while IFS= read -r file <&3; do
    . "$file" </dev/null
    echo done >&4
done
"""


def blocks(page):
    """The blocks of commands by heading and number."""
    found, heading, count = {}, None, 0
    parts = re.split(r"^(## [^\n]*|```sh\n.*?^```)$", page, flags=re.MULTILINE | re.DOTALL)
    for part in parts:
        if part.startswith("## "):
            heading, count = part.removeprefix("## "), 0
        elif part.startswith("```sh\n"):
            count += 1
            found[heading, count] = part.removeprefix("```sh\n").removesuffix("```")
    return found


def command_line():
    """Where an AWS CLI of version 2 is; readers have no other."""
    for folder in ["/usr/bin", *os.environ["PATH"].split(":")]:
        path = Path(folder) / "aws"
        if path.is_file():
            ended = subprocess.run([path, "--version"], capture_output=True, text=True)
            if ended.stdout.startswith("aws-cli/2"):
                return path
    raise Failed("there is no AWS CLI of version 2: `apt-get install awscli`")


class Shell:
    """A shell of one account, in which blocks are run one after the other."""

    def __init__(self, name, environment, folder):
        self.log = folder / f"{name}.log"
        self.folder = folder
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        # The driver's file descriptors 3 and 4.
        command = f"exec 3<&{orders} 4>&{answers}; {DRIVER}"
        with open(self.log, "wb") as sink:
            self.child = subprocess.Popen(
                ["/bin/bash", "--norc", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                pass_fds=(orders, answers),
            )
        os.close(orders)
        os.close(answers)
        self.count = 0

    def run(self, text):
        """What the commands print."""
        self.count += 1
        file = self.folder / f"{self.log.stem}-{self.count}.sh"
        file.write_text(text)
        before = self.log.stat().st_size
        os.write(self.orders, f"{file}\n".encode())
        said = self.wait()
        printed = self.log.read_bytes()[before:].decode(errors="replace")
        if not said:
            told = printed.rstrip().replace("\n", "\n    | ")
            raise Failed(f"a command failed:\n    | {told}")
        return printed

    def knows(self, command, option):
        """Whether the AWS CLI has an option."""
        skeleton = f"aws {command} {option} --generate-cli-skeleton || true\n"
        return "Unknown options" not in self.run(skeleton)

    def wait(self):
        """Whether a block came to its end. A shell that ends, or is ended, closes its side."""
        signal.signal(signal.SIGALRM, lambda *_: self.child.kill())
        signal.alarm(BLOCK_SECONDS)
        try:
            return os.read(self.answers, 16)
        finally:
            signal.alarm(0)

    def close(self):
        os.close(self.orders)
        self.child.terminate()
        self.child.wait()


@contextmanager
def shell(*arguments):
    opened = Shell(*arguments)
    try:
        yield opened
    finally:
        opened.close()


class Walk(Deployment):
    """The page, walked through."""

    def prepare(self, stack):
        """What the page says that one needs: two accounts, two zips, the repository, and the programs on one's machine."""
        self.organization_id = self.client("organizations", MEMBER).create_organization(FeatureSet="ALL")["Organization"]["Id"]
        work = self.folder / "work"
        (work / "target" / "lambda").mkdir(parents=True)
        (work / "infra").symlink_to(REPOSITORY / "infra")
        for name in ("hub", "spoke"):
            # Nothing reads it: the test runs the programs itself.
            with zipfile.ZipFile(work / "target" / "lambda" / f"pmp-{name}-arm64.zip", "w") as archive:
                archive.writestr("bootstrap", "see page.py")
        # A component may be anything here, as long as its digest is its own.
        (work / "my-filter.wasm").write_bytes(b"\0asm")
        (work / "organizations.txt").write_text("o-second0000\no-third00000\n")
        programs = self.folder / "bin"
        programs.mkdir()
        for name in ("pmp-hub", "pmp-spoke"):
            (programs / name).symlink_to(BINARIES / name)
        (programs / "aws").write_text(AWS.format(aws=command_line()))
        (programs / "aws").chmod(0o755)
        # Whoever asks: the people of both accounts, and the roles that they act as.
        world = self.folder / "world.json"
        experiences = [
            {"account": "*", "id": MANAGEMENT, "approved": [APPROVED], "rejected": []},
            {"account": "*", "id": "exp-member0000001", "approved": [], "rejected": []},
        ]
        world.write_text(json.dumps({"experiences": experiences}))
        self.catalog = stack.enter_context(catalog(self.folder, self.environment, world))
        self.shells = {}
        for account, name in ((HUB, "hub"), (MEMBER, "member")):
            home = self.folder / f"home-{name}"
            (home / ".aws").mkdir(parents=True)
            keys = self.credentials(f"arn:aws:iam::{account}:role/administrator")
            lines = ["[default]", *(f"{key.lower()} = {value}" for key, value in keys.items()), ""]
            (home / ".aws" / "credentials").write_text("\n".join(lines))
            environment = {
                "PATH": f"{programs}:/usr/bin:/bin",
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": self.catalog,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_PAGER": "",
            }
            self.shells[account] = stack.enter_context(shell(name, environment, work))
        self.otherwise = set()
        self.blocks = blocks(PAGE.read_text(encoding="utf-8"))

    def complete(self):
        """Every block of the page is run, or says why not."""
        known = {(heading, number) for heading, number, _ in RUN} | set(LEFT_OUT)
        expect(set(self.blocks), known, "the blocks of commands")
        expect(set(LEFT_OUT) & {one[:2] for one in RUN}, set(), "what is left out and run")
        expect(set(re.findall(r"^```(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)), {"sh", "json"}, "the kinds of blocks")

    def of_this_reader(self, text):
        """The ids that everyone has other ones of."""
        return text.replace("o-a1b2c3d4e5", self.organization_id)

    def block(self, heading, number, account):
        text = self.of_this_reader(self.blocks[heading, number])
        command, option = NEWER.get((heading, number), (None, None))
        if option:
            expect(option in text, True, f"{option} in {heading}")
            if not self.shells[account].knows(command, option):
                self.otherwise.add((heading, number))
                return self.deploy_again() if heading == "Deploy a hub again" else self.delete_the_rest()
        if account:
            return self.shells[account].run(text)
        for line in filter(None, text.splitlines()):
            whose = next((one for word, one in WHOSE.items() if word in line), HUB)
            self.shells[whose].run(line)
        return ""

    def deploy_again(self):
        """What "Deploy a hub again" says, where the AWS CLI cannot say it."""
        stack = self.stack(HUB, "pmp-sync-hub", "hub")
        stack.given = {
            "ExperienceId": MANAGEMENT,
            "MemberOrganizationIds": self.organization_id,
            "CodeBucket": f"pmp-sync-code-{HUB}",
            "CodeKey": "0.1.0/pmp-hub-arm64.zip",
        }
        stack.deploy_again()
        return ""

    def delete_the_rest(self):
        """What "Uninstall" says of tables and topic, where the AWS CLI cannot say it."""
        self.client("sns", HUB).delete_topic(TopicArn=f"arn:aws:sns:{REGION}:{HUB}:pmp-sync-snapshots")
        dynamodb = self.client("dynamodb", HUB)
        for table in ("pmp-sync-Snapshots", "pmp-sync-SyncTimestamps"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=table)
        return ""

    def invoke_hub(self):
        """What the schedule does; moto's own invocation runs nothing."""
        found = self.client("lambda", HUB).get_function_configuration(FunctionName="pmp-sync-hub")
        found["Environment"]["Variables"] = {key: str(value) for key, value in found["Environment"]["Variables"].items()}
        with function(BINARIES / "pmp-hub", found, self.as_lambda(found), self.folder / "hub-function.log") as started:
            return started.invoke(SCHEDULE)["published"]

    # What a reader would look at.

    def expectations(self, heading, number, printed):
        where = (heading, number)
        if where == ("1. The hub", 1):
            expect(self.invoke_hub()["version"], 1, "the first snapshot")
        elif where == ("2. Admit a member", 1):
            names = {line.split("=", 1)[0] for line in printed.splitlines() if re.match(r"\w+=", line)}
            expect({"HubRoleArn", "HubExternalId", "TopicArn"} <= names, True, f"what is handed over: {names}")
        elif where == ("3. The spoke", 2):
            expect(f"+ allow  {APPROVED}" in printed, True, f"what the plan shows:\n{printed}")
            expect("Plan for snapshot 1" in printed, True, f"the plan's last line:\n{printed}")
        elif where == ("4. See it work", 1):
            expect("NEVER" in printed and self.organization_id in printed, True, f"pmp-hub status:\n{printed}")
        elif where == ("A second member organization", 1):
            for organization in ("o-second0000", "o-third00000"):
                expect(f"admitted {organization}" in printed, True, f"who was admitted:\n{printed}")
        elif where == ("A second management experience", 1):
            alarms = self.client("cloudwatch", HUB).describe_alarms(AlarmNamePrefix="pmp-sync-hub-exp-bbbb-")["MetricAlarms"]
            of = {tuple((one["Name"], one["Value"]) for one in alarm["Dimensions"]) for alarm in alarms}
            expect((len(alarms), of), (5, {(("Experience", "exp-bbbb"),)}), "the alarms of the second")
        elif where == ("Signed snapshots", 1):
            expect("-----BEGIN PUBLIC KEY-----" in printed, True, f"the public key:\n{printed}")
        elif where == ("Signed snapshots", 2):
            variables = self.variables(MEMBER, "pmp-sync-spoke")
            expect(variables["PMP_TRUSTED_KEYS"].startswith("-----BEGIN PUBLIC KEY-----"), True, "the keys that the spoke trusts")
            expect(variables["PMP_FILTER"].startswith("s3://pmp-sync-code-"), True, "the filter, which was kept")
        elif where == ("Data perimeters", 2):
            url = self.client("sqs", MEMBER).get_queue_url(QueueName="pmp-sync-snapshots-dead-letters")["QueueUrl"]
            tags = self.client("sqs", MEMBER).list_queue_tags(QueueUrl=url)["Tags"]
            expect(tags["dp:exclude:identity"], "true", "the tag of the dead letters")
        elif where == ("Deploy a hub again", 1):
            expect(self.invoke_hub()["version"], 1, "the snapshot that was there before")
        elif where == ("Deploy a hub again", 2):
            found = self.client("sns", HUB).list_subscriptions_by_topic(TopicArn=f"arn:aws:sns:{REGION}:{HUB}:pmp-sync-snapshots")
            owners = {one["Endpoint"] for one in found["Subscriptions"]}
            expect(owners, {f"arn:aws:sqs:{REGION}:{MEMBER}:pmp-sync-snapshots"}, "who hears the topic")
        elif where == ("Uninstall", 2):
            for account in (HUB, MEMBER):
                left = {
                    "stacks": [one["StackName"] for one in self.client("cloudformation", account).describe_stacks()["Stacks"]],
                    "tables": self.client("dynamodb", account).list_tables()["TableNames"],
                    "topics": self.client("sns", account).list_topics()["Topics"],
                    "queues": self.client("sqs", account).list_queues().get("QueueUrls", []),
                    "functions": self.client("lambda", account).list_functions()["Functions"],
                }
                expect({kind: found for kind, found in left.items() if found}, {}, f"what is left in {account}")

    def variables(self, account, name):
        return self.client("lambda", account).get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def run(self, stack):
        ready = self.check("two accounts, the repository, and the programs", lambda: self.prepare(stack))
        if ready and self.check("every block of the page is run, or says why not", self.complete):
            self.walk()

    def walk(self):
        seen = set()
        for heading, number, account in RUN:
            again = (heading, number) in seen

            def test(heading=heading, number=number, account=account):
                self.expectations(heading, number, self.block(heading, number, account))

            if not self.check(f"{heading}, block {number}{', again' if again else ''}", test):
                return
            if (heading, number) in self.otherwise:
                print(f"        by boto3: this AWS CLI is too old for {NEWER[heading, number][1]}", flush=True)
            seen.add((heading, number))


if __name__ == "__main__":
    program(Walk)
