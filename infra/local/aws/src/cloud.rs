//! The services of the embedded AWS, and what lets several accounts use them together.
//!
//! SNS, SQS, STS and Organizations are awsim's. A module for each adds what awsim lacks: accounts,
//! delivery, policies, receive counts. The Marketplace Catalog, DynamoDB and KMS are our own. A
//! module takes a parsed request and a [`Call`], and returns the answer or AWS's error. It must
//! only trust the caller's account, never an account that the request names.

mod access;
mod caller;
mod change_events;
mod changes;
mod databases;
mod decisions;
mod delivery;
mod deployed;
mod dynamodb;
mod guard_rails;
mod journal;
mod kms;
mod marketplace;
mod messages;
mod organizations;
mod parts;
mod past;
mod policies;
mod sns;
mod sqs;
mod sts;
mod time;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awsim_core::{AwsError, RequestContext};
use awsim_organizations::OrganizationsService;
use awsim_sns::SnsService;
use awsim_sqs::SqsService;
use awsim_sts::{StsService, StsSessionStore};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::authorization::Witness;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::discovery::Discovery;
use crate::faults::{Faults, Requests};
use crate::world::{World, WorldError};
use access::Access;
pub(crate) use caller::{Call, Caller};
pub(crate) use changes::Changes;
use changes::only_reads;
use databases::Databases;
use decisions::Listed;
pub use deployed::Deployed;
pub(crate) use journal::Happening;
use journal::Journal;
use kms::Keys;
pub(crate) use marketplace::Reply;
use past::Past;
use time::SessionEnds;
pub(crate) use view::{ExperienceState, OrganizationView, View};

/// The state of the embedded AWS: all services, faults, clock and records.
pub(crate) struct Cloud {
    world: World,
    clock: Clock,
    faults: Mutex<Faults>,
    requests: Mutex<Requests>,
    access: Access,
    sessions: Arc<StsSessionStore>,
    session_ends: SessionEnds,
    sns: SnsService,
    sqs: SqsService,
    sts: StsService,
    organizations: OrganizationsService,
    keys: Keys,
    pub(crate) databases: Databases,
    catalog: Mutex<Catalog>,
    past: Mutex<Past>,
    discovery: Discovery,
    pub(crate) changes: Changes,
    journal: Journal,
    /// Notified when a message arrives in any queue: long polls then look again.
    arrivals: Notify,
    /// Notified when a change set starts, because its end may be the next one.
    started: Notify,
    stopping: CancellationToken,
    /// When the server started, by its own clock.
    begun: Timestamp,
}

impl Cloud {
    /// Creates the services that `world` describes. `authority` is the address in queue URLs.
    /// `witness` receives the decisions of IAM.
    pub(crate) async fn new(
        world: World,
        authority: &str,
        witness: Option<Arc<dyn Witness>>,
        stopping: CancellationToken,
    ) -> Result<Self, WorldError> {
        let clock = Clock::default();
        let begun = clock.now();
        let sessions = Arc::new(StsSessionStore::new());
        let cloud = Self {
            access: Access::new(&world, witness),
            sns: SnsService::new(),
            sqs: SqsService::new(),
            sts: StsService::with_session_store(Arc::clone(&sessions)),
            sessions,
            session_ends: SessionEnds::default(),
            organizations: organizations::organizations_of(&world, begun),
            begun,
            clock,
            faults: Mutex::new(Faults::new(world.seed, &world.faults, begun)),
            requests: Mutex::default(),
            keys: Keys::default(),
            databases: Databases::default(),
            changes: Changes::default(),
            discovery: Discovery::new(&world.products, &world.catalog),
            catalog: Mutex::new(Catalog::new(&world, begun)),
            past: Mutex::default(),
            journal: Journal::default(),
            arrivals: Notify::new(),
            started: Notify::new(),
            stopping,
            world,
        };
        cloud.create_event_targets(authority).await?;
        Ok(cloud)
    }

    /// The world that the state began with.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Answers a request to one of the services that use the JSON or the query protocol, except
    /// DynamoDB, which reads and writes its JSON itself.
    pub(crate) async fn answer(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        call: &Call,
    ) -> Result<Value, AwsError> {
        // `ReceiveMessage` waits for messages, so it begins a change only when it takes some.
        let changes = operation != "ReceiveMessage" && !only_reads(operation);
        let _change = if changes { Some(self.changes.begin().await) } else { None };
        match service {
            "sns" => self.answer_sns(operation, input, call).await,
            "sqs" => self.answer_sqs(operation, input, call).await,
            "kms" => self.answer_kms(operation, &input, call),
            "sts" => self.answer_sts(operation, input, call).await,
            "organizations" => self.answer_organizations(operation, input, call).await,
            other => Err(AwsError::bad_request("UnknownService", format!("There is no service `{other}` here"))),
        }
    }

    /// Ends change sets when they are due and delivers their events, until the server stops. It
    /// runs as a task of its own.
    pub(crate) async fn run_change_sets(&self) {
        loop {
            // Registered before looking, so that a change set that starts in between is not missed.
            let started = self.started.notified();
            let next = self.catalog().next_end();
            let wait = async {
                match next {
                    Some(end) => {
                        let left = end.duration_since(self.clock.now());
                        tokio::time::sleep(left.try_into().unwrap_or_default()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            // Cancel-safe: what started or is due is looked up again at the top of the loop.
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = started => {}
                () = wait => self.end_due_change_sets().await,
            }
        }
    }

    /// Ends the change sets that are due now, and delivers their events.
    async fn end_due_change_sets(&self) {
        if !self.catalog().is_due(self.clock.now()) {
            return;
        }
        let _change = self.changes.begin().await;
        self.remember();
        let ended = self.catalog().advance(self.clock.now());
        for change_set in ended {
            self.deliver_change_event(&change_set).await;
        }
    }

    /// Locks the catalog. After a panic under the lock, its state is still good enough for a local
    /// emulator to continue.
    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the fault rules that are in force.
    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the record of the latest requests.
    pub(crate) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The decisions of IAM so far.
    pub(crate) fn decisions(&self) -> Listed {
        self.access.decisions()
    }

    /// Forgets the decisions of IAM, and returns how many different ones there were.
    pub(crate) fn forget_decisions(&self) -> usize {
        self.access.forget_decisions()
    }

    /// Adds and removes poison products, and returns the resulting set.
    pub(crate) fn poison(&self, add: &[String], remove: &[String]) -> Vec<String> {
        let mut catalog = self.catalog();
        let poison = catalog.poison_mut();
        poison.extend(add.iter().cloned());
        poison.retain(|id| !remove.contains(id));
        poison.iter().cloned().collect()
    }

    /// The context of a call that the embedded AWS makes itself, in `account`.
    fn internal(&self, service: &str, account: &str) -> RequestContext {
        RequestContext::internal(service, &self.world.region, account)
    }
}

/// The account in an ARN.
fn account_in(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(3).filter(|account| !account.is_empty())
}
