//! The port: what this system asks of the Marketplace Catalog.

use std::fmt::Debug;

use async_trait::async_trait;
use pmp_protocol::{Content, ExperienceId};
use serde_json::Value;

use crate::{
    CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetStatus, Experience, Pace, PolicyId, ProcurementPolicy,
};

/// Whose experiences to list. Entities belong to the organization's management account; a delegated
/// administrator sees them only as shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Those that the calling account owns.
    Own,
    /// Those that the organization's management account shares (`Scope = SharedWithMe`).
    SharedWithMe,
}

/// The catalog of one account.
///
/// Each call is made once. An error is returned as it is, and the caller decides by its class what
/// to do. Reads wait for a permit of the account's rate limits by themselves. Callers that start
/// and describe change sets choose what goes first, so they take the permit from [`Self::pace`]
/// before the call.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    /// The pace of this account's calls.
    fn pace(&self) -> &Pace;

    /// The ids of all experiences in `scope`, in any state.
    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError>;

    /// Experiences by id: one outcome for each, in the order asked, so that one that fails does not
    /// hide the others.
    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>>;

    /// Takes note of what the policies are likely to list: what is read of them from now on may
    /// share the texts of its ids. It changes nothing but the memory that the lists take.
    fn expect(&self, _content: &Content) {}

    /// Procurement policies by id: one outcome for each, in the order asked. Each is whole: AWS
    /// does not page them.
    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>>;

    /// Starts a change set. The catalog works on it after this returns; see
    /// [`Self::describe_change_set`]. The caller has taken a permit of
    /// [`Operation::StartChangeSet`](crate::Operation::StartChangeSet).
    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError>;

    /// How far a change set is. The caller has taken a permit of
    /// [`Operation::DescribeChangeSet`](crate::Operation::DescribeChangeSet).
    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetStatus, CatalogError>;

    /// The change sets that are running on `experience`, those of this account and those shared
    /// with it.
    async fn open_change_sets(&self, experience: &ExperienceId) -> Result<Vec<ChangeSetId>, CatalogError>;
}

/// Single calls, whose answers are returned as they are. Where one is refused, no other way is
/// tried: `verify-aws` wants to know what the catalog answers, and not what this system makes of
/// it.
#[async_trait]
pub trait Probe: Catalog {
    /// The ids of all experiences in `scope`, asked for by id, or in no order.
    async fn list_once(&self, scope: Scope, by_id: bool) -> Result<Vec<ExperienceId>, CatalogError>;

    /// Experiences as one `BatchDescribeEntities` describes them: one outcome for each, in the
    /// order asked. At most 20.
    async fn describe_in_batch(
        &self,
        ids: &[ExperienceId],
    ) -> Result<Vec<Result<Experience, CatalogError>>, CatalogError>;

    /// The details of any entity, as `DescribeEntity` tells them: JSON of whatever form.
    async fn details(&self, entity: &str) -> Result<Value, CatalogError>;
}
