//! `CreateAgentTokenContainer`, `RequestExpressPrivateOffer` and `ExpireToken`: how a buyer gets an
//! offer without a person at the seller. AWS names the change types in its policies, and publishes
//! nothing about their details. So any details are accepted; only the IAM side of these changes is
//! reliable.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{AgentTokens, Body, Entity};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};

/// A change of a token container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenChange {
    Create,
    RequestOffer,
    Expire,
}

/// Accepts details of any form, if they are an object.
pub(super) fn read(change: TokenChange, details: &Value) -> Result<TokenChange, CatalogError> {
    if details.is_object() {
        return Ok(change);
    }
    Err(CatalogError::validation("Details must be an object").in_field("Details"))
}

/// A request for an offer always fails: a world has no seller who makes offers automatically.
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
