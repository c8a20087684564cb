#!/usr/bin/env bash
# python-zstandard 0.25.0: two zstd frames, one after the other, which is valid zstd (RFC 8878, section 3), read by `decompress`.
#
# `ZstdDecompressor.decompress(…, allow_extra_data=False)` is documented to raise where data follows the first frame. It does so only
# where that frame's header holds the size of its content. Where the header has none, which is how a streaming writer leaves it (the
# `encode_all` of the Rust crate zstd among them), it returns the first frame, and the rest is lost without a word. `stream_reader` reads
# both frames, though its `read_across_frames` is False by default.
#
# Seen:
#   with sizes:    strict ZstdError, lax b'first ', reader b'first second'
#   without sizes: strict b'first ', lax b'first ', reader b'first second'
#
# Why it matters: a member who reads packed snapshots with Python cannot rely on that switch to notice that a file was put together of
# two. A snapshot is one frame, and its digest, not its packing, says whether it is whole: compare that.
#
# Needs Python 3.10 with venv, and PyPI. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check 'zstandard==0.25.0'
cd "$folder"
exec "$folder/environment/bin/python" - <<'PYTHON'
import io

import zstandard

EXPECTED = {
    True: ("ZstdError", b"first ", b"first second"),
    False: (b"first ", b"first ", b"first second"),
}


def frame(content, with_size):
    if with_size:
        return zstandard.ZstdCompressor().compress(content)
    writer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return writer.compress(content) + writer.flush()


def read(frames, **options):
    try:
        return zstandard.ZstdDecompressor().decompress(frames, max_output_size=100, **options)
    except zstandard.ZstdError:
        return "ZstdError"


seen = {}
for with_size in (True, False):
    frames = frame(b"first ", with_size) + frame(b"second", with_size)
    stream = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(frames)).read()
    seen[with_size] = (read(frames, allow_extra_data=False), read(frames), stream)
    print(f"{'with' if with_size else 'without'} sizes: strict {seen[with_size][0]}, lax {seen[with_size][1]}, reader {stream}")
if seen != EXPECTED:
    raise SystemExit(f"the behaviour changed: expected {EXPECTED!r}")
PYTHON
