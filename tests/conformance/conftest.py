"""What every module of the suite is given: servers, organizations, callers."""

import os

# Before boto3 is used: neither it nor the AWS CLI may see profiles, regions, endpoints or proxies of whoever runs this.
for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[name]

import pytest

import world
from clients import Caller
from server import Server

# The servers that run, and how long their logs were when the current test began.
RUNNING = []
LOGGED = {}


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """A home without configuration, for the AWS CLI and boto3."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def serve(tmp_path_factory, home):
    """Starts a server with a world. All of them stop at the end, and must stop well."""
    folder = tmp_path_factory.mktemp("servers")

    def start(name, text):
        server = Server(folder, text, name)
        RUNNING.append(server)
        return server

    yield start
    codes = {server.name: server.stop() for server in RUNNING}
    assert all(code == 0 for code in codes.values()), f"exit codes of the servers: {codes}"


@pytest.fixture(scope="session")
def server(serve):
    """The server of most tests: change sets take about 50 ms."""
    return serve("usual", world.text())


@pytest.fixture(scope="session")
def slow_server(serve):
    """A server whose change sets do not end by themselves while the suite runs, and are PREPARING for half of that."""
    return serve("slow", world.text("1h", "1h", count=40))


@pytest.fixture(scope="session")
def untouched():
    """Organizations that no test has used yet, for each server."""
    return {}


def take(untouched, server):
    return next(untouched.setdefault(server.name, iter(world.organizations())))


@pytest.fixture
def organization(server, untouched):
    """An organization that no other test uses."""
    return take(untouched, server)


@pytest.fixture
def slow_organization(slow_server, untouched):
    """The same, where change sets do not end."""
    return take(untouched, slow_server)


@pytest.fixture
def management(server, organization):
    """The organization's management account."""
    return Caller(server.endpoint, organization.management)


@pytest.fixture
def delegate(server, organization):
    """Its delegated administrator."""
    return Caller(server.endpoint, organization.delegate)


@pytest.fixture
def member(server, organization):
    """A member account that administers nothing."""
    return Caller(server.endpoint, organization.member)


@pytest.fixture
def outsider(server):
    """An account in no organization."""
    return Caller(server.endpoint, world.OUTSIDER)


@pytest.fixture
def slow_management(slow_server, slow_organization):
    return Caller(slow_server.endpoint, slow_organization.management)


@pytest.fixture
def slow_delegate(slow_server, slow_organization):
    return Caller(slow_server.endpoint, slow_organization.delegate)


def pytest_runtest_setup(item):
    LOGGED.update({server.name: server.logged() for server in RUNNING})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds to a failure what the servers logged during the test."""
    report = yield
    if report.failed:
        for server in RUNNING:
            log = server.tail(since=LOGGED.get(server.name, 0))
            if log:
                report.sections.append((f"log of the server `{server.name}`", log))
    return report
