//! Signed statements: what a hub vouches for, and when a spoke believes it.
//!
//! A [`Statement`] names one version of one management experience by its digest, and until when
//! that holds. It travels in a DSSE envelope (the one of in-toto), which others' tools verify, too.
//! [`verify`] is the only way from an envelope to what it says, and [`Refusal`] names each cause by
//! itself.
//!
//! Two kinds of key: ECDSA over P-256, which AWS KMS holds, and Ed25519, from a file. Nothing else
//! is read: libraries differ in how they hash for other curves. One envelope holds one signature;
//! who changes keys trusts two for a while.
//!
//! This crate decides and never does: no I/O, no async, no clock.

mod envelope;
mod key;
mod local;
mod pem;
mod refusal;
mod statement;
mod verify;

pub use envelope::{MAX_ENVELOPE_BYTES, PAYLOAD_TYPE, Unsigned, pae};
pub use key::{KeyError, KeyId, MAX_TRUSTED_KEYS, PublicKey, TrustedKeys};
pub use local::{LocalKey, LocalKeyError};
pub use refusal::Refusal;
pub use statement::{CLOCKS_DIFFER, LONGEST_LIFETIME, SCHEMA, SHORTEST_LIFETIME, Statement};
pub use verify::{Expectation, Verified, open, verify};
