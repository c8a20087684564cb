//! Which queue or topic was meant by one that is not there: the account's own are listed, and the
//! one that looks like it is named.
//!
//! Nothing else needs the permission to list. Where it is missing, nothing is suggested: the check
//! that asks has said already what is wrong.

use aws_config::SdkConfig;
use pmp_aws::{DEFAULT_REGION, QueueUrl, TopicArn};
use pmp_protocol::alike;
use pmp_terminal::{Source, export};

/// The most resources that are listed. An account with more gets a suggestion from among these.
const LISTED: usize = 1_000;

/// How the name of a topic of snapshots ends, after a prefix.
const SNAPSHOTS_TOPIC: &str = "-snapshots";

/// The one of `known` that was meant by `wanted`: the one that looks most like it, or the only one.
#[must_use]
pub fn one_of<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    match (alike(wanted, known.iter().copied()).first(), known) {
        (Some(meant), _) => Some(meant),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// The queue that was meant by a URL without a queue.
pub async fn queue(sdk: &SdkConfig, url: &str) -> Option<String> {
    let client = aws_sdk_sqs::Client::new(&pmp_aws::for_queue(sdk, url));
    let mut pages = client.list_queues().max_results(1_000).into_paginator().items().send();
    let mut known = Vec::new();
    while let Some(Ok(found)) = pages.next().await {
        known.push(found);
        if known.len() >= LISTED {
            break;
        }
    }
    let wanted = url.parse::<QueueUrl>().ok()?;
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    let (wanted, names) = (name(wanted.as_str()), known.iter().map(|url| name(url)).collect::<Vec<_>>());
    // A queue of dead letters has a name like that of its queue, and is never meant.
    let names: Vec<_> = names.iter().map(String::as_str).filter(|name| !name.ends_with("dead-letters")).collect();
    let meant = alike(&wanted, names).first().copied()?;
    known.iter().find(|url| name(url) == meant).cloned()
}

/// The command that sets the right region of a queue that is not there, where this account has one
/// of the same name in another region: that of `region`, of the configuration, or the usual one.
pub async fn region_of_queue(sdk: &SdkConfig, url: &str, setting: Source, region: Option<&str>) -> Option<String> {
    let named = url.parse::<QueueUrl>().ok()?;
    let configured = sdk.region().map(AsRef::as_ref);
    let asked = named.region().or(configured);
    let mut regions = vec![region, configured, Some(DEFAULT_REGION)];
    regions.retain(|one| one.is_some() && *one != asked);
    regions.dedup();
    let place = |url: &str| url.rsplit('/').take(2).map(str::to_owned).collect::<Vec<_>>();
    for region in regions.into_iter().flatten() {
        let client = aws_sdk_sqs::Client::new(&pmp_aws::in_region(sdk, region));
        let name = url.rsplit('/').next().unwrap_or_default();
        let Ok(found) = client.list_queues().queue_name_prefix(name).send().await else { continue };
        // Account and name are the end of a URL.
        let Some(found) = found.queue_urls().iter().find(|found| place(found) == place(url)) else { continue };
        // A URL without a region takes that of the configuration.
        return if found == url { export("AWS_REGION", region) } else { export(setting.variable, found) };
    }
    None
}

/// The topic that was meant by an ARN without a topic, among those of the caller's account in
/// `region`; or by no ARN at all, if it is the only one, or the only one with a name as templates
/// and `init` give it. `except` is there for something else.
pub async fn topic(
    sdk: &SdkConfig,
    region: &str,
    wanted: Option<&TopicArn>,
    except: Option<&TopicArn>,
) -> Option<String> {
    let client = aws_sdk_sns::Client::new(&pmp_aws::in_region(sdk, region));
    let mut pages = client.list_topics().into_paginator().items().send();
    let mut known = Vec::new();
    while let Some(Ok(found)) = pages.next().await {
        known.extend(found.topic_arn().map(str::to_owned));
        if known.len() >= LISTED {
            break;
        }
    }
    known.retain(|arn| except.is_none_or(|except| except.as_str() != arn));
    match wanted {
        None => {
            let (of_snapshots, others): (Vec<_>, Vec<_>) =
                known.into_iter().partition(|arn| arn.ends_with(SNAPSHOTS_TOPIC));
            let mut candidates = if of_snapshots.is_empty() { others } else { of_snapshots };
            candidates.pop().filter(|_| candidates.is_empty())
        }
        Some(wanted) => {
            let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
            let names: Vec<_> = known.iter().map(|arn| name(arn)).collect();
            let meant = alike(wanted.name(), names).into_iter().next()?;
            known.iter().find(|arn| name(arn) == meant).cloned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_one_is_meant_and_of_several_the_one_that_looks_like_it() {
        assert_eq!(one_of("anything", &["Snapshots"]), Some("Snapshots"));
        assert_eq!(one_of("a-Snapshotz", &["a-Snapshots", "b-Sync"]), Some("a-Snapshots"));
        assert_eq!(one_of("xyz", &["a-Snapshots", "b-Sync"]), None);
        assert_eq!(one_of("xyz", &[]), None);
    }
}
