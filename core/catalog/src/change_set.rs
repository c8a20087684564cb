//! Change sets: what is asked of the catalog, and what came of it.

use std::fmt;

use pmp_protocol::{Digest, ExperienceId, ProductBatch, ProductId};

use crate::Revision;

/// One change set on one experience: up to 50 products to allow and up to 50 to deny.
///
/// Two optional batches, not a list of changes: AWS allows each change type once per entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRequest {
    /// The experience.
    pub experience: ExperienceId,
    /// The revision that the change was computed from; a stale one is refused.
    pub revision: Revision,
    /// Products to approve (`AllowProductProcurement`).
    pub allow: Option<ProductBatch>,
    /// Products to reject (`DenyProductProcurement`).
    pub deny: Option<ProductBatch>,
    /// Shown in the console and in `ListChangeSets`: 1 to 100 of letters, digits, spaces and `_+=.:@-`.
    pub name: String,
    /// Distinguishes a deliberate second try from a repeated request; see [`Self::client_request_token`].
    pub attempt: String,
}

impl ChangeSetRequest {
    /// The idempotency token, derived from all that is asked: a request repeated after a lost answer starts nothing a
    /// second time. The `attempt` is part of it, because the catalog answers a repeated token with the first outcome,
    /// failures included.
    #[must_use]
    pub fn client_request_token(&self) -> String {
        let batch = |batch: &Option<ProductBatch>| {
            let ids = batch.iter().flat_map(ProductBatch::products).map(ProductId::as_str);
            ids.collect::<Vec<_>>().join(",")
        };
        let asked = [
            self.experience.as_str(),
            &self.revision.to_string(),
            &batch(&self.allow),
            &batch(&self.deny),
            &self.attempt,
        ];
        Digest::of(asked.join("\n").as_bytes()).hex()
    }
}

/// The id of a change set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeSetId(String);

impl ChangeSetId {
    /// Takes an id as the catalog gave it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How far a change set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSetState {
    /// `PREPARING` or `APPLYING`: its entities are locked.
    Running,
    /// All of it is applied.
    Succeeded,
    /// Someone cancelled it; nothing is applied.
    Cancelled,
    /// Nothing is applied.
    Failed {
        /// `SERVER_FAULT`: the same request may succeed later. Otherwise `CLIENT_ERROR`: it will not.
        server_fault: bool,
        /// What the catalog says, per change.
        errors: Vec<ChangeError>,
    },
}

/// One entry of a change's `ErrorDetailList`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeError {
    /// Such as `ENTITY_NOT_FOUND`.
    pub code: String,
    /// The catalog's own text.
    pub message: String,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn request(product: &str, revision: u64, attempt: &str) -> ChangeSetRequest {
        let products = BTreeSet::from([ProductId::new(product).unwrap()]);
        ChangeSetRequest {
            experience: ExperienceId::new("exp-1").unwrap(),
            revision: Revision(revision),
            allow: ProductBatch::split(&products).pop(),
            deny: None,
            name: "test".into(),
            attempt: attempt.into(),
        }
    }

    #[test]
    fn the_token_changes_with_what_is_asked_and_only_then() {
        let token = request("a", 1, "1").client_request_token();
        assert_eq!(token.len(), 64);
        assert_eq!(token, request("a", 1, "1").client_request_token());
        let denied = ChangeSetRequest { allow: None, deny: request("a", 1, "1").allow, ..request("a", 1, "1") };
        for other in [request("b", 1, "1"), request("a", 2, "1"), request("a", 1, "2"), denied] {
            assert_ne!(token, other.client_request_token());
        }
    }
}
