//! Signs the hub's statements (rule 9): a small port, with AWS KMS behind it, or a key in a file.

mod file;
#[cfg(feature = "kms")]
mod kms;
#[cfg(any(test, not(feature = "kms")))]
mod no_kms;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use pmp_aws::ApiError;
use pmp_ledger::{Directed, Head};
use pmp_protocol::{Digest, Direction, ExperienceId, Hint, SnapshotVersion};
use pmp_signature::{
    KeyError, KeyId, LocalKeyError, PublicKey, Refusal, SignedDirection, Statement, TrustedKeys, Unsigned, open,
    open_direction,
};
use tokio::sync::Mutex;

use self::file::FileSigner;

/// The prefixes of KMS keys and files, as sigstore and securesystemslib write them.
const KMS: &str = "awskms:///";
const FILE: &str = "file:";

/// A key that signs.
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// The key that verifies what it signs.
    async fn public_key(&self) -> Result<PublicKey, SigningError>;

    /// Signs `message`. The signature is in DER for P-256, and has 64 bytes for Ed25519.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// The reason why a statement could not be signed. Nothing is stored or published without it.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// KMS refused or failed.
    #[error("the key `{key}` cannot be used")]
    Kms {
        /// The ARN of the key.
        key: String,
        /// The answer of KMS, or the reason why no answer came.
        #[source]
        source: ApiError,
    },
    /// This build lacks the feature `kms`.
    #[error("the key `{0}` cannot be used: this build does not know AWS KMS")]
    NoKms(String),
    /// The key is of an unsupported kind.
    #[error("the key `{key}` cannot be used")]
    Kind {
        /// The ARN of the key.
        key: String,
        /// The kind of the key, or the reason why it cannot be read.
        #[source]
        source: KeyError,
    },
    /// The file cannot be read.
    #[error("the key in `{}` cannot be read", path.display())]
    Unreadable {
        /// The file, as the settings name it.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no key that signs.
    #[error("the key in `{}` cannot be used", path.display())]
    File {
        /// The file, as the settings name it.
        path: PathBuf,
        /// The fault in its content.
        #[source]
        source: LocalKeyError,
    },
    /// The signature that came back is not valid for the key.
    #[error("the key {0} gave a signature that its own public key does not verify")]
    NotVerified(String),
}

pmp_protocol::codes!(SigningError {
    Kms { source } => source,
    NoKms => "E4034",
    Kind { source } => source,
    Unreadable => "E4035",
    File { source } => source,
    NotVerified => "E4036",
});

impl Hint for SigningError {
    fn hint(&self) -> Option<String> {
        let make = "make one with `aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY`";
        match self {
            Self::Kms { source, .. } if source.code() == Some("DisabledException") => Some(
                "enable the key (`aws kms enable-key`), or set PMP_SIGNING_KEY to the one that follows it".to_owned(),
            ),
            Self::Kms { source, .. } if source.code() == Some("NotFoundException") => {
                Some(format!("check the ARN in PMP_SIGNING_KEY; {make}"))
            }
            Self::Kms { source, .. } => source.hint(),
            Self::NoKms(_) => Some("use a key in a file, or build pmp-hub with its default features".to_owned()),
            Self::Kind { .. } => Some(make.to_owned()),
            Self::Unreadable { .. } => Some("check PMP_SIGNING_KEY and the file's permissions".to_owned()),
            Self::File { .. } => Some("make one with `openssl genpkey -algorithm ed25519 -out FILE`".to_owned()),
            Self::NotVerified(_) => {
                Some("nothing was published; use another key, and tell the owner of this key".to_owned())
            }
        }
    }
}

/// The key that signs: `awskms:///ARN` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// A key of KMS, by its ARN or an alias's.
    Kms(String),
    /// An Ed25519 key in PKCS#8, in a file.
    File(PathBuf),
}

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither awskms:///ARN (arn:aws:kms:REGION:ACCOUNT:key/ID) nor file:PATH")]
pub struct SigningKeyError;

pmp_protocol::codes!(SigningKeyError => "E4037");

pmp_protocol::without_hint!(SigningKeyError);

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, SigningKeyError> {
        if let Some(path) = text.strip_prefix(FILE) {
            // A URL has two slashes before its path.
            let path = path.strip_prefix("//").unwrap_or(path);
            // If somebody set the key itself instead of its path, no error may show it.
            let is_path = !path.is_empty() && !path.contains("-----") && !path.contains('\n');
            return if is_path { Ok(Self::File(path.into())) } else { Err(SigningKeyError) };
        }
        let arn = text.strip_prefix(KMS).ok_or(SigningKeyError)?;
        match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "kms", region, account, resource]
                if !region.is_empty()
                    && account.len() == 12
                    && (resource.starts_with("key/") || resource.starts_with("alias/")) =>
            {
                Ok(Self::Kms(arn.to_owned()))
            }
            _ => Err(SigningKeyError),
        }
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(arn) => f.pad(arn),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl SigningKey {
    /// The signer for this key. It reads neither the file nor KMS before it signs.
    #[must_use]
    pub fn signer(&self, sdk: &SdkConfig) -> Arc<dyn Signer> {
        match self {
            #[cfg(feature = "kms")]
            Self::Kms(arn) => kms::signer(sdk, arn),
            #[cfg(not(feature = "kms"))]
            Self::Kms(arn) => no_kms::signer(sdk, arn),
            Self::File(path) => Arc::new(FileSigner(path.clone())),
        }
    }
}

/// The key and the lifetime of the hub's statements.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The key that signs each statement.
    pub signer: Arc<dyn Signer>,
    /// The time after which a statement expires.
    pub lifetime: SignedDuration,
    /// The key of which the ledger is known to keep it: another may sign by now.
    pub(crate) kept: Arc<Mutex<Option<KeyId>>>,
}

impl Signing {
    /// Signs with this key, for a statement that is valid for so long.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, lifetime: SignedDuration) -> Self {
        Self { signer, lifetime, kept: Arc::default() }
    }

    /// The signed envelope for a version from `now` on. The signature is verified before it is
    /// used.
    ///
    /// # Errors
    /// If the key cannot be used.
    pub async fn statement(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        now: Timestamp,
    ) -> Result<String, SigningError> {
        let key = self.signer.public_key().await?;
        let statement = Statement::new(experience.clone(), version, digest, key.id().clone(), now, self.lifetime);
        self.sealed(&key, &statement.to_sign()).await
    }

    /// The envelope that vouches for a direction.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub async fn direction(&self, direction: &Direction, now: Timestamp) -> Result<String, SigningError> {
        let key = self.signer.public_key().await?;
        let signed = SignedDirection { direction: direction.clone(), issued_at: now, key_id: key.id().clone() };
        self.sealed(&key, &signed.to_sign()).await
    }

    /// Whether this key signed a direction, just as it stands in the ledger; why not, where it did
    /// not.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub async fn vouches_for(&self, directed: &Directed) -> Result<Result<(), Refusal>, SigningError> {
        Ok(is_signed_with(&self.keys().await?, directed))
    }

    /// This key, as what verifies what it signed. Asking costs a call where the key is elsewhere:
    /// whoever looks at several asks once.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub async fn keys(&self) -> Result<TrustedKeys, SigningError> {
        Ok(TrustedKeys::only(self.signer.public_key().await?))
    }

    /// Whether this key signed the statement beside a head, for just that snapshot; why not, where
    /// it did not. It may have expired since.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub async fn vouches_for_head(
        &self,
        experience: &ExperienceId,
        head: &Head,
    ) -> Result<Result<(), Refusal>, SigningError> {
        let keys = self.keys().await?;
        let Some(envelope) = &head.statement else { return Ok(Err(Refusal::Unsigned)) };
        Ok(match open(envelope, &keys) {
            Ok(statement) if statement.experience != *experience => Err(Refusal::OtherExperience(statement.experience)),
            Ok(statement) if statement.version != head.latest => Err(Refusal::OtherVersion(statement.version)),
            Ok(statement) if statement.digest != head.digest => Err(Refusal::OtherDigest(statement.digest)),
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal),
        })
    }

    async fn sealed(&self, key: &PublicKey, unsigned: &Unsigned) -> Result<String, SigningError> {
        let message = unsigned.pae();
        let signature = self.signer.sign(&message).await?;
        if !key.verifies(&message, &signature) {
            return Err(SigningError::NotVerified(key.id().to_string()));
        }
        Ok(unsigned.sealed(&signature))
    }
}

/// Whether one of these keys signed a direction, just as it stands in the ledger; why not, where
/// none did.
pub(crate) fn is_signed_with(keys: &TrustedKeys, directed: &Directed) -> Result<(), Refusal> {
    let signed = open_direction(directed.statement.as_deref(), keys)?;
    if signed.direction == directed.direction {
        return Ok(());
    }
    Err(Refusal::Malformed("it says something else than what stands beside it".to_owned()))
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;
    use pmp_protocol::Coded;
    use pmp_protocol::testing::{management, now, version};
    use pmp_signature::LocalKey;

    use super::*;

    /// A key whose signatures are those of nobody.
    #[derive(Debug)]
    struct Broken(LocalKey);

    #[async_trait]
    impl Signer for Broken {
        async fn public_key(&self) -> Result<PublicKey, SigningError> {
            Ok(self.0.public().clone())
        }

        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningError> {
            Ok(vec![0; 64])
        }
    }

    #[tokio::test]
    async fn a_key_that_is_not_there_or_signs_wrongly_vouches_for_nothing() {
        const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let missing = FileSigner("/no/such/key.pem".into()).public_key().await.unwrap_err();
        assert_eq!(missing.code().to_string(), "E4035");
        let signer = Arc::new(Broken(LocalKey::from_pem(PEM).unwrap()));
        let signing = Signing::new(signer, SignedDuration::from_hours(24));
        let wrong = signing.statement(&management(), version(1), Digest::of(b"content"), now()).await.unwrap_err();
        assert_eq!(wrong.code().to_string(), "E4036");
    }

    #[test]
    fn a_failed_call_of_kms_keeps_its_hint() {
        let source = ApiError::of("kms:Sign", Outcome::NoAnswer("timed out".into()));
        let hint = source.hint();
        assert!(hint.is_some());
        assert_eq!(SigningError::Kms { key: "arn".to_owned(), source }.hint(), hint);
    }

    #[test]
    fn a_key_is_named_by_arn_or_by_file() {
        let arn = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(format!("awskms:///{arn}").parse(), Ok(SigningKey::Kms(arn.to_owned())));
        let alias = "arn:aws-us-gov:kms:us-gov-west-1:111111111111:alias/pmp-sync";
        assert_eq!(format!("awskms:///{alias}").parse(), Ok(SigningKey::Kms(alias.to_owned())));
        assert_eq!("file:key.pem".parse(), Ok(SigningKey::File("key.pem".into())));
        assert_eq!("file:///etc/key.pem".parse(), Ok(SigningKey::File("/etc/key.pem".into())));
        let bad = [
            arn,
            "awskms://arn:aws:kms:us-east-1:111111111111:key/1",
            "awskms:///key/1",
            "awskms:///arn:aws:kms:us-east-1:1:key/1",
            "awskms:///arn:aws:kms:us-east-1:111111111111:grant/1",
            "file:",
            "key.pem",
        ];
        for bad in bad {
            assert_eq!(bad.parse::<SigningKey>(), Err(SigningKeyError), "{bad}");
        }
    }
}
