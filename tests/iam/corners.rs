//! What IAM's policies can say and this repository's templates do not, yet: each row is a role that
//! sends to a queue, with what AWS's documentation makes of it. The other evaluator is asked the
//! same.

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::world::{AccessKey, Role};
use pmp_local_aws::{Options, Server};
use pmp_tests::{Aws, World};
use serde_json::{Value, json};

use crate::boundaries::denied;
use crate::record;

/// The account of the roles, and of most queues.
const HOME: &str = "111111111111";
/// Another one, which owns the other queues.
const ABROAD: &str = "222222222222";

/// A role that sends to a queue of its own.
struct Corner {
    what: &'static str,
    /// The statements of the role's policy.
    role: Vec<Value>,
    /// The statements of the queue's policy.
    queue: Vec<Value>,
    /// The statements of the session's policy.
    session: Option<Vec<Value>>,
    /// Whose the queue is.
    owner: &'static str,
    version: &'static str,
    allowed: bool,
}

impl Corner {
    fn new(what: &'static str) -> Self {
        let (role, queue) = (Vec::new(), Vec::new());
        Self { what, role, queue, session: None, owner: HOME, version: "2012-10-17", allowed: false }
    }

    fn role(mut self, statement: Value) -> Self {
        self.role.push(statement);
        self
    }

    fn queue(mut self, statement: Value) -> Self {
        self.queue.push(statement);
        self
    }

    fn session(mut self, statement: Value) -> Self {
        self.session.get_or_insert_default().push(statement);
        self
    }

    fn abroad(mut self) -> Self {
        self.owner = ABROAD;
        self
    }

    fn allowed(mut self) -> Self {
        self.allowed = true;
        self
    }
}

fn allow(conditions: Value) -> Value {
    with(json!({ "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*" }), conditions)
}

fn deny(conditions: Value) -> Value {
    with(json!({ "Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*" }), conditions)
}

fn with(mut statement: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("a statement is made of fields") };
    statement.as_object_mut().unwrap().extend(more);
    statement
}

fn on(condition: &Value) -> Value {
    allow(json!({ "Condition": condition }))
}

/// A role may, by its own policy, whose statement has these conditions.
fn by_role(what: &'static str, condition: &Value) -> Corner {
    Corner::new(what).role(on(condition))
}

/// `ROLE` and `QUEUE` stand for the ARNs of the row's own.
fn corners() -> Vec<Corner> {
    let plain = || allow(json!({}));
    let names = |principal: &str| allow(json!({ "Principal": { "AWS": principal } }));
    let root = &format!("arn:aws:iam::{HOME}:root");
    let other_action = || json!({ "Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*" });
    vec![
        Corner::new("nothing says yes"),
        Corner::new("the role's own policy is enough at home").role(plain()).allowed(),
        Corner::new("so is the queue's, which names the role").queue(names("ROLE")).allowed(),
        Corner::new("or everybody").queue(names("*")).allowed(),
        Corner::new("naming the account leaves it to the account's policies").queue(names(root)),
        Corner::new("by its number, too").queue(names(HOME)),
        Corner::new("and those may say yes").queue(names(root)).role(plain()).allowed(),
        Corner::new("a deny of the role's own is final").queue(names("ROLE")).role(deny(json!({}))),
        Corner::new("and the queue's for the account")
            .queue(deny(json!({ "Principal": { "AWS": root } })))
            .role(plain()),
        Corner::new("abroad, the role's own is not enough").role(plain()).abroad(),
        Corner::new("nor the queue's").queue(names("ROLE")).abroad(),
        Corner::new("but both are").queue(names("ROLE")).role(plain()).abroad().allowed(),
        Corner::new("where the queue may name the account").queue(names(root)).role(plain()).abroad().allowed(),
        Corner::new("a session's policy narrows the role's").role(plain()).session(other_action()),
        Corner::new("and gives nothing").role(other_action()).session(plain()),
        Corner::new("and lets through what both allow").role(plain()).session(plain()).allowed(),
        Corner::new("a deny of the session's own is final").role(plain()).session(plain()).session(deny(json!({}))),
        Corner::new("it narrows what the queue gives").queue(names("ROLE")).session(other_action()),
        Corner::new("and lets it through").queue(names("ROLE")).session(plain()).allowed(),
        Corner::new("abroad, too").queue(names("ROLE")).role(plain()).session(other_action()).abroad(),
        Corner::new("and abroad lets through").queue(names("ROLE")).role(plain()).session(plain()).abroad().allowed(),
        Corner::new("an action's case does not matter").role(allow(json!({ "Action": "SQS:sendmessage" }))).allowed(),
        Corner::new("any action but another").role(without("Action", json!({ "NotAction": "sqs:Receive*" }))).allowed(),
        Corner::new("any action but this").role(without("Action", json!({ "NotAction": "sqs:Send*" }))),
        Corner::new("any queue but another")
            .role(without("Resource", json!({ "NotResource": "arn:aws:sqs:*:*:q" })))
            .allowed(),
        Corner::new("any queue but this").role(without("Resource", json!({ "NotResource": "QUEUE" }))),
        Corner::new("an ARN has variables after its fifth colon alone")
            .role(allow(json!({ "Resource": "arn:aws:sqs:us-east-1:${aws:PrincipalAccount}:corner-*" }))),
        Corner::new("one character")
            .role(allow(json!({ "Resource": "arn:aws:sqs:us-east-?:111111111111:corner-*" })))
            .allowed(),
        Corner::new("one character is not none")
            .role(allow(json!({ "Resource": "arn:aws:sqs:us-east-1?:111111111111:corner-*" }))),
        by_role(
            "an equal ARN may be a pattern",
            &json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::*:role/corner-*" } }),
        )
        .allowed(),
        by_role(
            "and so may one that is not",
            &json!({ "ArnNotEquals": { "aws:PrincipalArn": "arn:aws:iam::*:role/corner-*" } }),
        ),
        by_role("a like ARN", &json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/corner-*" } })).allowed(),
        by_role(
            "text is compared as it is",
            &json!({ "StringEquals": { "aws:PrincipalArn": "arn:aws:iam::*:role/corner-*" } }),
        ),
        by_role("or as a pattern", &json!({ "StringLike": { "aws:PrincipalArn": "*:role/corner-*" } })).allowed(),
        by_role(
            "with variables",
            &json!({ "StringLike": { "aws:PrincipalArn": "*::${aws:PrincipalAccount}:role/*" } }),
        )
        .allowed(),
        Corner {
            version: "2008-10-17",
            ..by_role(
                "which policies of old have not",
                &json!({ "StringLike": { "aws:PrincipalArn": "*::${aws:PrincipalAccount}:role/*" } }),
            )
        },
        by_role("case matters", &json!({ "StringLike": { "aws:PrincipalArn": "*:ROLE/corner-*" } })),
        by_role("a key's case does not", &json!({ "StringEquals": { "AWS:principalaccount": HOME } })).allowed(),
        by_role("one of several values", &json!({ "StringEquals": { "aws:PrincipalAccount": [ABROAD, HOME] } }))
            .allowed(),
        by_role("none of several values", &json!({ "StringNotEquals": { "aws:PrincipalAccount": [ABROAD, HOME] } })),
        by_role(
            "every condition",
            &json!({ "StringEquals": { "aws:PrincipalAccount": HOME, "aws:PrincipalOrgID": "o-other00000" } }),
        ),
        by_role(
            "a key that is not there is not equal",
            &json!({ "StringEquals": { "aws:PrincipalOrgID": "o-other00000" } }),
        ),
        by_role("but unequal", &json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-other00000" } })).allowed(),
        by_role("or passed over", &json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-other00000" } }))
            .allowed(),
        by_role("or asked for", &json!({ "Null": { "aws:PrincipalOrgID": "true", "aws:PrincipalAccount": "false" } }))
            .allowed(),
        by_role("one value is a set of one", &json!({ "ForAnyValue:StringEquals": { "aws:PrincipalAccount": HOME } }))
            .allowed(),
        by_role(
            "no value is in no set",
            &json!({ "ForAnyValue:StringEquals": { "aws:PrincipalOrgID": "o-other00000" } }),
        ),
        by_role(
            "but all of none are",
            &json!({ "ForAllValues:StringEquals": { "aws:PrincipalOrgID": "o-other00000" } }),
        )
        .allowed(),
        by_role("truth", &json!({ "Bool": { "aws:SecureTransport": "true" } })).allowed(),
    ]
}

/// A statement that allows, with another field instead of one.
fn without(field: &str, instead: Value) -> Value {
    let mut statement = allow(instead);
    statement.as_object_mut().unwrap().remove(field);
    statement
}

#[tokio::test]
async fn policies_mean_what_aws_documents() {
    let corners = corners();
    let role = |at: usize| format!("corner-{at}");
    let arns = |at: usize, owner: &str| {
        (format!("arn:aws:iam::{HOME}:role/corner-{at}"), format!("arn:aws:sqs:us-east-1:{owner}:corner-{at}"))
    };
    let document = |at: usize, corner: &Corner, statements: &[Value]| {
        let (role, queue) = arns(at, corner.owner);
        let text = json!({ "Version": corner.version, "Statement": statements }).to_string();
        text.replace("\"ROLE\"", &json!(role).to_string()).replace("\"QUEUE\"", &json!(queue).to_string())
    };
    let anyone = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{HOME}:root") } }] });
    let roles = corners.iter().enumerate().map(|(at, corner)| {
        let made = Role::new(HOME, &role(at), anyone.clone());
        if corner.role.is_empty() { made } else { made.with_permissions(document(at, corner, &corner.role)) }
    });
    let access_keys =
        (0..corners.len()).map(|at| AccessKey::new(&format!("AKIACORNER{at:06}"), HOME).of_role(&role(at)));
    let world = World { roles: roles.collect(), access_keys: access_keys.collect(), ..World::default() };
    let options = Options { witness: record::witness(), ..Options::default() };
    let server = Server::start(world, options).await.unwrap();
    let client = |key: &str| aws_sdk_sqs::Client::new(Aws::new(&server.endpoint(), key).config());

    let mut wrong = Vec::new();
    for (at, corner) in corners.iter().enumerate() {
        let owner = client(corner.owner);
        let queue = owner.create_queue().queue_name(role(at)).send().await.unwrap().queue_url.unwrap();
        if !corner.queue.is_empty() {
            let call = owner.set_queue_attributes().queue_url(&queue);
            let policy = document(at, corner, &corner.queue);
            call.attributes(QueueAttributeName::Policy, policy).send().await.unwrap();
        }
        let key = match &corner.session {
            None => format!("AKIACORNER{at:06}"),
            Some(statements) => {
                let sts = aws_sdk_sts::Client::new(Aws::new(&server.endpoint(), HOME).config());
                let call = sts.assume_role().role_arn(arns(at, HOME).0).role_session_name("corner");
                let session = call.policy(document(at, corner, statements)).send().await.unwrap();
                session.credentials.unwrap().access_key_id
            }
        };
        let sent = client(&key).send_message().queue_url(&queue).message_body("m").send().await;
        match sent {
            Ok(_) if !corner.allowed => wrong.push(format!("{}: allowed", corner.what)),
            Err(error) if corner.allowed => wrong.push(format!("{}: {error:?}", corner.what)),
            Err(error) => denied::<(), _>(corner.what, Err(error)),
            Ok(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
