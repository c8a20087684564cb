#!/usr/bin/env bash
# Builds this filter as a WebAssembly component and prints its path: what `pmp-filter build` does, by hand.
#
#   ./build.sh            builds build/vendor-policy.wasm
#   ./build.sh --route    only prints with what it would be built
#
# Exit code 3: Node.js with npm is not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "vendor-policy: Node.js 18 or newer with npm is needed (Debian: apt-get install nodejs npm)" >&2
    exit 3
fi
if [ "${1:-}" = --route ]; then
    echo "node $(node --version), componentize-qjs as in package-lock.json"
    exit 0
fi

# The lock file names the versions and their digests; nothing that a package brings is run.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
mkdir -p build
# --stub-wasi: a filter is given no WASI. --sync: the contract's functions are plain ones.
npx --no-install componentize-qjs --wit ../../../wit/filter-1.0.0 --world filter --js src/filter.js \
    --stub-wasi --sync --output build/vendor-policy.wasm >&2
echo "$PWD/build/vendor-policy.wasm"
