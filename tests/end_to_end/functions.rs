//! Both programs as Lambda functions, under a local runtime API and against the embedded AWS.

mod hub;
mod spoke;

use std::time::Duration;

use pmp_tests::{Answer, Function};
use serde_json::Value;

/// Lambda's own default would be 3 s; the templates give more.
pub(crate) const TIME: Duration = Duration::from_secs(60);

/// The lines of a log, which must all be JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// How often something was logged.
fn logged(function: &Function, message: &str) -> usize {
    lines(&function.log()).iter().filter(|line| line["message"] == message).count()
}

/// The text of an answer that is an error.
fn refusal(answer: Answer) -> String {
    answer.expect_err("an error")["errorMessage"].as_str().unwrap().to_owned()
}
