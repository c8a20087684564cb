//! Every call of a spoke's pass, and of a hub's publish, is answered wrongly, one at a time and in
//! every way: refused, failed, empty, half (with a token for the rest, without one, broken off),
//! and again (done and not heard of, done twice, what was answered before). The library runs with
//! the real adapters and SDK clients against the embedded AWS, over a line that alters one answer.
//!
//! Whatever it was: nothing is approved that the newest snapshot does not approve, nothing is
//! denied that it approves, no receipt says what is not so (rules 0 and 12); and once the answers
//! are right again, all is as if it had not been.

mod hub;
mod spoke;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use pmp_catalog::RateLimits;
use pmp_tests::{Aws, Wrong};

/// What came of altering answers.
#[derive(Debug, Default)]
struct Altered {
    /// By operation, how many were.
    cases: BTreeMap<String, usize>,
    /// What was wrong then.
    problems: Vec<String>,
}

/// More calls than a pass or a publish makes: one that makes them has lost its way.
const MOST_CALLS: usize = 200;

/// Of this account, at this endpoint; it tries again at once.
async fn impatient(endpoint: &str, account: &str) -> SdkConfig {
    let aws = Aws::new(endpoint, account);
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(aws.config().credentials_provider().unwrap())
        .http_client(aws.config().http_client().unwrap())
        .retry_config(retries)
        .load()
        .await
}

/// None that is felt here.
fn no_limits() -> RateLimits {
    RateLimits::all(NonZeroU32::new(10_000).unwrap())
}

/// Prints how many cases there were, by operation and by what was wrong; panics with all problems,
/// or where one of these operations was never answered wrongly.
#[allow(clippy::print_stdout)]
fn verdict(of: &str, altered: &[(Wrong, Altered)], operations: &[&str]) {
    let mut by_operation = BTreeMap::<&str, usize>::new();
    for (wrong, Altered { cases, .. }) in altered {
        println!("{of}: {wrong:?}: {} cases", cases.values().sum::<usize>());
        for (operation, number) in cases {
            *by_operation.entry(operation).or_default() += number;
        }
    }
    for (operation, number) in &by_operation {
        println!("{of}: {operation}: {number} cases");
    }
    println!("{of}: {} cases in all", by_operation.values().sum::<usize>());
    let problems: Vec<&str> = altered.iter().flat_map(|(_, it)| it.problems.iter().map(String::as_str)).collect();
    assert!(problems.is_empty(), "{of}: {} problems:\n\n{}", problems.len(), problems.join("\n\n"));
    for operation in operations {
        assert!(by_operation.contains_key(operation), "{of}: {operation} is not among {by_operation:?}");
    }
}
