"""The benchmark against servers that are not ours. Started by `run --bench`, with the benchmark's program and its arguments."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import catalog, moto


def measure(program, arguments, folder, programs):
    """Runs the benchmark in a world of its own, with the hub and the spoke in the folder `programs`; its exit code."""
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1"}
    world = folder / "world.json"
    with open(world, "wb") as file:
        subprocess.run([program, *arguments, "--print-world"], stdout=file, check=True)
    with moto(folder, environment) as (services, _), catalog(folder, environment, world) as entities:
        endpoints = ["--endpoint-url", services, "--catalog-endpoint-url", entities]
        measured = {**os.environ, "PMP_BIN_DIR": programs}
        return subprocess.run([program, *arguments, *endpoints], check=False, env=measured).returncode


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    program, *arguments = sys.argv[1:]
    builds = [os.environ["PMP_BIN_DIR"]]
    if "--before" in arguments:
        # The servers keep what a run changed, so each build gets new ones.
        place = arguments.index("--before")
        builds.insert(0, arguments[place + 1])
        del arguments[place : place + 2]
    with tempfile.TemporaryDirectory(prefix="pmp-moto-") as folder:
        codes = []
        for number, programs in enumerate(builds):
            if len(builds) > 1:
                print(f"== the programs in {programs}", flush=True)
            codes.append(measure(program, arguments, Path(folder) / str(number), programs))
    return codes[-1]


if __name__ == "__main__":
    sys.exit(main())
