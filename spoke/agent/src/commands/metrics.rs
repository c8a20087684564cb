//! Writes metrics to standard output, where CloudWatch finds them in the log.

use std::io;

use pmp_metrics::MetricSet;
use pmp_terminal::print_json;

use crate::metrics_sink::MetricsSink;

/// Standard output, a line for each document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandardOutput(pub(crate) MetricSet);

impl MetricsSink for StandardOutput {
    fn wants(&self) -> MetricSet {
        self.0
    }

    fn write(&self, line: &str) -> io::Result<()> {
        Ok(print_json(line)?)
    }
}
