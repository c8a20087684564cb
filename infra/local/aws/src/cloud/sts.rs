//! STS: `GetCallerIdentity`, and roles that are assumed in other accounts.

use awsim_core::{AwsError, ServiceHandler};
use serde_json::{Value, json};

use super::access::{Question, request_conditions, resource_tags};
use super::{Call, Caller, Cloud, account_in};

impl Cloud {
    pub(super) async fn answer_sts(&self, operation: &str, input: Value, call: &Call) -> Result<Value, AwsError> {
        let mut answer = match operation {
            "GetCallerIdentity" => return Ok(caller_identity(&call.caller)),
            "AssumeRole" => self.assume_role(input, call).await?,
            _ => self.sts.handle(operation, input, &call.context("sts", call.caller.account())).await?,
        };
        self.date_credentials(&mut answer);
        Ok(answer)
    }

    async fn assume_role(&self, input: Value, call: &Call) -> Result<Value, AwsError> {
        let text = |name: &str| input[name].as_str().unwrap_or_default();
        if input["ExternalId"].as_str().is_some_and(|id| !(2..=1224).contains(&id.len())) {
            let limit = "1 validation error detected: Value at 'externalId' must have 2 to 1224 characters";
            return Err(AwsError::bad_request("ValidationError", limit));
        }
        let role = text("RoleArn").to_owned();
        let owner = account_in(&role).unwrap_or_default().to_owned();
        let parameters = [("sts:ExternalId", "ExternalId"), ("sts:RoleSessionName", "RoleSessionName")];
        let mut conditions = request_conditions(&input, parameters);
        conditions.extend(resource_tags(self.access.tags_of(&role)));
        let question = Question {
            caller: &call.caller,
            action: "sts:AssumeRole",
            resource: &role,
            owner: &owner,
            // A role that does not exist is refused like one whose trust policy refuses, as in AWS.
            resource_policy: self.access.trust_of(&role),
            conditions,
        };
        self.access.decide_by_resource(question).map_err(|denied| AwsError::forbidden("AccessDenied", denied.0))?;
        let seconds = text("DurationSeconds").parse().unwrap_or(0);
        if matches!(call.caller, Caller::Session(_)) && seconds > 3600 {
            let limit =
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
            return Err(AwsError::bad_request("ValidationError", limit));
        }
        // The call is made in the role's account, where the session acts.
        self.sts.handle("AssumeRole", input, &call.context("sts", &owner)).await
    }
}

fn caller_identity(caller: &Caller) -> Value {
    let user_id = match caller {
        Caller::Account(account) => account,
        Caller::User { name, .. } => name,
        Caller::Session(session) => &session.assumed_role_id,
    };
    json!({ "Account": caller.account(), "Arn": caller.arn(), "UserId": user_id })
}
