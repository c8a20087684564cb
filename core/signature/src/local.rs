//! A key in a file: for tests, for `pmp-local`, and for hubs that have no KMS.

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::{PublicKey, pem};

/// The reason why a file holds no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalKeyError {
    /// The file is not one block of PKCS#8.
    #[error("it holds no private key in PKCS#8 (a block that begins with -----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// The block has no end, or is not base64.
    #[error("it cannot be read: {0}")]
    Malformed(&'static str),
    /// The key is of another kind.
    #[error("it is no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`")]
    OtherKind,
}

pmp_protocol::codes!(LocalKeyError {
    NoKey => "E1408",
    Malformed => "E1409",
    OtherKind => "E1410",
});

pmp_protocol::without_hint!(LocalKeyError);

/// An Ed25519 key that signs.
#[derive(Debug)]
pub struct LocalKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl LocalKey {
    /// Reads a private key in PKCS#8, as OpenSSL writes it.
    pub fn from_pem(text: &str) -> Result<Self, LocalKeyError> {
        let blocks = pem::blocks(text).map_err(LocalKeyError::Malformed)?;
        let [block] = blocks.as_slice() else { return Err(LocalKeyError::NoKey) };
        if block.label != "PRIVATE KEY" {
            return Err(LocalKeyError::NoKey);
        }
        // OpenSSL leaves the public key out. If it is present, ring compares it.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&block.der).map_err(|_| LocalKeyError::OtherKind)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| LocalKeyError::OtherKind)?;
        Ok(Self { pair, public: PublicKey::from_ed25519(public) })
    }

    /// The public key for its signatures.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`, and returns the 64 bytes of the signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}
