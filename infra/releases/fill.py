#!/usr/bin/env python3
"""Writes the templates and modules once more, with your bucket, this release's zips and their architecture as defaults.

    templates/fill.py --bucket my-artifacts FOLDER          of a release folder; FOLDER is made

CodeBucket and CodeKey then have a value when a stack is made. A stack that is there keeps the values that it has: an update has to
name CodeKey. The zips belong in the bucket under the release's version:

    aws s3 cp --recursive lambda "s3://my-artifacts/0.1.0/"
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

# The most that CloudFormation takes with a request. A longer template would have to be in a bucket itself.
LARGEST = 51_200
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
FILLED = {"hub": "pmp-hub", "spoke": "pmp-spoke"}


def architecture_of(zips):
    """That of both functions' zips: arm64, which is cheaper, where it is there."""
    for architecture in ("arm64", "x86_64"):
        if all((zips / f"{program}-{architecture}.zip").exists() for program in FILLED.values()):
            return architecture
    raise ValueError(f"{zips} holds the zips of both functions for neither architecture")


def once(pattern, replacement, text, what):
    changed, count = re.subn(pattern, lambda found: found.expand(replacement), text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{what}: the place for a default was found {count} times")
    return changed


def without_comments(text):
    """YAML without its lines of comments. What looks like one in a text of several lines stays."""
    kept, text_below = [], None
    for line in text.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip())
        if text_below is not None and line.strip() and indent <= text_below:
            text_below = None
        if text_below is None and line.lstrip().startswith("#"):
            continue
        kept.append(line)
        if text_below is None and re.search(r"[:-] (?:!\w+ )?[>|][+-]?\n$", line):
            text_below = indent
    return "".join(kept)


def template(text, defaults):
    """A template of CloudFormation with these defaults of its parameters."""
    for name, value in defaults.items():
        head = rf"^(  {name}:\n    Type: String\n)(?:    Default: .*\n)?"
        text = once(head, rf"\g<1>    Default: {value}\n", text, name)
    if len(text.encode()) > LARGEST:
        text = without_comments(text)
    if len(text.encode()) > LARGEST:
        raise ValueError(f"a template has {len(text.encode())} bytes, and CloudFormation takes {LARGEST}")
    return text


def module(text, defaults):
    """The variables of a Terraform module with these defaults."""
    for name, value in defaults.items():
        head = rf'^(variable "{name}" \{{\n  type        = string\n)(?:  default     = .*\n)?'
        text = once(head, rf'\g<1>  default     = "{value}"\n', text, name)
    return text


def fill(source, target, bucket, version, zips):
    """Copies templates and modules from `source` to `target`, and fills those that have a function."""
    if not re.fullmatch(BUCKET, bucket):
        raise ValueError(f"{bucket!r} is not the name of a bucket")
    architecture = architecture_of(zips)
    for part in ("cloudformation", "terraform"):
        shutil.copytree(source / part, target / part)
    # The scripts that find the templates beside them.
    for name in ("launch", "members"):
        shutil.copy(source / name, target / name)
    for name, program in FILLED.items():
        key = f"{version}/{program}-{architecture}.zip"
        path = target / "cloudformation" / f"{name}.yaml"
        path.write_text(template(path.read_text(), {"CodeBucket": bucket, "CodeKey": key, "Architecture": architecture}))
        path = target / "terraform" / name / "variables.tf"
        path.write_text(module(path.read_text(), {"code_bucket": bucket, "code_key": key, "architecture": architecture}))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bucket", required=True, metavar="NAME", help="where the zips are, in the region of the stacks")
    arguments.add_argument("folder", type=Path, help="is made")
    asked = arguments.parse_args()
    here = Path(__file__).resolve().parent
    if asked.folder.exists():
        sys.exit(f"fill: {asked.folder} is there already")
    try:
        fill(here, asked.folder, asked.bucket, (here.parent / "VERSION").read_text().strip(), here.parent / "lambda")
    except (OSError, ValueError) as error:
        sys.exit(f"fill: {error}")
    print(f"{asked.folder}: hub and spoke take their zips from {asked.bucket}")


if __name__ == "__main__":
    main()
