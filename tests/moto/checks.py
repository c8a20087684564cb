"""What all that is checked on moto has in common: how a check is told and counted, how a program is run, how lists are read."""

import json
import os
import subprocess
import time

from servers import Failed

# A command that takes longer has hung.
COMMAND_SECONDS = 60


class Checks:
    """Checks that print a line each, and are counted."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
        self.passed = self.failed = 0

    def check(self, what, test):
        started = time.monotonic()
        try:
            test()
        except Exception as error:  # noqa: BLE001: whatever it is, it is what failed this check
            self.failed += 1
            print(f"FAILED  {what}: {type(error).__name__}: {error}", flush=True)
            return False
        self.passed += 1
        print(f"ok      {what} ({time.monotonic() - started:.1f} s)", flush=True)
        return True


def run(program, arguments, environment, code=0):
    """What a command prints; it must end with `code`."""
    ended = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=COMMAND_SECONDS,
    )
    if ended.returncode != code:
        said = f"{ended.stdout}{ended.stderr}".rstrip().replace("\n", "\n    | ")
        line = " ".join([program.name, *arguments])
        raise Failed(f"`{line}` ended with {ended.returncode}, expected {code}:\n    | {said}")
    return ended.stdout


def lists(catalog, experience):
    """The approved and the rejected products of an experience, as a person at the catalog reads them."""

    def describe(entity):
        return json.loads(catalog.describe_entity(Catalog="AWSMarketplace", EntityId=entity)["Details"])

    policy = describe(describe(experience)["ProcurementPolicies"][0])
    lists = {"Allow": set(), "Deny": set()}
    for statement in policy["Statements"]:
        for resource in statement["Resources"]:
            lists[statement["Effect"]].update(resource["Ids"])
    return lists["Allow"], lists["Deny"]
