//! Loads components that were compiled to machine code. It contains the only unsafe code of this
//! repository. Machine code runs outside the sandbox, so it is loaded only if the caller names the
//! party that vouches for it.

use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

/// Whether the bytes look like machine code that wasmtime wrote.
pub(crate) fn is_machine_code(bytes: &[u8]) -> bool {
    Engine::detect_precompiled(bytes) == Some(Precompiled::Component)
}

/// The party that vouches that a host of this kind wrote the machine code, and that nobody has
/// changed it since.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vouched {
    /// The operator, who pinned the digest of the file. The digest was compared.
    PinnedDigest,
    /// This process itself: it started the compiler, which is this very program, and took the code
    /// from its pipe.
    OwnCompiler,
    /// The cache: its directory belongs to this user alone, and the entry's authentication code was
    /// verified.
    Cache,
}

/// Loads machine code. Code for another engine, version or processor is an error, which wasmtime
/// itself detects.
pub(crate) fn load(engine: &Engine, bytes: &[u8], _vouched: Vouched) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` requires that the bytes are unmodified output of
    // `precompile_component`. `Vouched` names the party that vouches for that. The operator pinned
    // the digest of exactly these bytes. Or this process had them compiled by its own program and
    // read them from a pipe. Or the cache verified an authentication code over exactly these bytes,
    // under a key that only this user can read. The bytes are in memory, so nothing can change
    // between the check and now. Wasmtime checks version, settings and processor by itself.
    #[allow(unsafe_code, reason = "machine code can't be loaded otherwise; see above")]
    unsafe {
        Component::deserialize(engine, bytes)
    }
}
