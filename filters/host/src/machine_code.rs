//! Loads components that were compiled to machine code. It contains the only unsafe code of this
//! repository: machine code runs outside the sandbox, so it is loaded only if the caller names who
//! vouches for it.

use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

/// Whether the bytes look like machine code that wasmtime wrote.
pub(crate) fn is_machine_code(bytes: &[u8]) -> bool {
    Engine::detect_precompiled(bytes) == Some(Precompiled::Component)
}

/// Who vouches that a host of this kind wrote the machine code, and that nobody has changed it
/// since.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vouched {
    /// The operator, who pinned the digest of the file. It was compared.
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
    // SAFETY: `deserialize` asks that the bytes are unmodified output of `precompile_component`.
    // `Vouched` names who answers for that: the operator by the digest of exactly these bytes, this
    // process that had them compiled by its own program and took them from a pipe, or the cache by
    // a code of authentication over exactly these bytes under a key that only this user can read.
    // The bytes are in memory, so that nothing can change between the check and now, and wasmtime
    // checks version, settings and processor by itself.
    #[allow(unsafe_code, reason = "machine code can't be loaded otherwise; see above")]
    unsafe {
        Component::deserialize(engine, bytes)
    }
}
