//! Lambda's runtime, from the start of the process to its end: init once, then one invocation after
//! the other.

mod extension;
mod init;
mod invocation;

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};
use jiff::Timestamp;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::MapFutureLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use pmp_runtime::Stop;
use pmp_terminal::{Exit, Failure, LogArgs, fault, without_blanks};
use serde_json::Value;
use tokio::sync::watch;

use crate::{Function, Invocation};

/// Set by Lambda where the function's logging configuration names a level.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// The settings of a function and of its log, from the environment alone.
#[derive(Debug, Parser)]
struct Settings<S: Args> {
    #[command(flatten)]
    own: S,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the function `F` of the program `program` until Lambda ends the environment.
pub(crate) fn main<F: Function>(program: &'static str) -> ExitCode {
    match fault::run(program, env!("CARGO_PKG_VERSION"), run::<F>(program)) {
        Some(Ok(())) => Exit::Ok,
        Some(Err(failure)) => failure.exit_code(),
        // It panicked, and the panic has been reported.
        None => Exit::Error,
    }
    .into()
}

/// Every error is reported before this returns.
async fn run<F: Function>(program: &'static str) -> Result<(), Failure> {
    let function = match start::<F>(program).await {
        Ok(function) => function,
        Err(failure) => {
            init::report(&failure).await;
            return Err(failure);
        }
    };
    serve(function).await.map_err(|error| {
        let failure = Failure::new("E1715", format!("Lambda's runtime API failed: {error}"));
        tracing::error!(error = failure.render(), "Lambda's runtime API failed");
        failure
    })
}

async fn start<F: Function>(program: &'static str) -> Result<(F, Stop), Failure> {
    let matches = without_blanks(Settings::<F::Settings>::command()).try_get_matches_from([program]);
    let parsed = matches.and_then(|matches| Settings::<F::Settings>::from_arg_matches(&matches));
    let Settings { own, log } = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            LogArgs::default().start_for_machines(None)?;
            return Err(Failure::new("E1716", error.render().to_string()));
        }
    };
    let level = std::env::var(LOG_LEVEL).ok();
    log.start_for_machines(level.as_deref())?;
    let stop = Stop::new();
    let (function, ()) = tokio::join!(F::init(own), extension::stop_at_the_end(stop.clone()));
    Ok((function?, stop))
}

/// Serves until Lambda's API fails, or until `stop` and then the end of the invocation that is in
/// progress.
async fn serve<F: Function>((function, stop): (F, Stop)) -> Result<(), lambda_runtime::Error> {
    let (busy, in_progress) = watch::channel(false);
    let busy = Arc::new(busy);
    let (function, whole) = (Arc::new(function), stop.clone());
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let (function, whole) = (function.clone(), whole.clone());
        async move { invoke(function.as_ref(), event, &whole).await }
    });
    // Around the handler and around the answer to Lambda: the process must not end before that has
    // arrived.
    let watched = MapFutureLayer::new(move |work| while_busy(busy.clone(), work));
    let runtime = Runtime::new(handler).layer(TracingLayer::new()).layer(watched);
    tokio::select! {
        biased;
        // Not cancel-safe while an invocation is in progress, which the other arm waits out.
        outcome = runtime.run() => outcome,
        () = stopped_and_idle(&stop, in_progress) => {
            tracing::info!("stopped");
            Ok(())
        }
    }
}

async fn while_busy<W: Future>(busy: Arc<watch::Sender<bool>>, work: W) -> W::Output {
    busy.send_replace(true);
    let outcome = work.await;
    busy.send_replace(false);
    outcome
}

async fn stopped_and_idle(stop: &Stop, mut in_progress: watch::Receiver<bool>) {
    stop.stopped().await;
    // It fails only where the sender is gone, and then nothing is in progress.
    let _idle = in_progress.wait_for(|busy| !busy).await;
}

async fn invoke<F: Function>(function: &F, event: LambdaEvent<Value>, whole: &Stop) -> Result<Value, Failed> {
    let LambdaEvent { payload, context } = event;
    let invocation = Invocation::begin(context.request_id, context.deadline, whole, Timestamp::now());
    // The function answers by itself where it is told to stop; where something hangs, Lambda is
    // answered all the same.
    let outcome = invocation.stop.to_the_end(Box::pin(function.invoke(payload, &invocation))).await;
    let outcome = outcome.unwrap_or_else(|| {
        let error = "no end was reached in time: something does not answer";
        Err(Failure::new("E1717", error)
            .hint("see the log for what was begun last; give the function more time".to_owned()))
    });
    // Ends the task that waits for the deadline.
    invocation.stop.token().cancel();
    outcome.map_err(|failure| Failed(failure.render()))
}

/// A failure on its way to Lambda. The runtime logs its debug form, within the invocation's span.
struct Failed(String);

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Failed> for Diagnostic {
    fn from(Failed(error_message): Failed) -> Self {
        Self { error_type: "pmp-sync.Error".to_owned(), error_message }
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;

    use super::*;

    /// A function in which a call never comes back.
    #[derive(Debug)]
    struct Hangs;

    #[derive(Debug, Args)]
    struct None {}

    impl Function for Hangs {
        type Settings = None;

        async fn init(_: None) -> Result<Self, Failure> {
            Ok(Self)
        }

        async fn invoke(&self, _: Value, _: &Invocation) -> Result<Value, Failure> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lambda_is_answered_although_something_hangs() {
        let mut context = Context::default();
        context.deadline = u64::try_from(Timestamp::now().as_millisecond()).unwrap() + 60_000;
        let answer = invoke(&Hangs, LambdaEvent::new(Value::Null, context), &Stop::new()).await;
        let Failed(told) = answer.unwrap_err();
        assert!(told.contains("something does not answer") && told.contains("code: E1717"), "{told}");
    }
}
