//! Recognizes the kind of a file by its first bytes and section lengths, so that the error is
//! clearer than the compiler's.

use crate::LoadError;

const MAGIC: &[u8] = b"\0asm";
// The component model's binary format, "preamble": version 13, layer 1. A core module: version 1,
// layer 0.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];
const PREAMBLE: usize = 8;

/// Accepts a file that looks like a complete component. The component is not validated here.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() < PREAMBLE {
        // An empty file counts as truncated as well: an interrupted copy leaves one behind.
        return Err(if MAGIC.starts_with(bytes) || bytes.starts_with(MAGIC) {
            LoadError::Truncated { bytes: bytes.len(), missing: PREAMBLE - bytes.len() }
        } else {
            LoadError::NotWebAssembly
        });
    }
    let (magic, rest) = bytes.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(LoadError::NotWebAssembly);
    }
    match &rest[..4] {
        COMPONENT => whole(bytes),
        CORE_MODULE => Err(LoadError::CoreModule),
        other => Err(LoadError::UnknownFormat { preamble: [other[0], other[1], other[2], other[3]] }),
    }
}

/// Walks over the sections: each is an id, a length and as many bytes.
fn whole(bytes: &[u8]) -> Result<(), LoadError> {
    let mut rest = &bytes[PREAMBLE..];
    while let Some((_id, after_id)) = rest.split_first() {
        let Some((length, body)) = leb128(after_id) else {
            return Err(LoadError::Truncated { bytes: bytes.len(), missing: 1 });
        };
        let Some(next) = body.get(length..) else {
            return Err(LoadError::Truncated { bytes: bytes.len(), missing: length - body.len() });
        };
        rest = next;
    }
    Ok(())
}

/// Reads an unsigned 32-bit LEB128 number, and returns it with the rest; `None` if the bytes end
/// within it. A number that is too long to be valid is still read, because the compiler refuses it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, &bytes[index + 1..]));
        }
    }
    Some((0, bytes.get(5..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named() {
        assert!(matches!(check(b"#!/bin/sh\n"), Err(LoadError::NotWebAssembly)));
        assert!(matches!(check(b"PK"), Err(LoadError::NotWebAssembly)));
        assert!(matches!(check(b"(component)"), Err(LoadError::NotWebAssembly)));
        assert!(matches!(check(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule)));
        assert!(matches!(check(b"\0asm\x0e\0\x01\0"), Err(LoadError::UnknownFormat { preamble: [14, 0, 1, 0] })));
    }

    #[test]
    fn a_file_that_ends_early_is_named_with_what_is_missing() {
        for (bytes, missing) in [
            (&b""[..], 8),
            (b"\0as", 5),
            (b"\0asm\x0d\0\x01", 1),
            (b"\0asm\x0d\0\x01\0\x00", 1),
            (b"\0asm\x0d\0\x01\0\x00\x80", 1),
            (b"\0asm\x0d\0\x01\0\x00\x03ab", 1),
        ] {
            match check(bytes) {
                Err(LoadError::Truncated { bytes: found, missing: more }) => {
                    assert_eq!((found, more), (bytes.len(), missing));
                }
                other => panic!("{bytes:?}: {other:?}"),
            }
        }
        assert!(check(b"\0asm\x0d\0\x01\0").is_ok());
        assert!(check(b"\0asm\x0d\0\x01\0\x00\x02ab").is_ok());
    }
}
