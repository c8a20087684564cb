//! Checks the topic: that it is there, who may publish, and who listens.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use futures::StreamExt as _;
use pmp_aws::{Admission, ApiError, Asker, PolicyError, QueueArn, Request, ResourcePolicy, TopicArn};
use pmp_doctor::{Session, unknown};
use pmp_terminal::checkup::{Finding, Stage, Verdict};
use pmp_terminal::count;

use super::meant;
use crate::config::{DoctorConfig, TOPIC};

/// The filter policies that SNS permits for a topic, unless AWS raised the limit.
const FILTER_POLICIES: usize = 200;
/// The number of filter policies from which `doctor` warns.
const NEAR: usize = 160;
/// Subscriptions that are read at the same time.
const LOOKS: usize = 16;

/// Checks the topic of snapshots.
pub(super) async fn look_at_topic(session: &Session, config: &DoctorConfig) -> Finding {
    let topic = config.topic.as_ref();
    let look = async |topic: &TopicArn| {
        let client = Client::new(&pmp_aws::in_region(&session.sdk, topic.region()));
        // Which accounts may subscribe to a new one is not for a member to say, so no report tells
        // it.
        let fix = format!(
            "check {TOPIC}; a template makes the topic, or `pmp-hub init --allow-account ACCOUNT`, with each member's account"
        );
        publishing(&client, topic, session, Finding::of("topic"), fix).await
    };
    let finding = session.look("topic", topic.ok_or(TOPIC), look).await;
    if finding.verdict() == Verdict::Ok || session.caller.is_err() {
        return finding;
    }
    let meant = meant::topic(session, TOPIC, topic, config.notify_topic.as_ref()).await;
    finding.command(Stage::Settings, meant)
}

/// Checks that each admitted organization has at least one queue subscribed to the topic. Where it
/// carries several management `experiences`, each subscription needs a filter policy.
pub(super) async fn listeners(
    session: &Session,
    topic: Option<&TopicArn>,
    failed: bool,
    admitted: Option<usize>,
    experiences: usize,
) -> Finding {
    if failed {
        return Finding::skipped("subscriptions", "`topic` failed");
    }
    let look = async |topic: &TopicArn| {
        let client = Client::new(&pmp_aws::in_region(&session.sdk, topic.region()));
        subscriptions(&client, topic, admitted.unwrap_or_default(), experiences).await
    };
    session.look("subscriptions", topic.ok_or(TOPIC), look).await
}

/// Checks that a topic exists, and that its policy lets this caller publish. It publishes nothing.
/// `fix` is what to do where it does not exist.
pub(super) async fn publishing(
    client: &Client,
    topic: &TopicArn,
    session: &Session,
    finding: Finding,
    fix: String,
) -> Finding {
    match client.get_topic_attributes().topic_arn(topic.as_str()).send().await {
        Ok(answer) => permitted(topic, session, finding, &answer.attributes.unwrap_or_default()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
            finding.fail(format!("topic `{topic}` does not exist"), fix)
        }
        Err(error) => unknown(finding, &ApiError::new("sns:GetTopicAttributes", &error)),
    }
}

/// Checks that the policy of a topic lets this caller publish.
fn permitted(topic: &TopicArn, session: &Session, finding: Finding, attributes: &HashMap<String, String>) -> Finding {
    let finding = finding.note(topic.as_str());
    let account = session.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
    let asker = Asker::Account(account);
    let request = Request { asker, action: "sns:Publish", resource: topic.as_str(), source: None };
    let policy = attributes.get("Policy").filter(|text| !text.is_empty());
    let admission = policy.map_or(Ok(Admission::No), |text| Ok(ResourcePolicy::parse(text)?.admits(&request)));
    let admission: Admission = match admission {
        Ok(admission) => admission,
        Err::<_, PolicyError>(problem) => return finding.fail(format!("its policy cannot be read: {problem}"), None),
    };
    match admission {
        Admission::Yes => finding.note("its policy lets this account publish"),
        // Within one account, the caller's own policies are enough.
        Admission::No if account == topic.account() => finding.note("`sns:Publish` rests on the caller's own policies"),
        Admission::No => finding.fail(
            format!("its policy does not let account {account} publish"),
            format!(
                "allow `sns:Publish` to account {account} in the topic's policy, or run the hub in {}",
                topic.account()
            ),
        ),
        Admission::Unclear(what) => {
            finding.warn(format!("whether it may publish hangs on `{what}`, which is not known here"), None)
        }
    }
}

async fn subscriptions(client: &Client, topic: &TopicArn, admitted: usize, experiences: usize) -> Finding {
    let finding = Finding::of("subscriptions");
    let pages = client.list_subscriptions_by_topic().topic_arn(topic.as_str()).into_paginator().items().send();
    let found = match pages.collect::<Result<Vec<_>, _>>().await {
        Ok(found) => found,
        Err(error) => return unknown(finding, &ApiError::new("sns:ListSubscriptionsByTopic", &error)),
    };
    if found.is_empty() {
        return finding.warn(
            "nobody is subscribed",
            "let a member organization deploy its spoke, or run `pmp-spoke init`; where members have reported before, the topic was deleted \
             and took their subscriptions along: each subscribes its queue again (docs/deploy.md, \"Deploy a hub again\")"
                .to_owned(),
        );
    }
    let pending = found.iter().filter(|one| one.subscription_arn() == Some("PendingConfirmation")).count();
    let finding = finding.note(count(found.len(), "subscription"));
    let finding = if found.len() < admitted {
        let missing = format!(
            "{} admitted, so {} cannot hear of snapshots",
            count(admitted, "organization"),
            admitted - found.len()
        );
        let fix = "`pmp-hub members` says who has never reported, or is silent: let them look with `pmp-spoke doctor`"
            .to_owned();
        finding.warn(missing, fix)
    } else {
        finding
    };
    let finding = if found.len() < NEAR && experiences < 2 {
        finding
    } else {
        filter_policies(client, finding, &found, experiences).await
    };
    if pending == 0 {
        return finding;
    }
    let fix = "let the account that owns the queue subscribe it: then there is nothing to confirm".to_owned();
    finding.warn(format!("{pending} not confirmed"), fix)
}

/// Whom to tell that the subscriptions of these queues lack a filter policy: only their owners can
/// set one.
fn filter_policies_of(queues: &BTreeSet<&str>) -> String {
    const NAMED: usize = 3;
    let whose = |arn: &&str| match arn.parse::<QueueArn>() {
        Ok(queue) => {
            let (account, name) = (queue.account(), queue.name());
            format!("the operators of account {account} run `pmp-spoke init --queue-name {name} --shared-topic`")
        }
        Err(_) => format!("the owner of {arn} set one"),
    };
    let named: Vec<_> = queues.iter().take(NAMED).map(whose).collect();
    let more = match queues.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and the same for {more} more"),
    };
    format!("let {}{more}; for a stack, its parameter SharedTopic", named.join(", "))
}

/// Counts the subscriptions with a filter policy, because SNS limits them per topic, and names
/// those without one, where the topic carries several management experiences.
async fn filter_policies(client: &Client, finding: Finding, found: &[Subscription], experiences: usize) -> Finding {
    let is_confirmed = |one: &&Subscription| one.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"));
    let filtered = found.iter().filter(is_confirmed).map(async |one| {
        let arn = one.subscription_arn().unwrap_or_default();
        let answer = client.get_subscription_attributes().subscription_arn(arn).send().await?;
        let policy = answer.attributes.unwrap_or_default().remove("FilterPolicy").unwrap_or_default();
        Ok::<_, aws_sdk_sns::Error>((one.endpoint().unwrap_or_default(), !matches!(policy.trim(), "" | "{}")))
    });
    // The bound avoids throttling. A thousand subscriptions still take only seconds.
    let filtered: Vec<_> = futures::stream::iter(filtered).buffer_unordered(LOOKS).collect().await;
    let policies = filtered.iter().filter(|one| matches!(one, Ok((_, true)))).count();
    let finding = match filtered.iter().filter(|one| one.is_err()).count() {
        0 => finding,
        unread => finding.note(format!("{unread} of them cannot be looked at")),
    };
    let open: BTreeSet<_> = filtered.iter().flatten().filter(|(_, filtered)| !filtered).map(|(who, _)| *who).collect();
    let finding = if experiences < 2 || open.is_empty() {
        finding
    } else {
        let has = if open.len() == 1 { "has" } else { "have" };
        let problem = format!(
            "{} of {} {has} no filter policy, and the topic carries {experiences} management experiences: what is about another one than \
             the spoke's own becomes dead letters there",
            open.len(),
            count(found.len(), "subscription")
        );
        finding.warn(problem, filter_policies_of(&open))
    };
    let finding = if found.len() < NEAR {
        finding
    } else {
        finding.note(format!("{policies} of {FILTER_POLICIES} filter policies"))
    };
    if policies < NEAR {
        return finding;
    }
    let fix = "let the members take theirs away, which a topic of one management experience does without: `aws sns \
               set-subscription-attributes --subscription-arn ARN --attribute-name FilterPolicy --attribute-value '{}'`; or ask AWS for \
               more (Service Quotas, \"Filter Policies per Topic\")"
        .to_owned();
    finding.warn("the next members may not be able to subscribe with one", fix)
}
