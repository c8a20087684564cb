//! Public keys, and the set of keys that a spoke trusts.

use std::fmt;

use pmp_protocol::Digest;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::pem;

/// The most trusted keys: two, so that a key can be changed without changing all spokes at once.
pub const MAX_TRUSTED_KEYS: usize = 2;

/// The beginning of every SubjectPublicKeyInfo of a P-256 key with an uncompressed point (RFC
/// 5480). The point follows.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT: usize = 65;
/// The beginning of every SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const ED25519_KEY: usize = 32;
/// Common kinds of key by their object identifiers, so that an error can name the kind.
const OTHERS: [(&[u8], &str); 7] = [
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], "an ECDSA key over P-384"),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], "an ECDSA key over P-521"),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a], "an ECDSA key over secp256k1"),
    (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "a P-256 key whose point is compressed"),
    (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], "an RSA key"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x6e], "an X25519 key, which does not sign"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], "an Ed448 key"),
];

/// The id of a key as securesystemslib computes it: SHA-256 over kind, scheme and key, in 64
/// hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// All 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 characters, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.chars().take(8).collect()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Keys that cannot be used. The person who set them reads the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text contains no key.
    #[error("there is no public key in it (a block that begins with -----BEGIN PUBLIC KEY-----)")]
    None,
    /// More keys than a change of keys needs.
    #[error("{0} keys, and at most {MAX_TRUSTED_KEYS} are trusted at a time")]
    TooMany(usize),
    /// The same key twice, which happens if a change of keys is only half made.
    #[error("the same key twice ({0})")]
    Repeated(KeyId),
    /// The PEM block is of another type.
    #[error("a block is a {0}, not a PUBLIC KEY")]
    OtherBlock(String),
    /// A private key. It does not belong where signatures are verified.
    #[error("a block is a private key: take only the public one there, and treat this one as known to others")]
    Private,
    /// The key is of a kind that is not supported.
    #[error(
        "{0}: only ECDSA keys over P-256 and Ed25519 keys are taken, because libraries differ in how they hash for others"
    )]
    OtherKind(&'static str),
    /// A block is damaged, or is no key.
    #[error("a block cannot be read: {0}")]
    Malformed(&'static str),
}

pmp_protocol::codes!(KeyError {
    None => "E1401",
    TooMany => "E1402",
    Repeated => "E1403",
    OtherBlock => "E1404",
    Private => "E1405",
    OtherKind => "E1406",
    Malformed => "E1407",
});

pmp_protocol::without_hint!(KeyError);

/// A key that verifies signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    id: KeyId,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    P256([u8; P256_POINT]),
    Ed25519([u8; ED25519_KEY]),
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER, as `kms:GetPublicKey` answers it.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        // Protocol K4.
        if let Some(point) = der.strip_prefix(&P256)
            && let Ok(point) = <[u8; P256_POINT]>::try_from(point)
            && point[0] == 0x04
        {
            return Ok(Self::new(Kind::P256(point)));
        }
        if let Some(key) = der.strip_prefix(&ED25519_SPKI)
            && let Ok(key) = key.try_into()
        {
            return Ok(Self::new(Kind::Ed25519(key)));
        }
        // An object identifier is at the beginning. A match further on would be chance.
        let head = &der[..der.len().min(40)];
        let other = OTHERS.iter().find(|(oid, _)| head.windows(oid.len()).any(|bytes| bytes == *oid));
        Err(other.map_or(KeyError::Malformed("it is no public key"), |(_, kind)| KeyError::OtherKind(kind)))
    }

    pub(crate) fn from_ed25519(key: [u8; ED25519_KEY]) -> Self {
        Self::new(Kind::Ed25519(key))
    }

    fn new(kind: Kind) -> Self {
        let key = Self { id: KeyId(String::new()), kind };
        // securesystemslib's canonical JSON escapes only quotes and backslashes, so PEM's line ends
        // stay as they are.
        let (keytype, public, scheme) = match &key.kind {
            Kind::P256(_) => ("ecdsa", key.to_pem(), "ecdsa-sha2-nistp256"),
            Kind::Ed25519(key) => ("ed25519", key.iter().map(|byte| format!("{byte:02x}")).collect(), "ed25519"),
        };
        // Protocol K5.
        let canonical = format!(r#"{{"keytype":"{keytype}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}"#);
        Self { id: KeyId(Digest::of(canonical.as_bytes()).hex()), ..key }
    }

    /// The id that statements name this key by.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The kind of the key, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::P256(_) => "P-256",
            Kind::Ed25519(_) => "Ed25519",
        }
    }

    /// The key as PEM, for a file or `PMP_TRUSTED_KEYS`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der = match &self.kind {
            Kind::P256(point) => [P256.as_slice(), point].concat(),
            Kind::Ed25519(key) => [ED25519_SPKI.as_slice(), key].concat(),
        };
        pem::write("PUBLIC KEY", &der)
    }

    /// Whether `signature` is valid for `message`. It is in DER for P-256, and has 64 bytes for
    /// Ed25519.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.kind {
            Kind::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature),
            Kind::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id)
    }
}

/// The keys whose statements a spoke believes: one, or two during a change of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKeys(Vec<PublicKey>);

impl TrustedKeys {
    /// Reads the public keys in a text: PEM, one or two blocks, with or without line ends.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<PublicKey> = Vec::new();
        for block in pem::blocks(text).map_err(KeyError::Malformed)? {
            let key = match block.label.as_str() {
                "PUBLIC KEY" => PublicKey::from_der(&block.der)?,
                label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
                label => {
                    return Err(KeyError::OtherBlock(label.chars().filter(char::is_ascii_graphic).take(40).collect()));
                }
            };
            if keys.contains(&key) {
                return Err(KeyError::Repeated(key.id));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(KeyError::None),
            // Protocol K4.
            1..=MAX_TRUSTED_KEYS => Ok(Self(keys)),
            many => Err(KeyError::TooMany(many)),
        }
    }

    /// Trusts only this key.
    #[must_use]
    pub fn only(key: PublicKey) -> Self {
        Self(vec![key])
    }

    /// All trusted keys, one or two.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }
}
