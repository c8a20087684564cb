#!/usr/bin/env bash
# wasmtime 45.0.0 and 48.0.0 (PyPI): the fuel of `memory.fill` over 0 bytes, 64 KiB and 1 MiB.
#
# Until 45 a bulk operation took one unit whatever its length; since 46 it takes one more for each byte (each element, for tables).
#
# Seen:
#   45.0.0: 5 5 5
#   48.0.0: 5 65541 1048581
#
# Why it matters: fuel is exact and the same on every machine, and so it is taken for a property of the program. It is one of program
# and engine: after an upgrade the same filter, with the same products, may need more than its budget. docs/filters.md says so.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/fuel.py" <<'PYTHON'
import wasmtime

config = wasmtime.Config()
config.consume_fuel = True
engine = wasmtime.Engine(config)
store = wasmtime.Store(engine)
store.set_fuel(10**9)
body = "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))"
module = wasmtime.Module(engine, f'(module (memory 16) (func (export "fill") (param i32) {body}))')
fill = wasmtime.Instance(store, module, []).exports(store)["fill"]


def used(length):
    before = store.get_fuel()
    fill(store, length)
    return before - store.get_fuel()


print(*map(used, (0, 65536, 1048576)))
PYTHON
code=0
while read -r version expected; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "wasmtime==$version"
    found=$("$folder/$version/bin/python" "$folder/fuel.py")
    echo "$version: $found"
    [ "$found" = "$expected" ] || { echo "the behaviour changed: expected $expected" >&2; code=1; }
done <<'TEXT'
45.0.0 5 5 5
48.0.0 5 65541 1048581
TEXT
exit "$code"
