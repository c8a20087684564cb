//! KMS: the calls with which a hub signs its statements, and those that create and disable a key.
//!
//! It is our own, because awsim has no KMS. It has keys over P-256 only. As in KMS, a digest is
//! signed as it is given, a raw message has at most 4,096 bytes, and a disabled key cannot be used.
//! Keys are saved with the state, and no call returns a private key.

use std::collections::BTreeMap;
use std::sync::Mutex;

use awsim_core::AwsError;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p256::SecretKey;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::access::{Conditions, Question};
use super::{Call, Cloud, account_in};

const SPEC: &str = "ECC_NIST_P256";
const USAGE: &str = "SIGN_VERIFY";
const ALGORITHM: &str = "ECDSA_SHA_256";
/// KMS's limit in bytes for a message that it hashes itself.
const LONGEST_MESSAGE: usize = 4_096;

/// All keys, by their ARNs.
#[derive(Default)]
pub(super) struct Keys(Mutex<BTreeMap<String, Key>>);

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    /// The private scalar, in base64.
    secret: String,
    enabled: bool,
    created: i64,
    description: String,
    /// The key's own policy; `None` for AWS's default policy.
    policy: Option<String>,
}

impl Keys {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Key>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The keys as JSON, for the saved state.
    pub(super) fn saved(&self) -> Result<String, serde_json::Error> {
        self.with(|keys| serde_json::to_string(keys))
    }

    /// Restores the keys of a saved state. A state from before KMS was added has none.
    pub(super) fn restore(&self, saved: &str) -> Result<(), serde_json::Error> {
        let read = if saved.is_empty() { BTreeMap::new() } else { serde_json::from_str(saved)? };
        self.with(|keys| *keys = read);
        Ok(())
    }
}

impl Key {
    fn secret(&self) -> Result<SecretKey, AwsError> {
        let bytes = STANDARD.decode(&self.secret).unwrap_or_default();
        SecretKey::from_slice(&bytes).map_err(|error| internal(&error))
    }

    fn described(&self, arn: &str) -> Value {
        json!({
            "AWSAccountId": account_in(arn),
            "Arn": arn,
            "CreationDate": self.created,
            "CustomerMasterKeySpec": SPEC,
            "Description": self.description,
            "Enabled": self.enabled,
            "KeyId": id_of(arn),
            "KeyManager": "CUSTOMER",
            "KeySpec": SPEC,
            "KeyState": if self.enabled { "Enabled" } else { "Disabled" },
            "KeyUsage": USAGE,
            "MultiRegion": false,
            "Origin": "AWS_KMS",
            "SigningAlgorithms": [ALGORITHM],
        })
    }
}

impl Cloud {
    pub(super) fn answer_kms(&self, operation: &str, input: &Value, call: &Call) -> Result<Value, AwsError> {
        if operation == "CreateKey" {
            let (caller, conditions) = (&call.caller, Conditions::new());
            let (owner, resource_policy) = (caller.account(), None);
            let action = "kms:CreateKey";
            let question = Question { caller, action, resource: "*", owner, resource_policy, conditions };
            self.access.decide(question).map_err(|denied| refused("AccessDeniedException", denied.0))?;
            return self.create_key(input, call);
        }
        if !matches!(operation, "DescribeKey" | "DisableKey" | "EnableKey" | "GetPublicKey" | "Sign") {
            return Err(AwsError::unknown_operation(operation));
        }
        let arn = key_arn(input["KeyId"].as_str().unwrap_or_default(), call)?;
        let key = self.keys.with(|keys| keys.get(&arn).cloned());
        let owner = account_in(&arn).unwrap_or_default();
        // An unknown key is treated like one with the default policy, so that IAM decides first.
        let policy = key.as_ref().and_then(|key| key.policy.clone()).unwrap_or_else(|| default_policy(owner));
        self.authorize_kms(operation, &arn, owner, &policy, call)?;
        let key = key.ok_or_else(|| refused("NotFoundException", format!("Key '{arn}' does not exist")))?;
        match operation {
            "DescribeKey" => Ok(json!({ "KeyMetadata": key.described(&arn) })),
            "DisableKey" | "EnableKey" => {
                let enabled = operation == "EnableKey";
                self.keys.with(|keys| {
                    if let Some(key) = keys.get_mut(&arn) {
                        key.enabled = enabled;
                    }
                });
                Ok(json!({}))
            }
            _ if !key.enabled => Err(refused("DisabledException", format!("{arn} is disabled."))),
            "GetPublicKey" => {
                let public = key.secret()?.public_key().to_public_key_der().map_err(|error| internal(&error))?;
                Ok(json!({
                    "CustomerMasterKeySpec": SPEC,
                    "KeyId": arn,
                    "KeySpec": SPEC,
                    "KeyUsage": USAGE,
                    "PublicKey": STANDARD.encode(public.as_bytes()),
                    "SigningAlgorithms": [ALGORITHM],
                }))
            }
            _ => sign(&key, &arn, input),
        }
    }

    fn authorize_kms(
        &self,
        operation: &str,
        resource: &str,
        owner: &str,
        policy: &str,
        call: &Call,
    ) -> Result<(), AwsError> {
        let (action, conditions, resource_policy) = (format!("kms:{operation}"), Conditions::new(), Some(policy));
        let question = Question { caller: &call.caller, action: &action, resource, owner, resource_policy, conditions };
        self.access.decide_by_resource(question).map_err(|denied| refused("AccessDeniedException", denied.0))
    }

    fn create_key(&self, input: &Value, call: &Call) -> Result<Value, AwsError> {
        let text = |name: &str| input[name].as_str();
        let spec = text("KeySpec").or(text("CustomerMasterKeySpec")).unwrap_or("SYMMETRIC_DEFAULT");
        let usage = text("KeyUsage").unwrap_or("ENCRYPT_DECRYPT");
        if (spec, usage) != (SPEC, USAGE) {
            let text = format!("There are keys of the spec {SPEC} for {USAGE} here, and none of {spec} for {usage}");
            return Err(refused("UnsupportedOperationException", text));
        }
        if text("Policy").is_some_and(|policy| awsim_iam_policy::parse(policy).is_err()) {
            return Err(refused("MalformedPolicyDocumentException", "The policy cannot be read".to_owned()));
        }
        let key = Key {
            secret: STANDARD.encode(new_secret()?),
            enabled: true,
            created: self.clock.now().as_second(),
            description: text("Description").unwrap_or_default().to_owned(),
            policy: text("Policy").map(str::to_owned),
        };
        let prefix = format!("arn:aws:kms:{}:{}:key/", call.region, call.caller.account());
        let described = self.keys.with(|keys| {
            let earlier = keys.keys().filter(|arn| arn.starts_with(&prefix)).count();
            let arn = format!("{prefix}{}", key_id(&prefix, earlier));
            let described = key.described(&arn);
            keys.insert(arn, key);
            described
        });
        Ok(json!({ "KeyMetadata": described }))
    }
}

/// AWS's default policy for a key: the account's own policies decide.
fn default_policy(account: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// The id of a key that has `earlier` predecessors in its account and region. It is the same in
/// every run, so that policies can name it beforehand. The key itself is random.
fn key_id(prefix: &str, earlier: usize) -> String {
    let hash = Sha256::digest(format!("{prefix}{earlier}"));
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A random scalar within the curve's range. Nearly every number of 32 bytes is.
fn new_secret() -> Result<[u8; 32], AwsError> {
    loop {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| internal(&error))?;
        if SecretKey::from_slice(&bytes).is_ok() {
            return Ok(bytes);
        }
    }
}

fn sign(key: &Key, arn: &str, input: &Value) -> Result<Value, AwsError> {
    let algorithm = input["SigningAlgorithm"].as_str().unwrap_or_default();
    if algorithm != ALGORITHM {
        let text = format!("Algorithm {algorithm} and key spec {SPEC} are incompatible.");
        return Err(refused("InvalidKeyUsageException", text));
    }
    let invalid = |text: &str| refused("ValidationException", text.to_owned());
    let message = input["Message"].as_str().and_then(|text| STANDARD.decode(text).ok());
    let message = message.filter(|message| !message.is_empty()).ok_or_else(|| {
        invalid("1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length greater than or equal to 1")
    })?;
    if message.len() > LONGEST_MESSAGE {
        return Err(invalid(
            "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096",
        ));
    }
    let digest: Vec<u8> = match input["MessageType"].as_str().unwrap_or("RAW") {
        "RAW" => Sha256::digest(&message).to_vec(),
        "DIGEST" if message.len() == 32 => message,
        "DIGEST" => return Err(invalid("Digest is invalid length for algorithm ECDSA_SHA_256.")),
        _ => {
            return Err(invalid(
                "1 validation error detected: Value at 'messageType' failed to satisfy constraint: Member must satisfy enum value set: [RAW, DIGEST, EXTERNAL_MU]",
            ));
        }
    };
    if input["DryRun"] == true {
        let text = "The request would have succeeded, but the DryRun option is set.".to_owned();
        return Err(AwsError { status: StatusCode::PRECONDITION_FAILED, ..refused("DryRunOperationException", text) });
    }
    let signature: Signature =
        SigningKey::from(key.secret()?).sign_prehash(&digest).map_err(|error| internal(&error))?;
    Ok(json!({
        "KeyId": arn,
        "Signature": STANDARD.encode(signature.to_der().as_bytes()),
        "SigningAlgorithm": ALGORITHM,
    }))
}

/// The ARN of a key that is named by its ARN or by its id. There are no aliases here.
fn key_arn(name: &str, call: &Call) -> Result<String, AwsError> {
    match name.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "kms", region, _, resource] if resource.starts_with("key/") && *region == call.region => {
            Ok(name.to_owned())
        }
        [id] if !id.is_empty() && !id.contains('/') => {
            Ok(format!("arn:aws:kms:{}:{}:key/{id}", call.region, call.caller.account()))
        }
        _ => Err(refused("NotFoundException", format!("Invalid keyId '{name}'"))),
    }
}

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// An error of KMS, which has the same HTTP status for every error of a caller.
fn refused(code: &str, message: String) -> AwsError {
    AwsError::bad_request(code, message)
}

fn internal(error: &impl std::fmt::Display) -> AwsError {
    AwsError::server_error("KMSInternalException", error.to_string())
}
