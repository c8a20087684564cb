"""Starts the servers that are not ours, moto and `catalog.py`, and stops them whatever happens."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent

# A server that takes longer has hung.
START_SECONDS = 30


class Failed(Exception):
    """What was expected did not come."""


def expect(actual, expected, what):
    if actual != expected:
        raise Failed(f"{what}: expected {expected!r}, got {actual!r}")


def eventually(seconds, what, look):
    """What `look` returns, as soon as it is true; a level is awaited, so nothing is missed between two looks."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def tail(path, lines=20):
    text = Path(path).read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    | {line}" for line in text)


@contextmanager
def process(name, command, log, environment):
    """A process in the background; stopped, by force if need be, whatever happens."""
    with open(log, "wb") as sink:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=environment
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                print(f"{name} did not stop on SIGTERM and is killed", file=sys.stderr)
                child.kill()
                child.wait()


def address(name, child, log, pattern):
    """The address that a server says it listens on; each takes a free port by itself."""

    def look():
        if child.poll() is not None:
            raise Failed(f"{name} ended with {child.returncode}:\n{tail(log)}")
        return re.search(pattern, Path(log).read_text(errors="replace"))

    return eventually(START_SECONDS, f"{name} listens", look).group(1)


@contextmanager
def moto(folder, environment, server=(Path(sys.executable).parent / "moto_server",)):
    """moto's server, or another that takes its arguments: its endpoint, and its log."""
    log = folder / "moto.log"
    with process("moto", [*server, "-H", "127.0.0.1", "-p", "0"], log, environment) as child:
        yield address("moto", child, log, r"Running on (http://\S+)"), log


@contextmanager
def catalog(folder, environment, world, *options):
    """The Marketplace Catalog that `catalog.py` is: its endpoint."""
    log = folder / "catalog.log"
    command = [sys.executable, HERE / "catalog.py", "--world", world, *options]
    with process("catalog", command, log, environment) as child:
        yield address("catalog", child, log, r"AWS_ENDPOINT_URL_MARKETPLACE_CATALOG=(\S+)")
