#!/usr/bin/env bash
# wasmtime 48.0.0 (PyPI): a component in which each component instantiates the one within it twice.
#
# The component is valid, and each level adds 48 bytes. What it takes to compile doubles with each: wasmtime makes one list of all
# instances, and there are two to the power of the levels. Nothing limits them: wasmparser's own limit is on each component alone.
#
# Seen (2 cores):
#   14 levels,  754 bytes: 0.0 s, 33 MiB
#   17 levels,  898 bytes: 0.1 s, 60 MiB
#   20 levels, 1042 bytes: 1.1 s, 322 MiB
# 24 levels in 1.2 KB take some 5 GB.
#
# Why it matters: who compiles components of others is told to bound their size. That bounds nothing: memory ends first, and an
# allocation that fails ends the process. filters/host counts the instances before (src/look.rs), and compiles in a process with limits.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check 'wasmtime==48.0.0'
cat >"$folder/compile.py" <<'PYTHON'
import resource
import sys
import time

import wasmtime
from wasmtime.component import Component

levels = int(sys.argv[1])
text = '(component (core module $m (func (export "f"))) (core instance (instantiate $m)))'
for _ in range(levels):
    inner = text.replace("(component", "(component $c", 1)
    text = f"(component {inner} (instance (instantiate $c)) (instance (instantiate $c)))"
binary = wasmtime.wat2wasm(text)
started = time.monotonic()
Component(wasmtime.Engine(), binary)
took = time.monotonic() - started
print(len(binary), round(took, 1), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
PYTHON
measured() { "$folder/environment/bin/python" "$folder/compile.py" "$1"; }
read -r few_bytes _ few_memory <<<"$(measured 14)"
read -r bytes seconds memory <<<"$(measured 20)"
echo "14 levels,  $few_bytes bytes: $few_memory MiB"
echo "20 levels, $bytes bytes: $seconds s, $memory MiB"
if [ "$((bytes - few_bytes))" -gt 400 ] || [ "$((memory - few_memory))" -lt 150 ]; then
    echo "the behaviour changed: 300 bytes more should take more than 150 MiB more" >&2
    exit 1
fi
