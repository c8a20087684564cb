//! SNS: topics of any account by their ARN, topic policies, subscriptions across accounts,
//! publishing.

use awsim_core::{AwsError, EventBus, RequestContext, ServiceHandler};
use serde_json::{Map, Value, json};

use super::access::{Denied, Question, request_conditions};
use super::{Call, Cloud, account_in};

/// The attribute with the account that made a topic or a subscription. AWS reports it; awsim does
/// not.
const OWNER: &str = "Owner";
/// The attribute of a subscription that waits for its confirmation.
const PENDING: &str = "PendingConfirmation";
/// The attribute in which awsim keeps the token that confirms a subscription. awsim returns it to
/// nobody.
const TOKEN: &str = "_AwsimConfirmationToken";

impl Cloud {
    pub(super) async fn answer_sns(&self, operation: &str, mut input: Value, call: &Call) -> Result<Value, AwsError> {
        let owner = resource_arn(&input).and_then(account_in).unwrap_or_else(|| call.caller.account()).to_owned();
        let context = call.context("sns", &owner);
        self.authorize_sns(operation, &input, call, &context)?;
        check_policy(&input)?;
        let emptied = take_empty_filter(&mut input);
        match operation {
            "CreateTopic" => self.create_topic(input, &context).await,
            "Subscribe" => self.subscribe(input, call, &context).await,
            "SetSubscriptionAttributes" if emptied => {
                let subscription = input["SubscriptionArn"].as_str().unwrap_or_default().to_owned();
                input["AttributeValue"] = json!("");
                let answer = self.sns.handle(operation, input, &context).await?;
                self.forget_filter(&subscription, &context);
                Ok(answer)
            }
            "ListSubscriptions" => Ok(self.subscriptions_of(call.caller.account())),
            "ListSubscriptionsByTopic" => {
                let answer = self.sns.handle(operation, input, &context).await?;
                Ok(self.with_owners(answer, &context))
            }
            "Publish" | "PublishBatch" => {
                flatten_attributes(&mut input);
                if operation == "Publish" && input["Message"].as_str().is_none_or(str::is_empty) {
                    return Err(AwsError::bad_request("InvalidParameter", "Invalid parameter: Empty message"));
                }
                // The query protocol cannot express an empty list, so the parameter is absent.
                if operation == "PublishBatch" && !input["PublishBatchRequestEntries"].is_array() {
                    input["PublishBatchRequestEntries"] = json!([]);
                }
                self.publish(operation, input, context).await
            }
            _ => self.sns.handle(operation, input, &context).await,
        }
    }

    fn authorize_sns(
        &self,
        operation: &str,
        input: &Value,
        call: &Call,
        context: &RequestContext,
    ) -> Result<(), AwsError> {
        // A subscription belongs to the account that made it, but its ARN holds the topic's
        // account.
        let subscription = input["SubscriptionArn"].as_str();
        let own = subscription.and_then(|arn| self.subscription_attribute(arn, OWNER, context));
        let owner = own.filter(|own| own == call.caller.account()).unwrap_or_else(|| context.account_id.clone());
        // A caller with the token has received it from SNS, so no signature is needed, as in AWS.
        if operation == "ConfirmSubscription" {
            return Ok(());
        }
        for (action, resource) in self.sns.iam_checks(operation, input, context) {
            let policy = self.topic_attribute(&resource, "Policy", context);
            let question = Question {
                caller: &call.caller,
                action: &action,
                resource: &resource,
                owner: &owner,
                resource_policy: policy.as_deref(),
                // The condition keys that AWS documents for `Subscribe`.
                conditions: request_conditions(input, [("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint")]),
            };
            let refused = |denied: Denied| AwsError::forbidden("AuthorizationError", denied.0);
            self.access.decide(question).map_err(refused)?;
        }
        Ok(())
    }

    fn topic_attribute(&self, topic: &str, attribute: &str, context: &RequestContext) -> Option<String> {
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        state.topics.get(topic)?.attributes.get(attribute).cloned()
    }

    pub(super) fn subscription_attribute(
        &self,
        subscription: &str,
        attribute: &str,
        context: &RequestContext,
    ) -> Option<String> {
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        state.subscriptions.get(subscription)?.attributes.get(attribute).cloned()
    }

    pub(super) async fn create_topic(&self, mut input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        let name = input["Name"].as_str().unwrap_or_default();
        let arn = format!("arn:aws:sns:{}:{}:{name}", context.region, context.account_id);
        let exists = self.topic_attribute(&arn, "TopicArn", context).is_some();
        if !exists && input["Attributes"]["Policy"].is_null() {
            input["Attributes"]["Policy"] = json!(default_policy(&arn, &context.account_id));
        }
        let answer = self.sns.handle("CreateTopic", input, context).await?;
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        if let Some(mut topic) = state.topics.get_mut(&arn) {
            topic.attributes.insert(OWNER.into(), context.account_id.clone());
        }
        Ok(answer)
    }

    async fn subscribe(&self, input: Value, call: &Call, context: &RequestContext) -> Result<Value, AwsError> {
        let (topic, endpoint) = (input["TopicArn"].clone(), input["Endpoint"].clone());
        if let Some(existing) = self.existing_subscription(&input, context)? {
            return Ok(json!({ "SubscriptionArn": existing }));
        }
        let answer = self.sns.handle("Subscribe", input, context).await?;
        let arn = answer["SubscriptionArn"].as_str().unwrap_or_default();
        let caller = call.caller.account();
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        let token = {
            let Some(mut subscription) = state.subscriptions.get_mut(arn) else { return Ok(answer) };
            subscription.attributes.insert(OWNER.into(), caller.into());
            // Only the queue's own account can subscribe it without a confirmation.
            if subscription.protocol != "sqs" || endpoint.as_str().and_then(account_in) == Some(caller) {
                return Ok(answer);
            }
            // The token is random, and only the queue receives it.
            let token = context.request_id.replace('-', "").repeat(4);
            subscription.confirmed = false;
            subscription.attributes.insert(PENDING.into(), "true".into());
            subscription.attributes.insert(TOKEN.into(), token.clone());
            token
        };
        tracing::info!(%topic, %endpoint, "subscription waits for a confirmation by the queue's account");
        let (topic, endpoint) = (topic.as_str().unwrap_or_default(), endpoint.as_str().unwrap_or_default());
        self.ask_to_confirm(topic, endpoint, &token, context).await;
        Ok(json!({ "SubscriptionArn": "pending confirmation" }))
    }

    /// Removes the filter policy of a subscription.
    fn forget_filter(&self, subscription: &str, context: &RequestContext) {
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        if let Some(mut subscription) = state.subscriptions.get_mut(subscription) {
            subscription.attributes.remove("FilterPolicy");
        }
    }

    /// The existing subscription, if the same one is made again. Other attributes are an error.
    fn existing_subscription(&self, input: &Value, context: &RequestContext) -> Result<Option<String>, AwsError> {
        let state = self.sns.store_handle().get(&context.account_id, &context.region);
        let same = |field: &str, value: &str| input[field].as_str() == Some(value);
        let existing = state.subscriptions.iter().find(|subscription| {
            same("TopicArn", &subscription.topic_arn)
                && same("Protocol", &subscription.protocol)
                && same("Endpoint", &subscription.endpoint)
        });
        let Some(existing) = existing else { return Ok(None) };
        let asked = input["Attributes"].as_object();
        let differs = |(name, value): (&String, &Value)| {
            existing.attributes.get(name).map(String::as_str).unwrap_or_default() != value.as_str().unwrap_or_default()
        };
        if asked.is_some_and(|attributes| attributes.iter().any(differs)) {
            let message = "Invalid parameter: Attributes Reason: Subscription already exists with different attributes";
            return Err(AwsError::bad_request("InvalidParameter", message));
        }
        Ok(Some(existing.arn.clone()))
    }

    /// All subscriptions that an account made, on topics of any account.
    fn subscriptions_of(&self, account: &str) -> Value {
        let mut found = Vec::new();
        for (_, state) in self.sns.store_handle().iter_all() {
            let own = state.subscriptions.iter().filter(|s| s.attributes.get(OWNER).is_some_and(|o| o == account));
            found.extend(own.map(|s| {
                let arn = if s.confirmed { s.arn.as_str() } else { PENDING };
                json!({ "SubscriptionArn": arn, "TopicArn": s.topic_arn, "Protocol": s.protocol,
                    "Endpoint": s.endpoint, "Owner": account })
            }));
        }
        json!({ "Subscriptions": { "member": found } })
    }

    fn with_owners(&self, mut answer: Value, context: &RequestContext) -> Value {
        let members = answer["Subscriptions"]["member"].as_array_mut();
        for subscription in members.into_iter().flatten() {
            let arn = subscription["SubscriptionArn"].as_str().unwrap_or_default().to_owned();
            if let Some(owner) = self.subscription_attribute(&arn, OWNER, context) {
                subscription["Owner"] = json!(owner);
            }
            if self.subscription_attribute(&arn, PENDING, context).as_deref() == Some("true") {
                subscription["SubscriptionArn"] = json!(PENDING);
            }
        }
        answer
    }

    /// Publishes a message and delivers it before it answers. After the answer, the message is in
    /// the queues.
    pub(super) async fn publish(
        &self,
        operation: &str,
        input: Value,
        mut context: RequestContext,
    ) -> Result<Value, AwsError> {
        let bus = EventBus::new();
        let mut deliveries = bus.subscribe();
        context.event_bus = Some(bus);
        let answer = self.sns.handle(operation, input.clone(), &context).await?;
        self.note_published(&input);
        while let Ok(delivery) = deliveries.try_recv() {
            let attributes = attributes_of(&delivery.detail, &answer, &input);
            self.deliver(&delivery.detail, attributes, &context).await;
        }
        Ok(answer)
    }
}

/// The ARN that a request is about.
fn resource_arn(input: &Value) -> Option<&str> {
    ["TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn"].iter().find_map(|field| input[field].as_str())
}

/// AWS's default policy for a new topic. It permits nobody from outside the account, but clients
/// expect a policy to exist.
fn default_policy(topic: &str, account: &str) -> String {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions.map(|action| format!("SNS:{action}")),
            "Resource": topic,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    })
    .to_string()
}

fn check_policy(input: &Value) -> Result<(), AwsError> {
    let set =
        if input["AttributeName"] == "Policy" { &input["AttributeValue"] } else { &input["Attributes"]["Policy"] };
    match set.as_str() {
        Some(policy) if !policy.is_empty() && awsim_iam_policy::parse(policy).is_err() => {
            let message = "Invalid parameter: Policy Error: null";
            Err(AwsError::bad_request("InvalidParameter", message))
        }
        _ => Ok(()),
    }
}

/// Removes an empty filter policy from a request, and returns whether there was one. AWS documents
/// it as the way to remove the policy; awsim refuses it.
fn take_empty_filter(input: &mut Value) -> bool {
    let is_empty = |policy: &Value| policy.as_str().and_then(|text| serde_json::from_str(text).ok()) == Some(json!({}));
    if let Some(attributes) = input["Attributes"].as_object_mut()
        && attributes.get("FilterPolicy").is_some_and(is_empty)
    {
        attributes.remove("FilterPolicy");
        return true;
    }
    input["AttributeName"] == "FilterPolicy" && is_empty(&input["AttributeValue"])
}

/// Turns `MessageAttributes.entry[{Name, Value}]` of the query protocol into the map that awsim
/// reads.
fn flatten_attributes(input: &mut Value) {
    if let Some(entries) = input["MessageAttributes"]["entry"].as_array() {
        let named = |entry: &Value| Some((entry["Name"].as_str()?.to_owned(), entry["Value"].clone()));
        input["MessageAttributes"] = Value::Object(entries.iter().filter_map(named).collect::<Map<_, _>>());
    }
    if let Some(entries) = input["PublishBatchRequestEntries"].as_array_mut() {
        entries.iter_mut().for_each(flatten_attributes);
    }
}

/// The attributes of the message that a delivery is about. awsim's own copy loses binary values.
fn attributes_of(delivery: &Value, answer: &Value, input: &Value) -> Map<String, Value> {
    let message = &delivery["message_id"];
    let sent = answer["Successful"]["member"].as_array().or_else(|| answer["Successful"].as_array());
    let id = sent.and_then(|sent| sent.iter().find(|entry| entry["MessageId"] == *message)).map(|entry| &entry["Id"]);
    let entries = input["PublishBatchRequestEntries"].as_array();
    let entry = entries.and_then(|entries| entries.iter().find(|entry| Some(&entry["Id"]) == id));
    entry.unwrap_or(input)["MessageAttributes"].as_object().cloned().unwrap_or_default()
}
