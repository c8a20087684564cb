"""A Marketplace Catalog for private marketplaces, written from AWS's documentation alone: it shares nothing with `pmp-local`.

Experiences come from a JSON file (`--world`). Change sets take time, lock what they name, and raise its revision. Only the
standard library is used. Signatures aren't verified; the access key says which account asks, as `account` in the file.
"""

import argparse
import json
import random
import re
import secrets
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CATALOG = "AWSMarketplace"
ARN = "arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/{kind}/{id}"
# Names and HTTP codes as the service model has them.
STATUS = {
    "ValidationException": 422,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ResourceInUseException": 423,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 429,
    "InternalServiceException": 500,
}
# Calls per second and account that AWS grants. What isn't listed isn't limited.
LIMITS = {
    "ListEntities": 10,
    "DescribeEntity": 20,
    "StartChangeSet": 5,
    "DescribeChangeSet": 10,
    "ListChangeSets": 5,
    "CancelChangeSet": 5,
}
MAX_OPEN = 250
MAX_IDS = 50
# An `account` of the file whose experiences every account may see and change: where keys are not known beforehand.
EVERYONE = "*"


class Refused(Exception):
    """An error of the API: its name, and what it says."""

    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def invalid(message):
    return Refused("ValidationException", message)


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Experience:
    """An experience with its procurement policy. Both have revisions of their own."""

    def __init__(self, given):
        self.account, self.id = given["account"], given["id"]
        self.name = given.get("name", self.id)
        self.status = given.get("status", "Enabled")
        self.seconds = given.get("seconds", [0.05, 0.2])
        self.policy = "procpolicy-" + self.id.removeprefix("exp-")
        self.effects = {id: "Allow" for id in given.get("approved", [])}
        self.effects |= {id: "Deny" for id in given.get("rejected", [])}
        self.notes = given.get("notes", {})
        self.revision = 1 + len(self.id)
        self.policy_revision = 1
        self.modified = time.time()

    def describe(self):
        return {
            "EntityType": "Experience@1.0",
            "EntityIdentifier": f"{self.id}@{self.revision}",
            "EntityArn": ARN.format(account=self.account, kind="Experience", id=self.id),
            "details": {
                "Name": self.name,
                "Description": "",
                "Status": self.status,
                "ProcurementPolicies": [self.policy],
                "BrandingSettings": [],
            },
        }

    def describe_policy(self):
        def resources(effect):
            found = [id for id, has in self.effects.items() if has == effect]
            # The order means nothing; nobody may rely on one.
            random.shuffle(found)
            notes = {id: {"Notes": self.notes[id]} for id in found if id in self.notes}
            return [{"Type": "Product", "Ids": [id]} | notes.get(id, {}) for id in found]

        statements = [{"Effect": effect, "Resources": resources(effect)} for effect in ("Deny", "Allow")]
        return {
            "EntityType": "ProcurementPolicy@1.0",
            "EntityIdentifier": f"{self.policy}@{self.policy_revision}",
            "EntityArn": ARN.format(account=self.account, kind="ProcurementPolicy", id=self.policy),
            "details": {
                "Name": self.name,
                "Statements": [statement for statement in statements if statement["Resources"]],
                "Configuration": {"PolicyResourceRequests": "Allow"},
            },
        }


class Catalog:
    """All private marketplaces, under one lock."""

    def __init__(self, experiences, options):
        self.lock = threading.Lock()
        self.options = options
        self.experiences = {one.id: one for one in experiences}
        self.policies = {one.policy: one for one in experiences}
        self.change_sets = {}
        self.tokens = {}
        self.turns = {}

    # The clock: change sets end when somebody looks.

    def settle(self):
        running = [one for one in self.change_sets.values() if one["Status"] in ("PREPARING", "APPLYING")]
        for one in sorted(running, key=lambda one: one["ends"]):
            if one["ends"] > time.time():
                continue
            self.end(one)

    def end(self, change_set):
        change_set["EndTime"] = stamp(change_set["ends"])
        poisoned = False
        for change in change_set["changes"]:
            bad = sorted(set(change["ids"]) & self.options.poison)
            if bad:
                poisoned = True
                text = f"Product {bad[0]} does not exist"
                change["ErrorDetailList"] = [{"ErrorCode": "ENTITY_NOT_FOUND", "ErrorMessage": text}]
        if poisoned:
            change_set |= {"Status": "FAILED", "FailureCode": "CLIENT_ERROR", "FailureDescription": "A change failed"}
            return
        change_set["Status"] = "SUCCEEDED"
        for change in change_set["changes"]:
            for id in change["ids"]:
                change["experience"].effects[id] = change["effect"]
        for one in {change["experience"].id for change in change_set["changes"]}:
            one = self.experiences[one]
            one.revision += 1
            one.policy_revision += 1
            one.modified = change_set["ends"]

    # What is permitted.

    def take_turn(self, account, operation):
        """A bucket that holds a second's calls, and fills at the permitted rate."""
        limit = LIMITS.get(operation)
        if not limit or not self.options.limits:
            return
        now = time.monotonic()
        held, since = self.turns.get((account, operation), (float(limit), now))
        held = min(float(limit), held + (now - since) * limit)
        if held < 1:
            self.turns[account, operation] = (held, now)
            raise Refused("ThrottlingException", "Rate exceeded")
        self.turns[account, operation] = (held - 1, now)

    def find(self, account, identifier):
        id, _, asked = identifier.partition("@")
        one = self.experiences.get(id) or self.policies.get(id)
        if one is None:
            raise Refused("ResourceNotFoundException", f"The entity {id} was not found")
        if one.account not in (account, EVERYONE):
            raise Refused("AccessDeniedException", f"{account} may not touch {id}")
        return one, asked

    # The operations.

    def list_entities(self, account, asked):
        filters = {one["Name"]: one["ValueList"] for one in asked.get("FilterList", [])}
        kind = asked["EntityType"].removesuffix("@1.0")
        owned = sorted(one.id for one in self.experiences.values() if one.account in (account, EVERYONE))
        if kind != "Experience" or filters.get("Scope") == ["SharedWithMe"]:
            owned = []
        size = min(asked.get("MaxResults", 10), 50)
        start = int(asked.get("NextToken") or 0)
        page = [self.experiences[id] for id in owned[start : start + size]]
        answer = {
            "EntitySummaryList": [
                {
                    "Name": one.name,
                    "EntityType": "Experience",
                    "EntityId": one.id,
                    "EntityArn": ARN.format(account=account, kind="Experience", id=one.id),
                    "LastModifiedDate": stamp(one.modified),
                    "Visibility": "Restricted",
                }
                for one in page
            ]
        }
        if start + size < len(owned):
            answer["NextToken"] = str(start + size)
        return answer

    def described(self, account, identifier):
        one, _ = self.find(account, identifier)
        answer = one.describe_policy() if identifier.startswith("procpolicy-") else one.describe()
        details = answer.pop("details")
        return answer | {"LastModifiedDate": stamp(one.modified), "DetailsDocument": details}

    def describe_entity(self, account, asked):
        answer = self.described(account, asked["entityId"])
        return answer | {"Details": json.dumps(answer["DetailsDocument"])}

    def batch_describe_entities(self, account, asked):
        if self.options.batch == "refuse":
            raise Refused("AccessDeniedException", f"{account} may not call BatchDescribeEntities")
        entities = [one["EntityId"] for one in asked["EntityRequestList"]]
        if not 1 <= len(entities) <= 20:
            raise invalid("EntityRequestList must have 1 to 20 items")
        answer = {"EntityDetails": {}, "Errors": {}}
        for id in entities:
            try:
                answer["EntityDetails"][id] = self.described(account, id)
            except Refused as error:
                answer["Errors"][id] = {"ErrorCode": error.name, "ErrorMessage": str(error)}
        return answer

    def start_change_set(self, account, asked):
        token = asked.get("ClientRequestToken")
        if token and (account, token) in self.tokens:
            earlier, id = self.tokens[account, token]
            if earlier != asked:
                raise invalid("The ClientRequestToken was used with other parameters")
            return self.named(id)
        changes = [self.read_change(account, one) for one in asked["ChangeSet"]]
        if not 1 <= len(changes) <= 20:
            raise invalid("ChangeSet must have 1 to 20 items")
        pairs = [(change["experience"].id, change["ChangeType"]) for change in changes]
        if len(set(pairs)) < len(pairs):
            raise invalid("The same change type was given twice for one entity")
        open_sets = [one for one in self.change_sets.values() if "EndTime" not in one and one["account"] == account]
        for one in open_sets:
            held = {change["experience"].id for change in one["changes"]} & {id for id, _ in pairs}
            if held:
                text = f"The entity {sorted(held)[0]} is locked by the change set {one['ChangeSetId']}"
                raise Refused("ResourceInUseException", text)
        for change in changes:
            newest = str(change["experience"].revision)
            if change["asked"] and change["asked"] != newest:
                text = f"{change['experience'].id}@{change['asked']} is no longer the newest revision, which is {newest}"
                raise invalid(text)
        if len(open_sets) >= MAX_OPEN:
            raise Refused("ServiceQuotaExceededException", f"There are {MAX_OPEN} open change sets")
        id = secrets.token_hex(13)[:25]
        now = time.time()
        seconds = random.uniform(*changes[0]["experience"].seconds)
        self.change_sets[id] = {
            "ChangeSetId": id,
            "ChangeSetArn": ARN.format(account=account, kind="ChangeSet", id=id),
            "ChangeSetName": asked.get("ChangeSetName", ""),
            "StartTime": stamp(now),
            "Status": "PREPARING",
            "account": account,
            "changes": changes,
            "ends": now + seconds,
        }
        if token:
            self.tokens[account, token] = (asked, id)
        return self.named(id)

    def named(self, id):
        return {name: self.change_sets[id][name] for name in ("ChangeSetId", "ChangeSetArn")}

    def read_change(self, account, given):
        effects = {"AllowProductProcurement": "Allow", "DenyProductProcurement": "Deny"}
        kind = given["ChangeType"]
        if kind not in effects:
            raise invalid(f"The change type {kind} is not supported here")
        if given["Entity"]["Type"] != "Experience@1.0":
            raise invalid(f"{kind} is for Experience@1.0")
        details = given.get("DetailsDocument") or json.loads(given.get("Details") or "{}")
        ids = [id for product in details.get("Products", []) for id in product["Ids"]]
        if len(ids) > MAX_IDS:
            raise invalid("Cumulative number of values in Ids array must be less than or equal to 50")
        if not ids or len(set(ids)) < len(ids):
            raise invalid("Ids must be there, and unique")
        one, asked = self.find(account, given["Entity"]["Identifier"])
        return {
            "ChangeType": kind,
            "Entity": given["Entity"],
            "DetailsDocument": details,
            "ErrorDetailList": [],
            "experience": one,
            "effect": effects[kind],
            "ids": ids,
            "asked": asked,
        }

    def public(self, change_set, whole):
        hidden = ("account", "changes", "ends")
        answer = {name: value for name, value in change_set.items() if name not in hidden}
        if whole:
            names = ("ChangeType", "Entity", "DetailsDocument", "ErrorDetailList")
            answer["ChangeSet"] = [{name: change[name] for name in names} for change in change_set["changes"]]
        return answer

    def describe_change_set(self, account, asked):
        one = self.change_sets.get(asked["changeSetId"])
        if one is None or one["account"] != account:
            raise Refused("ResourceNotFoundException", "There is no such change set")
        return self.public(one, True)

    def list_change_sets(self, account, asked):
        filters = {one["Name"]: set(one["ValueList"]) for one in asked.get("FilterList", [])}

        def accepted(one):
            entities = {change["experience"].id for change in one["changes"]}
            return (
                one["account"] == account
                and filters.get("Scope") != {"SharedWithMe"}
                and ("Status" not in filters or one["Status"] in filters["Status"])
                and ("EntityId" not in filters or entities & filters["EntityId"])
                and ("ChangeSetName" not in filters or one["ChangeSetName"] in filters["ChangeSetName"])
            )

        found = [one for one in reversed(self.change_sets.values()) if accepted(one)]
        size = min(asked.get("MaxResults", 20), 20)
        start = int(asked.get("NextToken") or 0)
        page = []
        for one in found[start : start + size]:
            entities = sorted({change["experience"].id for change in one["changes"]})
            page.append(self.public(one, False) | {"EntityIdList": entities})
        answer = {"ChangeSetSummaryList": page}
        if start + size < len(found):
            answer["NextToken"] = str(start + size)
        return answer

    def cancel_change_set(self, account, asked):
        one = self.change_sets.get(asked["changeSetId"])
        if one is None or one["account"] != account:
            raise Refused("ResourceNotFoundException", "There is no such change set")
        if "EndTime" in one:
            raise Refused("ResourceInUseException", "The change set has ended")
        one |= {"Status": "CANCELLED", "EndTime": stamp(time.time())}
        return self.named(one["ChangeSetId"])

    def answer(self, method, path, account, asked):
        operations = {
            ("POST", "/ListEntities"): self.list_entities,
            ("GET", "/DescribeEntity"): self.describe_entity,
            ("POST", "/BatchDescribeEntities"): self.batch_describe_entities,
            ("POST", "/StartChangeSet"): self.start_change_set,
            ("GET", "/DescribeChangeSet"): self.describe_change_set,
            ("POST", "/ListChangeSets"): self.list_change_sets,
            ("PATCH", "/CancelChangeSet"): self.cancel_change_set,
        }
        operation = operations.get((method, path))
        if operation is None or (path == "/BatchDescribeEntities" and self.options.batch == "unknown"):
            raise Refused("ResourceNotFoundException", f"{method} {path} is not an operation")
        if asked.get("Catalog", asked.get("catalog", CATALOG)) != CATALOG:
            raise invalid("Catalog must be AWSMarketplace")
        with self.lock:
            self.take_turn(account, path.removeprefix("/"))
            self.settle()
            return operation(account, asked)


class Handler(BaseHTTPRequestHandler):
    """REST-JSON over HTTP/1.1."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet each would otherwise wait for each other.
    disable_nagle_algorithm = True

    def handle_one(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = re.search(r"Credential=(\w+)/", self.headers.get("Authorization", ""))
        try:
            if key is None:
                raise Refused("AccessDeniedException", "Missing Authentication Token")
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            asked |= json.loads(body) if body else {}
            status, answer = 200, self.server.catalog.answer(self.command, url.path, key.group(1), asked)
        except Refused as error:
            status, answer = STATUS[error.name], {"Message": str(error), "__type": error.name}
        except (KeyError, TypeError, ValueError) as error:
            status, answer = 422, {"Message": f"malformed: {error!r}", "__type": "ValidationException"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("x-amzn-RequestId", secrets.token_hex(16))
        if status != 200:
            self.send_header("x-amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = handle_one  # noqa: N815: the names that http.server looks for

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", required=True, help="the experiences, as JSON")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--batch", choices=["answer", "refuse", "unknown"], default="answer", help="BatchDescribeEntities")
    parser.add_argument("--poison", action="append", default=[], metavar="PRODUCT", help="a change that names it fails")
    parser.add_argument("--no-limits", dest="limits", action="store_false", help="grant any number of calls per second")
    options = parser.parse_args()
    options.poison = set(options.poison)
    with open(options.world, encoding="utf-8") as file:
        experiences = [Experience(one) for one in json.load(file)["experiences"]]
    server = Server(("127.0.0.1", options.port), Handler)
    server.catalog = Catalog(experiences, options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"AWS_ENDPOINT_URL_MARKETPLACE_CATALOG=http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
