//! What every command prints and returns, so that `pmp-hub` and `pmp-spoke` feel like one tool.
//!
//! Data goes to standard output ([`Output`]), everything else to standard error: logs
//! ([`LogArgs`]), progress ([`progress`]) and errors ([`Failure`]). What `doctor` finds is a
//! [`checkup`]. Exit codes mean the same for every command ([`Exit`]). It knows nothing of
//! snapshots or AWS.
//!
//! Texts come from anywhere, and none of them can act where it is shown: all that is printed or
//! logged becomes a [`PlainText`] on its way, and nothing else writes to the standard streams.
//!
//! [`PlainText`]: pmp_protocol::PlainText

mod args;
mod ask;
pub mod checkup;
mod complaint;
mod completions;
mod configuration;
mod context;
mod csv;
mod declare;
mod duration;
mod exit;
mod explain;
mod failure;
pub mod fault;
mod format;
mod log;
mod manual;
mod output;
mod program;
pub mod progress;
mod records;
mod screen;
mod settings;
mod shape;
mod shell;
mod signal;
mod source;
mod stream;
mod table;
mod text;
mod until;
mod value;
mod version;
mod yaml;

pub use args::TerminalArgs;
pub use ask::ask;
pub use completions::Completions;
pub use configuration::ConfigCommand;
pub use context::enter::{Applied, ContextArgs, unset};
pub use context::write::print_context;
pub use context::{Context, ContextError, Contexts};
pub use declare::{Given, Setting, with_settings};
pub use duration::parse_duration;
pub use exit::{EXIT_CODES_HELP, Exit};
pub use explain::Explain;
pub use failure::{Failure, Foreign};
pub use format::{Output, OutputFormat};
pub use log::{LogArgs, LogFilterError, LogFormat, log_for_people, log_into_file};
pub use manual::Manual;
pub use output::{OutputArgs, SCHEMA_VERSION, print_document, print_json, print_line, print_lines};
pub use pmp_protocol::{age, count};
pub use program::{program, program_that_asks, program_with, without_blanks};
pub use records::Records;
pub use screen::{Frame, Screen};
pub use settings::Settings;
pub use shape::Uses;
pub use shell::{export, is_variable_name, print_variables, word};
pub use signal::{leave_on_signal, stop_on_signal};
pub use source::Source;
pub use stream::{PrintError, stderr_is_terminal, stdout_is_terminal, stdout_width};
pub use table::Table;
pub use text::{cut, fold, narrow};
pub use until::{Until, parse_reason, to_the_second};
pub use value::{Span, Switch, WholeNumber};
pub use version::{Built, print_version};
