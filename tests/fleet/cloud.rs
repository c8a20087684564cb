//! The services of AWS as pure state machines: each takes a request and the time, and answers. A
//! fleet has one of each. The catalog and DynamoDB are those of pmp-local; the queues, the topic
//! and the sessions are small ones of this crate, because those of pmp-local go by the machine's
//! clock and draw their ids by chance.

pub(crate) mod catalog;
pub(crate) mod queues;
pub(crate) mod sessions;
pub(crate) mod tables;
pub(crate) mod topic;

use std::sync::Arc;

use jiff::Timestamp;
use pmp_local_catalog::Catalog;
use tokio::sync::Notify;

use crate::fleet::Shape;
use crate::told::subject;
use queues::Queues;
use sessions::Sessions;
use tables::Tables;
use topic::Topic;

/// Which service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Catalog,
    Tables,
    Queues,
    Topic,
    Sessions,
}

/// A request, as far as a service reads it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    /// The access key that it was signed with.
    pub(crate) key: String,
    /// What it is about, in a form that is the same in each run of a seed.
    pub(crate) subject: String,
}

impl Request {
    /// Reads what the SDK sends: the service and the key by the signature, the operation by the
    /// header or the path.
    pub(crate) fn read(request: &aws_smithy_runtime_api::client::orchestrator::HttpRequest) -> Self {
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let authorization = header("authorization");
        let scope = authorization.split("Credential=").nth(1).and_then(|rest| rest.split(',').next());
        let scope: Vec<&str> = scope.unwrap_or_default().split('/').collect();
        let (key, service) = (scope.first().copied().unwrap_or_default(), scope.get(3).copied().unwrap_or_default());
        let service = match service {
            "aws-marketplace" => Service::Catalog,
            "dynamodb" => Service::Tables,
            "sqs" => Service::Queues,
            "sns" => Service::Topic,
            "sts" => Service::Sessions,
            other => panic!("a request to `{other}`, which the fleet does not have: {authorization}"),
        };
        let uri = request.uri();
        let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let path = path.split_once('/').map_or("", |(_, path)| path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let target = header("x-amz-target");
        let operation = match service {
            Service::Catalog => path.trim_matches('/').to_owned(),
            Service::Tables | Service::Queues => target.rsplit('.').next().unwrap_or_default().to_owned(),
            Service::Topic | Service::Sessions => form(&body, "Action").unwrap_or_default(),
        };
        let subject = subject(service, query, &body);
        Self { service, operation, query: query.to_owned(), body, key: key.to_owned(), subject }
    }
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The error's name; none where the call succeeded.
    pub(crate) error: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, error: None, body: body.into() }
    }

    /// A refusal, in the form of the service's protocol.
    pub(crate) fn refused(service: Service, status: u16, code: &str, message: &str) -> Self {
        let body = match service {
            Service::Catalog => serde_json::json!({ "__type": code, "Message": message }).to_string(),
            Service::Tables | Service::Queues => serde_json::json!({ "__type": code, "message": message }).to_string(),
            Service::Topic | Service::Sessions => format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>request</RequestId></ErrorResponse>"
            ),
        };
        Self { status, error: Some(code.to_owned()), body: body.into() }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.error.is_none()
    }
}

/// All services of a fleet.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) catalog: Catalog,
    pub(crate) tables: Tables,
    pub(crate) queues: Queues,
    pub(crate) topic: Topic,
    pub(crate) sessions: Sessions,
    /// Rings when the next end of a change set may be another one.
    pub(crate) started: Arc<Notify>,
}

impl Cloud {
    pub(crate) fn new(shape: &Shape, now: Timestamp) -> Self {
        Self {
            catalog: Catalog::new(&shape.world(), now),
            tables: Tables::new(now),
            queues: Queues::new(shape),
            topic: Topic::default(),
            sessions: Sessions::default(),
            started: Arc::default(),
        }
    }
}

/// The value of a field of a form, as the query protocol sends it.
pub(crate) fn form(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let field = text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let (mut bytes, mut decoded) = (field.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[test]
fn a_form_is_read_as_it_was_sent() {
    let body = b"Action=Publish&Message=%7B%22a%22%3A+1%7D&TopicArn=arn%3Aaws";
    assert_eq!(form(body, "Action").unwrap(), "Publish");
    assert_eq!(form(body, "Message").unwrap(), "{\"a\": 1}");
    assert_eq!(form(body, "TopicArn").unwrap(), "arn:aws");
    assert_eq!(form(body, "Subject"), None);
}
