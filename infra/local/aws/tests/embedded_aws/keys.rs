//! KMS: keys that sign, their limits and states, and that they survive a restart.

use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyState, KeyUsageType, MessageType, SigningAlgorithmSpec};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::rig::{HUB, MEMBER, Rig, world};

async fn create(client: &Client) -> String {
    let call = client.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    call.send().await.unwrap().key_metadata.unwrap().arn.unwrap()
}

/// The signature, or the error's name.
async fn sign(client: &Client, key: &str, message: &[u8], kind: MessageType) -> Result<Signature, String> {
    let call = client.sign().key_id(key).message(Blob::new(message)).message_type(kind);
    match call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await {
        Ok(answer) => Ok(Signature::from_der(answer.signature.unwrap().as_ref()).unwrap()),
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

async fn public(client: &Client, key: &str) -> VerifyingKey {
    let answer = client.get_public_key().key_id(key).send().await.unwrap();
    assert_eq!(answer.key_id.as_deref(), Some(key));
    VerifyingKey::from_public_key_der(answer.public_key.unwrap().as_ref()).unwrap()
}

#[tokio::test]
async fn a_key_signs_what_it_is_given_within_the_limits_of_kms() {
    let rig = Rig::start(world()).await;
    let client = Client::new(&rig.account(HUB));
    let key = create(&client).await;
    let verifying = public(&client, &key).await;
    let digest = Sha256::digest(b"message");
    for (message, kind) in [(b"message".as_slice(), MessageType::Raw), (digest.as_slice(), MessageType::Digest)] {
        let signature = sign(&client, &key, message, kind).await.unwrap();
        verifying.verify_prehash(&digest, &signature).unwrap();
    }
    let refused = async |message: &[u8], kind| sign(&client, &key, message, kind).await.unwrap_err();
    assert!(sign(&client, &key, &[0; 4_096], MessageType::Raw).await.is_ok());
    assert_eq!(refused(&[0; 4_097], MessageType::Raw).await, "ValidationException");
    assert_eq!(refused(&[0; 31], MessageType::Digest).await, "ValidationException");
    assert_eq!(refused(&[0; 33], MessageType::Digest).await, "ValidationException");
    let other = client.create_key().key_spec(KeySpec::EccNistP384).key_usage(KeyUsageType::SignVerify).send().await;
    assert_eq!(other.unwrap_err().code(), Some("UnsupportedOperationException"));
}

#[tokio::test]
async fn a_disabled_key_does_nothing_and_a_stranger_may_do_nothing_with_any() {
    let rig = Rig::start(world()).await;
    let client = Client::new(&rig.account(HUB));
    let key = create(&client).await;
    client.disable_key().key_id(&key).send().await.unwrap();
    let state = client.describe_key().key_id(&key).send().await.unwrap().key_metadata.unwrap().key_state;
    assert_eq!(state, Some(KeyState::Disabled));
    assert_eq!(sign(&client, &key, &[0; 32], MessageType::Digest).await.unwrap_err(), "DisabledException");
    client.enable_key().key_id(&key).send().await.unwrap();
    assert!(sign(&client, &key, &[0; 32], MessageType::Digest).await.is_ok());
    let stranger = Client::new(&rig.account(MEMBER));
    assert_eq!(sign(&stranger, &key, &[0; 32], MessageType::Digest).await.unwrap_err(), "AccessDeniedException");
    let missing = key.rsplit_once('/').unwrap().0.to_owned() + "/none";
    assert_eq!(sign(&client, &missing, &[0; 32], MessageType::Digest).await.unwrap_err(), "NotFoundException");
}

#[tokio::test]
async fn a_keys_own_policy_alone_opens_it_even_to_its_account() {
    let rig = Rig::start(world()).await;
    let client = Client::new(&rig.account(HUB));
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:aws:iam::{HUB}:role/signer") } }] });
    let call = client.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    let call = call.policy(policy.to_string()).bypass_policy_lockout_safety_check(true);
    let key = call.send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    assert_eq!(sign(&client, &key, &[0; 32], MessageType::Digest).await.unwrap_err(), "AccessDeniedException");
}

#[tokio::test]
async fn keys_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::keeping(world(), folder.path()).await;
    let client = Client::new(&rig.account(HUB));
    let key = create(&client).await;
    let before = public(&client, &key).await;
    rig.server.shutdown().await;
    let rig = Rig::keeping(world(), folder.path()).await;
    assert_eq!(public(&Client::new(&rig.account(HUB)), &key).await, before);
}
