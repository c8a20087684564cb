"""What is in each program: a bill of materials in CycloneDX's form, and the licences of what is in it.

Both come from Cargo's own lists. There is neither a time nor a number of chance in them, so the same commit gives the same bytes.
"""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass

from layout import PROGRAMS, REPOSITORY

LICENCE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# What a crate's folder may be called where its texts are not beside its manifest.
FOLDERS = ("LICENSES", "licenses")


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass(frozen=True)
class Tree:
    """What cargo compiles for the programs: for each crate with its features, the crates that it depends on."""

    below: dict

    @staticmethod
    def of(targets, edges):
        """All programs in one call, as they are built, since their features are united."""
        options = [option for program in PROGRAMS for option in ("-p", program)]
        options += [option for target in targets for option in ("--target", target)]
        said = cargo("tree", "--edges", edges, "--prefix", "depth", "--format", "|{p}|{f}|", *options)
        below, above = {}, []
        for line in filter(None, said.splitlines()):
            depth, name, features, _ = line.split("|")
            crate = tuple(name.split(" ")[:2]) + (features,)
            del above[int(depth) :]
            # A crate that was shown before has its own dependencies there.
            below.setdefault(crate, set())
            if above:
                below[above[-1]].add(crate)
            above.append(crate)
        return Tree(below)

    def reach(self, program):
        """The crates of a program, and for each, with whatever features, those that it depends on."""
        reached, ahead = {}, [crate for crate in self.below if crate[0] == program]
        seen = set(ahead)
        while ahead:
            crate = ahead.pop()
            reached.setdefault(crate[:2], set()).update(one[:2] for one in self.below[crate])
            ahead += self.below[crate] - seen
            seen |= self.below[crate]
        return reached


def reference(crate):
    name, version = crate
    return f"pkg:cargo/{name}@{version.removeprefix('v')}"


class Materials:
    """The crates of all programs, for these targets."""

    def __init__(self, targets):
        self.linked = Tree.of(targets, "normal,no-proc-macro")
        self.compiled = Tree.of(targets, "normal,build")
        lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
        self.checksums = {(one["name"], f"v{one['version']}"): one.get("checksum") for one in lock["package"]}
        self.known = {}
        for target in targets:
            # One target alone, because cargo downloads what it tells of.
            known = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))["packages"]
            self.known |= {(one["name"], f"v{one['version']}"): one for one in known}

    def licence(self, crate):
        # Crates of before SPDX write a slash.
        return (self.known[crate]["license"] or "").replace("/", " OR ").replace("  ", " ")

    def component(self, crate, linked):
        name, version = crate
        said = {
            "type": "library",
            "bom-ref": reference(crate),
            "name": name,
            "version": version.removeprefix("v"),
            "scope": "required" if crate in linked else "excluded",
        }
        if checksum := self.checksums[crate]:
            said["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if licence := self.licence(crate):
            said["licenses"] = [{"expression": licence}]
        return said | {"purl": reference(crate)}

    def sbom(self, program):
        """The bill of a program. What is needed to build it, and is not in it, has the scope `excluded`."""
        reached, linked = self.compiled.reach(program), self.linked.reach(program)
        itself = next(crate for crate in reached if crate[0] == program)
        main = self.component(itself, linked) | {"type": "application"}
        main.pop("scope")
        return {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"tools": {"components": [{"type": "application", "name": "infra/release"}]}, "component": main},
            "components": [self.component(crate, linked) for crate in sorted(reached) if crate != itself],
            "dependencies": [{"ref": reference(crate), "dependsOn": sorted(map(reference, reached[crate]))} for crate in sorted(reached)],
        }

    def texts(self, crate):
        """The licences' texts that a crate brings along."""
        folder = (REPOSITORY / self.known[crate]["manifest_path"]).parent
        for place in (folder, *(folder / name for name in FOLDERS)):
            if place.is_dir():
                for path in sorted(place.iterdir()):
                    if path.is_file() and (LICENCE.match(path.name) or place != folder):
                        yield path.read_text(encoding="utf-8", errors="replace").strip()

    def licences(self):
        """The text of every licence of others' crates in the programs, once, below the crates that it is for."""
        linked = set().union(*(self.linked.reach(program) for program in PROGRAMS))
        crates, holders = [], {}
        for crate in sorted(crate for crate in linked if self.checksums[crate]):
            texts = list(dict.fromkeys(self.texts(crate)))
            crates.append(f"{crate[0]} {crate[1]}: {self.licence(crate)}{'' if texts else ' (the crate brings no text)'}")
            for text in texts:
                holders.setdefault(text, []).append(f"{crate[0]} {crate[1]}")
        parts = ["The programs of pmp-sync hold these crates of others:\n\n" + "\n".join(crates)]
        parts += ["\n".join(names) + f"\n\n{text}" for text, names in holders.items()]
        return ("\n\n" + "-" * 80 + "\n\n").join(parts) + "\n"
