"""The clients: boto3, the AWS CLI, and plain HTTP for what neither of them would send."""

import http.client
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import service_model
from world import REGION

# One session for all clients, because it reads each service model once. It makes clients for one thread at a time.
SESSION, MAKING = boto3.session.Session(), threading.Lock()

AWS = Path(sys.executable).parent / "aws"
# A command that takes longer has hung.
COMMAND_SECONDS = 60
# The exit code of version 1 of the AWS CLI when a service refuses, and when it cannot send a request at all.
REFUSED = 255
# Its exit code for a command line that it cannot parse.
MISUSED = 2


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Ended:
    """A command of the AWS CLI that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, f"the command ended with {self.code}:\n{self.err}"
        return json.loads(self.out)


class Caller:
    """Somebody with credentials: an account, or a session of a role."""

    def __init__(self, endpoint, key, secret="any", token=None):
        self.endpoint = endpoint
        self.credentials = Credentials(key, secret, token)
        self._clients = {}

    @property
    def account(self):
        return self.credentials.access_key

    def client(self, service, *, checked=True, retries=False):
        """boto3's client. It retries nothing unless told to, so that a test sees the first answer; unchecked, it sends
        what its own service model forbids."""
        wanted = (service, checked, retries)
        if wanted not in self._clients:
            config = Config(
                retries={"total_max_attempts": 8 if retries else 1, "mode": "standard"},
                parameter_validation=checked,
                connect_timeout=10,
                read_timeout=60,
            )
            with MAKING:
                self._clients[wanted] = SESSION.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=REGION,
                    aws_access_key_id=self.credentials.access_key,
                    aws_secret_access_key=self.credentials.secret_key,
                    aws_session_token=self.credentials.token,
                    config=config,
                )
            if service.startswith("marketplace-"):
                service_model.check(self._clients[wanted])
        return self._clients[wanted]

    @property
    def catalog(self):
        return self.client("marketplace-catalog")

    def aws(self, *arguments):
        """`aws ARGUMENTS`, with the variables that `pmp-local serve` prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            # Version 1 of the AWS CLI reads this one alone.
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }
        if self.credentials.token:
            environment["AWS_SESSION_TOKEN"] = self.credentials.token
        command = [AWS, *(str(argument) for argument in arguments)]
        if arguments[0] == "sqs":
            # Version 1 has host names of its own for SQS, which only this option overrides.
            command += ["--endpoint-url", self.endpoint]
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=COMMAND_SECONDS,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def http(self, method, path, body=b"", headers=None, service="aws-marketplace"):
        """A signed request that no client would make. A `service` of None leaves the signature out."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        request = AWSRequest(method, self.endpoint + path, data=body, headers=headers or {})
        if service:
            SigV4Auth(self.credentials, service, REGION).add_auth(request)
        return send(self.endpoint, method, path, body, dict(request.headers.items()))


def send(endpoint, method, path, body=b"", headers=None):
    """A request as it is."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    try:
        try:
            connection.request(method, path, body=body, headers=headers or {})
        except BrokenPipeError:
            # The server has answered before it has read everything.
            pass
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def refused(code, status, call, *arguments, **parameters):
    """Asserts that a call of boto3 is refused with this error and HTTP status, and with words; answers the words."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    error = caught.value.response
    text = error["Error"].get("Message") or error.get("Message")
    found = (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status), text
    assert text, "the error has no message"
    return text
