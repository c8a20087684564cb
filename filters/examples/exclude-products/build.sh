#!/usr/bin/env bash
# Builds this filter as a WebAssembly component and prints its path.
#
#   ./build.sh            builds into target/
#   ./build.sh --update   also replaces the checked-in exclude-products.wasm and the record beside it
#   ./build.sh --route    only prints how it would be built, as the record has it
#
# Two routes, the first one that is there:
#   1. the wasm32-unknown-unknown target of the installed toolchain (`rustup target add wasm32-unknown-unknown`)
#   2. Debian's compiler, with the standard library built from its source
#      (`apt-get install --no-install-recommends rustc-web rust-web-src`)
# Exit code 3: neither is there.
set -euo pipefail

# Cargo calls this script in the compiler's place (RUSTC_WRAPPER, see below): `build.sh RUSTC ARGUMENT…`. Cargo tells two
# crates of one name apart by a hash of, among other things, the absolute path; the order of the functions follows from
# it. With a fixed one for the crates of this repository, the component is the same wherever the repository lies.
if [ -n "${PMP_FILTER_WRAPPED:-}" ]; then
    crate= previous=
    arguments=()
    for argument in "$@"; do
        [ "$previous" = --crate-name ] && crate=$argument
        case $crate:$argument in
            pmp_filter_names:metadata=* | pmp_filter_sdk:metadata=* | exclude_products:metadata=*) argument=metadata=$crate ;;
        esac
        previous=$argument
        arguments+=("$argument")
    done
    exec "${arguments[@]}"
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
target=wasm32-unknown-unknown
record=$here/exclude-products.wasm.build

sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
tools=$sysroot/lib/rustlib/$host/bin
debian_rustc=/usr/bin/rustc

build_std=()
if [ -d "$sysroot/lib/rustlib/$target/lib" ]; then
    route=target
    export RUSTC=$sysroot/bin/rustc
elif [ -x "$debian_rustc" ] && [ -d "$("$debian_rustc" --print sysroot)/lib/rustlib/src/rust/library" ]; then
    route=debian
    export RUSTC=$debian_rustc
    # Building the standard library is not a stable feature of cargo yet.
    export RUSTC_BOOTSTRAP=1
    build_std=(-Zbuild-std=std,panic_abort)
else
    cat >&2 <<'TEXT'
exclude-products: no compiler for wasm32-unknown-unknown here. Either of these brings one:
  rustup target add wasm32-unknown-unknown
  apt-get install --no-install-recommends rustc-web rust-web-src
TEXT
    exit 3
fi
if ! [ -x "$tools/wasm-component-ld" ]; then
    echo "exclude-products: the toolchain at $sysroot has no wasm-component-ld; Rust 1.95 from rustup has" >&2
    exit 3
fi
built_by="$route route, $("$RUSTC" --version), linked by $(rustc --version)"
if [ "${1:-}" = --route ]; then
    echo "$built_by"
    exit 0
fi

# No path of this machine may stand in the component: it would tell on the builder, and change its digest. The folder of
# the crates has a name that depends on the registry or mirror in use, so it must be there to be named.
cargo fetch --manifest-path "$here/Cargo.toml" --locked >&2
source_root=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust
flags=(
    "-Clink-arg=--wasm-ld-path=$tools/gcc-ld/wasm-ld"
    "--remap-path-prefix=$source_root=/rust"
    "--remap-path-prefix=$repository=/pmp-sync"
)
[ ! -e "$source_root" ] || flags+=("--remap-path-prefix=$(readlink -f "$source_root")=/rust")
for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags+=("--remap-path-prefix=$crates=/crates")
done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$tools/wasm-component-ld
export RUSTC_WRAPPER=$here/build.sh PMP_FILTER_WRAPPED=1
unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS RUSTC_WORKSPACE_WRAPPER

cargo build --manifest-path "$here/Cargo.toml" --locked --release --target "$target" --target-dir "$here/target" \
    ${build_std[@]+"${build_std[@]}"} >&2
built=$here/target/$target/release/exclude_products.wasm

if [ "${1:-}" = --update ]; then
    cp "$built" "$here/exclude-products.wasm"
    cat >"$record" <<RECORD
sha256: $(sha256sum "$built" | cut -d ' ' -f 1)
built by: $built_by
command: filters/examples/exclude-products/build.sh --update
RECORD
fi
echo "$built"
