"""Makes a release twice, with the programs of the debug build, and looks at what came of it. Started by `run`.

    check.py PROGRAMS       the folder of pmp-hub, pmp-spoke, pmp-filter and pmp-local
"""

import difflib
import filecmp
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

REPOSITORY = Path(__file__).resolve().parents[2]
RELEASE = REPOSITORY / "infra/release"
PAGE = REPOSITORY / "docs/install.md"
# This machine's architecture, which the programs are for, and how Lambda calls it.
MACHINE = platform.machine().replace("arm64", "aarch64")
ZIPS = MACHINE.replace("aarch64", "arm64")
VERSION = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["version"]
PROGRAMS = ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"]
BUCKET = "pmp-sync-code-111111111111"
# The first word after each program that its completions in bash have to know.
WORDS = {"pmp-hub": "status", "pmp-spoke": "plan", "pmp-filter": "inspect", "pmp-local": "demo"}
COMPLETE = """
. "$1"
COMP_WORDS=("$2" "$3") COMP_CWORD=1
completing=$(complete -p "$2" | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
"$completing" "$2" "$3" "$2"
printf '%s\\n' "${COMPREPLY[@]}"
"""

BUILD = """#!/bin/sh
if [ "$1" = --can ]; then
    [ "$2" = {zips} ] || {{ echo "no standard library" >&2; exit 1; }}
    echo rustc
    exit 0
fi
mkdir -p target/{machine}-unknown-linux-gnu
ln -sfn {programs} target/{machine}-unknown-linux-gnu/lambda
"""


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **options).stdout


def refused(*command, **options):
    """What a command says that has to fail."""
    ended = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True, **options)
    assert ended.returncode != 0, f"{command} succeeded"
    return ended.stderr


def zips(folder):
    """Stand-ins for what infra/package/build makes in a quarter of an hour, of the same form."""
    folder.mkdir()
    for program in ("pmp-hub", "pmp-spoke"):
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.create_system, entry.external_attr = 3, 0o100755 << 16
        with zipfile.ZipFile(folder / f"{program}-{ZIPS}.zip", "w") as archive:
            archive.writestr(entry, program)
    return folder


def files(folder):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def copy(release, folder):
    """A copy that one can damage: what is changed in it has to be written anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(release, folder, copy_function=os.link)
    return folder


def replace(path, data):
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def sum_again(folder):
    """As somebody would who has no key."""
    lines = []
    for name, path in sorted(files(folder).items()):
        if name not in ("SHA256SUMS", "SHA256SUMS.sig", "provenance.dsse.json"):
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
    replace(folder / "SHA256SUMS", "".join(lines).encode())


class Tests:
    """In the order in which they stand here; what one makes the next ones look at."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.first, self.second = folder / "one", folder / "two"
        self.key, self.public = folder / "key.pem", folder / "release.pub"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key)
        run("openssl", "pkey", "-in", self.key, "-pubout", "-out", self.public)
        self.zips = zips(folder / "zips")

    def make(self, folder, **options):
        given = ["--programs", self.programs, "--zips", self.zips, "--bucket", BUCKET, "--key", self.key]
        run(RELEASE, *given, folder, **options)

    def two_runs_make_the_same_bytes(self):
        self.make(self.first)
        # Whoever makes it has other habits.
        other = os.environ | {"TZ": "Pacific/Chatham", "LANG": "C", "COLUMNS": "60", "PMP_LOG": "trace", "LC_ALL": "C"}
        self.make(self.second, env=other, cwd=self.folder, umask=0o077)
        one, two = files(self.first), files(self.second)
        assert list(one) == list(two), set(one) ^ set(two)
        for name in one:
            assert filecmp.cmp(one[name], two[name], shallow=False), f"{name} differs"
            first, second = one[name].stat(), two[name].stat()
            assert (first.st_mode, first.st_mtime) == (second.st_mode, second.st_mtime), f"{name} has another mode or time"
        shutil.rmtree(self.second)
        return f"{len(one)} files, {sum(path.stat().st_size for path in one.values()) / 2**20:.0f} MiB"

    def the_check_finds_nothing(self):
        said = run(RELEASE, "--check", self.first, "--public-key", self.public)
        assert "is what it says, and signed" in said, said

    def the_check_finds_what_is_damaged(self):
        def found(damage, again=False, signed=False):
            folder = copy(self.first, self.folder / "damaged")
            damage(folder)
            if again:
                sum_again(folder)
            return refused(RELEASE, "--check", folder, *(["--public-key", self.public] if signed else []))

        page = "man/man1/pmp-hub.1"
        assert f"{page} is not what SHA256SUMS says" in found(lambda folder: replace(folder / page, b"other"))
        assert f"{page} is not there" in found(lambda folder: (folder / page).unlink())
        assert "other is not in SHA256SUMS" in found(lambda folder: replace(folder / "other", b"other"))
        assert "is a link" in found(lambda folder: (folder / "other").symlink_to("/etc/passwd"))
        said = found(lambda folder: replace(folder / page, b"other"), again=True, signed=True)
        assert "SHA256SUMS.sig is no signature of SHA256SUMS by this key" in said, said
        said = found(lambda folder: (folder / "provenance.dsse.json").unlink(), signed=True)
        assert "nobody has signed this folder" in said, said
        said = found(lambda folder: (folder / f"lambda/pmp-hub-{ZIPS}.zip").unlink(), again=True)
        assert f"the template hub names {VERSION}/pmp-hub-{ZIPS}.zip for {ZIPS}, which is not in lambda/" in said, said
        assert "provenance.json is about other files" in said, said
        said = found(lambda folder: (folder / "templates/launch").unlink(), again=True)
        assert "templates/launch is not there, or not executable" in said, said
        said = found(lambda folder: shutil.rmtree(folder / "bin" / MACHINE), again=True)
        assert f"bin/ has no architecture, and provenance.json says {MACHINE}" in said, said
        # Of a page that is changed in the release and not in the package.
        said = found(lambda folder: replace(folder / page, b".TH other\n"), again=True)
        assert f"holds another usr/share/{page}.gz than the release" in said, said
        shutil.rmtree(self.folder / "damaged")

    def others_verify_the_provenance(self):
        envelope = Envelope.from_dict(json.loads((self.first / "provenance.dsse.json").read_text()))
        envelope.verify([SSlibKey.from_crypto(load_pem_public_key(self.public.read_bytes()))], threshold=1)
        said = json.loads(envelope.payload)
        assert said["predicateType"] == "https://slsa.dev/provenance/v1"
        commit = run("git", "rev-parse", "HEAD", cwd=REPOSITORY).strip()
        assert {"name": "pmp-sync", "digest": {"gitCommit": commit}} in said["predicate"]["buildDefinition"]["resolvedDependencies"]
        names = {one["name"] for one in said["subject"]}
        assert names == set(files(self.first)) - {"SHA256SUMS", "SHA256SUMS.sig", "provenance.json", "provenance.dsse.json"}
        text = (self.first / "provenance.json").read_text()
        assert not [path for path in (self.folder, REPOSITORY, Path.home()) if f"{path}/" in text], "it tells where it was made"

    def another_key_is_no_signature(self):
        key, public = self.folder / "other.pem", self.folder / "other.pub"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        run("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        said = refused(RELEASE, "--check", self.first, "--public-key", public)
        assert "SHA256SUMS.sig is no signature" in said and "provenance.dsse.json is not signed by this key" in said, said
        run("openssl", "genpkey", "-algorithm", "RSA", "-out", key)
        said = refused(RELEASE, "--programs", self.programs, "--without-lambda", "--key", key, self.second)
        assert "is no key of Ed25519" in said and not self.second.exists(), said

    def the_package_has_programs_that_run(self):
        root = self.folder / "root"
        (package,) = self.first.glob("*.deb")
        run("dpkg-deb", "-x", package, root)
        for program in PROGRAMS:
            path = root / "usr/bin" / program
            assert run(path, "--version") == f"{program} {VERSION}\n"
            word = WORDS[program]
            script = root / "usr/share/bash-completion/completions" / program
            assert run("bash", "-c", COMPLETE, "bash", script, program, word[:-1]).split() == [word], program
            assert (root / f"usr/share/zsh/vendor-completions/_{program}").read_text().startswith(f"#compdef {program}")
            assert f"complete -c {program} " in (root / f"usr/share/fish/vendor_completions.d/{program}.fish").read_text()
        for program in ("pmp-hub", "pmp-spoke"):
            assert run(root / "usr/bin" / program, "version").startswith(program)
            page = (root / f"usr/share/man/man1/{program}.1.gz").read_bytes()
            assert page[3] == 0 and page[4:8] == bytes(4), "gzip has written a name or a time"
            assert f".TH {program} 1" in gzip.decompress(page).decode()
        documents = sorted(path.name for path in (root / "usr/share/doc/pmp-sync").iterdir())
        assert documents == ["LICENSE-APACHE", "LICENSE-MIT", "changelog.gz", "copyright", "third-party.txt.gz"], documents
        shutil.rmtree(root)

    def templates_are_filled_alike_by_the_release_and_in_it(self):
        filled = self.folder / "filled"
        run(self.first / "templates/fill.py", "--bucket", BUCKET, filled)
        made = files(self.first / "templates")
        assert {name: path.read_bytes() for name, path in files(filled).items()} == {
            name: path.read_bytes() for name, path in made.items() if name != "fill.py"
        }
        for name in ("hub", "spoke"):
            text = (filled / f"cloudformation/{name}.yaml").read_text()
            assert f"    Default: {BUCKET}\n" in text and f"    Default: {VERSION}/pmp-{name}-{ZIPS}.zip\n" in text
            # Nothing else has changed, but that comments had to go where a template is near the limit.
            original = (REPOSITORY / f"infra/cloudformation/{name}.yaml").read_text()
            changes = [line for line in difflib.ndiff(original.splitlines(), text.splitlines()) if line[0] in "+-"]
            added = [line for line in changes if line[0] == "+"]
            taken = [line for line in changes if line[0] == "-" and not line[1:].lstrip().startswith("#")]
            assert all(line.startswith("+     Default: ") for line in added), added
            # The templates' own default is arm64.
            assert (len(added), taken) == ((2, []) if ZIPS == "arm64" else (3, ["-     Default: arm64"])), (added, taken)

    def each_program_has_a_valid_bill_of_materials(self):
        validator = JsonStrictValidator(SchemaVersion.V1_5)
        for program in PROGRAMS:
            text = (self.first / f"sbom/{program}.cdx.json").read_text()
            assert (error := validator.validate_str(text)) is None, f"{program}: {error}"
            bill = json.loads(text)
            names = {one["name"]: one["scope"] for one in bill["components"]}
            assert names["pmp-protocol"] == "required" and names["serde_derive"] == "excluded", program
            assert ("wasmtime" in names) == (program != "pmp-hub"), program
            # What the program itself tells of its crates: panics name the files.
            assert b"tokio-1" in (self.first / "bin" / MACHINE / program).read_bytes() and "tokio" in names

    def a_folder_that_is_no_release_is_kept(self):
        kept = self.folder / "kept"
        kept.mkdir()
        (kept / "mine").touch()
        said = refused(RELEASE, "--programs", self.programs, "--without-lambda", kept)
        assert "is there, and no release" in said and (kept / "mine").exists(), said

    def a_release_is_of_a_commit_and_of_small_programs(self):
        clone = self.folder / "clone"
        run("git", "clone", "--quiet", "--shared", REPOSITORY, clone)
        for name in ("infra/release", "infra/releases"):
            run("cp", "-r", "--no-target-directory", REPOSITORY / name, clone / name)
        # In place of a build of a quarter of an hour: the programs of the debug build, which are too large.
        replace(clone / "infra/package/build", BUILD.format(programs=self.first / "bin" / MACHINE, zips=ZIPS, machine=MACHINE).encode())
        (clone / "infra/package/build").chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
        said = refused(clone / "infra/release", env=environment)
        assert "there are changes that are not committed" in said, said
        run("git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "--all", "--message", "Test", cwd=clone)
        other = "x86_64" if MACHINE == "aarch64" else "aarch64"
        # A release lacks no architecture that nobody left out.
        said = refused(clone / "infra/release", env=environment)
        assert f"nothing can be built for {other}: no standard library" in said, said
        assert f"`--architecture {MACHINE}` makes a release without it" in said, said
        said = refused(clone / "infra/release", "--architecture", other, env=environment)
        assert f"nothing can be built for {other}" in said and "without it" not in said, said
        said = refused(clone / "infra/release", "--architecture", MACHINE, env=environment)
        for program in PROGRAMS:
            assert re.search(rf"at most 30 MiB, unless --large names it: .*{program} for {MACHINE} has \d", said), said
        said = refused(clone / "infra/release", "--architecture", MACHINE, "--large", "pmp-local", env=environment)
        assert f"pmp-hub for {MACHINE}" in said and "pmp-local for" not in said, said
        assert not (clone / f"target/release-{VERSION}").exists()
        shutil.rmtree(clone)

    def the_page_verifies_as_it_says(self):
        block = block_below("Verify a release")
        said = run("bash", "-euo", "pipefail", "-c", block, cwd=self.first)
        assert said == "Signature Verified Successfully\n", said
        folder = copy(self.first, self.folder / "damaged")
        replace(folder / "man/man1/pmp-hub.1", b"other")
        refused("bash", "-euo", "pipefail", "-c", block, cwd=folder)

    def the_page_installs_as_it_says(self):
        home = self.folder / "home"
        run("bash", "-euo", "pipefail", "-c", block_below("Another Linux"), cwd=self.first, env=os.environ | {"HOME": str(home)})
        assert run(home / ".local/bin/pmp-hub", "version").startswith("pmp-hub")
        assert (home / ".local/share/man/man1/pmp-hub-status.1").exists()
        assert (home / ".local/share/bash-completion/completions/pmp-spoke").exists()


def block_below(heading):
    """The first block of commands below a heading of the page. It runs in the folder of a release, beside which is its public key."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[1]


def main():
    programs = Path(sys.argv[1]).resolve()
    failed = 0
    with tempfile.TemporaryDirectory(dir=programs.parent) as folder:
        tests = Tests(programs, Path(folder))
        names = [name for name, test in vars(Tests).items() if callable(test) and name not in ("__init__", "make")]
        for name in names:
            try:
                said = getattr(tests, name)()
                print(f"ok    {name}{f': {said}' if said else ''}", flush=True)
            except Exception as error:  # of others' libraries, too
                failed += 1
                print(f"FAIL  {name}: {error}\n{getattr(error, 'stderr', '') or ''}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
