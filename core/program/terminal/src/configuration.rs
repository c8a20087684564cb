//! `config`: what a program's settings are set to, and where each comes from.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::context::enter::{Applied, ContextArgs, contexts, unchosen, usual_path};
use crate::context::variables;
use crate::{Failure, Output, Source, Table};

/// Variables whose values are not shown: parts of their names.
const HIDDEN: [&str; 6] = ["SECRET", "TOKEN", "EXTERNAL_ID", "PASSWORD", "PMP_FILTER_CONFIG", "PMP_FILTERS"];

/// What the command `config` shows of the settings.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show what is set, to what, and where it comes from
    Show(ShowArgs),
    /// List the contexts of the configuration file
    Contexts,
}

/// How much `config show` shows.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Also list what is not set
    #[arg(long)]
    all: bool,
}

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum From {
    Flag,
    Environment,
    Context,
    Unset,
}

/// A setting, as `config show` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Shown {
    variable: String,
    /// None of a variable that has no flag.
    flag: Option<&'static str>,
    /// None where it is not set, or not shown.
    value: Option<String>,
    /// Whether the value is kept back, because it may let somebody in.
    hidden: bool,
    from: From,
}

impl ConfigCommand {
    /// Shows the configuration of `program`, whose settings are `given`.
    ///
    /// # Errors
    /// Where the configuration file cannot be read, and where nothing can be printed.
    pub fn print(
        &self,
        program: &str,
        given: &[(Source, Option<&str>)],
        context: &ContextArgs,
        output: Output,
    ) -> Result<(), Failure> {
        match self {
            Self::Show(args) => show(given, args.all, output),
            Self::Contexts => list_contexts(program, context, output),
        }
    }
}

fn show(given: &[(Source, Option<&str>)], all: bool, output: Output) -> Result<(), Failure> {
    let applied = Applied::here();
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut of_others: Vec<String> = names.filter(|name| name.starts_with("AWS_")).collect();
    // Variables that are no settings of the programs: logs, bounds of calls, colours, proxies.
    let is_given = |name: &str| given.iter().any(|(source, _)| source.variable == name);
    of_others.extend(variables().filter(|name| !is_given(name) && set(name).is_some()).map(str::to_owned));
    of_others.sort();
    of_others.dedup();
    let ours =
        given.iter().map(|(source, value)| shown(source.variable, Some(source.flag), *value, applied.as_ref(), set));
    let others = of_others.iter().map(|name| shown(name, None, set(name).as_deref(), applied.as_ref(), set));
    let rows: Vec<Shown> = ours.chain(others).filter(|row| all || row.from != From::Unset).collect();
    if output.is_document() {
        let (context, file) = (applied.as_ref().map(|it| &it.context), applied.as_ref().map(|it| &it.file));
        return Ok(output.document(&json!({"context": context, "file": file, "settings": rows}))?);
    }
    let mut table = Table::new(&["VARIABLE", "FROM", "VALUE"]);
    for row in &rows {
        let from = match row.from {
            From::Flag => "flag",
            From::Environment => "environment",
            From::Context => "context",
            From::Unset => "-",
        };
        let value = match (&row.value, row.hidden) {
            (_, true) => "(not shown)".to_owned(),
            (Some(value), false) => value.clone(),
            (None, false) => "-".to_owned(),
        };
        table.row([row.variable.clone(), from.to_owned(), value]);
    }
    let summary = match &applied {
        Some(applied) => format!("context `{}` of {}", applied.context, applied.file.display()),
        None => unchosen().map_or_else(|| "no context".to_owned(), |hint| format!("no context: {hint}")),
    };
    Ok(output.list_of("settings", &["variable", "flag", "value", "hidden", "from"], &rows, table, &summary)?)
}

/// A setting with the value that counts. One that the environment does not hold came by a flag.
fn shown(
    variable: &str,
    flag: Option<&'static str>,
    value: Option<&str>,
    applied: Option<&Applied>,
    environment: impl Fn(&str) -> Option<String>,
) -> Shown {
    let value = value.filter(|value| !value.trim().is_empty());
    let from = match value {
        None => From::Unset,
        Some(value) if environment(variable).as_deref() != Some(value) => From::Flag,
        Some(_) if applied.is_some_and(|applied| applied.variables.contains(variable)) => From::Context,
        Some(_) => From::Environment,
    };
    let hidden = value.is_some() && HIDDEN.iter().any(|part| variable.contains(part));
    let value = value.filter(|_| !hidden).map(without_user);
    Shown { variable: variable.to_owned(), flag, value, hidden, from }
}

/// A value without the user and password of a URL in it.
fn without_user(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let (host, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => value.to_owned(),
    }
}

fn list_contexts(program: &str, context: &ContextArgs, output: Output) -> Result<(), Failure> {
    let Some((path, contexts)) = contexts(program, context.file())? else {
        let place = usual_path().map_or_else(String::new, |path| format!(" at `{}`", path.display()));
        return Err(Failure::new("E1719", format!("there is no configuration file{place}"))
            .hint("docs/configuration.md has an example; --config FILE (PMP_CONFIG) names another one".to_owned()));
    };
    let current = context.named().or(contexts.usual());
    let names: Vec<&str> = contexts.names().collect();
    if output.is_document() {
        return Ok(output.document(&json!({"file": path, "context": current, "contexts": names}))?);
    }
    let mut table = Table::new(&["CONTEXT", "USED"]);
    for name in &names {
        table.row([(*name).to_owned(), if current == Some(*name) { "now" } else { "" }.to_owned()]);
    }
    Ok(output.list_of("contexts", &["value"], &names, table, &format!("in {}", path.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_from_the_flag_that_differs_from_the_environment() {
        let applied = Applied { context: "prod".into(), file: "/f".into(), variables: ["PMP_A".to_owned()].into() };
        let environment = |name: &str| ["PMP_A", "PMP_B"].contains(&name).then(|| "1".to_owned());
        let from = |variable: &str, value: Option<&str>| shown(variable, None, value, Some(&applied), environment).from;
        assert_eq!(from("PMP_A", Some("1")), From::Context);
        assert_eq!(from("PMP_B", Some("1")), From::Environment);
        assert_eq!(from("PMP_A", Some("2")), From::Flag);
        assert_eq!(from("PMP_C", Some("2")), From::Flag);
        assert_eq!((from("PMP_C", None), from("PMP_C", Some(" "))), (From::Unset, From::Unset));
    }

    #[test]
    fn what_may_let_somebody_in_is_not_shown() {
        let one = |variable: &str| shown(variable, None, Some("s3cret"), None, |_| Some("s3cret".to_owned()));
        for variable in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PMP_HUB_EXTERNAL_ID"] {
            assert_eq!((one(variable).value, one(variable).hidden), (None, true), "{variable}");
        }
        assert_eq!(one("AWS_PROFILE").value.as_deref(), Some("s3cret"));
        for (value, expected) in [
            ("http://user:pass@proxy:3128/a@b", "http://…@proxy:3128/a@b"),
            ("https://a:b@c@host", "https://…@host"),
            ("http://proxy:3128/@", "http://proxy:3128/@"),
            ("arn:aws:sns:us-east-1:111111111111:t", "arn:aws:sns:us-east-1:111111111111:t"),
        ] {
            assert_eq!(without_user(value), expected);
        }
    }
}
