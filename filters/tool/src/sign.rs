//! `pmp-filter sign` and `verify`: sign a component, and verify its signer.
//!
//! The signature is a file beside the component, in OpenSSH's own format (SSHSIG). People sign with
//! the Ed25519 keys that they have, and can verify with `ssh-keygen -Y verify` on machines without
//! this program. The component itself does not change, so its digest, which a spoke can pin, stays
//! the same.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use pmp_protocol::{Digest, Hint};
use pmp_terminal::{Exit, Failure, Output};
use serde_json::json;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use crate::component::Component;
use crate::signers::{NAMESPACE, Signers, SignersError};

/// The reason why a filter could not be signed, or why its signature is not valid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("`{0}` is built in: it has no file, and is as good as this program")]
    BuiltIn(String),
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("`{}` is no private key of OpenSSH", path.display())]
    PrivateKey { path: PathBuf, source: ssh_key::Error },
    #[error("the key `{}` is protected by a passphrase", path.display())]
    Passphrase { path: PathBuf, component: PathBuf },
    #[error("cannot sign with the key `{}`, which is {algorithm}: it must be ssh-ed25519", path.display())]
    Algorithm { path: PathBuf, algorithm: String, source: ssh_key::Error },
    #[error("there is no signature `{}`", .0.display())]
    NoSignature(PathBuf),
    #[error("`{}` is no signature of OpenSSH", path.display())]
    Signature { path: PathBuf, source: ssh_key::Error },
    #[error("the signature `{}` was made for `{found}`, not for `{NAMESPACE}`", path.display())]
    Namespace { path: PathBuf, found: String },
    #[error(transparent)]
    Signers(#[from] SignersError),
    #[error("the signature is by {fingerprint}, which is none of the keys in `{}`", keys.display())]
    Stranger { fingerprint: String, keys: PathBuf },
    #[error("the signature does not fit the component: one of the two was changed")]
    Broken(#[source] ssh_key::Error),
}

pmp_protocol::codes!(SignatureError {
    BuiltIn => "E2121",
    Read => "E2122",
    Write => "E2123",
    PrivateKey => "E2124",
    Passphrase => "E2125",
    Algorithm => "E2126",
    NoSignature => "E2127",
    Signature => "E2128",
    Namespace => "E2129",
    Signers(source) => source,
    Stranger => "E2130",
    Broken => "E2131",
});

impl Hint for SignatureError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Passphrase { path, component } => Some(format!(
                "sign with OpenSSH, which asks for it or its agent: `ssh-keygen -Y sign -n {NAMESPACE} -f {} {}`",
                path.display(),
                component.display()
            )),
            Self::NoSignature(_) => Some("`pmp-filter sign` makes one".to_owned()),
            Self::Signers(source) => source.hint(),
            Self::BuiltIn(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::PrivateKey { .. }
            | Self::Algorithm { .. }
            | Self::Signature { .. }
            | Self::Namespace { .. }
            | Self::Stranger { .. }
            | Self::Broken(_) => None,
        }
    }
}

/// The options of `pmp-filter sign`.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    component: Component,
    /// The private key, as `ssh-keygen -t ed25519` makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// The options of `pmp-filter verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    component: Component,
    /// Whose signature counts: a public key, or a list of allowed signers as `ssh-keygen -Y verify`
    /// reads it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The signature [default: the component's name with .sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

impl Sign {
    /// Writes the signature beside the component.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let (component, bytes) = read(&self.component)?;
        let path = beside(&component);
        let key = sign(&self.key, &component, &bytes, &path)?;
        tell(output, &component, &bytes, &path, &key, None)
    }
}

impl Verify {
    /// Prints the signer. An invalid signature is an error.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let (component, bytes) = read(&self.component)?;
        let path = self.signature.unwrap_or_else(|| beside(&component));
        let signed = Signed::read(&path)?;
        let signer = signed.verify(&bytes, &self.key)?;
        tell(output, &component, &bytes, &path, &signed.fingerprint(), Some(&signer))
    }
}

fn read(component: &Component) -> Result<(PathBuf, Vec<u8>), Failure> {
    let file = component.file()?.ok_or_else(|| SignatureError::BuiltIn(component.to_string()))?;
    let bytes = std::fs::read(&file).map_err(|source| SignatureError::Read { path: file.clone(), source })?;
    Ok((file, bytes))
}

/// The path of the signature, which is also the one that `ssh-keygen -Y sign` uses.
pub(crate) fn beside(component: &Path) -> PathBuf {
    let mut name = OsString::from(component);
    name.push(".sig");
    name.into()
}

/// Signs with a key, and returns its fingerprint.
fn sign(key: &Path, component: &Path, bytes: &[u8], to: &Path) -> Result<String, SignatureError> {
    let text = std::fs::read_to_string(key).map_err(|source| SignatureError::Read { path: key.to_owned(), source })?;
    let private = PrivateKey::from_openssh(&text)
        .map_err(|source| SignatureError::PrivateKey { path: key.to_owned(), source })?;
    if private.is_encrypted() {
        return Err(SignatureError::Passphrase { path: key.to_owned(), component: component.to_owned() });
    }
    let signature =
        private.sign(NAMESPACE, HashAlg::Sha512, bytes).and_then(|signature| signature.to_pem(LineEnding::LF));
    let signature = signature.map_err(|source| SignatureError::Algorithm {
        path: key.to_owned(),
        algorithm: private.algorithm().to_string(),
        source,
    })?;
    std::fs::write(to, signature).map_err(|source| SignatureError::Write { path: to.to_owned(), source })?;
    Ok(private.fingerprint(HashAlg::Sha256).to_string())
}

/// A parsed signature. It is not verified yet; [`Self::verify`] does that.
pub(crate) struct Signed(SshSig);

impl Signed {
    pub(crate) fn read(path: &Path) -> Result<Self, SignatureError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SignatureError::NoSignature(path.to_owned()));
            }
            Err(source) => return Err(SignatureError::Read { path: path.to_owned(), source }),
        };
        let signature =
            SshSig::from_pem(text).map_err(|source| SignatureError::Signature { path: path.to_owned(), source })?;
        if signature.namespace() != NAMESPACE {
            let found = signature.namespace().to_owned();
            return Err(SignatureError::Namespace { path: path.to_owned(), found });
        }
        Ok(Self(signature))
    }

    /// The fingerprint of the key that the signature names.
    pub(crate) fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether the signature is valid for the bytes, under the key that it names. It does not say
    /// whose key that is.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        ssh_key::PublicKey::from(self.0.public_key().clone()).verify(NAMESPACE, bytes, &self.0).is_ok()
    }

    /// Returns the signer, from a file of keys that count.
    fn verify(&self, bytes: &[u8], keys: &Path) -> Result<String, SignatureError> {
        let signers = Signers::read(keys)?;
        let stranger = || SignatureError::Stranger { fingerprint: self.fingerprint(), keys: keys.to_owned() };
        let signer = signers.named(self.0.public_key()).ok_or_else(stranger)?;
        signer.key.verify(NAMESPACE, bytes, &self.0).map_err(SignatureError::Broken)?;
        Ok(signer.name.clone())
    }
}

fn tell(
    output: Output,
    component: &Path,
    bytes: &[u8],
    signature: &Path,
    key: &str,
    signer: Option<&str>,
) -> Result<Exit, Failure> {
    let digest = Digest::of(bytes);
    if !output.is_table() {
        output.document(&json!({
            "component": component, "digest": digest, "signature": signature, "key": key, "signer": signer,
        }))?;
        return Ok(Exit::Ok);
    }
    output.line(&format!("Component     {}", component.display()))?;
    output.line(&format!("Digest        {digest}"))?;
    output.line(&format!("Signature     {}", signature.display()))?;
    output.line(&format!("Key           {key}"))?;
    if let Some(signer) = signer {
        output.line(&format!("Signed by     {}", signer))?;
    }
    Ok(Exit::Ok)
}
