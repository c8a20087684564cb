//! `pmp-local clock`: the clock of a running server.

use axum::http::Method;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use pmp_terminal::{Exit, Failure, OutputArgs};
use serde_json::json;

use super::control::ServerArgs;

const EXAMPLES: &str = "\
It is the clock of pmp-local alone. pmp-hub, pmp-spoke and every other client go by the clock of the machine they run on: \
the lifetime of a signed statement, or an age in `pmp-hub status`, does not follow.

Examples:
  pmp-local clock                                what time it is there
  pmp-local clock --by 1h                        an hour later: sessions expire, change sets end
  pmp-local clock --by -5m                       five minutes back
  pmp-local clock --to 2027-01-01T00:00:00Z
  pmp-local clock --reset                        real time again";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Clock {
    /// Set the clock forward; a negative duration sets it back
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, group = "set", value_parser = signed_duration)]
    by: Option<String>,
    /// Set the clock to this time
    #[arg(long, value_name = "TIME", group = "set", value_parser = moment)]
    to: Option<String>,
    /// Set the clock to real time
    #[arg(long, group = "set")]
    reset: bool,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Clock {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let set = match (&self.by, &self.to, self.reset) {
            (Some(by), ..) => Some(json!({ "by": by })),
            (_, Some(to), _) => Some(json!({ "to": to })),
            (.., true) => Some(json!({ "reset": true })),
            _ => None,
        };
        let method = if set.is_some() { Method::POST } else { Method::GET };
        let output = self.output.output();
        let clock = self.server.ask(method, "/clock", set.as_ref(), output).await?;
        if output.is_table() {
            let text = |field: &str| clock[field].as_str().unwrap_or_default();
            output.line(&format!("{} ({})", text("now"), distance(text("offset"))))?;
        } else {
            output.document(&clock)?;
        }
        Ok(Exit::Ok)
    }
}

/// Parses a duration that the server accepts. It may be negative.
pub(super) fn signed_duration(text: &str) -> Result<String, String> {
    let read = text.parse::<SignedDuration>();
    read.map(|_| text.to_owned()).map_err(|_| "no duration, such as 500ms, 30s, 5m, 1h or -5m".to_owned())
}

/// Parses a time that the server accepts.
fn moment(text: &str) -> Result<String, String> {
    let read = text.parse::<Timestamp>();
    read.map(|_| text.to_owned()).map_err(|_| "no moment, such as 2027-01-01T00:00:00Z".to_owned())
}

/// How far the clock is from real time, in words.
fn distance(offset: &str) -> String {
    match (offset, offset.strip_suffix(" ago")) {
        ("0s", _) => "real time".to_owned(),
        (_, Some(behind)) => format!("{behind} behind real time"),
        (ahead, None) => format!("{ahead} ahead of real time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_refused_with_what_is_wanted() {
        for text in ["1h", "-5m", "500ms"] {
            assert_eq!(signed_duration(text).as_deref(), Ok(text));
        }
        assert!(signed_duration("1x").unwrap_err().contains("such as 500ms"));
        assert!(moment("tomorrow").unwrap_err().contains("2027-01-01T00:00:00Z"));
    }
}
