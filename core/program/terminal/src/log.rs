//! Logs, on standard error: for people on a terminal, as JSON for machines. Whatever an event tells
//! cannot act where the log is looked at, and takes up no more than its own line.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use pmp_protocol::{PlainText, json_without_acting};
use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Writer};
use tracing_subscriber::fmt::{FormatFields, SubscriberBuilder};

use crate::stream;

/// The longest value of a field in a line for people, in bytes. A filter's stack trace has to fit.
const MAX_FIELD: usize = 16 * 1024;

/// Directives that silence warnings of the SDK in the form of its own types: each of them is also
/// returned as an error, which is reported in words. A filter that a person sets shows them again.
const QUIET: &str = ",aws_config=error,aws_runtime=error,aws_smithy_http_client=error";

/// Whether the process logs as JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Whether the process logs as JSON: then whatever it tells is a line of that log.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// How much is logged, and in which form.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// What to log: a level, or directives as in `info,pmp_spoke=debug`. `run` logs at info, other
    /// commands at warn
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

/// A text that is no log filter, in words: they name the setting, and what would be one.
#[derive(Debug)]
pub struct LogFilterError(String);

pmp_protocol::codes!(LogFilterError => "E1713");

pmp_protocol::without_hint!(LogFilterError);

impl fmt::Display for LogFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogFilterError {}

impl LogArgs {
    /// Starts logging for the whole process: at `level` where nothing else is asked for. Only the
    /// first call has an effect.
    ///
    /// # Errors
    /// Where the filter is not one.
    pub fn start(&self, level: &str, color: bool) -> Result<(), LogFilterError> {
        let format = self.log_format.unwrap_or(LogFormat::Text);
        begin(&self.filter(level)?, format, color && stream::stderr_is_terminal());
        Ok(())
    }

    /// The same where a machine reads it: as JSON where no other form is asked for; at `level`, as
    /// Lambda spells it, or at info.
    ///
    /// # Errors
    /// Where the filter is not one. Logging has started all the same, at info, for whoever tells of
    /// it.
    pub fn start_for_machines(&self, level: Option<&str>) -> Result<(), LogFilterError> {
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

    fn filter(&self, level: &str) -> Result<String, LogFilterError> {
        let Some(filter) = self.log.as_deref().map(str::trim).filter(|filter| !filter.is_empty()) else {
            return Ok(format!("{level}{QUIET}"));
        };
        if let Some(word) = filter.split(',').map(str::trim).find(|directive| is_no_directive(directive)) {
            return Err(LogFilterError(format!(
                "--log (PMP_LOG): `{word}` is no level (error, warn, info, debug, trace, off), nor a part of the program with a \
                 level, as in `pmp_spoke=debug`"
            )));
        }
        match EnvFilter::try_new(filter) {
            Ok(_) => Ok(filter.to_owned()),
            // The parser's own words are about its grammar.
            Err(_) => Err(LogFilterError(format!(
                "--log (PMP_LOG): `{filter}` is no level (error, warn, info, debug, trace, off), nor parts of the program with \
                 levels, as in `warn,pmp_spoke=debug`"
            ))),
        }
    }
}

/// Starts logging for people who set `PMP_LOG` alone: by its filter, or at warn where there is none
/// or it is not one.
pub fn log_for_people() {
    begin(&filter_of_environment(), LogFormat::Text, stream::stderr_is_terminal());
}

/// The same into a file.
pub fn log_into_file(file: File) {
    let subscriber = subscriber(&filter_of_environment()).fmt_fields(PlainFields).with_ansi(false);
    let _already_started = subscriber.with_writer(Mutex::new(file)).try_init();
}

/// Whether a directive is a single word that is no level. The library takes such a word for the
/// name of a module, and logs nothing where somebody mistyped a level.
fn is_no_directive(directive: &str) -> bool {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    const PARTS: [&str; 3] = ["pmp_", "aws_", "hyper"];
    let word = directive.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive));
    let is_number = directive.parse::<u8>().is_ok_and(|number| number <= 5);
    word && !directive.is_empty() && !is_level && !is_number && !PARTS.iter().any(|part| directive.starts_with(part))
}

fn filter_of_environment() -> String {
    let args = LogArgs { log: std::env::var("PMP_LOG").ok(), log_format: None };
    args.filter("warn").unwrap_or_else(|_| "warn".to_owned())
}

/// The parts that all three subscribers share.
#[expect(clippy::disallowed_methods, reason = "the boundary itself: what comes of it has `PlainFields` or `PlainJson`")]
fn subscriber(filter: &str) -> SubscriberBuilder<DefaultFields, Format, EnvFilter> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_target(false)
}

/// Starts logging with a filter that was checked.
fn begin(filter: &str, format: LogFormat, ansi: bool) {
    let subscriber = subscriber(filter);
    // A second call finds the first one's subscriber in place; that is the one to use.
    let started = match format {
        LogFormat::Text => subscriber.with_writer(stream::log).fmt_fields(PlainFields).with_ansi(ansi).try_init(),
        LogFormat::Json => {
            let subscriber = subscriber.with_writer(|| PlainJson(stream::log())).json();
            subscriber.flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
    if started.is_ok() {
        JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    }
}

/// The fields of events and spans as text, each of them a [`PlainText`]: whatever an event tells is
/// one line, in which nothing acts but our own colours.
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = PlainVisitor { writer, first: true, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct PlainVisitor<'writer> {
    writer: Writer<'writer>,
    first: bool,
    outcome: fmt::Result,
}

impl PlainVisitor<'_> {
    fn write(&mut self, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
        let name = field.name();
        // Fields that the `log` crate's bridge adds. The formatter shows the origin by itself.
        if name.starts_with("log.") {
            return Ok(());
        }
        if !std::mem::take(&mut self.first) {
            self.writer.write_char(' ')?;
        }
        let value = PlainText::bounded(&format!("{value:?}"), MAX_FIELD);
        let name = name.trim_start_matches("r#");
        if name == "message" {
            write!(self.writer, "{value}")
        } else if self.writer.has_ansi_escapes() {
            write!(self.writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}")
        } else {
            write!(self.writer, "{name}={value}")
        }
    }
}

impl Visit for PlainVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.outcome.is_ok() {
            self.outcome = self.write(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // The message is printed without quotes.
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            // Plain before it is quoted: quoting spells a line break as `\n`, which nobody reads.
            self.record_debug(field, &PlainText::bounded(value, MAX_FIELD).as_str());
        }
    }
}

/// Writes JSON in which nothing can act on a terminal; programs read the same from it.
struct PlainJson<W>(W);

impl<W: io::Write> io::Write for PlainJson<W> {
    /// The formatter hands over whole events, so no character is split.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(json_without_acting(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use pmp_protocol::Coded as _;

    use super::*;

    /// What acts, in every way in which an event can tell it.
    const HOSTILE: &str = "\u{1b}[31mred\u{9b}2J\u{202e}\u{2028}next\r\nINFO forged";

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn tell() {
        let error = io::Error::other(HOSTILE);
        tracing::info_span!("pass", name = HOSTILE, shown = %HOSTILE).in_scope(|| {
            tracing::info!(text = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, error = &error as &dyn std::error::Error);
            tracing::info!("{HOSTILE}");
            tracing::info!(message = HOSTILE);
        });
    }

    fn acts(text: &str) -> bool {
        text.lines().any(|line| PlainText::bounded(line, usize::MAX).as_str() != line)
    }

    #[test]
    fn no_event_can_act_or_forge_a_line_in_text() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber("trace").with_writer(move || writer.clone()).fmt_fields(PlainFields);
        tracing::subscriber::with_default(subscriber.with_ansi(false).finish(), tell);
        let text = kept.text();
        assert!(!acts(&text), "{text:?}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("shown=�[31mred�2J� next INFO forged"), "{text}");
    }

    #[test]
    fn a_level_that_was_mistyped_is_told() {
        let filter = |text: &str| LogArgs { log: Some(text.to_owned()), log_format: None }.filter("warn");
        for right in ["info", "WARN", "off", "", "info,pmp_spoke=debug", "pmp_hub", "aws_config::sts=trace", "3"] {
            assert!(filter(right).is_ok(), "{right}");
        }
        for wrong in ["xxxxx", "verbose", "info,degub"] {
            let error = filter(wrong).unwrap_err();
            assert!(error.to_string().contains("is no level (error, warn"), "{error}");
            assert_eq!(error.code().to_string(), "E1713");
        }
    }

    #[test]
    fn a_text_of_several_lines_is_one_line_without_marks() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber("trace").with_writer(move || writer.clone()).fmt_fields(PlainFields);
        tracing::subscriber::with_default(subscriber.with_ansi(false).finish(), || {
            tracing::warn!(error = "first\n  cause: second", "it failed");
        });
        assert!(kept.text().ends_with("it failed error=\"first   cause: second\"\n"), "{}", kept.text());
    }

    #[test]
    fn with_colours_only_ours_are_there() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber("trace").with_writer(move || writer.clone()).fmt_fields(PlainFields);
        tracing::subscriber::with_default(subscriber.with_ansi(true).finish(), tell);
        let text = kept.text();
        assert!(text.contains('\u{1b}') && !text.contains("\u{1b}[31m"), "{text:?}");
        assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{2028}']), "{text:?}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn no_event_can_act_in_json_and_programs_read_what_was_said() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber("trace").with_writer(move || PlainJson(writer.clone())).json();
        tracing::subscriber::with_default(subscriber.flatten_event(true).finish(), tell);
        let text = kept.text();
        assert!(!acts(&text), "{text:?}");
        let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 3);
        assert_eq!((&events[0]["text"], &events[1]["message"]), (&HOSTILE.into(), &HOSTILE.into()));
    }
}
