#!/usr/bin/env bash
# wasmtime 48.0.0 (PyPI): a module compiled without NaN canonicalization, loaded by an engine that has it on.
#
# `Module.deserialize` refuses code that was compiled with other settings: fuel, epochs and many more are compared, and the error names
# the setting. `cranelift_nan_canonicalization` is not compared: the code loads, and gives the NaN that the processor made.
#
# Seen:
#   compiled and run with canonicalization: 7fc00000
#   compiled without, run with it: ffc12345
#   compiled without fuel, run with it: refused
#
# Why it matters: canonicalization is switched on so that the same input gives the same bits on every machine. Whoever caches compiled
# code from an engine without it loses that, and is not told. pmp-sync loads only what its own one configuration compiled.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check 'wasmtime==48.0.0'
exec "$folder/environment/bin/python" - <<'PYTHON'
import ctypes

import wasmtime
from wasmtime import _ffi as ffi


def engine(canonical, fuel=False):
    config = wasmtime.Config()
    config.consume_fuel = fuel
    setter = ffi.dll.wasmtime_config_cranelift_nan_canonicalization_set
    setter.argtypes, setter.restype = [ctypes.c_void_p, ctypes.c_bool], None
    setter(ctypes.cast(config.ptr(), ctypes.c_void_p), canonical)
    return wasmtime.Engine(config)


# Adding to a NaN keeps its payload, quiet, on x86-64 and on arm64.
ADD = "(i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (local.get 0)) (f32.const 1)))"
TEXT = f'(module (func (export "add") (param i32) (result i32) {ADD}))'


def run(engine, module):
    store = wasmtime.Store(engine)
    add = wasmtime.Instance(store, module, []).exports(store)["add"]
    return f"{add(store, 0xffc12345 - 2**32) & 0xFFFFFFFF:08x}"


with_it, without = engine(True), engine(False)
same = run(with_it, wasmtime.Module(with_it, TEXT))
other = run(with_it, wasmtime.Module.deserialize(with_it, wasmtime.Module(without, TEXT).serialize()))
try:
    wasmtime.Module.deserialize(engine(False, fuel=True), wasmtime.Module(without, TEXT).serialize())
    fuel = "loaded"
except wasmtime.WasmtimeError:
    fuel = "refused"
print(f"compiled and run with canonicalization: {same}")
print(f"compiled without, run with it: {other}")
print(f"compiled without fuel, run with it: {fuel}")
if (same, other, fuel) != ("7fc00000", "ffc12345", "refused"):
    raise SystemExit("the behaviour changed")
PYTHON
