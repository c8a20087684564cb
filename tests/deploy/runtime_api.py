"""Runs a program as AWS Lambda runs a function: the runtime API, as far as both programs use it."""

import json
import queue
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from servers import Failed, process, tail


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.answers = queue.Queue(), queue.Queue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document, **headers):
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # noqa: N802: the name that http.server looks for
        if self.path == "/2018-06-01/runtime/invocation/next":
            id, event, deadline, arn = self.server.events.get()
            self.answer(
                200,
                event,
                Lambda_Runtime_Aws_Request_Id=id,
                Lambda_Runtime_Deadline_Ms=str(int(deadline * 1000)),
                Lambda_Runtime_Invoked_Function_Arn=arn,
            )
        elif self.path == "/2020-01-01/extension/event/next":
            # It has asked for no events, so there is none.
            threading.Event().wait()
        else:
            self.answer(404, {})

    def do_POST(self):  # noqa: N802
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = self.path.split("/")
        if self.path == "/2020-01-01/extension/register":
            self.answer(200, {}, Lambda_Extension_Identifier=str(uuid.uuid4()))
            return
        if parts[-1] not in ("response", "error"):
            self.answer(404, {})
            return
        # Of an invocation, or of the start.
        self.server.answers.put((parts[-1], said))
        self.answer(202, {})

    def log_message(self, *_):
        pass


class Function:
    """A function that has been started."""

    def __init__(self, server, child, configuration, log):
        self.server, self.child, self.configuration, self.log = server, child, configuration, log

    def invoke(self, event):
        """What the function answers."""
        seconds = self.configuration["Timeout"]
        deadline = time.time() + seconds
        self.server.events.put((str(uuid.uuid4()), event, deadline, self.configuration["FunctionArn"]))
        while True:
            try:
                kind, said = self.server.answers.get(timeout=0.2)
            except queue.Empty:
                if self.child.poll() is not None:
                    raise Failed(f"the function ended with {self.child.returncode}:\n{tail(self.log)}") from None
                if time.time() > deadline:
                    raise Failed(f"no answer within {seconds} s:\n{tail(self.log)}") from None
                continue
            if kind == "error":
                raise Failed(f"the function failed: {said}\n{tail(self.log)}")
            return said


@contextmanager
def function(binary, configuration, environment, log):
    """The program `binary` as the function that Lambda's GetFunctionConfiguration describes. `environment` is what Lambda adds."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = environment | configuration["Environment"]["Variables"] | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration['FunctionName']}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "1",
    }
    try:
        with process(configuration["FunctionName"], [binary], log, variables) as child:
            yield Function(server, child, configuration, log)
    finally:
        server.shutdown()
