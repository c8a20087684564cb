//! Signs with a key in a file.

use std::path::PathBuf;

use async_trait::async_trait;
use pmp_signature::{LocalKey, PublicKey};

use super::{Signer, SigningError};

/// An Ed25519 key in a file, read each time: who puts another one there need not start the agent
/// again.
#[derive(Debug)]
pub(super) struct FileSigner(pub(super) PathBuf);

impl FileSigner {
    fn read(&self) -> Result<LocalKey, SigningError> {
        let path = || self.0.clone();
        let text =
            std::fs::read_to_string(&self.0).map_err(|source| SigningError::Unreadable { path: path(), source })?;
        LocalKey::from_pem(&text).map_err(|source| SigningError::File { path: path(), source })
    }
}

#[async_trait]
impl Signer for FileSigner {
    async fn public_key(&self) -> Result<PublicKey, SigningError> {
        self.read().map(|key| key.public().clone())
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.read().map(|key| key.sign(message))
    }
}
