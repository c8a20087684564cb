//! Logs, on standard error: for people on a terminal, as JSON for machines.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How much is logged, and in which form.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// What to log: a level, or directives as in `info,pmp_spoke=debug`. `run` logs at info, other commands at warn
    #[arg(long, global = true, env = "PMP_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// The form of the log [default: text; json in AWS Lambda]
    #[arg(long, global = true, env = "PMP_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
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
        let format = self.log_format.unwrap_or(LogFormat::Text);
        begin(&self.filter(level)?, format, color && io::stderr().is_terminal());
        Ok(())
    }

    /// The same where a machine reads it: as JSON where no other form is asked for; at `level`, as Lambda spells it, or at
    /// info.
    ///
    /// # Errors
    /// Where the filter is not one. Logging has started all the same, at info, for whoever tells of it.
    pub fn start_for_machines(&self, level: Option<&str>) -> anyhow::Result<()> {
        let level = level.map_or_else(|| "info".to_owned(), str::to_lowercase);
        // Lambda has a level above error; nothing here is logged at it.
        let level = if level == "fatal" { "error" } else { level.as_str() };
        let filter = self.filter(level);
        begin(filter.as_deref().unwrap_or("info"), self.log_format.unwrap_or(LogFormat::Json), false);
        filter.map(|_| ())
    }

    /// Whether machines read it.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.log_format == Some(LogFormat::Json)
    }

    fn filter(&self, level: &str) -> anyhow::Result<String> {
        let filter = self.log.as_deref().map(str::trim).filter(|filter| !filter.is_empty()).unwrap_or(level);
        match EnvFilter::try_new(filter) {
            Ok(_) => Ok(filter.to_owned()),
            Err(error) => Err(anyhow::anyhow!("--log (PMP_LOG) `{filter}` is not a log filter: {error}")),
        }
    }
}

/// Starts logging with a filter that was checked.
fn begin(filter: &str, format: LogFormat, ansi: bool) {
    let filter = EnvFilter::new(filter);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second call finds the first one's subscriber in place; that is the one to use.
    let _already_started = match format {
        LogFormat::Text => subscriber.with_ansi(ansi).try_init(),
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
}
