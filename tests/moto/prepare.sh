# For `run` beside this file and others that use moto: sourced, it sets `binaries`, where the programs are, and `python`, an
# interpreter that has what requirements.txt asks for. Makes what is missing.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
profile=${PMP_BENCH_PROFILE:-dev}
binaries=${PMP_BIN_DIR:-$target/${profile/#dev/debug}}

for binary in pmp-hub pmp-spoke; do
    [ ! -x "$binaries/$binary" ] || continue
    if [ -n "${PMP_BIN_DIR:-}" ]; then
        echo "error: there is no $binary in PMP_BIN_DIR ($binaries)" >&2
        exit 1
    fi
    cargo build --manifest-path "$repository/Cargo.toml" --profile "$profile" --workspace --bins --locked
    break
done

python=$("$repository/infra/python" moto "$repository/tests/moto/requirements.txt")
