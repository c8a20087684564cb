//! A queue by its attributes. No message is received: that would hide it from the program that
//! waits for it.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use pmp_aws::{Admission, ApiError, Asker, QueueArn, QueueUrl, Request, ResourcePolicy};
use pmp_terminal::checkup::Finding;
use pmp_terminal::count;

use crate::failed;

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

/// Looks at a queue: that it is there, and how messages are hidden and kept. `setting` is where its
/// URL comes from.
pub async fn look_at_queue(sdk: &SdkConfig, check: &'static str, url: &str, setting: &str) -> (Finding, Option<Queue>) {
    let finding = Finding::of(check);
    let queue = match read(sdk, url).await {
        Ok(queue) => queue,
        Err(error)
            if error
                .code()
                .is_some_and(|code| code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist")) =>
        {
            let fix = format!("check {setting}: URL, account and region");
            return (finding.fail(format!("queue `{url}` does not exist"), fix), None);
        }
        Err(error) => return (failed(finding, &error), None),
    };
    let mut finding = finding.note(queue.arn.clone()).note(format!("{} in it", count(queue.messages(), "message")));
    if let Some(seconds) = queue.attribute(&Name::VisibilityTimeout) {
        finding = finding.note(format!("hidden for {seconds} s"));
    }
    let seconds = |name: &Name| queue.attribute(name).and_then(|text| text.parse::<u64>().ok());
    let (hidden, kept) = (seconds(&Name::VisibilityTimeout), seconds(&Name::MessageRetentionPeriod));
    if let (Some(hidden), Some(kept)) = (hidden, kept)
        && kept <= hidden
    {
        finding = finding.warn(
            format!("kept for {kept} s, which is not longer than they are hidden: what fails once is lost"),
            format!(
                "keep messages for 14 days: `aws sqs set-queue-attributes --queue-url {url} --attributes \
                 MessageRetentionPeriod=1209600`"
            ),
        );
    }
    let finding = match (queue.attribute(&Name::KmsMasterKeyId), queue.attribute(&Name::SqsManagedSseEnabled)) {
        (Some("alias/aws/sqs"), _) => finding.fail(
            "encrypted with `alias/aws/sqs`, which no other service may use: nothing is delivered into it",
            "encrypt it with SQS's own key (SqsManagedSseEnabled), or with a key whose policy lets the sender use it"
                .to_owned(),
        ),
        (Some(key), _) => finding.note(format!("encrypted with `{key}`")),
        (None, Some("false")) => finding.warn("not encrypted", "set SqsManagedSseEnabled on the queue".to_owned()),
        (None, _) => finding,
    };
    (finding, Some(queue))
}

/// Looks at where a queue's messages go that fail again and again.
pub async fn dead_letters(sdk: &SdkConfig, check: &'static str, queue: &Queue) -> Finding {
    let finding = Finding::of(check);
    let redrive = queue.attribute(&Name::RedrivePolicy).and_then(|text| serde_json::from_str(text).ok());
    let Some(redrive): Option<serde_json::Value> = redrive else {
        let fix = "give the queue a redrive policy: a message that fails again and again is lost otherwise".to_owned();
        return finding.warn("the queue has no dead-letter queue", fix);
    };
    // A number in some answers, a text in others.
    let receives = redrive["maxReceiveCount"].to_string();
    let receives = receives.trim_matches('"').parse::<u32>().unwrap_or_default();
    let arn = redrive["deadLetterTargetArn"].as_str().unwrap_or_default();
    let finding = finding.note(format!("{arn}, after {receives} receives"));
    let finding = if receives < 3 {
        let fix = "raise maxReceiveCount to 5 or more: a pass that is stopped half-way counts as a receive".to_owned();
        finding.warn("too few receives", fix)
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
        Err(error) => crate::unknown(finding, &error),
    }
}

/// Whether the queue's own policy lets `service` send to it for `source`.
#[must_use]
pub fn queue_admits(check: &'static str, queue: &Queue, service: &str, source: &str) -> Finding {
    let finding = Finding::of(check);
    let fix = || {
        format!(
            "allow `sqs:SendMessage` to {{\"Service\": \"{service}\"}} with {{\"ArnEquals\": {{\"aws:SourceArn\": \"{source}\"}}}} in the queue's policy"
        )
    };
    let Some(text) = queue.attribute(&Name::Policy) else {
        return finding.fail(format!("the queue has no policy, so `{source}` may not send to it"), fix());
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
        Admission::No => finding.fail(format!("does not let `{source}` send"), fix()),
        Admission::Unclear(what) => {
            finding.warn(format!("whether `{source}` may send hangs on `{what}`, which is not known here"), None)
        }
    }
}
