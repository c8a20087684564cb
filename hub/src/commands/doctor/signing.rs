//! Checks the key that signs, and what it signed.

use aws_config::SdkConfig;
use pmp_doctor::told;
use pmp_ledger::{DynamoSnapshots, Head, SnapshotStore};
use pmp_protocol::ExperienceId;
use pmp_signature::{Expectation, PublicKey, TrustedKeys, Verified, pae, verify};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::word;

use super::PUBLISH;
use crate::compose;
use crate::config::{DoctorConfig, SIGNING_KEY};
use crate::error::HubError;
use crate::signing::SigningKey;

/// The head in the ledger. `None` if it cannot be read, which other checks report.
pub(super) async fn head(sdk: &SdkConfig, config: &DoctorConfig) -> Option<Head> {
    let (experience, table) = (config.experience.as_ref()?, config.snapshots.clone()?);
    DynamoSnapshots::new(sdk, table).head(experience).await.ok().flatten()
}

/// Checks whether a key was forgotten, if none is set.
pub(super) fn unsigned(head: Option<&Head>) -> Finding {
    let finding = Finding::of("signing-key");
    if head.is_some_and(|head| head.statement.is_some()) {
        return told(finding, &HubError::Unsigned.into());
    }
    Finding::skipped(finding.check(), &format!("{SIGNING_KEY} is not set: snapshots are not signed"))
}

/// Checks whether this key signed the statement of the head, and whether the statement has expired.
fn judge(finding: Finding, public: &PublicKey, experience: &ExperienceId, head: &Head) -> Finding {
    let publish = || "publish once, which signs it again: `pmp-hub publish`".to_owned();
    let expected = Expectation {
        experience,
        version: head.latest,
        digest: head.digest,
        not_older_than: None,
        now: compose::clock().now(),
    };
    match verify(head.statement.as_deref(), &TrustedKeys::only(public.clone()), &expected) {
        Ok(Verified { statement }) => {
            finding.note(format!("snapshot {} is signed by it until {}", statement.version, statement.expires_at))
        }
        Err(refusal) => finding
            .warn(format!("snapshot {}: {refusal}", head.latest), publish())
            .command(Stage::Run, PUBLISH.to_owned()),
    }
}

/// Warns if others than its owner can read the file of the key.
fn readable_by_others(finding: Finding, key: &SigningKey) -> Finding {
    #[cfg(unix)]
    if let SigningKey::File(path) = key {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let fix = format!("`chmod 600 {}`; who has read it can sign", path.display());
            let command = path.to_str().and_then(word).map(|path| format!("chmod 600 {path}"));
            return finding.warn(format!("others can read {}", path.display()), fix).command(Stage::Resources, command);
        }
    }
    finding
}

/// Checks that the key signs, and that its public part verifies the signature. It signs no
/// statement, so nobody can use the signature.
pub(super) async fn signing(
    sdk: &SdkConfig,
    key: &SigningKey,
    experience: Option<&ExperienceId>,
    head: Option<Head>,
) -> Finding {
    let finding = Finding::of("signing-key");
    let signer = key.signer(sdk);
    let message = pae("text/plain", b"pmp-hub doctor");
    let signed = match signer.public_key().await {
        Ok(public) => signer.sign(&message).await.map(|signature| (public, signature)),
        Err(error) => Err(error),
    };
    match signed {
        Ok((public, signature)) if public.verifies(&message, &signature) => {
            let finding = finding.note(key.to_string());
            let finding = finding.note(format!("{} key {}, signs and verifies", public.kind(), public.id().short()));
            let finding = readable_by_others(finding, key);
            match (experience, head) {
                (Some(experience), Some(head)) => judge(finding, &public, experience, &head),
                _ => finding,
            }
        }
        Ok((public, _)) => {
            let fix = "use another key, and tell the owner of this key".to_owned();
            finding.fail(format!("the public key {} does not verify what the key signs", public.id().short()), fix)
        }
        Err(error) => told(finding, &HubError::Sign(error).into()),
    }
}
