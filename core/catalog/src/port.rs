//! The port: what this system asks of the Marketplace Catalog.

use std::fmt::Debug;

use async_trait::async_trait;
use pmp_protocol::ExperienceId;

use crate::{CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetState, Experience, PolicyId, ProcurementPolicy};

/// Whose experiences to list. Entities belong to the organization's management account; a delegated administrator sees
/// them only as shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that the calling account owns.
    Own,
    /// Those that the organization's management account shares (`Scope = SharedWithMe`).
    SharedWithMe,
}

/// The catalog of one account.
///
/// Every call waits for its turn under the account's rate limits and is retried by the adapter on transient faults, so
/// an error that comes back is one to act on.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    /// The ids of all experiences in `scope`, in any state.
    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError>;

    /// Experiences by id: one outcome for each, in the order asked, so that one that fails does not hide the others.
    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>>;

    /// Procurement policies by id: one outcome for each, in the order asked. Each is whole: AWS does not page them.
    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>>;

    /// Starts a change set. The catalog works on it after this returns; see [`Self::describe_change_set`].
    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError>;

    /// How far a change set is.
    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetState, CatalogError>;
}
