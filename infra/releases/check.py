"""Whether a release folder is what it says. Everything is read again; nothing is taken from the run that made it."""

import json
import re
import shutil
import zipfile

import debian
import elf
import fill
import provenance
from layout import ARCHITECTURES, FUNCTIONS, LARGEST, PROGRAMS, PROVENANCE, SIGNATURES, SUMS, completions, digest, files, package
from layout import SCRIPTS, read_sums, sbom, sums_text


class Release:
    def __init__(self, folder):
        self.folder = folder
        self.version = (folder / "VERSION").read_text().strip()
        self.names = files(folder)
        self.statement = json.loads((folder / PROVENANCE).read_text())
        self.asked = self.statement["predicate"]["buildDefinition"]["externalParameters"]
        self.architectures = [one for one in ARCHITECTURES.values() if (folder / "bin" / one.name).is_dir()]


def wrong_sums(folder):
    sums, names = read_sums(folder), files(folder)
    if (folder / SUMS).read_text() != sums_text(sums):
        yield f"{SUMS} is not sorted, or names a file twice"
    beside = {SUMS, *SIGNATURES.values()}
    for name in sorted(set(names) - set(sums) - beside):
        yield f"{name} is not in {SUMS}"
    for name in sorted(sums):
        if name not in names:
            yield f"{name} is not there"
        elif digest(folder / name) != sums[name]:
            yield f"{name} is not what {SUMS} says"


def wrong_provenance(release):
    said = {one["name"]: one["digest"]["sha256"] for one in release.statement["subject"]}
    sums = read_sums(release.folder)
    sums.pop(PROVENANCE, None)
    if said != sums:
        yield f"{PROVENANCE} is about other files than {SUMS}"


def wrong_programs(release):
    # Who left one out named the others.
    said, found = release.asked["architectures"], [one.name for one in release.architectures]
    if sorted(said) != sorted(found) or not found:
        yield f"bin/ has {', '.join(found) or 'no architecture'}, and {PROVENANCE} says {', '.join(said) or 'none'}"
    for architecture in release.architectures:
        folder = release.folder / "bin" / architecture.name
        if sorted(path.name for path in folder.iterdir()) != sorted(PROGRAMS):
            yield f"bin/{architecture.name} has other programs than {', '.join(PROGRAMS)}"
            continue
        for program in PROGRAMS:
            data = (folder / program).read_bytes()
            name, size = f"bin/{architecture.name}/{program}", f"{len(data) / 2**20:.1f} MiB"
            if elf.machine(data) != architecture.machine:
                yield f"{name} is no program for {architecture.name}"
            elif not elf.is_stripped(data):
                yield f"{name} is not stripped"
            if not (folder / program).stat().st_mode & 0o111:
                yield f"{name} is not executable"
            if len(data) <= LARGEST:
                print(f"{name}: {size}")
            elif release.asked["programs"] == "given":
                print(f"{name}: {size}, larger than {LARGEST // 2**20} MiB; it was not built as a release")
            elif program in release.asked["large"]:
                print(f"{name}: {size}, larger than {LARGEST // 2**20} MiB, as whoever made the release accepted")
            else:
                yield f"{name} has {size}, more than {LARGEST // 2**20} MiB"


def wrong_zips(release):
    if not (release.folder / "lambda").is_dir():
        if release.asked["lambda"]:
            yield "there is no lambda/"
        return
    for path in sorted((release.folder / "lambda").iterdir()):
        with zipfile.ZipFile(path) as archive:
            entries = [(one.filename, one.external_attr >> 16) for one in archive.infolist()]
        if entries != [("bootstrap", 0o100755)]:
            yield f"lambda/{path.name} holds {entries}, and not one program"


def wrong_templates(release):
    for name in ("fill.py", *SCRIPTS):
        path = release.folder / "templates" / name
        if not path.exists() or not path.stat().st_mode & 0o111:
            yield f"templates/{name} is not there, or not executable"
    for name, program in fill.FILLED.items():
        path = release.folder / f"templates/cloudformation/{name}.yaml"
        text = path.read_text()
        variables = (release.folder / f"templates/terraform/{name}/variables.tf").read_text()
        if len(text.encode()) > fill.LARGEST:
            yield f"templates/cloudformation/{name}.yaml has {len(text.encode())} bytes, and CloudFormation takes {fill.LARGEST}"
        defaults = {one: found[1] for one in ("CodeBucket", "CodeKey", "Architecture") if (found := cloudformation_default(text, one))}
        same = {one: found[1] for one in ("code_bucket", "code_key", "architecture") if (found := terraform_default(variables, one))}
        if list(defaults.values()) != list(same.values()):
            yield f"the template {name} has {defaults}, and the module {same}"
        if "CodeBucket" not in defaults and "CodeKey" not in defaults:
            if release.asked["bucket"]:
                yield f"the template {name} names no bucket"
            continue
        zip_name = f"{program}-{defaults['Architecture']}.zip"
        if defaults.get("CodeKey") != f"{release.version}/{zip_name}" or not (release.folder / "lambda" / zip_name).exists():
            yield f"the template {name} names {defaults.get('CodeKey')} for {defaults['Architecture']}, which is not in lambda/"
        if defaults.get("CodeBucket") != release.asked["bucket"]:
            yield f"the template {name} names the bucket {defaults.get('CodeBucket')}"


def cloudformation_default(text, name):
    return re.search(rf"^  {name}:\n    Type: String\n    Default: (.*)$", text, re.MULTILINE)


def terraform_default(text, name):
    return re.search(rf'^variable "{name}" \{{\n  type        = string\n  default     = "(.*)"$', text, re.MULTILINE)


def wrong_pages(release):
    for program in PROGRAMS:
        for name in completions(program).values():
            if name not in release.names or program not in (release.folder / name).read_text():
                yield f"{name} does not complete {program}"
        if f"man/man1/{program}.1" not in release.names:
            yield f"{program} has no manual page"
    for name in release.names:
        if name.startswith("man/") and not re.search(r"^\.TH ", (release.folder / name).read_text(), re.MULTILINE):
            yield f"{name} is no manual page"


def wrong_materials(release):
    for program in PROGRAMS:
        name = sbom(program)
        if name not in release.names:
            yield f"{name} is not there"
            continue
        said = json.loads((release.folder / name).read_text())
        if (said["bomFormat"], said["metadata"]["component"]["name"]) != ("CycloneDX", program) or not said["components"]:
            yield f"{name} is no bill of materials of {program}"
        for one in ("serialNumber", "timestamp"):
            if one in said or one in said["metadata"]:
                yield f"{name} has a {one}, which differs between two builds"


def wrong_packages(release):
    found = {name for name in release.names if name.endswith(".deb")}
    for architecture in release.architectures:
        name = package(release.version, architecture)
        if name not in found:
            yield f"{name} is not there"
        elif shutil.which("dpkg-deb") is None:
            print(f"{name}: not looked into, because dpkg-deb is not here")
        else:
            found.discard(name)
            yield from (f"{name} {one}" for one in debian.problems(release.folder / name, release.folder, architecture, release.version))


def wrong_functions(release):
    """What Lambda runs is the program beside it, where both are of one build."""
    if release.asked["programs"] != "built":
        return
    for architecture in release.architectures:
        for program in FUNCTIONS:
            path = release.folder / f"lambda/{program}-{architecture.zips}.zip"
            built = release.folder / "bin" / architecture.name / program
            if path.exists() and zipfile.ZipFile(path).read("bootstrap") != built.read_bytes():
                yield f"lambda/{path.name} holds another program than bin/{architecture.name}"


LOOKS = [
    wrong_provenance, wrong_programs, wrong_zips, wrong_functions, wrong_templates, wrong_pages, wrong_materials, wrong_packages,
]


def problems(folder, public_key):
    """What is wrong with a release. Of a folder whose sums or signatures are wrong, nothing more is looked at."""
    try:
        found = list(wrong_sums(folder))
        if public_key is not None:
            found += provenance.problems(folder, public_key)
        if not found:
            release = Release(folder)
            found = [problem for look in LOOKS for problem in look(release)]
    except (KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        return [f"the folder cannot be read: {error}"]
    return found
