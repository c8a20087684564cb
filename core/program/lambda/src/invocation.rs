//! One invocation: who asks, and how much time there is.

use pmp_runtime::Stop;
use tokio::time::Instant;

/// One invocation of the function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// Cancelled shortly before the deadline, and by SIGTERM. Then the function starts nothing new,
    /// writes down how far it got, and returns.
    pub stop: Stop,
    /// When Lambda ends the process.
    pub deadline: Instant,
}
