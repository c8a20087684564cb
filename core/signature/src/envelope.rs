//! The DSSE envelope (Dead Simple Signing Envelope 1.0), reduced to the part that all libraries
//! agree on: an ASCII payload type, padded standard base64 in one line, and one signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{KeyId, Refusal};

/// The type of the payload, which the signature covers.
pub const PAYLOAD_TYPE: &str = "application/vnd.pmp-sync.statement+json";
/// The largest envelope that is parsed. Ours have some 700 bytes.
pub const MAX_ENVELOPE_BYTES: usize = 8 * 1024;

/// The bytes that are signed: type and payload with their lengths, so that neither can pass for a
/// part of the other.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    // Protocol K2.
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The bytes of a statement before it is signed.
#[derive(Debug, Clone)]
pub struct Unsigned {
    payload: Vec<u8>,
    key_id: KeyId,
}

impl Unsigned {
    pub(crate) fn new(payload: Vec<u8>, key_id: KeyId) -> Self {
        Self { payload, key_id }
    }

    /// The bytes that the key signs.
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &self.payload)
    }

    /// The envelope with this signature over [`Self::pae`]. The signature is in DER for P-256, and
    /// has 64 bytes for Ed25519.
    #[must_use]
    pub fn sealed(&self, signature: &[u8]) -> String {
        let signatures =
            vec![Signature { keyid: Some(self.key_id.as_str().to_owned()), sig: STANDARD.encode(signature) }];
        let envelope =
            Envelope { payload: STANDARD.encode(&self.payload), payload_type: PAYLOAD_TYPE.to_owned(), signatures };
        // The envelope consists of texts, so serializing it cannot fail.
        serde_json::to_string(&envelope).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

/// A parsed envelope. Nothing in it is verified yet.
pub(crate) struct Opened {
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// The key that it claims to be signed by. It is only a hint, because anybody who holds the
    /// envelope can change it.
    pub(crate) hint: Option<String>,
}

pub(crate) fn open(text: &str) -> Result<Opened, Refusal> {
    // Protocol K1.
    let malformed = |problem: String| Refusal::Malformed(problem);
    if text.len() > MAX_ENVELOPE_BYTES {
        return Err(malformed(format!("the envelope has {} bytes, more than {MAX_ENVELOPE_BYTES}", text.len())));
    }
    let envelope: Envelope =
        // Serde's own message is left out, because it repeats the content, which anyone may have
        // written (rule 14).
        serde_json::from_str(text).map_err(|error| malformed(format!("not a DSSE envelope (column {})", error.column())))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(malformed(format!("the payload is not of the type {PAYLOAD_TYPE}")));
    }
    let [signature] = envelope.signatures.as_slice() else {
        let found = envelope.signatures.len();
        return Err(malformed(format!("the envelope holds {found} signatures, not exactly one")));
    };
    let decode = |text: &str, what: &str| {
        STANDARD.decode(text).map_err(|_| malformed(format!("the {what} is not padded standard base64 in one line")))
    };
    Ok(Opened {
        payload: decode(&envelope.payload, "payload")?,
        signature: decode(&signature.sig, "signature")?,
        hint: signature.keyid.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pae_is_that_of_the_specification() {
        // Protocol K2.
        // The example of DSSE's own protocol description.
        let pae = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(pae, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert!(PAYLOAD_TYPE.is_ascii(), "libraries count other characters differently");
    }
}
