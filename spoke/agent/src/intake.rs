//! How work reaches the spoke: its queue, the agent that reads it, and what becomes of each
//! message.

pub(crate) mod agent;
pub(crate) mod backlog;
pub(crate) mod handler;
pub(crate) mod inbox;
pub(crate) mod sqs;
