//! The keys that a hub knows: that of now, and those that it signed directions with before, which
//! its ledger keeps.
//!
//! A spoke keeps the newest direction that it trusted, in the envelope that the hub signed. After a
//! change of keys the key of now does not verify that envelope. So each key is written down before
//! it signs its first direction, and what a former key signed is known as the hub's own word. A
//! member cannot write where they are kept, so what it makes up is still nobody's.

use pmp_aws::ApiError;
use pmp_ledger::{LedgerError, ReceiptStore, SignedWith};
use pmp_protocol::{Direction, ExperienceId};
use pmp_signature::{PublicKey, TrustedKeys, open_direction};

use crate::error::HubError;
use crate::signing::Signing;

/// The most keys that are kept: a hub changes its key once a year, or after an incident.
const MOST: usize = 8;
/// How often it is tried again where another hub writes its key at the same time.
const ATTEMPTS: usize = 5;

/// The keys that a hub knows.
#[derive(Debug, Clone)]
pub(crate) struct KnownKeys {
    /// The key of now.
    pub(crate) now: TrustedKeys,
    former: Vec<TrustedKeys>,
}

impl KnownKeys {
    /// The key of now, and those that the ledger keeps.
    ///
    /// # Errors
    /// Where the key cannot be used, and where the ledger cannot be read.
    pub(crate) async fn read(
        signing: &Signing,
        receipts: &dyn ReceiptStore,
        experience: &ExperienceId,
    ) -> Result<Self, HubError> {
        let now = signing.keys().await?;
        let kept = receipts.signed_with(experience).await?;
        let former = kept.keys.iter().filter_map(|pem| TrustedKeys::from_pem(pem).ok()).filter(|key| *key != now);
        Ok(Self { former: former.collect(), now })
    }

    /// The direction in an envelope that one of them signed, and whether that was a former one.
    pub(crate) fn open(&self, envelope: &str) -> Option<(Direction, bool)> {
        let opened = |keys: &TrustedKeys| open_direction(Some(envelope), keys).ok().map(|signed| signed.direction);
        let now = opened(&self.now).map(|direction| (direction, false));
        now.or_else(|| self.former.iter().find_map(opened).map(|direction| (direction, true)))
    }
}

/// Sees to it that the ledger keeps the key of `signing`, before it signs a direction. It is asked
/// once for each key. A role that may not write there, which a template of an earlier
/// release made, signs all the same.
///
/// # Errors
/// Where the key cannot be used, and where the ledger cannot be read or written.
pub(crate) async fn keep(
    signing: &Signing,
    receipts: &dyn ReceiptStore,
    experience: &ExperienceId,
) -> Result<(), HubError> {
    let key = signing.signer.public_key().await?;
    let mut known = signing.kept.lock().await;
    if known.as_ref() == Some(key.id()) {
        return Ok(());
    }
    match kept(&key, receipts, experience).await {
        Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
            tracing::warn!(
                %error, "the key is not written down: after a change of keys, older directions are not noticed"
            );
        }
        Ok(true) => *known = Some(key.id().clone()),
        Ok(false) => tracing::warn!("others write their keys down all the time: left to the next direction"),
        Err(error) => return Err(HubError::Ledger(error)),
    }
    Ok(())
}

/// Whether the ledger has the key by now.
async fn kept(key: &PublicKey, receipts: &dyn ReceiptStore, experience: &ExperienceId) -> Result<bool, LedgerError> {
    let pem = key.to_pem();
    for _ in 0..ATTEMPTS {
        let SignedWith { generation, mut keys } = receipts.signed_with(experience).await?;
        if keys.contains(&pem) {
            return Ok(true);
        }
        keys.push(pem.clone());
        keys.drain(..keys.len().saturating_sub(MOST));
        if receipts.put_signed_with(experience, &keys, generation).await? {
            tracing::info!(key = key.id().short(), "the key of now is written down");
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use pmp_ledger::testing::MemoryLedger;
    use pmp_protocol::testing::management;

    use super::*;
    use crate::signing::SigningKey;

    /// The private keys of RFC 8032's first two test vectors.
    const KEYS: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----",
    ];

    /// An alias of KMS may name another key, and a file hold another one, while the hub runs.
    #[tokio::test]
    async fn each_key_is_written_down_before_it_signs_and_asked_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let signer = SigningKey::File(path.clone()).signer(&aws_config::SdkConfig::builder().build());
        let (signing, ledger) =
            (Signing::new(signer, SignedDuration::from_hours(24)), Arc::new(MemoryLedger::default()));
        for (index, key) in KEYS.iter().enumerate() {
            std::fs::write(&path, key).unwrap();
            keep(&signing, ledger.as_ref(), &management()).await.unwrap();
            assert_eq!(ledger.signed_with(&management()).await.unwrap().keys.len(), index + 1);
            ledger.calls();
            keep(&signing, ledger.as_ref(), &management()).await.unwrap();
            assert!(ledger.calls().is_empty());
        }
        // The key of before is known as the hub's own.
        let known = KnownKeys::read(&signing, ledger.as_ref(), &management()).await.unwrap();
        assert_eq!(known.former.len(), 1);
    }
}
