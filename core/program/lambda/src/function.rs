//! What a program has to be so that it runs as a function.

use std::fmt;

use clap::Args;
use pmp_terminal::Failure;
use serde_json::Value;

use crate::Invocation;

/// A program as a function.
#[allow(async_fn_in_trait)] // Both programs are served one invocation after the other, on the main task.
pub trait Function: fmt::Debug + Sized {
    /// What it is told by environment variables.
    type Settings: Args + fmt::Debug;

    /// Everything that later invocations share: settings checked, clients made, filter loaded.
    ///
    /// # Errors
    /// Where it cannot start. Lambda tries again with a new process.
    async fn init(settings: Self::Settings) -> Result<Self, Failure>;

    /// Answers one event.
    ///
    /// # Errors
    /// Where nothing can be said to the event but that it failed: Lambda, or whoever sent it, may
    /// send it again.
    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure>;
}
