//! How much memory a program takes: the peak of its resident set, as Linux counts it.

use std::process::Output;
use std::time::{Duration, Instant};

use crate::{Finished, Program};

/// How often to look. The peak (`VmHWM`) only grows, so all that can be missed is growth in the
/// last moment before the end.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How a measured command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its exit code and what it printed.
    pub finished: Finished,
    /// The peak of its resident set, in bytes.
    pub peak_rss: u64,
    /// How long it ran.
    pub took: Duration,
}

impl Program {
    /// Runs a command to its end, and watches its memory.
    pub async fn run_measured(&self, arguments: &[&str]) -> Measured {
        let began = Instant::now();
        let child = self.command(arguments).spawn().unwrap();
        let id = child.id().unwrap();
        let mut ended = std::pin::pin!(child.wait_with_output());
        let mut peak_rss = 0;
        let Output { status, stdout, stderr } = loop {
            // Cancel-safe: `ended` is polled by reference, and the sleep holds nothing.
            tokio::select! {
                output = &mut ended => break output.unwrap(),
                () = tokio::time::sleep(LOOK_EVERY) => peak_rss = peak_rss.max(peak_of(id).unwrap_or_default()),
            }
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let finished = Finished { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) };
        Measured { finished, peak_rss, took: began.elapsed() }
    }
}

/// `VmHWM` of a process, in bytes; none once it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}
