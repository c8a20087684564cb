//! Waiting for a state, with a deadline: the system is asynchronous, and a test asks for where it
//! ends up.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Generous, since machines are shared; a test that passes takes as long as the state takes to
/// come.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` gives `expected`. Panics with the last look after a minute.
pub async fn eventually<T: PartialEq + Debug>(what: &str, expected: &T, look: impl AsyncFn() -> T) {
    within(DEADLINE, what, async || {
        let found = look().await;
        if found == *expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
    })
    .await;
}

/// Looks until `look` succeeds. Panics with the last reason after `deadline`.
pub async fn within<T>(deadline: Duration, what: &str, look: impl AsyncFn() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(reason) => assert!(began.elapsed() < deadline, "{what}, after {deadline:?}: {reason}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
