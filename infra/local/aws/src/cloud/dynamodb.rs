//! DynamoDB: finds the account whose tables a request is about, asks IAM about each access, and
//! passes the request on to the account's database.

use std::sync::Mutex;

use awsim_core::AwsError;
use awsim_iam_policy::ContextValue;
use pmp_local_dynamodb::{Access, Answer, Database, Error, Request, TableName};
use serde_json::Value;

use super::access::{Conditions, Denied, Question};
use super::changes::only_reads;
use super::databases::lock;
use super::{Call, Cloud, account_in, journal};

/// The condition key with the partitions that a request touches.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

impl Cloud {
    /// Answers a request, given as the JSON of its body. The answer shares items with the tables,
    /// and is not written as JSON before all locks are released.
    pub(crate) async fn answer_dynamodb(&self, operation: &str, body: &[u8], call: &Call) -> Result<Answer, AwsError> {
        let request = Request::parse(operation, body).map_err(refused)?;
        let owner = owner_of(&request.tables())?.unwrap_or_else(|| call.caller.account());
        let database = self.databases.of(owner, &call.region);
        self.authorize_dynamodb(&request, owner, &database, call)?;
        if only_reads(operation) {
            return lock(&database).answer(&request, self.clock.now()).map_err(refused);
        }
        let _change = self.changes.begin().await;
        let answer = lock(&database).answer(&request, self.clock.now()).map_err(refused)?;
        self.note_written(journal::ledger_writes(&request));
        Ok(answer)
    }

    fn authorize_dynamodb(
        &self,
        request: &Request,
        owner: &str,
        database: &Mutex<Database>,
        call: &Call,
    ) -> Result<(), AwsError> {
        let crosses = call.caller.account() != owner;
        let accesses = lock(database).accesses(request);
        for Access { action, resource, leading_key } in accesses {
            let policy = if crosses { lock(database).policy(&resource).map(str::to_owned) } else { None };
            let leading_key = leading_key.map(|key| (LEADING_KEYS.to_owned(), ContextValue::StringList(vec![key])));
            let question = Question {
                caller: &call.caller,
                action: &action,
                resource: &resource,
                owner,
                resource_policy: policy.as_deref(),
                conditions: leading_key.into_iter().collect::<Conditions>(),
            };
            let denied = |denied: Denied| AwsError::bad_request("AccessDeniedException", denied.0);
            self.access.decide(question).map_err(denied)?;
        }
        Ok(())
    }
}

/// The account in the ARNs of tables; `None` if all are names.
fn owner_of<'a>(tables: &[&'a TableName]) -> Result<Option<&'a str>, AwsError> {
    let mut owners = tables.iter().filter_map(|table| account_in(table.as_given()).filter(|_| table.is_arn()));
    let owner = owners.next();
    if owners.any(|other| Some(other) != owner) {
        return Err(AwsError::validation("All tables of a request must be in one account"));
    }
    Ok(owner)
}

fn refused(error: Error) -> AwsError {
    let mut refused = AwsError::bad_request(error.code, error.message);
    let item = error.item.map(|item| ("Item", serde_json::to_value(item)));
    let reasons = error.reasons.map(|reasons| ("CancellationReasons", serde_json::to_value(reasons)));
    for (field, value) in item.into_iter().chain(reasons) {
        refused = refused.with_extra(field, value.unwrap_or(Value::Null));
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(body: &str) -> Result<Option<String>, AwsError> {
        let request = Request::parse("BatchGetItem", body.as_bytes()).map_err(refused)?;
        owner_of(&request.tables()).map(|owner| owner.map(str::to_owned))
    }

    #[test]
    fn the_account_in_the_arns_of_a_request_owns_the_tables() {
        let arn = |account: &str| format!("arn:aws:dynamodb:us-east-1:{account}:table/t");
        let key = r#"{"Keys": [{"k": {"S": "1"}}]}"#;
        let tables = |names: &[&str]| {
            let tables: Vec<_> = names.iter().map(|name| format!("\"{name}\": {key}")).collect();
            format!("{{\"RequestItems\": {{{}}}}}", tables.join(", "))
        };
        let (one, two) = (arn("111111111111"), arn("222222222222"));
        assert_eq!(owner(&tables(&["plain", &one])).unwrap().as_deref(), Some("111111111111"));
        assert_eq!(owner(&tables(&["plain"])).unwrap(), None);
        assert!(owner(&tables(&[&one, &two])).is_err());
    }
}
