//! `pmp-local serve`: runs the embedded AWS until a signal.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use pmp_local_aws::{Options, Resumed, Server, StartError};
use pmp_terminal::progress::{Step, Waits, computing, note, step};
use pmp_terminal::{Exit, Failure, Output, OutputFormat, log_for_people, print_json, print_lines, stop_on_signal};
use serde_json::json;

use super::variables::{Variables, account_of, identities, identity};
use super::{state, world};
use crate::demo;

/// The usual port of local AWS emulators.
pub(super) const PORT: u16 = 4566;

const EXAMPLES: &str = "Examples:
  pmp-local serve                                 a world with four organizations, on port 4566
  pmp-local serve --world world.yaml --as member  your own, as one of its organizations
  pmp-local serve --state ./state                 go on where the last one stopped
  pmp-local serve --port 0 --output json          any free port, said in JSON for programs
  eval \"$(pmp-local env 222222222222)\"            in another shell: be another account";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// The world to serve: accounts, organizations, experiences, roles (TOML, YAML or JSON); the
    /// demo's world if left out
    #[arg(long, env = "PMP_LOCAL_WORLD", value_name = "FILE")]
    world: Option<PathBuf>,
    /// A folder in which the state survives a restart: created if missing, continued if present
    #[arg(long, env = "PMP_LOCAL_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// Delete the state in the folder of `--state` first, and start over
    #[arg(long, requires = "state")]
    reset: bool,
    /// The port; 0 takes any free one
    #[arg(long, env = "PMP_LOCAL_PORT", default_value_t = PORT)]
    port: u16,
    /// The address to listen on. Requests are not authenticated: leave it on the loopback
    #[arg(long, env = "PMP_LOCAL_BIND", value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Whose variables to print: an account, an organization by its id or name, or an access key
    #[arg(long = "as", env = "PMP_LOCAL_AS", value_name = "ACCOUNT|ORG")]
    who: Option<String>,
    /// What to print when it is ready: variables to paste, or one line of JSON
    #[arg(short, long, env = "PMP_LOCAL_OUTPUT", value_enum, default_value_t = ReadyForm::Text)]
    output: ReadyForm,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadyForm {
    Text,
    Json,
}

impl ReadyForm {
    /// Whether progress is told goes by the form of the answer, as everywhere.
    fn format(self) -> OutputFormat {
        match self {
            Self::Text => OutputFormat::Table,
            Self::Json => OutputFormat::Json,
        }
    }
}

impl Serve {
    /// Serves until a signal comes. `begun` is when the process began.
    pub(super) async fn run(self, begun: Instant) -> Result<Exit, Failure> {
        log_for_people();
        let people = Output { format: self.output.format(), header: true, color: false };
        let world = match &self.world {
            Some(file) => {
                computing(people, &format!("the world `{}` to be read", file.display()), || world::load(file))?
            }
            None => demo::built_in()?,
        };
        // An unknown name in `--as` is an error before anything starts. A state may have another
        // world, so it is checked later then.
        if self.state.is_none() {
            identity(&world, self.who.as_deref())?;
        }
        if !self.bind.is_loopback() {
            tracing::warn!(address = %self.bind, "not on the loopback: anyone who reaches this address can do everything here");
        }
        // Before the start, so that a signal during the start also stops the server cleanly.
        let stop = stop_on_signal()?;
        if let Some(folder) = self.state.as_deref().filter(|_| self.reset) {
            state::clear(folder)?;
        }
        let options = Options { address: self.bind, port: self.port, state: self.state.clone(), ..Options::default() };
        let what = match &self.state {
            Some(folder) => format!("the state in `{}` to be read", folder.display()),
            None => "the server to start".to_owned(),
        };
        // A state is read without a pause, so that only a thread of its own can tell of it.
        let waits = Waits::begin(people, &what);
        let server = Server::start(world, options).await.map_err(|error| self.explain(error))?;
        drop(waits);
        if let Some(resumed) = server.resumed() {
            self.tell_of(resumed);
        }
        if let Err(failure) = self.print_ready(&server, begun.elapsed()) {
            server.shutdown().await;
            return Err(failure);
        }
        stop.stopped().await;
        server.shutdown().await;
        Ok(Exit::Ok)
    }

    /// Says that the server continues with a state. The state takes precedence over the world file,
    /// because it holds what has happened since.
    fn tell_of(&self, resumed: Resumed) {
        let folder = self.state.as_deref().unwrap_or(Path::new("")).display();
        step(Step::Doing, &format!("going on with the state in `{folder}`, saved {}", resumed.saved_at));
        if let Some(world) = self.world.as_ref().filter(|_| resumed.other_world) {
            let world = world.display();
            let text = format!(
                "warning: that state grew from another world than `{world}` says now, and goes on with its own; --reset starts over"
            );
            note(&text);
        }
    }

    /// What is served, in words.
    fn source(&self, server: &Server) -> String {
        match (&self.state, &self.world) {
            (Some(folder), _) if server.resumed().is_some() => format!("the state in `{}`", folder.display()),
            (_, Some(file)) => format!("`{}`", file.display()),
            (_, None) => "the built-in world".to_owned(),
        }
    }

    fn explain(&self, error: StartError) -> Failure {
        let taken = matches!(&error, StartError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse);
        let hint = format!(
            "something else listens there, perhaps another pmp-local: `ss -ltnp 'sport = :{}'` names it. Stop it, or take \
             another port with --port, any free one with --port 0",
            self.port
        );
        Failure::from(error).hint(taken.then_some(hint))
    }

    fn print_ready(&self, server: &Server, took: Duration) -> Result<(), Failure> {
        let world = server.world();
        let source = self.source(server);
        let who = identity(world, self.who.as_deref())?;
        let endpoint = server.endpoint();
        let deployed = server.deployed(account_of(world, &who.access_key));
        let variables = Variables::new(&endpoint, world, &who, deployed);
        let everyone = identities(world);
        let printed = match self.output {
            ReadyForm::Json => {
                let ready = json!({
                    "schema_version": pmp_terminal::SCHEMA_VERSION,
                    "endpoint": endpoint,
                    "world": self.world,
                    "state": self.state,
                    "env": variables,
                    "identities": everyone,
                    "ready_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                });
                print_json(&ready.to_string())
            }
            ReadyForm::Text => {
                let keys: Vec<_> = everyone.iter().map(|i| format!("{} ({})", i.access_key, i.name)).collect();
                let mut lines = vec![
                    format!("# Accounts: {}.", keys.join(", ")),
                    "# The access key says which one you are; the secret can be anything.".to_owned(),
                ];
                // A shell that was another account before asks `pmp-local env`, which also unsets.
                lines.extend(variables.lines().into_iter().filter(|line| line.starts_with("export ")));
                lines.push(format!("# Ready in {} ms: {source} on {endpoint}. Stop with Ctrl-C.", took.as_millis()));
                print_lines(lines)
            }
        };
        printed.map_err(|error| Failure::from(error).within("cannot print"))
    }
}
