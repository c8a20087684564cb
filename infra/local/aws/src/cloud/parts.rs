//! Turns the state of the services into parts that can be saved, and restores it.

use awsim_core::ServiceHandler;
use awsim_sts::AssumedRoleSession;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Cloud;
use crate::catalog::Catalog;
use crate::state::{Parts, Session};

/// Why a state that was read cannot be restored.
#[derive(Debug, thiserror::Error)]
#[error("the state of {service} cannot be used: {problem}")]
pub(crate) struct Unusable {
    service: &'static str,
    problem: String,
}

pmp_protocol::codes!(Unusable => "E3007");

pmp_protocol::without_hint!(Unusable);

impl Cloud {
    /// Everything except the tables. Changes must be paused meanwhile.
    pub(crate) fn parts(&self) -> Result<Parts, serde_json::Error> {
        Ok(Parts {
            clock_offset_micros: i64::try_from(self.clock.offset().as_micros()).unwrap_or_default(),
            sns: text(&self.sns),
            sqs: text(&self.sqs),
            sessions: self.running_sessions(),
            keys: self.keys.saved()?,
            catalog: serde_json::to_string(&*self.catalog())?,
        })
    }

    /// Restores saved parts. `authority` is the address in queue URLs from now on.
    pub(crate) fn restore(&self, parts: Parts, authority: &str) -> Result<(), Unusable> {
        let unusable = |service: &'static str| move |problem: String| Unusable { service, problem };
        let offset = SignedDuration::from_micros(parts.clock_offset_micros);
        self.clock.jump(offset).map_err(|e| unusable("the clock")(e.to_string()))?;
        self.sns.restore(parts.sns.as_bytes()).map_err(unusable("SNS"))?;
        // awsim uses the machine's clock. Its times were shifted by the offset of the emulator's
        // clock.
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let mut queues: Value = serde_json::from_str(&parts.sqs).map_err(|e| unusable("SQS")(e.to_string()))?;
        for region in queues.as_array_mut().into_iter().flatten() {
            let account = region["account_id"].as_str().unwrap_or_default().to_owned();
            for queue in region["queues"].as_array_mut().into_iter().flatten() {
                queue["url"] =
                    json!(format!("http://{authority}/{account}/{}", queue["name"].as_str().unwrap_or_default()));
                return_expired(queue, now);
            }
        }
        self.sqs.restore(queues.to_string().as_bytes()).map_err(unusable("SQS"))?;
        self.keys.restore(&parts.keys).map_err(|e| unusable("KMS")(e.to_string()))?;
        let catalog = serde_json::from_str(&parts.catalog).and_then(|state| Catalog::restore(state, &self.world));
        *self.catalog() = catalog.map_err(|e| unusable("the catalog")(e.to_string()))?;
        parts.sessions.into_iter().for_each(|session| self.restore_session(session));
        Ok(())
    }

    /// The sessions that have not expired. awsim cannot list them, so their ends are kept here.
    fn running_sessions(&self) -> Vec<Session> {
        let running = self.session_ends.running(self.clock.now()).into_iter();
        running.filter_map(|(key, end)| Some(saved_session(self.sessions.lookup(&key)?, end))).collect()
    }

    fn restore_session(&self, session: Session) {
        self.session_ends.set(&session.access_key, session.expires);
        self.sessions.record(AssumedRoleSession {
            access_key: session.access_key,
            role_arn: session.role_arn,
            role_name: session.role_name,
            session_name: session.session_name,
            account_id: session.account,
            assumed_role_id: session.assumed_role_id,
            expiry: None,
            inline_session_policy: session.policy,
            session_policy_arns: session.policy_arns,
            session_tags: session.tags,
            transitive_tag_keys: session.transitive_tag_keys,
        });
    }
}

fn text(service: &impl ServiceHandler) -> String {
    let bytes = service.snapshot().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn saved_session(session: AssumedRoleSession, expires: Timestamp) -> Session {
    Session {
        access_key: session.access_key,
        role_arn: session.role_arn,
        role_name: session.role_name,
        session_name: session.session_name,
        account: session.account_id,
        assumed_role_id: session.assumed_role_id,
        expires,
        policy: session.inline_session_policy,
        policy_arns: session.session_policy_arns,
        tags: session.session_tags,
        transitive_tag_keys: session.transitive_tag_keys,
    }
}

/// Makes messages visible again whose visibility timeout ended while the server was down. awsim
/// would count that as a receive.
fn return_expired(queue: &mut Value, now: u64) {
    let Value::Array(inflight) = queue["inflight"].take() else { return };
    let is_over = |message: &Value| message["visible_at_secs"].as_u64().is_none_or(|end| end <= now);
    let (over, still): (Vec<_>, Vec<_>) = inflight.into_iter().partition(is_over);
    queue["inflight"] = Value::Array(still);
    if let Some(messages) = queue["messages"].as_array_mut() {
        let mut returned: Vec<_> = over.into_iter().map(|mut inflight| inflight["message"].take()).collect();
        returned.sort_by_key(|message| message["sent_at_secs"].as_u64());
        messages.splice(0..0, returned);
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::World;

    #[tokio::test]
    async fn a_part_that_its_service_does_not_take_is_an_error() {
        let cloud = Cloud::new(World::default(), "127.0.0.1:1", None, CancellationToken::new()).await.unwrap();
        let error = cloud.restore(Parts { sns: "x".to_owned(), ..Parts::default() }, "127.0.0.1:1").unwrap_err();
        assert!(error.to_string().starts_with("the state of SNS cannot be used: "), "{error}");
        assert_eq!(error.code().to_string(), "E3007");
    }

    #[test]
    fn a_visibility_timeout_that_ended_meanwhile_is_no_receive() {
        let message = |id: &str, sent: u64| json!({ "message_id": id, "sent_at_secs": sent, "receive_count": 1 });
        let mut queue = json!({
            "messages": [message("new", 30)],
            "inflight": [
                { "message": message("second", 20), "visible_at_secs": 90 },
                { "message": message("first", 10), "visible_at_secs": 100 },
                { "message": message("held", 25), "visible_at_secs": 101 },
            ],
        });
        return_expired(&mut queue, 100);
        let ids =
            |list: &Value, of: &dyn Fn(&Value) -> Value| list.as_array().unwrap().iter().map(of).collect::<Vec<_>>();
        assert_eq!(ids(&queue["messages"], &|m| m["message_id"].clone()), ["first", "second", "new"]);
        assert_eq!(queue["messages"][0]["receive_count"], 1);
        assert_eq!(ids(&queue["inflight"], &|m| m["message"]["message_id"].clone()), ["held"]);
    }
}
