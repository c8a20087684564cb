//! Writes metrics to standard output, where CloudWatch finds them in the log.

use std::io;

use pmp_terminal::print_json;

use crate::metrics_sink::MetricsSink;

/// Standard output, a line for each document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandardOutput;

impl MetricsSink for StandardOutput {
    fn write(&self, line: &str) -> io::Result<()> {
        Ok(print_json(line)?)
    }
}
