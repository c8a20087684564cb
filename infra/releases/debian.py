"""The Debian package of a release: what is in it, and how it is made.

By dpkg-deb, which is on every Debian and makes the same bytes of the same files. A tool that asks cargo for the files would have to
be built first, and knows nothing of programs of several crates.
"""

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import elf
from layout import PROGRAMS, completions

DOCUMENTS = "usr/share/doc/pmp-sync"
SHELLS = {
    "bash": "usr/share/bash-completion/completions",
    "zsh": "usr/share/zsh/vendor-completions",
    "fish": "usr/share/fish/vendor_completions.d",
}
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: pmp-sync

Files: *
Copyright: the authors of pmp-sync
License: Apache-2.0 or MIT
Comment: The texts are LICENSE-APACHE and LICENSE-MIT in this folder. The licences of the crates that the programs hold are in
 third-party.txt.gz, and each program's bill of materials is in the release that this package is of.

License: Apache-2.0 or MIT
 On Debian systems the full text of the Apache License is in /usr/share/common-licenses/Apache-2.0.
"""
DESCRIPTION = """keeps AWS Private Marketplace in step across organizations
 pmp-sync copies the approved and rejected products of one AWS Private
 Marketplace experience to the experiences of many AWS Organizations.
 .
 This package has the programs for operators: pmp-hub and pmp-spoke, pmp-filter
 for authors of filters, and pmp-local, which rehearses all of it without an
 AWS account."""


def zipped(data):
    """As `gzip -9 -n` makes it: neither a name nor a time."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()


def contents(release, architecture):
    """What the package holds by path: a file of the release, or a text. What ends in `.gz` is packed."""
    held = {}
    for program in PROGRAMS:
        held[f"usr/bin/{program}"] = release / "bin" / architecture.name / program
        for shell, name in completions(program).items():
            held[f"{SHELLS[shell]}/{Path(name).name}"] = release / name
    for page in sorted((release / "man/man1").iterdir()):
        held[f"usr/share/man/man1/{page.name}.gz"] = page
    held[f"{DOCUMENTS}/copyright"] = COPYRIGHT
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        held[f"{DOCUMENTS}/{name}"] = release / "licences" / name
    held[f"{DOCUMENTS}/third-party.txt.gz"] = release / "licences/third-party.txt"
    held[f"{DOCUMENTS}/changelog.gz"] = release / "CHANGELOG.md"
    return held


def data_of(source):
    return source.encode() if isinstance(source, str) else source.read_bytes()


def mode_of(name):
    return 0o755 if name.startswith("usr/bin/") else 0o644


def depends(programs):
    """The packages that the programs need, each in the newest version that any of them asks for."""
    wanted = {}
    for program in programs:
        for package, version in elf.libraries(program):
            wanted[package] = max(version, wanted.get(package, ()))
    return ", ".join(name + (f" (>= {'.'.join(map(str, version))})" if version else "") for name, version in sorted(wanted.items()))


def make(release, architecture, version, epoch, target, quick):
    """Makes the package. `quick` packs in seconds, and less: for programs that are only tried."""
    with tempfile.TemporaryDirectory(dir=release) as folder:
        stage, sums, size = Path(folder), [], 0
        held = contents(release, architecture)
        for name, source in held.items():
            data = data_of(source)
            data = zipped(data) if name.endswith(".gz") else data
            sums.append(f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name}\n")
            size += len(data)
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, Path) and not name.endswith(".gz"):
                # As a link, because the programs are most of a release.
                os.link(source, path)
            else:
                path.write_bytes(data)
        control = {
            "Package": "pmp-sync",
            # Of two versions, that with `~` is the earlier one: 1.0.0~rc.1 comes before 1.0.0.
            "Version": version.replace("-", "~"),
            "Architecture": architecture.debian,
            "Maintainer": "The authors of pmp-sync <authors@pmp-sync.invalid>",
            "Installed-Size": str(-(-size // 1024)),
            "Depends": depends(held[f"usr/bin/{program}"].read_bytes() for program in PROGRAMS),
            "Section": "admin",
            "Priority": "optional",
            "Description": DESCRIPTION,
        }
        (stage / "DEBIAN").mkdir()
        (stage / "DEBIAN/control").write_text("".join(f"{name}: {value}\n" for name, value in control.items() if value))
        (stage / "DEBIAN/md5sums").write_text("".join(sorted(sums, key=lambda line: line.split("  ")[1])))
        for path in [stage, *stage.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else mode_of(str(path.relative_to(stage))))
            os.utime(path, (epoch, epoch))
        # With several threads xz cuts its input elsewhere. By name and not by `--threads-max`, which dpkg-deb has since 1.21.9.
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "DPKG_DEB_THREADS_MAX": "1", "LC_ALL": "C"}
        packing = ["-Zzstd", "-z1"] if quick else ["-Zxz"]
        command = ["dpkg-deb", "--root-owner-group", *packing, "--build", stage, target]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def problems(package, release, architecture, version):
    """What a package holds otherwise than the release beside it."""
    fields = ["Package", "Version", "Architecture"]
    said = subprocess.run(["dpkg-deb", "--field", package, *fields], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    wanted = [f"{name}: {value}" for name, value in zip(fields, ["pmp-sync", version.replace("-", "~"), architecture.debian], strict=True)]
    if said != wanted:
        yield f"says {said}, and not {wanted}"
    held, found = contents(release, architecture), set()
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            for entry in archive:
                name = entry.name.removeprefix("./").rstrip("/")
                if entry.isdir():
                    continue
                found.add(name)
                if name not in held or not entry.isreg():
                    yield f"holds {name}, which does not belong there"
                    continue
                data = archive.extractfile(entry).read()
                if (gzip.decompress(data) if name.endswith(".gz") else data) != data_of(held[name]):
                    yield f"holds another {name} than the release"
                if (entry.mode, entry.uid, entry.gid) != (mode_of(name), 0, 0):
                    yield f"{name} has mode {entry.mode:o} and belongs to {entry.uid}:{entry.gid}"
        unpacking.stdout.read()
    if unpacking.returncode:
        yield "cannot be unpacked"
    for name in sorted(set(held) - found):
        yield f"lacks {name}"
