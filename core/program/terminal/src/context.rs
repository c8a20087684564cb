//! The configuration file: sets of variables with a name, one for each deployment. Pure; where the
//! file is, and how its variables reach the program, stands in `context/enter.rs`.
//!
//! ```toml
//! context = "prod"                      # where no other is named
//!
//! [contexts.prod]
//! AWS_PROFILE = "hub-prod"
//! PMP_EXPERIENCE_ID = "exp-1234567890abc"
//!
//! [contexts.prod.pmp-hub]               # for this program alone
//! PMP_CHANGE_WINDOWS = "Mon-Fri 22:00-04:00 Europe/Berlin"
//! ```
//!
//! The keys are the variables of `docs/configuration.md`, so that a setting has one name wherever
//! it is given. A variable that is set wins over the file, and a flag over both.

pub(crate) mod enter;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{Hint, alike_word, most_alike};
use serde::Deserialize;
use toml::Value;

use crate::shell::export;

/// The programs that may have a table of their own in a context.
const PROGRAMS: [&str; 2] = ["pmp-hub", "pmp-spoke"];
/// What stands in place of a context where none is wanted.
const NONE: &str = "none";
/// Variables that would put a secret into the file.
const SECRETS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
/// Variables without one of our prefixes.
const OTHERS: [&str; 8] = [
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "MEMBER_EXPERIENCE_IDS",
    "NO_COLOR",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];
/// The beginning of the variables that name the endpoint of one service.
const ENDPOINT_OF_SERVICE: &str = "AWS_ENDPOINT_URL_";
/// The variables of the AWS SDK for Rust that may stand in a file, as its reference of settings
/// lists them: <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
const OF_AWS: [&str; 26] = [
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];
/// The variables of the programs, as `docs/configuration.md` lists them.
const OURS: [&str; 53] = [
    "PMP_ATTEMPT_TIMEOUT",
    "PMP_CATALOG_RATES",
    "PMP_CHANGE_WINDOWS",
    "PMP_CONNECT_TIMEOUT",
    "PMP_DRIFT",
    "PMP_EVENTS_QUEUE_URL",
    "PMP_EXPERIENCES",
    "PMP_EXPERIENCE_ID",
    "PMP_FILTER",
    "PMP_FILTERS",
    "PMP_FILTERS_FOLDER",
    "PMP_FILTER_CACHE",
    "PMP_FILTER_CONFIG",
    "PMP_FILTER_DIGEST",
    "PMP_FILTER_MAX_FILE",
    "PMP_FILTER_PROGRAM",
    "PMP_FILTER_SHARE",
    "PMP_GUARD_WINDOW",
    "PMP_HUB_EXTERNAL_ID",
    "PMP_HUB_ROLE_ARN",
    "PMP_INTERVAL",
    "PMP_KEEP_DECISIONS",
    "PMP_KEEP_DECISIONS_FOR",
    "PMP_KEEP_VERSIONS",
    "PMP_LEASE_TERM",
    "PMP_LOG",
    "PMP_LOG_FORMAT",
    "PMP_MAX_HOLD",
    "PMP_MAX_OPEN_CHANGE_SETS",
    "PMP_MAX_REMOVED_PERCENT",
    "PMP_MAX_REMOVED_PRODUCTS",
    "PMP_MEMBER_ORGANIZATIONS",
    "PMP_METRICS",
    "PMP_MODE",
    "PMP_NOTIFY_FORMAT",
    "PMP_NOTIFY_TOPIC_ARN",
    "PMP_OPERATION_TIMEOUT",
    "PMP_ORG_ID",
    "PMP_PRODUCT_ATTRIBUTES",
    "PMP_PRODUCT_ID_LIMIT",
    "PMP_QUEUE_NAME",
    "PMP_QUEUE_URL",
    "PMP_SHARE_CHANGE_SETS",
    "PMP_SIGNING_KEY",
    "PMP_SNAPSHOTS_TABLE",
    "PMP_STALE_AFTER",
    "PMP_STATEMENT_LIFETIME",
    "PMP_STOP_AFTER",
    "PMP_SYNC_SETTINGS",
    "PMP_TIMESTAMPS_TABLE",
    "PMP_TOPIC_ARN",
    "PMP_TRUSTED_KEYS",
    "PMP_WAVES",
];

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The context that counts where no other is named.
    #[serde(default)]
    context: Option<toml::Spanned<String>>,
    #[serde(default)]
    contexts: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The configuration file, as one program reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contexts {
    usual: Option<String>,
    /// The line of the file that names it, from 1.
    usual_line: Option<usize>,
    contexts: BTreeMap<String, BTreeMap<String, String>>,
}

/// A context: a name, and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name, as it stands in the file.
    pub name: String,
    /// Its variables, with what they are set to.
    pub variables: BTreeMap<String, String>,
}

/// Why a file is no configuration file, or has no such context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// It is no TOML, or has another form.
    #[error("it is not TOML of this form: {0}")]
    Form(String),
    /// A context holds a variable that no program reads.
    #[error("the context `{context}` sets `{variable}`, which no program reads")]
    Unknown {
        /// The context that holds it, by its name.
        context: String,
        /// The variable, as it is written.
        variable: String,
    },
    /// A context has a table of a program that there is not.
    #[error("the context `{context}` has a table `{table}`, and no program is called so")]
    Program {
        /// The context that holds it, by its name.
        context: String,
        /// The table, as it is written.
        table: String,
    },
    /// A context holds credentials.
    #[error("the context `{context}` sets {variable}: credentials do not belong in this file")]
    Secret {
        /// The context that holds it, by its name.
        context: String,
        /// The variable that is set there, by its name.
        variable: String,
    },
    /// A variable is set to something that is no text.
    #[error(
        "the context `{context}` sets {variable} to what is neither text, a number, a truth value nor a list of them"
    )]
    Value {
        /// The context that holds it, by its name.
        context: String,
        /// The variable that is set there, by its name.
        variable: String,
    },
    /// There is no such context.
    #[error("there is no context `{name}`")]
    NoContext {
        /// The name, as it was given.
        name: String,
        /// The names of those that there are.
        known: Vec<String>,
        /// The line of the file that names it, from 1; none where it was asked for in another way.
        line: Option<usize>,
    },
}

pmp_protocol::codes!(ContextError {
    Form => "E1707",
    Unknown => "E1708",
    Program => "E1709",
    Secret => "E1710",
    Value => "E1711",
    NoContext => "E1712",
});

impl Hint for ContextError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Form(_) => {
                Some("an example: `[contexts.prod]`, and below it `PMP_EXPERIENCE_ID = \"exp-…\"`".to_owned())
            }
            Self::Unknown { variable, .. } => most_alike(variable, known())
                .map(|known| format!("did you mean {known}? docs/configuration.md lists all")),
            Self::Secret { .. } => Some("name a profile of the AWS SDK: AWS_PROFILE = \"…\"".to_owned()),
            Self::Program { .. } => Some(format!("tables are for {}", PROGRAMS.join(" and "))),
            Self::Value { .. } => None,
            Self::NoContext { known, .. } if known.is_empty() => Some("the file has no contexts".to_owned()),
            Self::NoContext { name, known, line: Some(line) } => {
                let meant = most_alike(name, known);
                let meant = meant.map_or_else(String::new, |meant| format!(", such as `context = \"{meant}\"`"));
                Some(format!("the contexts are {}; correct line {line} of the file{meant}", known.join(", ")))
            }
            Self::NoContext { name, known, line: None } => {
                let meant =
                    alike_word(name, known.iter().map(String::as_str)).and_then(|meant| export("PMP_CONTEXT", meant));
                let meant =
                    meant.map_or_else(String::new, |command| format!("; for the one that looks like it: `{command}`"));
                Some(format!("the contexts are {}{meant}", known.join(", ")))
            }
        }
    }
}

/// Every variable that the programs read, besides those of AWS.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    OURS.into_iter().chain(OTHERS)
}

fn known() -> impl Iterator<Item = &'static str> {
    variables().chain(OF_AWS)
}

/// Whether a program, or the AWS SDK in it, reads this variable.
fn is_known(variable: &str) -> bool {
    variable.starts_with(ENDPOINT_OF_SERVICE) || known().any(|known| known == variable)
}

/// The line in which the byte at `place` stands, from 1.
fn line_of(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

impl Contexts {
    /// Reads the configuration file of `program`, in which other programs may have tables, too.
    ///
    /// # Errors
    /// Where it is none: every context is checked, and not only the one that is used.
    pub fn parse(text: &str, program: &str) -> Result<Self, ContextError> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ContextError::Form(format!("{line}{}", error.message()))
        })?;
        let mut contexts = BTreeMap::new();
        for (name, settings) in written.contexts {
            let (mut variables, mut own) = (BTreeMap::new(), BTreeMap::new());
            for (key, value) in settings {
                match value {
                    Value::Table(of_program) => {
                        if !PROGRAMS.contains(&key.as_str()) {
                            return Err(ContextError::Program { context: name, table: key });
                        }
                        for (variable, value) in of_program {
                            let value = checked(&name, &variable, &value)?;
                            if key == program {
                                own.insert(variable, value);
                            }
                        }
                    }
                    value => {
                        let value = checked(&name, &key, &value)?;
                        variables.insert(key, value);
                    }
                }
            }
            variables.extend(own);
            contexts.insert(name, variables);
        }
        let usual_line = written.context.as_ref().map(|context| line_of(text, context.span().start));
        let usual = written.context.map(toml::Spanned::into_inner);
        Ok(Self { usual, usual_line, contexts })
    }

    /// The names of all contexts, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.contexts.keys().map(String::as_str)
    }

    /// The context that counts where no other is named.
    #[must_use]
    pub fn usual(&self) -> Option<&str> {
        self.usual.as_deref()
    }

    /// The context of this name, or else the usual one; none where neither is named, or `none` is.
    ///
    /// # Errors
    /// Where there is no context of this name.
    pub fn choose(&self, name: Option<&str>) -> Result<Option<Context>, ContextError> {
        let line = self.usual_line.filter(|_| name.is_none());
        let Some(name) = name.or(self.usual()).filter(|name| *name != NONE) else { return Ok(None) };
        let found = self.contexts.get(name).ok_or_else(|| ContextError::NoContext {
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
            line,
        })?;
        Ok(Some(Context { name: name.to_owned(), variables: found.clone() }))
    }
}

impl Context {
    /// The variables that `environment` does not set. One that is blank there is not set.
    #[must_use]
    pub fn beside(&self, environment: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        self.variables.keys().map(String::as_str).filter(|name| !environment(name)).collect()
    }
}

/// The text of a value, where the variable may be in a context.
fn checked(context: &str, variable: &str, value: &Value) -> Result<String, ContextError> {
    let (context, variable) = (context.to_owned(), variable.to_owned());
    if SECRETS.contains(&variable.as_str()) {
        return Err(ContextError::Secret { context, variable });
    }
    if !is_known(&variable) {
        return Err(ContextError::Unknown { context, variable });
    }
    text(value).ok_or(ContextError::Value { context, variable })
}

/// A value as a variable holds it: lists are separated by commas.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Array(values) => {
            let parts = values.iter().map(|value| match value {
                Value::Array(_) => None,
                value => text(value),
            });
            parts.collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;

    use super::*;

    const FILE: &str = r#"
        context = "prod"

        [contexts.prod]
        AWS_PROFILE = "hub-prod"
        PMP_KEEP_VERSIONS = 50
        PMP_MEMBER_ORGANIZATIONS = ["o-alpha00000", "o-beta000000"]
        PMP_CHANGE_WINDOWS = "always"
        [contexts.prod.pmp-hub]
        PMP_CHANGE_WINDOWS = "daily 22:00-04:00 UTC"
        [contexts.prod.pmp-spoke]
        PMP_SYNC_SETTINGS = true

        [contexts.test]
        PMP_EXPERIENCE_ID = "exp-test"
    "#;

    fn chosen(program: &str, name: Option<&str>) -> Option<Vec<String>> {
        let context = Contexts::parse(FILE, program).unwrap().choose(name).unwrap()?;
        Some(context.variables.iter().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn a_context_is_the_named_one_or_the_usual_one_with_what_is_the_programs_own() {
        let common = ["AWS_PROFILE=hub-prod", "PMP_CHANGE_WINDOWS=daily 22:00-04:00 UTC", "PMP_KEEP_VERSIONS=50"];
        let hub = chosen("pmp-hub", None).unwrap();
        assert_eq!(hub[..3], common);
        assert_eq!(hub[3..], ["PMP_MEMBER_ORGANIZATIONS=o-alpha00000,o-beta000000"]);
        let spoke = chosen("pmp-spoke", Some("prod")).unwrap();
        assert!(spoke.contains(&"PMP_CHANGE_WINDOWS=always".to_owned()), "{spoke:?}");
        assert!(spoke.contains(&"PMP_SYNC_SETTINGS=true".to_owned()), "{spoke:?}");
        assert_eq!(chosen("pmp-hub", Some("test")).unwrap(), ["PMP_EXPERIENCE_ID=exp-test"]);
        assert_eq!(chosen("pmp-hub", Some("none")), None);
        assert_eq!(Contexts::parse("", "pmp-hub").unwrap().choose(None), Ok(None));
    }

    #[test]
    fn what_is_set_or_not_named_right_is_told() {
        let context = Contexts::parse(FILE, "pmp-hub").unwrap().choose(None).unwrap().unwrap();
        let beside = context.beside(|name| name == "AWS_PROFILE");
        assert!(!beside.contains("AWS_PROFILE") && beside.contains("PMP_KEEP_VERSIONS"));
        let problem = |text: &str| Contexts::parse(text, "pmp-hub").unwrap_err();
        let unknown = problem("[contexts.a]\nPMP_SNAPSHOT_TABLE = \"Snapshots\"\n");
        assert_eq!(unknown.to_string(), "the context `a` sets `PMP_SNAPSHOT_TABLE`, which no program reads");
        assert!(unknown.hint().unwrap().starts_with("did you mean PMP_SNAPSHOTS_TABLE?"), "{unknown:?}");
        let mistyped = problem("[contexts.a]\nAWS_PROFIEL = \"x\"\n");
        assert!(mistyped.hint().unwrap().starts_with("did you mean AWS_PROFILE?"), "{mistyped:?}");
        assert!(Contexts::parse("[contexts.a]\nAWS_ENDPOINT_URL_DYNAMODB = \"http://x\"\n", "pmp-hub").is_ok());
        let of_another = problem("[contexts.a.pmp-spoke]\nPMP_MODES = \"observe\"\n");
        assert!(of_another.to_string().contains("`PMP_MODES`"), "a table of another program is checked, too");
        let secret = problem("[contexts.a]\nAWS_SECRET_ACCESS_KEY = \"x\"\n");
        assert!(secret.to_string().ends_with("credentials do not belong in this file"), "{secret}");
        let table = problem("[contexts.a.pmp-hubs]\nPMP_MODE = \"observe\"\n");
        assert_eq!(table.hint().unwrap(), "tables are for pmp-hub and pmp-spoke");
        assert!(matches!(problem("[contexts.a]\nPMP_INTERVAL = 1.5\n"), ContextError::Value { .. }));
        assert!(matches!(problem("[contexts.a]\nPMP_INTERVAL = [[\"1h\"]]\n"), ContextError::Value { .. }));
        for form in ["[context.a]\n", "contexts = 3\n", "[contexts.a", "[contexts]\na = 3\n"] {
            assert!(matches!(problem(form), ContextError::Form(_)), "{form}");
        }
        let none = Contexts::parse(FILE, "pmp-hub").unwrap().choose(Some("live")).unwrap_err();
        assert_eq!(none.hint().unwrap(), "the contexts are prod, test");
        let mistyped = Contexts::parse(FILE, "pmp-hub").unwrap().choose(Some("prodd")).unwrap_err();
        let hint = "the contexts are prod, test; for the one that looks like it: `export PMP_CONTEXT=prod`";
        assert_eq!(mistyped.hint().unwrap(), hint);
        let in_the_file = FILE.replacen("\"prod\"", "\"prd\"", 1);
        let in_the_file = Contexts::parse(&in_the_file, "pmp-hub").unwrap().choose(None).unwrap_err();
        let hint = "the contexts are prod, test; correct line 2 of the file, such as `context = \"prod\"`";
        assert_eq!(in_the_file.hint().unwrap(), hint);
        for (error, code) in [
            (problem("contexts = 3"), "E1707"),
            (unknown, "E1708"),
            (table, "E1709"),
            (secret, "E1710"),
            (problem("[contexts.a]\nPMP_INTERVAL = 1.5\n"), "E1711"),
            (none, "E1712"),
        ] {
            assert_eq!(error.code().to_string(), code, "{error}");
        }
    }

    #[test]
    fn the_variables_are_those_of_the_documentation() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/configuration.md")).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let documented: BTreeSet<&str> = rows.map(|(name, _)| name).filter(|name| is_name(name)).collect();
        // Two choose the context, and one is the terminal's: they mean nothing in a context.
        let choice = ["PMP_CONFIG", "PMP_CONTEXT", "COLUMNS"];
        assert!(choice.iter().all(|name| documented.contains(name) && !is_known(name)));
        let missing: Vec<_> = documented.iter().filter(|name| !is_known(name) && !choice.contains(name)).collect();
        assert!(missing.is_empty(), "in the documentation, and not known here: {missing:?}");
        let unknown: Vec<_> = OURS.iter().filter(|name| !documented.contains(*name)).collect();
        assert!(unknown.is_empty(), "known here, and not in the documentation: {unknown:?}");
    }
}
