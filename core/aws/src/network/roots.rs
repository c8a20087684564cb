//! Whose certificates are believed: the machine's roots, or those of a bundle that is named in
//! their place.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::ConfigError;
use crate::profile::Profile;

/// The roots that are trusted.
#[derive(Debug)]
pub(crate) enum Roots {
    /// Those of the machine, which the environment may have put elsewhere: `SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`.
    Machine {
        /// The variable that says where they are.
        variable: Option<&'static str>,
    },
    /// Those of a file, and no others: as with the AWS CLI.
    Bundle {
        /// The variable or the setting that names the file.
        source: String,
        /// Path of the file with certificates.
        path: PathBuf,
        /// Its certificates that can be roots.
        pem: Vec<u8>,
        /// How many there are.
        number: usize,
    },
}

impl Roots {
    /// As `AWS_CA_BUNDLE` names them, or `ca_bundle` of the profile. A blank one counts as absent.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>, profile: &Profile) -> Result<Self, ConfigError> {
        let set = |text: &String| !text.trim().is_empty();
        let named = variable("AWS_CA_BUNDLE").filter(set).map(|path| ("AWS_CA_BUNDLE".to_owned(), path));
        let of_profile = || {
            let path = profile.get("ca_bundle").map(str::to_owned).filter(set)?;
            Some((format!("`ca_bundle` of the profile `{}`", profile.name()), path))
        };
        if let Some((source, path)) = named.or_else(of_profile) {
            return Self::bundle(source, PathBuf::from(path.trim()));
        }
        let elsewhere =
            ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find(|name| variable(name).as_ref().is_some_and(set));
        Ok(Self::Machine { variable: elsewhere })
    }

    fn bundle(source: String, path: PathBuf) -> Result<Self, ConfigError> {
        let read = std::fs::read(&path).map_err(|error| {
            let is_folder = path.is_dir();
            if is_folder { "is a folder, and no file".to_owned() } else { format!("cannot be read: {error}") }
        });
        match read.and_then(|bytes| roots_in(&bytes, &path)) {
            Ok((pem, number)) => Ok(Self::Bundle { source, path, pem, number }),
            Err(problem) => Err(ConfigError::Bundle { source, path, problem }),
        }
    }

    /// The roots in the form that the connectors take.
    pub(crate) fn context(&self) -> TlsContext {
        let Self::Bundle { pem, .. } = self else { return TlsContext::default() };
        let store = TrustStore::empty().with_pem_certificate(pem.clone());
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// The certificates in a bundle that can be roots, as PEM, and their number.
fn roots_in(bytes: &[u8], path: &Path) -> Result<(Vec<u8>, usize), String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty".to_owned());
    }
    let (mut store, mut pem, mut odd) = (RootCertStore::empty(), String::new(), 0_usize);
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        let certificate = certificate.map_err(|error| format!("is damaged: {error}"))?;
        let encoded = BASE64_STANDARD.encode(&certificate);
        // The SDK ends the process where it meets one that cannot be a root; old bundles hold such.
        match store.add(certificate) {
            Ok(()) => pem += &format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n"),
            Err(_) => odd += 1,
        }
    }
    if !store.is_empty() {
        if odd > 0 {
            tracing::warn!(bundle = %path.display(), certificates = odd, "some certificates of the bundle are of no use as roots");
        }
        return Ok((pem.into_bytes(), store.len()));
    }
    if odd > 0 {
        return Err("holds no certificate that can be a root".to_owned());
    }
    // How DER begins.
    Err(if bytes.starts_with(&[0x30, 0x82]) {
        "is DER, not PEM"
    } else {
        "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
    }
    .to_owned())
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine { variable: None } => f.write_str("the roots of this machine"),
            Self::Machine { variable: Some(variable) } => write!(f, "the roots of {variable}"),
            Self::Bundle { source, path, number, .. } => {
                let noun = if *number == 1 { "root" } else { "roots" };
                write!(f, "the {number} {noun} of `{}` ({source}) alone", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root that was made for this test, and has no key any more.
    const ROOT: &str = include_str!("../../tests/root.pem");

    fn read(bytes: &[u8]) -> Result<usize, String> {
        roots_in(bytes, Path::new("ca.pem")).map(|(_, number)| number)
    }

    #[test]
    fn a_bundle_is_read_with_what_people_write_between_its_certificates() {
        assert_eq!(read(ROOT.as_bytes()), Ok(1));
        let commented = format!("# Corporate root\r\n{}\nAnother\n{ROOT}", ROOT.replace('\n', "\r\n"));
        assert_eq!(read(commented.as_bytes()), Ok(2));
    }

    #[test]
    fn what_is_no_bundle_is_said_in_words() {
        assert_eq!(read(b" \n"), Err("is empty".into()));
        assert!(read(b"<html>").unwrap_err().starts_with("holds no certificate in PEM"));
        assert_eq!(read(&[0x30, 0x82, 1, 2]), Err("is DER, not PEM".into()));
        let damaged = ROOT.replacen('M', "!", 1);
        assert!(read(damaged.as_bytes()).unwrap_err().starts_with("is damaged"), "{:?}", read(damaged.as_bytes()));
        let no_root = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read(no_root.as_bytes()), Err("holds no certificate that can be a root".into()));
        // Beside one that can be used it is left out.
        assert_eq!(read(format!("{no_root}{ROOT}").as_bytes()), Ok(1));
    }
}
