//! One invocation: who asks, and how much time there is.

use pmp_runtime::Stop;
use tokio::time::Instant;

/// One invocation of the function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// Cancelled a little before the deadline, and by SIGTERM: start nothing new, write down how
    /// far you are, return.
    pub stop: Stop,
    /// When Lambda ends the process.
    pub deadline: Instant,
}
