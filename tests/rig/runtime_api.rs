//! Lambda's side of a function, as its documentation describes it: the runtime API that hands out
//! invocations and takes answers, and the part of the extensions API that makes Lambda give notice
//! before it ends an environment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{Agent, Program};

/// A function that takes longer to answer, or to start, has hung.
const TIMEOUT: Duration = Duration::from_secs(60);
const NAME: &str = "pmp-under-test";

/// What a function answered.
pub type Answer = Result<Value, Value>;

/// A program that runs as a function, and the API it runs under. Killed when it is dropped.
#[derive(Debug)]
pub struct Function {
    api: Arc<Api>,
    server: JoinHandle<()>,
    started: Instant,
    agent: Agent,
}

#[derive(Debug, Default)]
struct Api {
    state: Mutex<Calls>,
    changed: Notify,
    next: Mutex<Option<mpsc::UnboundedReceiver<Event>>>,
    to_next: Mutex<Option<mpsc::UnboundedSender<Event>>>,
}

#[derive(Debug, Default)]
struct Calls {
    /// When the function asked for its first event.
    ready: Option<Instant>,
    /// What it said where it could not start.
    init_error: Option<Value>,
    /// The extension it registered, with the events that it wants.
    extension: Option<(String, Value)>,
    waiting: HashMap<String, oneshot::Sender<Answer>>,
    invocations: usize,
}

#[derive(Debug)]
struct Event {
    request_id: String,
    payload: Value,
    deadline_ms: u128,
}

impl Function {
    /// Starts a program as Lambda does: without arguments, with Lambda's variables.
    pub async fn start(program: &Program) -> Self {
        let api = Arc::new(Api::default());
        let (to_next, next) = mpsc::unbounded_channel();
        (*api.next.lock().unwrap(), *api.to_next.lock().unwrap()) = (Some(next), Some(to_next));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = router(api.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let program = program.with(&[
            ("AWS_LAMBDA_RUNTIME_API", &address),
            ("AWS_LAMBDA_FUNCTION_NAME", NAME),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/pmp-under-test"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[$LATEST]0123"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ]);
        let started = Instant::now();
        Self { api, server, started, agent: program.start(&[]) }
    }

    /// Invokes it with `event` and so much time; the id of the invocation, and what it answers.
    pub async fn invoke(&self, event: Value, time: Duration) -> (String, Answer) {
        let (request_id, answer) = self.begin(event, time);
        let answer = tokio::time::timeout(TIMEOUT, answer).await;
        let answer = answer.unwrap_or_else(|_| panic!("{request_id} has no answer:\n{}", self.log()));
        (request_id, answer.unwrap())
    }

    /// Invokes it once more under the same id, as Lambda does where an event's invocation failed.
    pub async fn repeat(&self, request_id: &str, event: Value, time: Duration) -> Answer {
        let answer = tokio::time::timeout(TIMEOUT, self.begin_as(request_id, event, time)).await;
        answer.unwrap_or_else(|_| panic!("{request_id} has no answer:\n{}", self.log())).unwrap()
    }

    /// Invokes it, and does not wait for the answer.
    pub fn begin(&self, event: Value, time: Duration) -> (String, oneshot::Receiver<Answer>) {
        let request_id = {
            let mut calls = self.api.state.lock().unwrap();
            calls.invocations += 1;
            format!("00000000-0000-4000-8000-{:012}", calls.invocations)
        };
        let answer = self.begin_as(&request_id, event, time);
        (request_id, answer)
    }

    fn begin_as(&self, request_id: &str, event: Value, time: Duration) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        self.api.state.lock().unwrap().waiting.insert(request_id.to_owned(), sender);
        let deadline_ms = (now() + time).as_millis();
        let event = Event { request_id: request_id.to_owned(), payload: event, deadline_ms };
        self.api.to_next.lock().unwrap().as_ref().unwrap().send(event).unwrap();
        answer
    }

    /// How long it took from the start of the process until it asked for its first event.
    pub async fn ready(&self) -> Duration {
        self.level("the first event is asked for", |calls| calls.ready).await - self.started
    }

    /// What it said to Lambda where it could not start.
    pub async fn init_error(&self) -> Value {
        self.level("the init error", |calls| calls.init_error.clone()).await
    }

    /// The name of the extension that it registered, and the events that it asked for.
    pub async fn extension(&self) -> (String, Value) {
        self.level("the extension", |calls| calls.extension.clone()).await
    }

    async fn level<T>(&self, what: &str, look: impl Fn(&Calls) -> Option<T>) -> T {
        let found = tokio::time::timeout(TIMEOUT, async {
            loop {
                let changed = self.api.changed.notified();
                if let Some(found) = look(&self.api.state.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("{what} does not come:\n{}", self.log()))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.agent.log()
    }

    /// What it has printed so far, a JSON document a line.
    pub fn documents(&self) -> Vec<Value> {
        self.agent.printed().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The process that runs the function.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Sends SIGTERM, as Lambda does before it ends an environment, and waits for its end: the exit
    /// code and the log.
    pub async fn stop(self) -> (i32, String) {
        self.agent.signal("TERM").await;
        self.ended().await
    }

    /// Waits for its end: the exit code and the log.
    pub async fn ended(self) -> (i32, String) {
        let ended = self.agent.ended().await;
        self.server.abort();
        ended
    }
}

fn now() -> Duration {
    // The runtime API gives deadlines by the clock of the machine.
    #[allow(clippy::disallowed_methods)]
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .route("/2020-01-01/extension/register", post(register))
        .route("/2020-01-01/extension/event/next", get(std::future::pending::<()>))
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    api.state.lock().unwrap().ready.get_or_insert_with(Instant::now);
    api.changed.notify_waiters();
    // One function asks, and not twice at once. Where it goes away while it waits, its events go
    // with it.
    let mut events = api.next.lock().unwrap().take().expect("two requests for the next event at once");
    let event = events.recv().await.unwrap();
    *api.next.lock().unwrap() = Some(events);
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id),
        ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", format!("arn:aws:lambda:us-east-1:111111111111:function:{NAME}")),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
    ];
    (headers, Json(event.payload)).into_response()
}

async fn response(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    answered(&api, &id, Ok(serde_json::from_slice(&body).unwrap()))
}

async fn error(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    answered(&api, &id, Err(serde_json::from_slice(&body).unwrap()))
}

fn answered(api: &Api, id: &str, answer: Answer) -> StatusCode {
    match api.state.lock().unwrap().waiting.remove(id) {
        Some(waiting) => {
            // A test that has ended does not wait any more.
            let _gone = waiting.send(answer);
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}

async fn init_error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    api.state.lock().unwrap().init_error = Some(serde_json::from_slice(&body).unwrap());
    api.changed.notify_waiters();
    StatusCode::ACCEPTED
}

async fn register(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let name = headers["lambda-extension-name"].to_str().unwrap().to_owned();
    api.state.lock().unwrap().extension = Some((name, body["events"].clone()));
    api.changed.notify_waiters();
    let told = json!({"functionName": NAME, "functionVersion": "$LATEST", "handler": "bootstrap"});
    ([("lambda-extension-identifier", "00000000-0000-4000-8000-000000000000")], Json(told)).into_response()
}
