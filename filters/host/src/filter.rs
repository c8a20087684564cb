//! A filter that is ready to use, and a filter with its configuration. The caller does not see
//! whether a component or a built-in rule decides: both are called in the same way, and their
//! answers pass the same checks.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use pmp_protocol::{Code as ErrorCode, Coded, Decision, Digest, FilterIdentity, Hint, Verdicts};
use serde_json::{Map, Value};

use crate::description::Description;
use crate::engine::Runtime;
use crate::input::{Context, Product, Table};
use crate::log::Log;
use crate::rules::{self, BUILT_IN, BuiltIn, Rule};
use crate::run::{Prepared, RunError, Usage};
use crate::text::tame;
use crate::{Limits, output};

/// Limit in bytes of an error text from a filter; longer ones are cut.
const ERROR_BYTES: usize = 1024;

/// A filter that is ready: a component that is compiled, or a built-in rule. A clone is the same
/// filter.
#[derive(Clone)]
pub struct Filter {
    pub(crate) loaded: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) code: Code,
    pub(crate) limits: Limits,
    description: Description,
    digest: Digest,
}

/// The code that decides about products: a component, or a built-in rule.
pub(crate) enum Code {
    Component(Arc<Component>),
    BuiltIn(&'static BuiltIn),
}

pub(crate) struct Component {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) prepared: Prepared,
}

/// The reason why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration is larger than the limit.
    #[error("the filter's configuration has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The size of the configuration in bytes.
        bytes: usize,
        /// The limit in bytes, `Limits::config_bytes`.
        limit: usize,
    },
    /// The configuration is not a JSON object, which the contract requires.
    #[error("the filter's configuration is not one JSON object")]
    NotAnObject(#[source] serde_json::Error),
    /// The filter refuses the configuration.
    #[error("the filter `{filter}` refuses its configuration: {reason}")]
    Refused {
        /// The name of the filter.
        filter: String,
        /// The filter's own message, cut to 1 KiB and without control characters.
        reason: String,
    },
    /// The filter failed before it gave an answer.
    #[error("the filter `{filter}` failed while it checked its configuration")]
    Run {
        /// The name of the filter.
        filter: String,
        /// The reason why the run failed.
        #[source]
        source: RunError,
    },
}

pmp_protocol::codes!(ConfigError {
    TooLarge => "E2031",
    NotAnObject => "E2032",
    Refused => "E2033",
    Run { source } => source,
});

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Run { source, .. } => source.hint(),
            Self::TooLarge { .. } | Self::NotAnObject(_) | Self::Refused { .. } => None,
        }
    }
}

impl Filter {
    pub(crate) fn new(runtime: Arc<Runtime>, prepared: Prepared, description: Description, digest: Digest) -> Self {
        let limits = runtime.limits.clone();
        let component = Arc::new(Component { runtime, prepared });
        Self { loaded: Arc::new(Loaded { code: Code::Component(component), limits, description, digest }) }
    }

    /// The built-in filter of this name; `None` if there is none. [`Filter::built_in_names`] lists
    /// the names.
    #[must_use]
    pub fn built_in(name: &str, limits: Limits) -> Option<Self> {
        let rule = BUILT_IN.iter().find(|rule| rule.name == name)?;
        let (description, digest) = (rule.description(), rule.digest());
        Some(Self { loaded: Arc::new(Loaded { code: Code::BuiltIn(rule), limits, description, digest }) })
    }

    /// The names of the built-in filters.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|rule| rule.name)
    }

    /// Whether it is built in. A built-in filter has no component.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        matches!(self.loaded.code, Code::BuiltIn(_))
    }

    /// The filter's description of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.loaded.description
    }

    /// The digest of the filter's file. The digest of a built-in filter covers its name, its
    /// version and the schema of its settings.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.loaded.digest
    }

    /// Its name, version and digest, for a receipt.
    #[must_use]
    pub fn identity(&self) -> FilterIdentity {
        let Description { name, version, .. } = self.description().clone();
        FilterIdentity { name, version, digest: self.loaded.digest }
    }

    /// Asks the filter to check the configuration. A filter without a configuration gets `{}`.
    pub fn configure(&self, config_json: &str) -> Result<ConfiguredFilter, ConfigError> {
        let limit = self.loaded.limits.config_bytes;
        if config_json.len() > limit {
            return Err(ConfigError::TooLarge { bytes: config_json.len(), limit });
        }
        serde_json::from_str::<Map<String, Value>>(config_json).map_err(ConfigError::NotAnObject)?;

        let name = || self.description().name.clone();
        let ready = match &self.loaded.code {
            Code::Component(component) => {
                let Component { runtime, prepared } = &**component;
                let (answer, _usage) = prepared
                    .run(runtime, |exports, store| exports.pmp_sync_filter_rules().call_validate(store, config_json));
                answer
                    .map_err(|source| ConfigError::Run { filter: name(), source })?
                    .map_err(|reason| refused(name(), &reason))?;
                Ready::Component { component: component.clone(), config: config_json.into() }
            }
            Code::BuiltIn(built_in) => {
                let rule = (built_in.configure)(config_json).map_err(|reason| refused(name(), &reason))?;
                Ready::Rule(rule.into())
            }
        };
        Ok(ConfiguredFilter { filter: self.clone(), settings: config_json.into(), ready })
    }
}

fn refused(filter: String, reason: &str) -> ConfigError {
    ConfigError::Refused { filter, reason: tame(reason, ERROR_BYTES) }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded { description, digest, .. } = &*self.loaded;
        f.debug_struct("Filter").field("description", description).field("digest", digest).finish_non_exhaustive()
    }
}

/// A filter with a configuration that it accepted. A clone is the same.
#[derive(Debug, Clone)]
pub struct ConfiguredFilter {
    filter: Filter,
    settings: Arc<str>,
    pub(crate) ready: Ready,
}

/// The code that decides, with its settings. A component parses them in each run.
#[derive(Clone)]
pub(crate) enum Ready {
    Component { component: Arc<Component>, config: Arc<str> },
    Rule(Arc<dyn Rule>),
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component { config, .. } => f.debug_tuple("Component").field(config).finish_non_exhaustive(),
            Self::Rule(rule) => rule.fmt(f),
        }
    }
}

/// The decisions of a filter on the products of one experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// One decision for each product, in the order of the products. A product that the hub rejected
    /// is always `Reject`.
    pub decisions: Vec<Decision>,
    /// The decisions that narrow: those on products that the hub approved and the filter does not
    /// keep.
    pub verdicts: Verdicts,
    /// The resources that the run used, and its log lines.
    pub usage: Usage,
}

/// An evaluation that failed. None of its decisions may be used (rule 4).
#[derive(Debug)]
pub struct EvaluateError {
    /// The reason why the evaluation failed.
    pub failure: Failure,
    /// The resources that the run had used until it failed, and its log lines.
    pub usage: Usage,
}

/// The reason why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The filter says that it can't decide.
    #[error("the filter returned an error: {message}")]
    Filter {
        /// The filter's own message, cut to 1 KiB and without control characters.
        message: String,
    },
    /// The filter returned another number of decisions than there are products.
    #[error("the filter returned {found} decisions for {expected} products")]
    WrongCount {
        /// The number of products.
        expected: usize,
        /// The number of decisions.
        found: usize,
    },
    /// The run did not finish.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Failure {
    /// Whether the run used up its fuel or its time. Another run with similar input would do so
    /// again.
    #[must_use]
    pub fn used_up_limits(&self) -> bool {
        matches!(self, Self::Run(RunError::OutOfFuel { .. } | RunError::WallClock { .. }))
    }
}

pmp_protocol::codes!(Failure {
    Filter => "E2034",
    WrongCount => "E2035",
    Run(source) => source,
});

impl Hint for Failure {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Run(source) => source.hint(),
            Self::Filter { .. } | Self::WrongCount { .. } => None,
        }
    }
}

impl fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for EvaluateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // `Display` already prints the failure itself, so the chain continues with the failure's
        // source.
        self.failure.source()
    }
}

impl Coded for EvaluateError {
    fn code(&self) -> ErrorCode {
        self.failure.code()
    }
}

impl Hint for EvaluateError {
    fn hint(&self) -> Option<String> {
        self.failure.hint()
    }
}

impl ConfiguredFilter {
    /// The filter that this configuration belongs to.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The configuration, as the text that it was given.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Whether it is a built-in filter that decides by a product's vendor or categories, which must
    /// be looked up.
    #[must_use]
    pub fn needs_attributes(&self) -> bool {
        matches!(&self.ready, Ready::Rule(rule) if rule.needs_attributes())
    }

    /// Runs the filter over all products of one experience, in one call.
    ///
    /// It can only narrow (rule 1): a decision belongs to a product by its position, so no other
    /// product can be named, and there is no decision that approves.
    pub fn evaluate(&self, context: &Context<'_>, products: &[Product<'_>]) -> Result<Evaluation, EvaluateError> {
        let limits = &self.filter.loaded.limits;
        let (answer, usage) = match &self.ready {
            Ready::Component { component, config } => {
                let context = context.lower();
                let table = Table::new(products);
                let rows = table.rows(products);
                component.prepared.run(&component.runtime, |exports, store| {
                    exports.pmp_sync_filter_rules().call_evaluate(store, context.with_config(config), &rows)
                })
            }
            Ready::Rule(rule) => {
                let (started, mut log) = (Instant::now(), Log::new(limits));
                let decisions = rules::evaluate(&**rule, context, products, &mut log);
                let (logs, logs_dropped) = log.into_lines();
                // Fuel and memory are measured for components only; a rule uses next to none.
                (Ok(Ok(decisions)), Usage { logs, logs_dropped, elapsed: started.elapsed(), ..Usage::default() })
            }
        };
        match decide(answer, products, limits.reason_bytes) {
            Ok((decisions, verdicts)) => Ok(Evaluation { decisions, verdicts, usage }),
            Err(failure) => Err(EvaluateError { failure, usage }),
        }
    }
}

pub(crate) fn filters_error(message: String) -> Failure {
    Failure::Filter { message: tame(&message, ERROR_BYTES) }
}

type Answer = Result<Result<Vec<output::RawDecision>, String>, RunError>;

fn decide(answer: Answer, products: &[Product<'_>], reason_bytes: usize) -> Result<(Vec<Decision>, Verdicts), Failure> {
    let raw = answer?.map_err(filters_error)?;
    if raw.len() != products.len() {
        return Err(Failure::WrongCount { expected: products.len(), found: raw.len() });
    }
    let decisions: Vec<_> =
        products.iter().zip(raw).map(|(product, raw)| output::narrow(product.status, raw, reason_bytes)).collect();
    let verdicts = output::narrowing(products, &decisions);
    Ok((decisions, verdicts))
}
