#!/usr/bin/env bash
# Builds this filter as a WebAssembly component and prints its path: what `pmp-filter build` does, by hand.
#
#   ./build.sh            builds build/review-board.wasm
#   ./build.sh --route    only prints with what it would be built
#
# Exit code 3: Python with venv is not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "review-board: Python 3.10 or newer with venv is needed (Debian: apt-get install python3 python3-venv)" >&2
    exit 3
fi
if [ "${1:-}" = --route ]; then
    echo "$(python3 --version), $(cat requirements.txt)"
    exit 0
fi

[ -x .venv/bin/python ] || python3 -m venv .venv >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt >&2
mkdir -p build
# --stub-wasi: a filter is given no WASI. Only this folder is looked through for modules.
VIRTUAL_ENV="" .venv/bin/componentize-py --quiet --wit-path ../../../wit/filter-1.0.0 --world filter \
    componentize --stub-wasi --python-path . --output build/review-board.wasm app >&2
echo "$PWD/build/review-board.wasm"
