//! The metrics: their names and units, which alarms and dashboards rely on. `docs/metrics.md` says
//! what each means.

use std::str::FromStr;

/// In what a metric is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration of single calls or passes, in milliseconds.
    Milliseconds,
    /// A duration that may take minutes or days, in seconds.
    Seconds,
}

impl Unit {
    /// As CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// Which of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// Metrics that `pmp-hub` writes.
    Hub,
    /// Metrics that `pmp-spoke` writes.
    Spoke,
}

impl Component {
    /// As the templates tag what belongs to it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Spoke => "spoke",
        }
    }
}

/// Of which figures CloudWatch is to make metrics. It bills each metric; the figures stand in the
/// log in any case, where Logs Insights finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricSet {
    /// None but those that nothing else stands in for ([`Metric::is_always_made`]).
    None,
    /// Those that the templates' alarms look at ([`Metric::is_of_alarms`]).
    Alarms,
    /// All that there are.
    #[default]
    All,
}

impl MetricSet {
    /// Whether a metric is to be made of these figures.
    #[must_use]
    pub fn has(self, metric: Metric) -> bool {
        match self {
            Self::None => metric.is_always_made(),
            Self::Alarms => metric.is_of_alarms(),
            Self::All => true,
        }
    }
}

/// A word that names no set of metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", pmp_protocol::not_one_of(.0, &["none", "alarms", "all"]))]
pub struct NoMetricSet(String);

pmp_protocol::codes!(NoMetricSet => "E1706");

pmp_protocol::without_hint!(NoMetricSet);

impl FromStr for MetricSet {
    type Err = NoMetricSet;

    fn from_str(text: &str) -> Result<Self, NoMetricSet> {
        match text {
            "none" => Ok(Self::None),
            "alarms" => Ok(Self::Alarms),
            "all" => Ok(Self::All),
            _ => Err(NoMetricSet(text.to_owned())),
        }
    }
}

impl Metric {
    /// Whether an alarm of the templates looks at it.
    #[must_use]
    pub fn is_of_alarms(self) -> bool {
        matches!(
            self,
            Self::Published
                | Self::SilentSpokes
                | Self::FailedExperiences
                | Self::HeldExperiences
                | Self::StoppedVersions
                | Self::DisputedExperiences
                | Self::UnreadableItems
                | Self::NotificationsFailed
                | Self::Errors
                | Self::Failed
                | Self::Held
                | Self::StatementSecondsLeft
                | Self::DriftedProducts
        )
    }

    /// Whether nothing that AWS measures stands in for it: a hub that is silent, and what waves,
    /// notifications and trusted keys bring with them, for those who use these.
    #[must_use]
    pub fn is_always_made(self) -> bool {
        matches!(self, Self::Published | Self::StoppedVersions | Self::NotificationsFailed | Self::StatementSecondsLeft)
    }

    /// Whether both programs measure it: then they are told apart by a dimension.
    #[must_use]
    pub fn is_of_both(self) -> bool {
        matches!(self, Self::Errors | Self::Throttles)
    }
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:ident,)+) => {
        /// A metric; its name in CloudWatch is the variant's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Metric {
            /// All metrics, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in CloudWatch.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The unit that CloudWatch shows.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)+
                }
            }
        }
    };
}

metrics! {
    /// Hub: whether a snapshot was announced.
    Published: Count,
    /// Hub: whether it was a new version.
    Changed: Count,
    /// Hub: from the trigger to the announcement.
    PublishMillis: Milliseconds,
    /// Hub: products that the snapshot approves.
    ApprovedProducts: Count,
    /// Hub: products that the snapshot rejects.
    RejectedProducts: Count,
    /// Hub: organizations whose last sign of life is older than `PMP_STALE_AFTER`, or that were
    /// admitted and never gave one.
    SilentSpokes: Count,
    /// Hub: member experiences that their spokes report as failed.
    FailedExperiences: Count,
    /// Hub: member experiences that a guard rail holds.
    HeldExperiences: Count,
    /// Hub: member experiences whose receipts do not match the ledger.
    DisputedExperiences: Count,
    /// Hub: items of member organizations that cannot be read.
    UnreadableItems: Count,
    /// Hub: since the last sign of life of the organization that is silent for longest.
    OldestLastSeenSeconds: Seconds,
    /// Hub: versions by which the member experience that is furthest behind lags.
    OldestVersionLag: Count,
    /// Hub: notifications that the topic of operations accepted. Only where one is configured.
    NotificationsSent: Count,
    /// Hub: notifications that it did not accept, and runs that could tell nothing. Only there.
    NotificationsFailed: Count,
    /// Hub: whether the newest version was stopped in the waves, by itself or by a person. Only
    /// where there are waves.
    StoppedVersions: Count,
    /// Both: whether the run failed as a whole.
    Errors: Count,
    /// Both: answers of AWS that asked to slow down.
    Throttles: Count,
    /// Spoke: whether every member experience is in step.
    Synced: Count,
    /// Spoke: member experiences that are on their way, or lack products that the catalog refuses.
    Partial: Count,
    /// Spoke: member experiences that a guard rail holds.
    Held: Count,
    /// Spoke: member experiences that could not be brought into step.
    Failed: Count,
    /// Spoke: change sets of the pass.
    ChangeSets: Count,
    /// Spoke: how long each of them took.
    ChangeSetMillis: Milliseconds,
    /// Spoke: products newly allowed.
    AllowedProducts: Count,
    /// Spoke: products newly denied.
    DeniedProducts: Count,
    /// Spoke: products that are left as they are, because the catalog refused them or they could
    /// not be looked up.
    QuarantinedProducts: Count,
    /// Spoke: products that the filter takes away.
    ExcludedProducts: Count,
    /// Spoke: how long the filter ran.
    FilterMillis: Milliseconds,
    /// Spoke: runs of the filter that failed.
    FilterFailures: Count,
    /// Spoke: from the arrival of the announcement in the queue to the last receipt.
    PublishToReceiptMillis: Milliseconds,
    /// Spoke: how long the hub's newest signature holds yet; zero once it has ended. Only where
    /// keys are configured.
    StatementSecondsLeft: Seconds,
    /// Spoke: products that someone else had changed since the last pass.
    DriftedProducts: Count,
    /// Spoke: products that a spoke that only observes would change. Only there.
    WouldChangeProducts: Count,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use pmp_protocol::Coded as _;

    use super::*;

    /// The first two columns of the tables in the documentation.
    fn documented() -> BTreeMap<String, String> {
        let text = include_str!("../../../../docs/metrics.md");
        let cell = |text: &str| text.trim().trim_matches('`').to_owned();
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            Some((cell(cells.next()?), cell(cells.next()?)))
        };
        text.lines().filter_map(row).collect()
    }

    /// The metrics of this system that alarms in a template look at.
    fn watched(template: &str) -> impl Iterator<Item = &str> {
        let alarms = template.split("Type: AWS::CloudWatch::Alarm").skip(1);
        let ours = alarms.filter(|alarm| {
            let namespace = alarm.split("Namespace: ").nth(1).unwrap().lines().next().unwrap();
            namespace == "pmp-sync"
        });
        ours.map(|alarm| alarm.split("MetricName: ").nth(1).unwrap().lines().next().unwrap())
    }

    #[test]
    fn those_of_alarms_are_exactly_those_that_the_templates_watch() {
        let hub = include_str!("../../../../infra/cloudformation/hub.yaml");
        let spoke = include_str!("../../../../infra/cloudformation/spoke.yaml");
        let of_alarms = Metric::ALL.iter().filter(|metric| metric.is_of_alarms()).map(|metric| metric.name());
        assert_eq!(watched(hub).chain(watched(spoke)).collect::<BTreeSet<_>>(), of_alarms.collect());
    }

    #[test]
    fn a_word_that_names_no_set_is_refused() {
        assert_eq!(["none", "alarms", "all"].map(|word| word.parse::<MetricSet>().is_ok()), [true; 3]);
        assert_eq!("few".parse::<MetricSet>().unwrap_err().code().to_string(), "E1706");
    }

    #[test]
    fn the_documentation_lists_exactly_these_with_their_units() {
        let named = Metric::ALL.iter().map(|metric| (metric.name().to_owned(), metric.unit().as_str().to_owned()));
        assert_eq!(documented(), named.collect());
    }
}
