//! The port of the catalog, with its faults.

use async_trait::async_trait;
use pmp_catalog::{
    Catalog, CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus,
    Experience, ExperienceStatus, Pace, Part, PolicyId, ProcurementPolicy, Revision, Scope,
};
use pmp_protocol::{ExperienceId, ProductBatch, ProductId};
use tokio::time::Instant;

use super::{Failure, Ports};
use crate::catalog::{Change, Outcome, Refused};
use crate::faults::{Fault, Operation, api};
use crate::world::World;

fn policy_of(experience: &ExperienceId) -> PolicyId {
    PolicyId::new(&format!("policy-{experience}")).unwrap()
}

fn in_catalog(Failure::Api(error): Failure) -> CatalogError {
    CatalogError::Api(error)
}

fn refusal(refused: Refused) -> CatalogError {
    CatalogError::Api(match refused {
        Refused::Locked(holder) => {
            api("ResourceInUseException", &format!("entities locked by change sets: '{holder}'"), 423)
        }
        Refused::Stale(newest) => api("ValidationException", &format!("the newest revision is {newest}"), 422),
        Refused::TooManyOpen => api("ServiceQuotaExceededException", "too many open change sets", 402),
        Refused::TokenReused => api("ValidationException", "the request token was used with other parameters", 422),
        Refused::Missing => api("ResourceNotFoundException", "not found", 404),
    })
}

fn change_of(part: &Part) -> Change {
    let ids = |batch: &Option<ProductBatch>| batch.iter().flat_map(ProductBatch::products).cloned().collect();
    Change {
        experience: ExperienceId::clone(&part.experience),
        revision: Some(part.revision.0),
        allow: ids(&part.allow),
        deny: ids(&part.deny),
    }
}

/// What the catalog says of a product that it does not take: of each change that names it.
fn errors_of(changes: &[Change], product: &ProductId) -> Vec<ChangeError> {
    let error = |change: &Change, kind| ChangeError {
        entity: Some(change.experience.to_string()),
        kind: Some(kind),
        code: "ENTITY_NOT_FOUND".to_owned(),
        message: "one of the products does not exist".to_owned(),
    };
    let mut errors = Vec::new();
    for change in changes {
        errors.extend(change.allow.contains(product).then(|| error(change, ChangeKind::Allow)));
        errors.extend(change.deny.contains(product).then(|| error(change, ChangeKind::Deny)));
    }
    errors
}

#[async_trait]
impl Catalog for Ports {
    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        let list = |world: &mut World, fault| match scope {
            Scope::Own => Fault::cut(fault, world.catalog.experiences.keys().cloned()),
            Scope::SharedWithMe => Vec::new(),
        };
        self.call(Operation::ListExperiences, "", list).await.map_err(in_catalog)
    }

    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>> {
        let describe = |world: &mut World, _| {
            let one = |id: &ExperienceId| {
                let found = world.catalog.experiences.get(id).ok_or_else(|| CatalogError::NotFound(id.to_string()))?;
                Ok(Experience {
                    id: id.clone(),
                    revision: Revision(found.revision),
                    name: id.to_string(),
                    status: ExperienceStatus::Enabled,
                    admin_status: None,
                    policies: vec![policy_of(id)],
                })
            };
            ids.iter().map(one).collect::<Vec<_>>()
        };
        match self.call(Operation::DescribeExperiences, &format!("{} of them", ids.len()), describe).await {
            Ok(found) => found,
            Err(Failure::Api(error)) => ids.iter().map(|_| Err(CatalogError::Api(error.clone()))).collect(),
        }
    }

    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>> {
        let mut read = Vec::new();
        let describe = |world: &mut World, _| {
            let mut found = Vec::new();
            for id in ids {
                let experience = ExperienceId::new(id.as_str().trim_start_matches("policy-")).unwrap();
                read.push(experience.clone());
                let lists = world.catalog.experiences.get(&experience);
                found.push(lists.ok_or_else(|| CatalogError::NotFound(id.to_string())).map(|lists| {
                    ProcurementPolicy {
                        approved: lists.approved.clone(),
                        rejected: lists.rejected.clone(),
                        ..ProcurementPolicy::default()
                    }
                }));
            }
            found
        };
        match self.call(Operation::DescribePolicies, &format!("{} of them", ids.len()), describe).await {
            Ok(found) => {
                self.world().were_read(&read);
                found
            }
            Err(Failure::Api(error)) => ids.iter().map(|_| Err(CatalogError::Api(error.clone()))).collect(),
        }
    }

    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        let changes: Vec<_> = request.parts().iter().map(change_of).collect();
        let part = |change: &Change| format!("{} {}+{}", change.experience, change.allow.len(), change.deny.len());
        let what = changes.iter().map(part).collect::<Vec<_>>().join(", ");
        let asks_anew = !self.world().catalog.knows(&request.client_request_token());
        if asks_anew && !self.dead.is_cancelled() {
            self.world().check_asks(&what, &changes);
        }
        let start = |world: &mut World, fault| {
            let faulty = fault == Some(Fault::FailedByServer);
            let token = request.client_request_token();
            let repeated = world.catalog.knows(&token);
            if !repeated {
                changes.iter().for_each(|change| world.check_start(change));
            }
            world.record("asked for:", &(request.name(), &token, &changes));
            let ends = Instant::now() + world.faults.duration();
            let started = world.catalog.start(changes.clone(), Some((&token, request.name())), ends, faulty);
            if let Ok(id) = &started {
                world.started += 1;
                world.all_own.insert(id.clone());
            }
            world.answered_start(&changes, &started, repeated, fault);
            world.note(format!("{what}: {started:?}"));
            started
        };
        let started = self.call(Operation::StartChangeSet, &what, start).await.map_err(in_catalog)?;
        if let Ok(id) = &started {
            // From here on the process knows of it.
            self.world().heard_of_start(id);
        }
        started.map(|id| ChangeSetId::new(&id)).map_err(refusal)
    }

    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetStatus, CatalogError> {
        let describe = |world: &mut World, _| {
            let set = world.catalog.change_sets.get(id.as_str());
            let set = set.ok_or_else(|| CatalogError::NotFound(id.to_string()))?.clone();
            let state = match &set.outcome {
                None => ChangeSetState::Running,
                Some(Outcome::Succeeded) => ChangeSetState::Succeeded,
                Some(Outcome::Cancelled) => ChangeSetState::Cancelled,
                Some(Outcome::ServerFault) => ChangeSetState::Failed { server_fault: true, errors: Vec::new() },
                Some(Outcome::ClientError(product)) => {
                    ChangeSetState::Failed { server_fault: false, errors: errors_of(&set.changes, product) }
                }
            };
            Ok(ChangeSetStatus::from(state))
        };
        let status = self.call(Operation::DescribeChangeSet, id.as_str(), describe).await.map_err(in_catalog)?;
        if status.as_ref().is_ok_and(|status| status.state != ChangeSetState::Running) {
            self.world().known_open.remove(id.as_str());
        }
        status
    }

    async fn open_change_sets(&self, experience: &ExperienceId) -> Result<Vec<ChangeSetId>, CatalogError> {
        let list = |world: &mut World, fault| {
            let holder = world.catalog.holder(experience).map(str::to_owned);
            let told = Fault::cut(fault, holder);
            told.iter().for_each(|id| world.found_open(id));
            told.iter().map(|id| ChangeSetId::new(id)).collect()
        };
        self.call(Operation::ListChangeSets, experience.as_str(), list).await.map_err(in_catalog)
    }
}
