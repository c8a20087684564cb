"""What a program's file tells of itself."""

import re
import struct


def machine(program):
    """The number of the architecture in the header, or none of a file that is no ELF of 64 bits."""
    if program[:5] != b"\x7fELF\x02":
        return None
    return struct.unpack_from("<H", program, 18)[0]


def is_stripped(program):
    """Whether it has neither a table of symbols nor debug information. A section that is loaded counts for neither: strip leaves it."""
    start = struct.unpack_from("<Q", program, 40)[0]
    size, count, names = struct.unpack_from("<HHH", program, 58)
    sections = [struct.unpack_from("<IIQQQQ", program, start + number * size) for number in range(count)]
    for name, kind, flags, *_ in sections:
        is_loaded = flags & 2
        if kind == 2 or (not is_loaded and program.startswith(b".debug_", sections[names][4] + name)):
            return False
    return True


def libraries(program):
    """The Debian packages that it needs, with the newest glibc that it asks for."""
    versions = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"\x00GLIBC_([0-9]+(?:\.[0-9]+)+)(?=\x00)", program)}
    if versions:
        yield "libc6", max(versions)
    if b"\0libgcc_s.so.1\0" in program:
        yield "libgcc-s1", ()
