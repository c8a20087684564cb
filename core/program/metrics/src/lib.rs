//! Metrics in CloudWatch's embedded metric format: figures in, a line for standard output out.
//! Lambda, and any agent that ships the log to CloudWatch, makes metrics of it; no call to
//! CloudWatch and no permission is needed.
//!
//! [`Metric`] is the one list of what this system measures; [`Datum`] holds the figures of one run;
//! [`MetricSet`] says of which of them CloudWatch makes metrics.
//! What cannot be had honestly is left out of a datum and never written as 0. It does no I/O and
//! has no clock: the caller prints, and says when.
//!
//! The format:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

mod datum;
mod metric;

pub use datum::Datum;
pub use metric::{Component, Metric, MetricSet, NoMetricSet, Unit};

/// The namespace in CloudWatch.
pub const NAMESPACE: &str = "pmp-sync";
/// The dimension of every metric: the management experience.
pub const DIMENSION: &str = "Experience";
/// A second one, of what both programs measure: which of them. In one account they would add up
/// otherwise.
pub const COMPONENT: &str = "Component";
