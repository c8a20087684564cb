//! The line between the SDK's clients and the services: an HTTP client that never leaves the
//! process. Here requests and answers are lost, delayed and refused, and processes die.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use jiff::SignedDuration;
use tokio::time::{Instant, sleep, sleep_until};

use crate::arrivals::{INSTANT, Plan};
use crate::cloud::queues::{INBOX, wait_seconds};
use crate::cloud::{Answer, Request, Service};
use crate::faults::{Fault, lost, refusal, weight};
use crate::fleet::ENDPOINT;
use crate::watch::Seen;
use crate::world::{Process, Shared, Who, World};

/// The line of one process.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) world: Shared,
    pub(crate) process: Arc<Process>,
}

impl Line {
    /// A process begins to live, with a line of its own.
    pub(crate) fn born(world: &Shared, who: Who) -> Self {
        let process = Arc::new(world.lock().unwrap().born(who));
        if matches!(who, Who::Hub(_)) {
            let hubs = &mut world.lock().unwrap().hubs;
            hubs.retain(|hub| hub.who != who);
            hubs.push(process.clone());
        }
        Self { world: world.clone(), process }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The configuration of the SDK as `pmp_aws::load` makes it in production: its retries and its
    /// bounds, by the process's clock, over this line.
    pub(crate) fn sdk(&self) -> SdkConfig {
        let account = self.world().account(self.process.who);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region()))
            .endpoint_url(ENDPOINT)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                account, "secret", None, None, "fleet",
            )))
            .http_client(self.clone())
            .time_source(self.process.day.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(5).with_max_backoff(Duration::from_secs(20)))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .operation_attempt_timeout(Duration::from_secs(40))
                    .operation_timeout(Duration::from_secs(90))
                    .build(),
            )
            .build()
    }

    /// Carries a request to its service, and the answer back.
    async fn carry(self, request: Request) -> Result<HttpResponse, ConnectorError> {
        self.is_alive().await;
        let key = {
            let mut world = self.world();
            world.calls += 1;
            if let (Who::Spoke(member, _), true) = (self.process.who, world.faults.are_over()) {
                *world.calls_in_peace.entry(member).or_default() += 1;
            }
            let weight = if self.process.who == Who::Operator { 0 } else { weight(&request) };
            let what = format!("{} {}", request.operation, request.subject);
            world.arrivals.note(self.process.life, what, weight)
        };
        sleep(INSTANT).await;
        let Plan { fault, effect, back } = {
            let mut world = self.world();
            let World { arrivals, faults, .. } = &mut *world;
            arrivals.plan(&key, faults)
        };
        match fault {
            Some(Fault::Stop) => self.world().tell_to_stop(&self.process),
            Some(Fault::Unreachable) => {
                sleep_until(effect).await;
                self.world().called(&self.process, &request, "unreachable");
                return Err(ConnectorError::io("the fleet's seed: no connection".into()));
            }
            _ => {}
        }
        sleep_until(effect).await;
        self.is_alive().await;
        if fault == Some(Fault::DieBefore) {
            self.world().dies(&self.process, &request, false);
            return std::future::pending().await;
        }
        if let Some(Fault::Refused(n)) = fault {
            let answer = refusal(request.service, n);
            let how = format!("refused: {}", answer.error.as_deref().unwrap_or_default());
            self.world().called(&self.process, &request, &how);
            let answered = self.world().arrivals.free(Instant::now() + back);
            sleep_until(answered).await;
            return Ok(over_http(answer));
        }
        let (answer, seen) = self.effect(&request, fault).await;
        if fault == Some(Fault::DieAfter) {
            self.world().dies(&self.process, &request, answer.is_ok());
            return std::future::pending().await;
        }
        let answered = self.world().arrivals.free(Instant::now() + back);
        if let Some(Fault::Lost | Fault::Silent) = fault {
            self.world().answer_lost(&request, &answer);
            if fault == Some(Fault::Silent) {
                return std::future::pending().await;
            }
            sleep_until(answered).await;
            return Ok(over_http(lost(request.service)));
        }
        sleep_until(answered).await;
        self.is_alive().await;
        self.world().delivered(&self.process, seen);
        Ok(over_http(answer))
    }

    /// What the request does, once it has arrived. A long poll waits for a message.
    async fn effect(&self, request: &Request, fault: Option<Fault>) -> (Answer, Seen) {
        let is_poll = request.service == Service::Queues && request.operation == "ReceiveMessage";
        let wait = if is_poll { wait_seconds(request) } else { 0 };
        let deadline = Instant::now() + Duration::from_secs(wait);
        loop {
            let (next, moved) = {
                let mut world = self.world();
                let (answer, seen) = world.effect(&self.process, request, fault);
                if !is_poll || !seen.received.is_empty() || Instant::now() >= deadline {
                    return (answer, seen);
                }
                let (account, now) = (world.account(self.process.who), world.now());
                let visible = world.cloud.queues.next_visible(&account, now);
                let next = visible.map_or(deadline, |at| world.day.instant(at + SignedDuration::from_millis(1)));
                (next.min(deadline), world.cloud.queues.of(&account, INBOX).moved.clone())
            };
            // Registered while nothing else runs, so nothing is missed. Both arms lead to another
            // look, and hold nothing.
            tokio::select! {
                biased;
                () = moved.notified() => {}
                () = sleep_until(next) => {}
            }
            self.is_alive().await;
        }
    }

    /// Comes back while the process lives, and never after that.
    async fn is_alive(&self) {
        if self.process.dead.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }
}

impl HttpClient for Line {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(Request::read(&request)))
    }
}

fn over_http(answer: Answer) -> HttpResponse {
    let status = StatusCode::try_from(answer.status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    if let Some(error) = answer.error {
        response.headers_mut().insert("x-amzn-errortype", error);
    }
    response
}

/// A region that no other process has, of this fleet or another: the SDK keeps what it still may
/// try again in one place for all clients of a service and a region, also where they belong to
/// fleets that know nothing of each other. The prefix keeps `pmp_aws::for_catalog` from moving it.
fn region() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PROCESSES: AtomicU64 = AtomicU64::new(0);
    format!("us-iso-fleet-{}", PROCESSES.fetch_add(1, Ordering::Relaxed))
}
