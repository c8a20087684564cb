//! A line between programs and AWS on which one call gets a wrong answer: refused, empty, cut
//! short, or the same again.
//!
//! A call is one that a client makes, with all its retries: they carry one `amz-sdk-invocation-id`.
//! What is wrong is wrong for all of them, unless it says otherwise. Signatures are not made anew,
//! so it leads to the embedded AWS alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::tap::operation;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It is a refusal that no client tries again. Nothing is done.
    Refused,
    /// It is the service's internal error, however often the client tries. Nothing is done.
    Failed,
    /// It is well formed and says nothing: no item, no entry, no id. What was asked is done.
    Empty,
    /// It is the first page of several, with a token for the rest.
    FirstPage,
    /// It is half of the list, and says that this is all.
    HalfTheList,
    /// It breaks off in the middle. What was asked is done.
    BrokenOff,
    /// It is the service's internal error, however often the client tries. What was asked is done
    /// each time.
    DoneAndFailed,
    /// What was asked is done twice, and it is the answer to the second time.
    DoneTwice,
    /// It is the answer to the same call before; to a page, that to the page before.
    TheSameAgain,
    /// There is none, and nothing is done.
    SilentBefore,
    /// There is none. What was asked is done.
    SilentAfter,
}

impl Wrong {
    /// Those with which a client goes on.
    pub const ANSWERS: [Self; 9] = [
        Self::Refused,
        Self::Failed,
        Self::Empty,
        Self::FirstPage,
        Self::HalfTheList,
        Self::BrokenOff,
        Self::DoneAndFailed,
        Self::DoneTwice,
        Self::TheSameAgain,
    ];
}

/// A call that came over the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The service and the operation, such as `dynamodb:PutItem`.
    pub operation: String,
    /// The body of the request.
    pub body: Bytes,
}

/// A line. It ends when it is dropped.
#[derive(Debug)]
pub struct Line {
    endpoint: String,
    plan: Arc<Mutex<Plan>>,
    struck: watch::Receiver<Option<String>>,
    server: JoinHandle<()>,
}

/// What the line does, and what it has seen.
#[derive(Debug, Default)]
struct Plan {
    /// The number of the call, from 1, whose answer is wrong, and how.
    wrong: Option<(usize, Wrong)>,
    /// The number of each call, by its id.
    numbers: BTreeMap<String, usize>,
    asked: Vec<Asked>,
    /// The latest answer to each call that reads: by operation and what was asked, without the
    /// page.
    answers: BTreeMap<(String, String), (StatusCode, Option<HeaderValue>, Bytes)>,
    /// Whether the call that is to be answered wrongly can be answered so.
    struck: bool,
}

#[derive(Clone)]
struct Ends {
    to: String,
    client: Client<HttpConnector, Body>,
    plan: Arc<Mutex<Plan>>,
    struck: watch::Sender<Option<String>>,
}

impl Line {
    /// Opens a line to `endpoint`.
    pub async fn open(endpoint: &str) -> Self {
        let plan = Arc::<Mutex<Plan>>::default();
        let (sender, struck) = watch::channel(None);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let ends = Ends { to: endpoint.to_owned(), client, plan: plan.clone(), struck: sender };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(ends);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, plan, struck, server }
    }

    /// The endpoint to give to programs.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on, counts calls from 1, and answers this one so.
    pub fn answer(&self, call: usize, wrong: Wrong) {
        let mut plan = self.plan();
        let answers = std::mem::take(&mut plan.answers);
        *plan = Plan { wrong: Some((call, wrong)), answers, ..Plan::default() };
    }

    /// From now on, all answers are right, and calls are counted from 1.
    pub fn heal(&self) {
        let mut plan = self.plan();
        let answers = std::mem::take(&mut plan.answers);
        *plan = Plan { answers, ..Plan::default() };
    }

    /// The calls since then.
    pub fn asked(&self) -> Vec<Asked> {
        self.plan().asked.clone()
    }

    /// Whether a call was answered wrongly since then: not where there were fewer calls, or where
    /// an answer to this one cannot be wrong so.
    pub fn has_struck(&self) -> bool {
        self.plan().struck
    }

    /// Waits until a call is answered wrongly; its operation.
    pub async fn struck(&self) -> String {
        let mut struck = self.struck.clone();
        loop {
            struck.changed().await.unwrap();
            if let Some(operation) = struck.borrow().clone() {
                return operation;
            }
        }
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A request, as far as answers go by it.
struct Call {
    parts: axum::http::request::Parts,
    body: Bytes,
    /// The service's signing name, such as `dynamodb`.
    service: String,
    operation: String,
}

async fn pass(State(ends): State<Ends>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let (service, operation) = (service(&parts.headers), operation(&parts.headers, &parts.uri, &body));
    let call = Call { parts, body, service, operation };
    let Some(wrong) = ends.wrong_for(&call) else { return ends.forward(&call).await };
    let name = format!("{}:{}", call.service, call.operation);
    // What is done before no one hears of it is done by the time that this is told.
    let answer = ends.wrongly(&call, wrong).await;
    ends.struck.send_replace(Some(name));
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

impl Ends {
    /// Notes a call, and how it is to be answered wrongly.
    fn wrong_for(&self, call: &Call) -> Option<Wrong> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let id = call.parts.headers.get("amz-sdk-invocation-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let next = plan.asked.len() + 1;
        let number = if id.is_empty() { next } else { *plan.numbers.entry(id.to_owned()).or_insert(next) };
        if number == next {
            let operation = format!("{}:{}", call.service, call.operation);
            plan.asked.push(Asked { operation, body: call.body.clone() });
        }
        let (_, wrong) = plan.wrong.filter(|(planned, _)| *planned == number)?;
        let can_be = match wrong {
            Wrong::FirstPage => call.page_size().is_some(),
            Wrong::HalfTheList => call.lists().is_some(),
            Wrong::TheSameAgain => call.reads() && plan.answers.contains_key(&call.key()),
            _ => true,
        };
        plan.struck |= can_be;
        can_be.then_some(wrong)
    }

    async fn wrongly(&self, call: &Call, wrong: Wrong) -> Option<Response> {
        Some(match wrong {
            Wrong::Refused => call.refusal(false),
            Wrong::Failed => call.refusal(true),
            Wrong::Empty => {
                let _done = self.forward(call).await;
                call.nothing()
            }
            Wrong::FirstPage => {
                let mut asked: Value = serde_json::from_slice(&call.body).unwrap();
                asked[call.page_size().unwrap()] = json!(1);
                self.send(call, asked.to_string().into()).await
            }
            Wrong::HalfTheList => {
                let (parts, body) = whole(self.forward(call).await).await;
                let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
                halve(&mut answer, call.lists().unwrap());
                Response::from_parts(parts, answer.to_string().into())
            }
            Wrong::BrokenOff => {
                let (parts, body) = whole(self.forward(call).await).await;
                Response::from_parts(parts, body.slice(..body.len() / 2).into())
            }
            Wrong::DoneAndFailed => {
                let _done = self.forward(call).await;
                call.refusal(true)
            }
            Wrong::DoneTwice => {
                let _first = self.forward(call).await;
                self.forward(call).await
            }
            Wrong::TheSameAgain => {
                let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
                let (status, kind, body) = plan.answers[&call.key()].clone();
                let mut answer = (status, body).into_response();
                if let Some(kind) = kind {
                    answer.headers_mut().insert(CONTENT_TYPE, kind);
                }
                answer
            }
            Wrong::SilentBefore => return None,
            Wrong::SilentAfter => {
                let _done = self.forward(call).await;
                return None;
            }
        })
    }

    async fn forward(&self, call: &Call) -> Response {
        let (parts, body) = whole(self.send(call, call.body.clone()).await).await;
        if call.reads() && parts.status.is_success() {
            let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
            let kind = parts.headers.get(CONTENT_TYPE).cloned();
            plan.answers.insert(call.key(), (parts.status, kind, body.clone()));
        }
        Response::from_parts(parts, body.into())
    }

    async fn send(&self, call: &Call, body: Bytes) -> Response {
        let mut parts = call.parts.clone();
        parts.uri = format!("{}{}", self.to, parts.uri).parse().unwrap();
        parts.headers.remove(CONTENT_LENGTH);
        match self.client.request(Request::from_parts(parts, Body::from(body))).await {
            Ok(answer) => answer.map(Body::new),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}

/// An answer with its whole body, without what is said of its length and its integrity.
async fn whole(answer: Response) -> (axum::http::response::Parts, Bytes) {
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(HeaderName::from_static("x-amz-crc32"));
    (parts, body)
}

impl Call {
    /// Whether it changes nothing.
    fn reads(&self) -> bool {
        let name = self.operation.as_str();
        ["Get", "Query", "Scan", "List", "Describe", "BatchDescribe"].iter().any(|reading| name.starts_with(reading))
    }

    /// What an answer belongs to: the operation and what was asked, without the token of a page.
    fn key(&self) -> (String, String) {
        let mut asked: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if let Some(fields) = asked.as_object_mut() {
            fields.remove("NextToken");
            fields.remove("ExclusiveStartKey");
        }
        let asked = if asked.is_null() { String::from_utf8_lossy(&self.body).into_owned() } else { asked.to_string() };
        (self.operation.clone(), format!("{} {asked}", self.parts.uri))
    }

    /// The field that says how long a page may be, where it has pages.
    fn page_size(&self) -> Option<&'static str> {
        match self.operation.as_str() {
            "Query" | "Scan" => Some("Limit"),
            "ListEntities" | "ListChangeSets" => Some("MaxResults"),
            _ => None,
        }
    }

    /// The field of its answer that lists something.
    fn lists(&self) -> Option<&'static str> {
        match self.operation.as_str() {
            "Query" | "Scan" => Some("Items"),
            "ListEntities" => Some("EntitySummaryList"),
            "ListChangeSets" => Some("ChangeSetSummaryList"),
            "BatchDescribeEntities" => Some("EntityDetails"),
            _ => None,
        }
    }

    /// Whether its protocol is XML.
    fn is_xml(&self) -> bool {
        matches!(self.service.as_str(), "sns" | "sts")
    }

    fn refusal(&self, internal: bool) -> Response {
        let (status, code) = match (internal, self.service.as_str()) {
            (true, "dynamodb") => (500, "InternalServerError"),
            (true, "aws-marketplace") => (500, "InternalServiceException"),
            (true, _) => (500, "InternalFailure"),
            (false, "sns") => (403, "AuthorizationError"),
            (false, "sts") => (403, "AccessDenied"),
            (false, "dynamodb" | "sqs") => (400, "AccessDeniedException"),
            (false, _) => (403, "AccessDeniedException"),
        };
        let message = if internal { "it failed" } else { "not permitted" };
        let status = StatusCode::from_u16(status).unwrap();
        if self.is_xml() {
            let error = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>r</RequestId></ErrorResponse>"
            );
            return (status, [("content-type", "text/xml")], error).into_response();
        }
        let error = json!({"__type": code, "message": message, "Message": message}).to_string();
        let headers = [("content-type", self.json()), ("x-amzn-errortype", code)];
        (status, headers, error).into_response()
    }

    /// The answer in which there is nothing.
    fn nothing(&self) -> Response {
        let operation = &self.operation;
        if self.is_xml() {
            let answer = format!(
                "<{operation}Response><{operation}Result></{operation}Result>\
                 <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation}Response>"
            );
            return ([("content-type", "text/xml")], answer).into_response();
        }
        let answer = match (operation.as_str(), self.lists()) {
            ("Query" | "Scan", _) => json!({"Items": [], "Count": 0, "ScannedCount": 0}),
            ("BatchDescribeEntities", _) => json!({"EntityDetails": {}, "Errors": {}}),
            (_, Some(list)) => json!({ list: [] }),
            _ => json!({}),
        };
        ([("content-type", self.json())], answer.to_string()).into_response()
    }

    fn json(&self) -> &'static str {
        if self.service == "aws-marketplace" { "application/json" } else { "application/x-amz-json-1.0" }
    }
}

/// Keeps the first half of a list, or of an object's fields, and no word of a rest.
fn halve(answer: &mut Value, list: &str) {
    match &mut answer[list] {
        Value::Array(entries) => entries.truncate(entries.len() / 2),
        Value::Object(fields) => {
            let half = fields.len() / 2;
            *fields = std::mem::take(fields).into_iter().take(half).collect();
        }
        _ => {}
    }
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("NextToken");
        fields.remove("LastEvaluatedKey");
    }
    let entries = answer["Items"].as_array().map(Vec::len);
    for count in ["Count", "ScannedCount"] {
        if let (Some(entries), Some(field)) = (entries, answer.get_mut(count)) {
            *field = json!(entries);
        }
    }
}

/// The service that a request is signed for.
fn service(headers: &HeaderMap) -> String {
    let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = signed.split("Credential=").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
    scope.split('/').nth(3).unwrap_or_default().to_owned()
}
