# For `run` beside this file and others that ask iam-simulate: sourced, with `target` set, it sets `environment`, a folder in which a
# script finds what package-lock.json pins. Makes what is missing.
pinned=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# What is pinned is copied last: an environment without it is made again.
environment=$target/second-opinion
if ! cmp -s "$pinned/package-lock.json" "$environment/installed.json"; then
    echo "==> installing iam-simulate into $environment"
    rm -rf "$environment" && mkdir -p "$environment"
    cp "$pinned/package.json" "$pinned/package-lock.json" "$environment"
    npm ci --prefix "$environment" --ignore-scripts --no-audit --no-fund --loglevel error
    cp "$pinned/package-lock.json" "$environment/installed.json"
fi
