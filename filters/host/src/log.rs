//! The log lines of one run of a filter.

use crate::Limits;
use crate::text::tame;

/// Limit in bytes of a log line; longer ones are cut.
const LINE_BYTES: usize = 1024;

/// The level that the filter gave a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the filter's author, while developing.
    Debug,
    /// Worth knowing for operators.
    Info,
    /// Something is unusual; the verdicts are still valid.
    Warn,
    /// Something is wrong; an error usually follows.
    Error,
}

/// One line that a filter logged: cut to 1 KiB, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The level that the filter gave it.
    pub level: LogLevel,
    /// The text of the line.
    pub message: String,
}

/// Keeps lines up to the limits, and counts the rest.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    dropped: u64,
    lines_left: usize,
    bytes_left: usize,
    last_error: Option<String>,
}

impl Log {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (lines_left, bytes_left) = (limits.log_lines, limits.log_bytes);
        Self { lines: Vec::new(), dropped: 0, lines_left, bytes_left, last_error: None }
    }

    pub(crate) fn add(&mut self, level: LogLevel, message: &str) {
        if level == LogLevel::Error {
            // The last error is kept even beyond the limits: it may be the message of a panic,
            // which the error text repeats.
            self.last_error = Some(tame(message, LINE_BYTES));
        }
        if self.lines_left == 0 || self.bytes_left == 0 {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let message = tame(message, LINE_BYTES.min(self.bytes_left));
        self.lines_left -= 1;
        // An empty line costs a byte as well.
        self.bytes_left = self.bytes_left.saturating_sub(message.len().max(1));
        self.lines.push(LogLine { level, message });
    }

    pub(crate) fn last_error(&mut self) -> Option<String> {
        self.last_error.take()
    }

    /// The lines that were kept, and the number of those that were not.
    pub(crate) fn into_lines(self) -> (Vec<LogLine>, u64) {
        (self.lines, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_bytes_are_capped_and_the_rest_is_counted() {
        let mut log = Log::new(&Limits { log_lines: 3, log_bytes: 2000, ..Limits::default() });
        for _ in 0..5 {
            log.add(LogLevel::Info, &"x".repeat(5000));
        }
        let (lines, dropped) = log.into_lines();
        let lengths: Vec<_> = lines.iter().map(|line| line.message.len()).collect();
        assert_eq!((lengths, dropped), (vec![1024, 976], 3));

        let mut log = Log::new(&Limits { log_lines: 3, ..Limits::default() });
        for _ in 0..5 {
            log.add(LogLevel::Error, "");
        }
        assert_eq!(log.last_error(), Some(String::new()));
        let (lines, dropped) = log.into_lines();
        assert_eq!((lines.len(), dropped), (3, 2));
    }
}
