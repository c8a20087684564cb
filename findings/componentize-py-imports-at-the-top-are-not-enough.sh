#!/usr/bin/env bash
# componentize-py 0.25.1 (CPython 3.14) with --stub-wasi, run on wasmtime 48.0.0 (PyPI): `datetime.strptime`, in a component that imports
# `datetime` at its top.
#
# componentize-py runs the imports while it builds, so a component needs no files. But parts of Python's own library import others when
# they are called first: `datetime.strptime` the module `_strptime`, `bytes.decode("cp1252")` its codec. There are no files then, and
# the interpreter traps: no `except` sees it, and no word says which module was wanted. `print` traps likewise.
#
# Seen:
#   datetime.fromisoformat("2027-01-31"): 2027-01-31 00:00:00
#   datetime.strptime("2027-01-31", "%Y-%m-%d"): trap
#   b"x".decode("cp1252"): trap
#   print("x"): trap
#   json.dumps([1]): [1]
# and with `import _strptime` at the top as well:
#   datetime.strptime("2027-01-31", "%Y-%m-%d"): 2027-01-31 00:00:00
#
# Why it matters: unit tests in plain Python pass, and so does every input that does not reach the line. The guard that
# `pmp-filter new python` brings says which module it was, and where.
#
# Needs Python 3.10 with venv, and PyPI. Takes a minute. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check 'componentize-py==0.25.1' 'wasmtime==48.0.0'
cd "$folder"
cat >w.wit <<'WIT'
package a:b;
world w {
    export run: func(code: string) -> string;
}
WIT
build() {
    mkdir "$1"
    cat >"$1/app.py" <<PYTHON
import json
from datetime import datetime
$2
import wit_world


class WitWorld(wit_world.WitWorld):
    def run(self, code: str) -> str:
        return str(eval(code))
PYTHON
    VIRTUAL_ENV="" environment/bin/componentize-py --quiet --wit-path w.wit --world w componentize --stub-wasi \
        --python-path "$1" --output "$1.wasm" app
}
build plain ""
build warm "import _strptime"
exec environment/bin/python - <<'PYTHON'
import wasmtime
from wasmtime.component import Component, Linker

engine = wasmtime.Engine()


def run(component, code):
    store = wasmtime.Store(engine)
    instance = Linker(engine).instantiate(store, component)
    try:
        return instance.get_func(store, "run")(store, code)
    except (wasmtime.Trap, wasmtime.WasmtimeError):
        return "trap"


STRPTIME = 'datetime.strptime("2027-01-31", "%Y-%m-%d")'
DAY = "2027-01-31 00:00:00"
plain, warm = (Component.from_file(engine, f"{name}.wasm") for name in ("plain", "warm"))
changed = False
for component, code, expected in [
    (plain, 'datetime.fromisoformat("2027-01-31")', DAY),
    (plain, STRPTIME, "trap"),
    (plain, 'b"x".decode("cp1252")', "trap"),
    (plain, 'print("x")', "trap"),
    (plain, "json.dumps([1])", "[1]"),
    (warm, STRPTIME, DAY),
]:
    found = run(component, code)
    print(f"{code}: {found}")
    changed |= found != expected
if changed:
    raise SystemExit("the behaviour changed")
PYTHON
