//! `CreateAgentTokenContainer`, `RequestExpressPrivateOffer` and `ExpireToken`: how a buyer gets an offer without a seller's
//! people. AWS names them in its policies, and publishes nothing of their details: any are taken, and only what IAM sees of
//! them is sure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{AgentTokens, Body, Entity};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};

/// What is asked of a container of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenChange {
    Create,
    RequestOffer,
    Expire,
}

/// Takes details of any form, as long as they are an object.
pub(super) fn read(change: TokenChange, details: &Value) -> Result<TokenChange, CatalogError> {
    if details.is_object() {
        return Ok(change);
    }
    Err(CatalogError::validation("Details must be an object").in_field("Details"))
}

/// No seller of a world makes offers by itself.
pub(super) fn check(change: TokenChange) -> Vec<ErrorDetail> {
    match change {
        TokenChange::RequestOffer => {
            vec![ErrorDetail::not_found("No seller offers this product by express private offer")]
        }
        TokenChange::Create | TokenChange::Expire => Vec::new(),
    }
}

pub(super) fn apply(
    change: TokenChange,
    id: &str,
    account: &str,
    catalog: &mut Catalog,
    touched: &mut BTreeSet<String>,
    now: Timestamp,
) {
    match change {
        TokenChange::Create => {
            let body = Body::AgentTokens(AgentTokens { expired: false });
            catalog.add(Entity::new(id.to_owned(), account, "Agent token container", body, now));
        }
        TokenChange::Expire => {
            if let Some(Entity { body: Body::AgentTokens(tokens), .. }) = catalog.entities.get_mut(id) {
                tokens.expired = true;
            }
        }
        TokenChange::RequestOffer => {}
    }
    touched.insert(id.to_owned());
}
