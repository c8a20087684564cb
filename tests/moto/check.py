"""Runs pmp-hub and pmp-spoke against moto and a Marketplace Catalog, and checks what comes of it. Started by `run`."""

import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import boto3

import checks
from checks import COMMAND_SECONDS
from servers import HERE, Failed, catalog, eventually, expect, moto, process, tail

BINARIES = Path(sys.argv[1]).resolve()

# The account that moto gives to callers whom it doesn't know. `catalog.py` takes the access key for the account.
ACCOUNT = "123456789012"
REGION = "us-east-1"
MANAGEMENT = "exp-management001"
MEMBER = "exp-member0000001"
# Disabled. With it there are two entities to describe, and so a batch.
OFF = "exp-member0000002"
A, B, C, D = (f"prod-{letter * 13}" for letter in "abcd")
OTHER, REJECTED, NEW = (f"prod-{letter * 13}" for letter in "orn")


class Check(checks.Checks):
    """The checks, one after the other: each builds on the ones before, so the first failure ends the run."""

    def __init__(self, folder):
        super().__init__(folder)
        self.queue_url = None

    def client(self, service):
        names = {"marketplace-catalog": "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG"}
        endpoint = self.environment[names.get(service, "AWS_ENDPOINT_URL")]
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
        )

    def run(self, program, *arguments, code=0):
        """What a command prints; it must end with `code`."""
        return checks.run(BINARIES / program, arguments, self.environment, code)

    def json(self, program, *arguments, code=0):
        return json.loads(self.run(program, *arguments, "-o", "json", code=code))

    # The catalog, as a person at it.

    def lists(self, experience):
        return checks.lists(self.client("marketplace-catalog"), experience)

    def change(self, change_type, products):
        catalog = self.client("marketplace-catalog")
        change = {
            "ChangeType": change_type,
            "Entity": {"Type": "Experience@1.0", "Identifier": MANAGEMENT},
            "Details": json.dumps({"Products": [{"Ids": products}]}),
        }
        started = catalog.start_change_set(Catalog="AWSMarketplace", ChangeSet=[change])["ChangeSetId"]

        def succeeded():
            status = catalog.describe_change_set(Catalog="AWSMarketplace", ChangeSetId=started)["Status"]
            if status in ("FAILED", "CANCELLED"):
                raise Failed(f"the change set that makes the change has ended as {status}")
            return status == "SUCCEEDED"

        eventually(COMMAND_SECONDS, "the change set succeeds", succeeded)

    def row(self):
        """The member experience's row of `pmp-hub status`."""
        rows = self.json("pmp-hub", "status")["spokes"]
        rows = {row["member_experience"]: row for row in rows}
        expect(sorted(rows), [MEMBER, OFF], "the rows of pmp-hub status")
        expect(rows[OFF]["state"], "SKIPPED", "the state of the disabled experience")
        return rows[MEMBER]

    def waiting(self):
        """How many messages are in the queue, in sight or taken."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queues = self.client("sqs")
        attributes = queues.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    # The checks.

    def organization(self):
        answer = self.client("organizations").create_organization(FeatureSet="ALL")
        self.organization_id = answer["Organization"]["Id"]
        account = self.client("sts").get_caller_identity()["Account"]
        expect(account, ACCOUNT, "the caller's account")

    def hub_init(self):
        made = self.json("pmp-hub", "init", "--allow-account", ACCOUNT)
        expect(len(made["changes"]) >= 2, True, "the two tables are made")
        for variable, key in [
            ("PMP_SNAPSHOTS_TABLE", "snapshots_table"),
            ("PMP_TIMESTAMPS_TABLE", "timestamps_table"),
            ("PMP_TOPIC_ARN", "topic_arn"),
        ]:
            self.environment[variable] = made[key]
        self.hub_made = made

    def hub_init_again(self):
        made = self.json("pmp-hub", "init", "--allow-account", ACCOUNT)
        expect(made["changes"], [], "changes of the second run")
        expect(made["topic_arn"], self.hub_made["topic_arn"], "the topic")

    def spoke_init(self):
        self.spoke_made = self.json("pmp-spoke", "init")
        self.queue_url = self.environment["PMP_QUEUE_URL"] = self.spoke_made["queue_url"]

    def spoke_init_again(self):
        expect(self.json("pmp-spoke", "init"), self.spoke_made, "what the second run says")
        topic = self.environment["PMP_TOPIC_ARN"]
        found = self.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        expect([one["Endpoint"] for one in found], [self.spoke_made["queue_arn"]], "the topic's subscriptions")

    def publish(self):
        published = self.json("pmp-hub", "publish")["published"]
        expect((published["version"], published["outcome"]), (1, "stored"), "what was published")

    def publish_again(self):
        published = self.json("pmp-hub", "publish")["published"]
        expect((published["version"], published["outcome"]), (1, "announced"), "what was published")
        # Both announcements wait for the spoke's `run`: `sync` and `plan` use the ledger alone.
        eventually(COMMAND_SECONDS, "two messages are in the queue", lambda: self.waiting() == 2)

    def plan_pending(self):
        before = self.lists(MEMBER)
        text = self.run("pmp-spoke", "plan", "--detailed-exitcode", code=2)
        for product in (D, OTHER, REJECTED):
            expect(product in text, True, f"{product} is in the plan")
        expect(self.lists(MEMBER), before, "the lists after a plan")

    def sync(self):
        receipts = self.json("pmp-spoke", "sync")["receipts"]
        found = sorted((one["member_experience"], one["status"], one["version"]) for one in receipts)
        expect(found, [(MEMBER, "in-sync", 1), (OFF, "skipped", 1)], "the receipts")
        expect(self.lists(MEMBER), ({A, B, C, D}, {OTHER, REJECTED}), "the member experience's lists")

    def plan_empty(self):
        self.run("pmp-spoke", "plan", "--detailed-exitcode")

    def status(self):
        row = self.row()
        expect((row["state"], row["version"], row["lag"]), ("SYNCED", 1, 0), "state, version and lag")
        expect(row["organization"], self.organization_id, "the organization, as moto names it")

    def delivered(self):
        log = self.folder / "spoke.log"
        command = [BINARIES / "pmp-spoke", "run"]
        with process("pmp-spoke run", command, log, self.environment) as child:

            def settled(approved, denied, version):
                if child.poll() is not None:
                    raise Failed(f"pmp-spoke run ended with {child.returncode}:\n{tail(log)}")
                row = self.row()
                found = (row["state"], row["version"], self.waiting(), self.lists(MEMBER))
                return found == ("SYNCED", version, 0, (approved, denied))

            def arrives(*lists, what):
                try:
                    eventually(COMMAND_SECONDS, what, lambda: settled(*lists))
                except Failed as error:
                    raise Failed(f"{error}\n{tail(log)}") from None

            arrives({A, B, C, D}, {OTHER, REJECTED}, 1, what="the two announcements are taken")
            self.change("AllowProductProcurement", [NEW])
            self.change("DenyProductProcurement", [B])
            published = self.json("pmp-hub", "publish")["published"]
            expect((published["version"], published["outcome"]), (2, "stored"), "what was published")
            arrives({A, C, D, NEW}, {OTHER, REJECTED, B}, 2, what="snapshot 2 arrives, and its message is deleted")

            child.send_signal(signal.SIGTERM)
            expect(child.wait(COMMAND_SECONDS), 0, "the exit code after SIGTERM")

    def nothing_lost(self):
        letters = self.client("sqs").get_queue_attributes(
            QueueUrl=self.spoke_made["dead_letter_queue_url"], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        expect(letters, "0", "dead letters")
        # A spoke has nothing to do in the experience that it follows.
        expect(self.lists(MANAGEMENT), ({A, C, D, NEW}, {REJECTED, B}), "the management experience's lists")

    def all(self):
        for what, test in [
            ("moto: an organization, and the account of the caller", self.organization),
            ("pmp-hub init makes tables and topic", self.hub_init),
            ("pmp-hub init, again, changes nothing", self.hub_init_again),
            ("pmp-spoke init makes queues and subscription", self.spoke_init),
            ("pmp-spoke init, again, changes nothing", self.spoke_init_again),
            ("pmp-hub publish stores snapshot 1", self.publish),
            ("pmp-hub publish, again, announces it once more", self.publish_again),
            ("pmp-spoke plan --detailed-exitcode ends with 2", self.plan_pending),
            ("pmp-spoke sync brings the member experience in step", self.sync),
            ("pmp-spoke plan --detailed-exitcode ends with 0", self.plan_empty),
            ("pmp-hub status shows SYNCED", self.status),
            ("pmp-spoke run takes snapshot 2 from the queue, and stops on SIGTERM", self.delivered),
            ("no dead letters, and the management experience is as its owner left it", self.nothing_lost),
        ]:
            if not self.check(what, test):
                return


# What the catalog may do with BatchDescribeEntities, whose permission and quota AWS leaves open: the programs must bear each.
BATCHES = {
    "answer": "the catalog answers BatchDescribeEntities",
    "refuse": "the catalog refuses it with AccessDeniedException",
    "unknown": "the catalog doesn't know it",
}


def run(folder, batch):
    """All checks, against servers of their own."""
    folder.mkdir()
    check = Check(folder)
    # boto3 too must see nothing of the caller's profiles, regions and proxies.
    os.environ.clear()
    os.environ.update(check.environment)
    with ExitStack() as stack:
        services, log = stack.enter_context(moto(folder, check.environment))
        entities = stack.enter_context(catalog(folder, check.environment, HERE / "world.json", "--batch", batch))
        check.environment |= {
            "AWS_ENDPOINT_URL": services,
            "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": entities,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "any",
            "PMP_EXPERIENCE_ID": MANAGEMENT,
        }
        check.all()
        if check.failed:
            print(f"the last lines of moto:\n{tail(log)}", file=sys.stderr)
    return check.passed, check.failed


def main():
    # So that a kill stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="pmp-moto-") as folder:
        for batch, meaning in BATCHES.items():
            print(f"{meaning}:", flush=True)
            counts = run(Path(folder) / batch, batch)
            passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        sys.exit(1)
