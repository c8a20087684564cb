//! Signed statements: the hub vouches for a version, and a spoke decides whether to believe it
//! (rule 9).
//!
//! A [`Statement`] names one version of one management experience by its digest, and the time when
//! it expires. It is in a DSSE envelope, the one of in-toto, which others' tools verify, too.
//! [`verify`] is the only way from an envelope to a believed statement, and [`Refusal`] has a
//! variant for each reason not to believe one. What the hub's
//! operators direct is in the same envelope ([`SignedDirection`]), and [`open_direction`] opens it.
//!
//! There are two kinds of key: ECDSA over P-256, which AWS KMS holds, and Ed25519, from a file.
//! Other kinds are refused, because libraries differ in how they hash for other curves. One
//! envelope holds one signature. During a change of keys, a spoke trusts two keys.
//!
//! This crate only decides: no I/O, no async, no clock.

mod directed;
mod envelope;
mod key;
mod local;
mod pem;
mod refusal;
mod statement;
mod verify;

pub use directed::{SignedDirection, open_direction};
pub use envelope::{MAX_ENVELOPE_BYTES, PAYLOAD_TYPE, Unsigned, pae};
pub use key::{KeyError, KeyId, MAX_TRUSTED_KEYS, PublicKey, TrustedKeys};
pub use local::{LocalKey, LocalKeyError};
pub use refusal::Refusal;
pub use statement::{LONGEST_LIFETIME, SCHEMA, SHORTEST_LIFETIME, Statement};
pub use verify::{Expectation, Verified, open, verify};
