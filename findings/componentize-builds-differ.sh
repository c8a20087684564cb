#!/usr/bin/env bash
# componentize-qjs 0.4.5 (npm) and componentize-py 0.25.1 (PyPI): the same source built three times.
#
# Both start the interpreter, load the program, and keep the memory as it is then. That memory differs from start to start, so that no two
# builds are the same file. In Python the seed of string hashes is in it, too: a set of strings has one order in one build and another in
# the next, always the same within a build; PYTHONHASHSEED=0 does not help.
#
# Seen: three digests of three builds, each; and more than one order of `list({"gpu", "genai", "beta", "eu", "trial"})`.
#
# Why it matters: nobody can rebuild a component to check its digest, so the file that was tested is the one to sign, pin and keep. And
# "the first label that matches", taken from a set, gives other reasons after a rebuild of the same source, whose tests had passed.
#
# Needs Node.js 18 with npm, Python 3.10 with venv, npm and PyPI. Takes two minutes. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check 'componentize-py==0.25.1' 'wasmtime==48.0.0'
npm install --silent --no-audit --no-fund --ignore-scripts componentize-qjs@0.4.5
cat >w.wit <<'WIT'
package a:b;
world w {
    export run: func() -> string;
}
WIT
echo 'export function run() { return "x"; }' >app.js
cat >app.py <<'PYTHON'
import wit_world


class WitWorld(wit_world.WitWorld):
    def run(self) -> str:
        return " ".join(list({"gpu", "genai", "beta", "eu", "trial"}))
PYTHON
for n in 1 2 3; do
    node node_modules/componentize-qjs/cli.mjs --wit w.wit --world w --js app.js --stub-wasi --sync --output "js$n.wasm" >/dev/null
    VIRTUAL_ENV="" PYTHONHASHSEED=0 environment/bin/componentize-py --quiet --wit-path w.wit --world w componentize --stub-wasi \
        --python-path . --output "py$n.wasm" app
done
digests() { sha256sum "$@" | cut -d ' ' -f 1 | sort -u | wc -l; }
echo "componentize-qjs: $(digests js?.wasm) digests of 3 builds"
echo "componentize-py: $(digests py?.wasm) digests of 3 builds"
environment/bin/python - <<'PYTHON'
import wasmtime
from wasmtime.component import Component, Linker

engine = wasmtime.Engine()


def run(file):
    store = wasmtime.Store(engine)
    return Linker(engine).instantiate(store, Component.from_file(engine, file)).get_func(store, "run")(store)


orders = [{run(f"py{n}.wasm") for _ in range(3)} for n in (1, 2, 3)]
for found in orders:
    print("a set, in three runs of one build:", *found, sep="\n  ")
if any(len(found) != 1 for found in orders) or len(set.union(*orders)) < 2:
    raise SystemExit("the behaviour changed: one order within a build, and another in the next, was expected")
PYTHON
if [ "$(digests js?.wasm)" != 3 ] || [ "$(digests py?.wasm)" != 3 ]; then
    echo "the behaviour changed: three digests were expected" >&2
    exit 1
fi
