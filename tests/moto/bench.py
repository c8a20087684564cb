"""The benchmark against servers that are not ours. Started by `run --bench`, with the benchmark's program and its arguments."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import catalog, moto


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    program, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="pmp-moto-") as folder:
        folder = Path(folder)
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
        world = folder / "world.json"
        with open(world, "wb") as file:
            subprocess.run([program, *arguments, "--print-world"], stdout=file, check=True)
        with moto(folder, environment) as (services, _), catalog(folder, environment, world) as entities:
            endpoints = ["--endpoint-url", services, "--catalog-endpoint-url", entities]
            return subprocess.run([program, *arguments, *endpoints], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
