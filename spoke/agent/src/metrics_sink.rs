//! Where the metrics of a run are written: the port. `commands::metrics` is its adapter for
//! standard output.

use std::{fmt, io};

use pmp_metrics::MetricSet;

/// Takes the lines that CloudWatch reads metrics from, each a JSON document.
pub(crate) trait MetricsSink: fmt::Debug + Send + Sync {
    /// Which figures are to become metrics there.
    fn wants(&self) -> MetricSet;

    /// Writes one line.
    ///
    /// # Errors
    /// The sink's own error. The pass is not concerned: its receipts are written already.
    fn write(&self, line: &str) -> io::Result<()>;
}
