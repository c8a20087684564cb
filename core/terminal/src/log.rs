//! Logs, on standard error: for people on a terminal, as JSON for machines.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How much is logged, and in which form.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// What to log: a level, or directives as in `info,pmp_spoke=debug`. `run` logs at info, other commands at warn
    #[arg(long, global = true, env = "PMP_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// The form of the log
    #[arg(long, global = true, env = "PMP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object per line.
    Json,
}

impl LogArgs {
    /// Starts logging for the whole process: at `level` where nothing else is asked for. Only the first call has an
    /// effect.
    ///
    /// # Errors
    /// Where the filter is not one.
    pub fn start(&self, level: &str, color: bool) -> anyhow::Result<()> {
        let filter = self.log.as_deref().map(str::trim).filter(|filter| !filter.is_empty()).unwrap_or(level);
        let filter = EnvFilter::try_new(filter)
            .map_err(|e| anyhow::anyhow!("--log (PMP_LOG) `{filter}` is not a log filter: {e}"))?;
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
        // A second call finds the first one's subscriber in place; that is the one to use.
        let _already_started = match self.log_format {
            LogFormat::Text => subscriber.with_ansi(color && io::stderr().is_terminal()).try_init(),
            LogFormat::Json => subscriber.json().flatten_event(true).with_current_span(true).try_init(),
        };
        Ok(())
    }
}
