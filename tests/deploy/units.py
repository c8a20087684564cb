"""What the programs read and write in DynamoDB, in its units, beside what infra/costs/estimate counts for the same run."""

import base64
import json
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from math import ceil
from pathlib import Path

from servers import Failed

ESTIMATE = Path(__file__).resolve().parents[2] / "infra" / "costs" / "estimate"
PASSED_ON = ("content-type", "x-amzn-requestid", "x-amz-crc32")


def estimate():
    """The script, as a module."""
    sys.dont_write_bytecode = True
    loader = SourceFileLoader("estimate", str(ESTIMATE))
    module = module_from_spec(spec_from_loader("estimate", loader))
    sys.modules["estimate"] = module  # a dataclass looks for the module that it is in
    loader.exec_module(module)
    return module


def value_bytes(value):
    """The size of an attribute's value, as DynamoDB documents it."""
    ((kind, held),) = value.items()
    if kind == "M":
        return 3 + sum(len(name.encode()) + value_bytes(one) + 1 for name, one in held.items())
    if kind == "L":
        return 3 + sum(value_bytes(one) + 1 for one in held)
    if kind == "B":
        return len(base64.b64decode(held))
    if kind == "N":
        return len(held) // 2 + 1
    return len(held.encode()) if kind == "S" else 1


def item_bytes(item):
    return sum(len(name.encode()) + value_bytes(one) for name, one in item.items())


def written(item):
    return max(1, ceil(item_bytes(item) / 1024))


def units(operation, asked, answer):
    """The units that a call reads, and those that it writes."""
    if operation in ("GetItem", "Query"):
        items = answer.get("Items", []) if operation == "Query" else filter(None, [answer.get("Item")])
        return max(1, ceil(sum(map(item_bytes, items)) / 4096)) / (1 if asked.get("ConsistentRead") else 2), 0
    if operation == "PutItem":
        return 0, written(asked["Item"])
    if operation == "UpdateItem":
        return 0, 1
    if operation == "TransactWriteItems":
        return 0, 2 * sum(written(one["Put"]["Item"]) if "Put" in one else 1 for one in asked["TransactItems"])
    if operation == "Scan":
        # What it reads besides what it answers does not show; the estimate has a line of its own.
        return 0, 0
    raise Failed(f"nothing is known of the units of {operation}")


class Tap:
    """Passes calls of DynamoDB on, and counts."""

    def __init__(self, endpoint):
        self.counted = []
        tap = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
                try:
                    with urllib.request.urlopen(urllib.request.Request(endpoint + self.path, body, kept)) as got:
                        status, headers, answer = got.status, got.headers, got.read()
                except urllib.error.HTTPError as error:
                    status, headers, answer = error.code, error.headers, error.read()
                operation = self.headers["x-amz-target"].split(".")[-1]
                if status == 200:
                    tap.counted.append(units(operation, json.loads(body), json.loads(answer)))
                self.send_response(status)
                for name in PASSED_ON:
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def during(self, act):
        """The units that are read and written while something is done."""
        self.counted.clear()
        act()
        return tuple(map(sum, zip(*self.counted))) if self.counted else (0, 0)


@contextmanager
def tap(endpoint):
    """A tap before this endpoint."""
    opened = Tap(endpoint)
    threading.Thread(target=opened.server.serve_forever, daemon=True).start()
    try:
        yield opened
    finally:
        opened.server.shutdown()
        opened.server.server_close()
