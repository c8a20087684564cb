//! A key in a file: for tests, for `pmp-local`, and for hubs that have no KMS.

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::{PublicKey, pem};

/// A file that holds no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalKeyError {
    /// Not one block of PKCS#8.
    #[error("it holds no private key in PKCS#8 (a block that begins with -----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// A block that does not end, or is not base64.
    #[error("it cannot be read: {0}")]
    Malformed(&'static str),
    /// Another kind of key.
    #[error("it is no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`")]
    OtherKind,
}

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
        // OpenSSL leaves the public key out; where it is there, it is compared.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&block.der).map_err(|_| LocalKeyError::OtherKind)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| LocalKeyError::OtherKind)?;
        Ok(Self { pair, public: PublicKey::from_ed25519(public) })
    }

    /// The key that verifies what it signs.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its signature over `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}
