"""A `pmp-local serve` of the suite's own: a world in a file, a free port, a log that is shown when something fails."""

import os
import re
import subprocess
import time
from pathlib import Path

BINARY = Path(os.environ["PMP_BIN_DIR"]) / "pmp-local"
# What the server may take to be ready, and to stop. Far beyond what it needs, for machines that are busy.
READY_SECONDS = 30
STOP_SECONDS = 15


class Server:
    """The server, from start to stop."""

    def __init__(self, folder, world, name):
        self.name = name
        self.log = folder / f"{name}.log"
        self.variables = folder / f"{name}.env"
        file = folder / f"{name}.toml"
        file.write_text(world)
        command = [BINARY, "serve", "--world", file, "--port", "0"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "PMP_LOG": "pmp_local=debug"}
        with open(self.variables, "wb") as out, open(self.log, "wb") as err:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        try:
            self.endpoint = self._endpoint()
        except BaseException:
            self.stop()
            raise

    def _endpoint(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            printed = self.variables.read_text()
            # The last line that it prints says that it is ready.
            if "# Ready" in printed:
                return re.search(r"AWS_ENDPOINT_URL=(\S+)", printed).group(1)
            if self.child.poll() is not None:
                raise RuntimeError(f"pmp-local ended with {self.child.returncode}:\n{self.tail()}")
            time.sleep(0.02)
        raise RuntimeError(f"pmp-local is not ready after {READY_SECONDS} s:\n{self.tail()}")

    def tail(self, since=0, lines=40):
        """The last lines of the log, from an offset on."""
        text = self.log.read_bytes()[since:].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def logged(self):
        """How long the log is now."""
        return self.log.stat().st_size

    def stop(self):
        """Asks it to stop; kills it when it does not. Answers its exit code."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode
