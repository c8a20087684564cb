//! `public-key`: the key that verifies what this hub signs.

use pmp_terminal::{Exit, Failure, Output, print_lines};
use serde_json::json;

use crate::config::ConfigArgs;
use crate::error::{HubError, sdk};

pub(crate) async fn public_key(config: &ConfigArgs, output: Output) -> Result<Exit, Failure> {
    let key = config.for_public_key()?;
    let sdk = sdk().await?;
    let public = key.signer(&sdk).public_key().await.map_err(HubError::PublicKey)?;
    if output.is_table() {
        print_lines(public.to_pem().trim_end().lines())?;
    } else {
        output.document(&json!({"key_id": public.id(), "kind": public.kind(), "pem": public.to_pem()}))?;
    }
    Ok(Exit::Ok)
}
