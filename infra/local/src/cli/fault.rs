//! `pmp-local fault`: faults on demand in a running server.

use axum::http::Method;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use pmp_terminal::{Exit, Failure, OutputArgs, Table, count};
use pmp_world::Fault;
use serde_json::{Map, Value, json};

use super::clock::signed_duration;
use super::control::ServerArgs;

const ADD_EXAMPLES: &str = "Examples:
  pmp-local fault add throttling --service aws-marketplace --probability 0.2
  pmp-local fault add lost-answer --operation StartChangeSet --next 1
  pmp-local fault add latency --min 500ms --max 3s --account 222222222222
  pmp-local fault add server-fault --every 3
  pmp-local fault add message-duplicated --queue pmp-spoke --probability 0.5 --seed 42
  pmp-local fault add unavailable --service dynamodb --lasting 30s
  pmp-local fault add clock-jump --by 1h --service sts --next 1";

#[derive(Args)]
pub(super) struct Faults {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Add a fault: it happens from now on
    #[command(after_help = ADD_EXAMPLES)]
    Add(Box<Add>),
    /// Show the faults in force, and how often each happened
    #[command(after_help = "Example:\n  pmp-local fault list --output json")]
    List,
    /// Remove one fault, or all faults if no number is given. It does not ask first
    #[command(
        after_help = "Examples:\n  pmp-local fault clear                          all of them\n  pmp-local fault clear 3"
    )]
    Clear {
        /// The fault's number; all faults if left out
        #[arg(value_name = "NUMBER")]
        id: Option<u64>,
        /// Remove all faults, as without a number
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

#[derive(Args)]
struct Add {
    /// The kind of fault
    #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(Fault::KINDS))]
    kind: String,
    /// Only calls to this service, by its signing name: aws-marketplace, dynamodb, sns, sqs, sts,
    /// organizations, kms
    #[arg(long)]
    service: Option<String>,
    /// Only calls of this operation
    #[arg(long)]
    operation: Option<String>,
    /// Only calls by this account; for faults of messages, only its queues
    #[arg(long)]
    account: Option<String>,
    /// For faults of messages: only this queue
    #[arg(long)]
    queue: Option<String>,
    /// How likely the fault is each time, from 0 to 1
    #[arg(long, group = "how_often")]
    probability: Option<f64>,
    /// How many times the fault happens from now
    #[arg(long, group = "how_often", value_name = "TIMES")]
    next: Option<u64>,
    /// Every Nth time: 3 is the third, the sixth, the ninth
    #[arg(long, group = "how_often", value_name = "NUMBER")]
    every: Option<u64>,
    /// How long from now the fault begins
    #[arg(long, value_name = "DURATION", value_parser = signed_duration)]
    after: Option<String>,
    /// How long the fault lasts
    #[arg(long, value_name = "DURATION", value_parser = signed_duration)]
    lasting: Option<String>,
    /// The random seed: the same seed repeats what happened
    #[arg(long)]
    seed: Option<u64>,
    /// For latency, stale-read and message-delayed: the shortest time
    #[arg(long, value_name = "DURATION", value_parser = signed_duration)]
    min: Option<String>,
    /// For latency, stale-read and message-delayed: the longest time; the same as the shortest if
    /// left out
    #[arg(long, value_name = "DURATION", value_parser = signed_duration)]
    max: Option<String>,
    /// For clock-jump: how far; a negative duration sets the clock back
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = signed_duration)]
    by: Option<String>,
    /// For message-duplicated: how many copies are added
    #[arg(long, value_name = "NUMBER")]
    copies: Option<u32>,
    /// For errors: the text, in place of the service's own
    #[arg(long)]
    message: Option<String>,
}

impl Add {
    /// The option that this kind of fault needs, if it is missing.
    fn lacks(&self) -> Option<&'static str> {
        match &*self.kind {
            "latency" | "stale-read" | "message-delayed" if self.min.is_none() => Some("--min 500ms"),
            "clock-jump" if self.by.is_none() => Some("--by 1h"),
            _ => None,
        }
    }

    /// The rule in the form of the control endpoint, which refuses options that do not fit
    /// together.
    fn rule(&self) -> Value {
        let given = |fields: Vec<(&str, Value)>| -> Map<String, Value> {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let fault = given(vec![
            ("kind", json!(self.kind)),
            ("min", json!(self.min)),
            ("max", json!(self.max)),
            ("by", json!(self.by)),
            ("copies", json!(self.copies)),
            ("message", json!(self.message)),
        ]);
        Value::Object(given(vec![
            ("fault", Value::Object(fault)),
            ("service", json!(self.service)),
            ("operation", json!(self.operation)),
            ("account", json!(self.account)),
            ("queue", json!(self.queue)),
            ("probability", json!(self.probability)),
            ("next", json!(self.next)),
            ("every", json!(self.every)),
            ("after", json!(self.after)),
            ("lasting", json!(self.lasting)),
            ("seed", json!(self.seed)),
        ]))
    }
}

impl Faults {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let output = self.output.output();
        match &self.command {
            Command::Add(add) => {
                if let Some(lacks) = add.lacks() {
                    let hint = format!("say how long: `pmp-local fault add {} {lacks}`", add.kind);
                    return Err(Failure::new("E3042", format!("`{}` needs a time", add.kind)).hint(hint));
                }
                let added = self.server.ask(Method::POST, "/faults", Some(&add.rule()), output).await?;
                if output.is_table() {
                    output.line(&format!("Added fault {}: {}, seed {}.", added["id"], add.kind, added["seed"]))?;
                } else {
                    output.document(&added)?;
                }
            }
            Command::List => {
                let answer = self.server.ask(Method::GET, "/faults", None, output).await?;
                let faults = answer["faults"].as_array().cloned().unwrap_or_default();
                if faults.is_empty() && output.is_table() {
                    output.line("No faults are in force.")?;
                } else {
                    output.list_of("faults", &["id", "fault"], &faults, table(&faults), "")?;
                }
            }
            Command::Clear { id, .. } => {
                let path = id.map_or_else(|| "/faults".to_owned(), |id| format!("/faults/{id}"));
                let answer = self.server.ask(Method::DELETE, &path, None, output).await?;
                let removed = answer["removed"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
                if output.is_table() {
                    output.line(&format!("Removed {}.", count(removed, "fault")))?;
                } else {
                    output.document(&answer)?;
                }
            }
        }
        Ok(Exit::Ok)
    }
}

fn table(faults: &[Value]) -> Table {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let named = |fields: &Value, leave_out: &[&str]| {
        let fields = fields.as_object().into_iter().flatten();
        let shown = fields.filter(|(name, _)| !leave_out.contains(&name.as_str()));
        shown.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
    };
    let mut table = Table::new(&["ID", "KIND", "FIRED", "SEEN", "SEED", "RULE"]);
    for fault in faults {
        let rule = &fault["rule"];
        let rest = [named(&rule["fault"], &["kind"]), named(rule, &["fault", "seed"])];
        let rest = rest.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let kind = text(&rule["fault"]["kind"]);
        table.row([text(&fault["id"]), kind, text(&fault["fired"]), text(&fault["seen"]), text(&fault["seed"]), rest]);
    }
    table
}
