//! A queue by its attributes. No message is received: that would hide it from the program that
//! waits for it.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use pmp_aws::{Admission, ApiError, Asker, QueueArn, QueueUrl, Request, ResourcePolicy};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{Source, count, export, word};
use serde_json::json;

use crate::{failed, meant};

/// The shortest visibility timeout, in seconds: SQS's default. A program that received a message
/// needs a moment until it hides the message for longer.
const SHORTEST_HIDDEN: u64 = 30;

/// Which queue is looked at, and how a person names and repairs it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The check that it is.
    pub check: &'static str,
    /// URL of the queue.
    pub url: &'a str,
    /// The setting that the URL comes from.
    pub setting: Source,
    /// The program's own command that makes the queue, or adds what it lacks. `None` where there is
    /// none: then the fixes are calls of the AWS CLI.
    pub init: Option<&'a str>,
    /// A region in which the queue may be as well.
    pub region: Option<&'a str>,
}

impl Place<'_> {
    /// The command that gives the queue `attributes`.
    fn set(&self, attributes: &serde_json::Value) -> Option<String> {
        let of_aws = || {
            let (url, attributes) = (word(self.url)?, word(&attributes.to_string())?);
            Some(format!("aws sqs set-queue-attributes --queue-url {url} --attributes {attributes}"))
        };
        self.init.map(str::to_owned).or_else(of_aws)
    }
}

/// A queue that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// URL by which it was asked for.
    pub url: String,
    /// ARN as SQS tells it; empty where SQS does not.
    pub arn: String,
    attributes: HashMap<Name, String>,
}

impl Queue {
    /// An attribute, where it is set to something.
    #[must_use]
    pub fn attribute(&self, name: &Name) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The messages in it, hidden ones included.
    fn messages(&self) -> usize {
        let names = [Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible];
        names.iter().filter_map(|name| self.attribute(name)?.parse::<usize>().ok()).sum()
    }
}

async fn read(sdk: &SdkConfig, url: &str) -> Result<Queue, ApiError> {
    let client = Client::new(&pmp_aws::for_queue(sdk, url));
    let answer = client.get_queue_attributes().queue_url(url).attribute_names(Name::All).send().await;
    let attributes = answer.map_err(|error| ApiError::new("sqs:GetQueueAttributes", &error))?;
    let attributes = attributes.attributes.unwrap_or_default();
    let arn = attributes.get(&Name::QueueArn).cloned().unwrap_or_default();
    Ok(Queue { url: url.to_owned(), arn, attributes })
}

/// Looks at a queue: that it is there, and how messages are hidden and kept.
pub async fn look_at_queue(sdk: &SdkConfig, place: &Place<'_>) -> (Finding, Option<Queue>) {
    let (finding, url) = (Finding::of(place.check), place.url);
    let queue = match read(sdk, url).await {
        Ok(queue) => queue,
        Err(error) if does_not_exist(&error) => {
            let finding = finding.fail(
                format!("queue `{url}` does not exist"),
                format!("check {}: URL, account and region", place.setting),
            );
            if let Some(command) = meant::region_of_queue(sdk, url, place.setting, place.region).await {
                return (finding.command(Stage::Settings, command), None);
            }
            let finding = match (meant::queue(sdk, url).await, place.init) {
                (Some(meant), _) => finding.command(Stage::Settings, export(place.setting.variable, &meant)),
                (None, Some(init)) => finding.command(Stage::Resources, init.to_owned()),
                (None, None) => finding,
            };
            return (finding, None);
        }
        // SQS tells nobody whether another account has such a queue.
        Err(error) if error.is_access_denied() => {
            let meant = meant::queue(sdk, url).await.and_then(|meant| export(place.setting.variable, &meant));
            return (failed(finding, &error).command(Stage::Settings, meant), None);
        }
        Err(error) => return (failed(finding, &error), None),
    };
    let mut finding = finding.note(queue.arn.clone()).note(format!("{} in it", count(queue.messages(), "message")));
    if let Some(seconds) = queue.attribute(&Name::VisibilityTimeout) {
        finding = finding.note(format!("visibility timeout {seconds} s"));
    }
    let seconds = |name: &Name| queue.attribute(name).and_then(|text| text.parse::<u64>().ok());
    let (hidden, kept) = (seconds(&Name::VisibilityTimeout), seconds(&Name::MessageRetentionPeriod));
    if let (Some(hidden), Some(kept)) = (hidden, kept)
        && kept <= hidden
    {
        finding = finding
            .warn(
                format!("kept for {kept} s, which is not longer than they are hidden: what fails once is lost"),
                format!(
                    "keep messages for 14 days: `aws sqs set-queue-attributes --queue-url {url} --attributes \
                     MessageRetentionPeriod=1209600`"
                ),
            )
            .command(Stage::Resources, place.set(&json!({"MessageRetentionPeriod": "1209600"})));
    }
    if let Some(hidden) = hidden.filter(|hidden| *hidden < SHORTEST_HIDDEN) {
        finding = finding
            .warn(
                format!("visibility timeout {hidden} s only: a message comes back while it is being worked on"),
                format!("hide messages for {SHORTEST_HIDDEN} s or longer: VisibilityTimeout"),
            )
            .command(Stage::Resources, place.set(&json!({"VisibilityTimeout": "300"})));
    }
    let own_key = || place.set(&json!({"KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"}));
    let finding = match (queue.attribute(&Name::KmsMasterKeyId), queue.attribute(&Name::SqsManagedSseEnabled)) {
        (Some("alias/aws/sqs"), _) => finding
            .fail(
                "encrypted with `alias/aws/sqs`, which no other service may use: nothing is delivered into it",
                "encrypt it with SQS's own key (SqsManagedSseEnabled), or with a key whose policy lets the sender use it"
                    .to_owned(),
            )
            .command(Stage::Resources, own_key()),
        (Some(key), _) => finding.note(format!("encrypted with `{key}`")),
        (None, Some("false")) => finding
            .warn("not encrypted", "set SqsManagedSseEnabled on the queue".to_owned())
            .command(Stage::Resources, own_key()),
        (None, _) => finding,
    };
    (finding, Some(queue))
}

fn does_not_exist(error: &ApiError) -> bool {
    error.code().is_some_and(|code| code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist"))
}

/// Looks at where a queue's messages go that fail again and again. `init` is the program's own
/// command that gives the queue a dead-letter queue.
pub async fn dead_letters(sdk: &SdkConfig, check: &'static str, queue: &Queue, init: Option<&str>) -> Finding {
    let init = || init.map(str::to_owned);
    let finding = Finding::of(check);
    let redrive = queue.attribute(&Name::RedrivePolicy).and_then(|text| serde_json::from_str(text).ok());
    let Some(redrive): Option<serde_json::Value> = redrive else {
        let fix = "give the queue a redrive policy: a message that fails again and again is lost otherwise".to_owned();
        return finding.warn("the queue has no dead-letter queue", fix).command(Stage::Resources, init());
    };
    // A number in some answers, a text in others.
    let receives = redrive["maxReceiveCount"].to_string();
    let receives = receives.trim_matches('"').parse::<u32>().unwrap_or_default();
    let arn = redrive["deadLetterTargetArn"].as_str().unwrap_or_default();
    let finding = finding.note(format!("{arn}, after {receives} receives"));
    let finding = if receives < 3 {
        let fix = "raise maxReceiveCount to 5 or more: a pass that is stopped half-way counts as a receive".to_owned();
        finding.warn("too few receives", fix).command(Stage::Resources, init())
    } else {
        finding
    };
    // In the account and region of the queue itself, as SQS demands.
    let (Ok(url), Ok(arn)) = (queue.url.parse::<QueueUrl>(), arn.parse::<QueueArn>()) else { return finding };
    let Some(dead) = url.sibling(arn.name()) else { return finding };
    match read(sdk, dead.as_str()).await {
        Ok(dead) if dead.messages() == 0 => finding.note("none in it"),
        Ok(dead) => finding.warn(
            format!("{} in it", count(dead.messages(), "dead letter")),
            "look at their attribute `pmp-sync-reason`, fix the cause, then delete them".to_owned(),
        ),
        Err(error) if does_not_exist(&error) => {
            let fix = "make this queue again: what fails again and again is lost otherwise".to_owned();
            finding.fail("its dead-letter queue does not exist", fix).command(Stage::Resources, init())
        }
        Err(error) => crate::unknown(finding, &error),
    }
}

/// Whether the queue's own policy lets `service` send to it for `source`. `init` is the program's
/// own command that adds a statement which does.
#[must_use]
pub fn queue_admits(check: &'static str, queue: &Queue, service: &str, source: &str, init: Option<&str>) -> Finding {
    let finding = Finding::of(check);
    let add = || init.map(str::to_owned);
    let fix = || {
        format!(
            "allow `sqs:SendMessage` to {{\"Service\": \"{service}\"}} with {{\"ArnEquals\": {{\"aws:SourceArn\": \"{source}\"}}}} in the queue's policy"
        )
    };
    let Some(text) = queue.attribute(&Name::Policy) else {
        return finding
            .fail(format!("the queue has no policy, so `{source}` may not send to it"), fix())
            .command(Stage::Resources, add());
    };
    let policy = match ResourcePolicy::parse(text) {
        Ok(policy) => policy,
        Err(problem) => return finding.fail(format!("the queue's policy cannot be read: {problem}"), fix()),
    };
    let asker = Asker::Service(service);
    let request = Request { asker, action: "sqs:SendMessage", resource: &queue.arn, source: Some(source) };
    match policy.admits(&request) {
        Admission::Yes => finding.note(format!("lets `{source}` send")),
        Admission::No if policy.denies(&request) => finding.fail(
            format!("denies `{source}` to send"),
            "take the statement with `\"Effect\": \"Deny\"` that is about it out of the queue's policy, or except the topic there: \
             nothing that allows it helps"
                .to_owned(),
        ),
        Admission::No => finding.fail(format!("does not let `{source}` send"), fix()).command(Stage::Resources, add()),
        Admission::Unclear(what) => {
            finding.warn(format!("whether `{source}` may send hangs on `{what}`, which is not known here"), None)
        }
    }
}
