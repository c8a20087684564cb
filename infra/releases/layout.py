"""What a release folder holds, and where. One place for what makes a release and what checks it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

PROGRAMS = ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"]
# Those that Lambda runs, too.
FUNCTIONS = ["pmp-hub", "pmp-spoke"]
# What each program may have, stripped.
LARGEST = 30 * 2**20

# What operators deploy with, in templates/. They find the templates beside them, in the repository as in a release.
SCRIPTS = ["launch", "members"]

SUMS = "SHA256SUMS"
PROVENANCE = "provenance.json"
SIGNATURES = {SUMS: "SHA256SUMS.sig", PROVENANCE: "provenance.dsse.json"}


@dataclass(frozen=True)
class Architecture:
    """One architecture by its different names."""

    name: str
    machine: int  # in an ELF header
    debian: str
    zips: str

    @property
    def target(self):
        return f"{self.name}-unknown-linux-gnu"


ARCHITECTURES = {one.name: one for one in [Architecture("x86_64", 62, "amd64", "x86_64"), Architecture("aarch64", 183, "arm64", "arm64")]}


def package(version, architecture):
    """The name of the Debian package."""
    return f"pmp-sync_{version}_{architecture.debian}.deb"


def completions(program):
    """Where the completions of a program are, by shell."""
    return {
        "bash": f"completions/bash/{program}",
        "zsh": f"completions/zsh/_{program}",
        "fish": f"completions/fish/{program}.fish",
    }


def sbom(program):
    return f"sbom/{program}.cdx.json"


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(folder):
    """The names of all files below a folder, sorted. A link would lead out of what is signed."""
    found = sorted(folder.rglob("*"))
    for path in found:
        if path.is_symlink():
            raise ValueError(f"{path.relative_to(folder)} is a link")
    return sorted(str(path.relative_to(folder)) for path in found if path.is_file())


def read_sums(folder):
    """The digests by name, as SHA256SUMS has them."""
    sums = {}
    for line in (folder / SUMS).read_text().splitlines():
        found = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if not found:
            raise ValueError(f"a line of {SUMS} is no digest with a name: {line!r}")
        sums[found[2]] = found[1]
    return sums


def sums_text(sums):
    """SHA256SUMS, as `sha256sum --check` reads it."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
