//! How much memory and processor time a program takes: the peak of its resident set, and the time
//! of all its threads, as Linux counts them.

use std::process::Output;
use std::time::{Duration, Instant};

use crate::{Finished, Program};

/// How often to look. The peak (`VmHWM`) only grows, so all that can be missed is growth in the
/// last moment before the end.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The unit of processor time in `/proc`: 10 ms, on every architecture that the programs run on.
const TICK: Duration = Duration::from_millis(10);

/// How a measured command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its exit code and what it printed.
    pub finished: Finished,
    /// The peak of its resident set, in bytes.
    pub peak_rss: u64,
    /// How long it ran.
    pub took: Duration,
    /// The processor time of all its threads, to a hundredth of a second.
    pub processor: Duration,
}

impl Program {
    /// Runs a command to its end, and watches its memory and its processor time.
    pub async fn run_measured(&self, arguments: &[&str]) -> Measured {
        let began = Instant::now();
        let child = self.command(arguments).spawn().unwrap();
        let id = child.id().unwrap();
        let mut ended = std::pin::pin!(child.wait_with_output());
        let (mut peak_rss, mut processor) = (0, Duration::ZERO);
        let Output { status, stdout, stderr } = loop {
            // Cancel-safe: `ended` is polled by reference, and the sleep holds nothing.
            tokio::select! {
                output = &mut ended => break output.unwrap(),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    peak_rss = peak_rss.max(peak_of(id).unwrap_or_default());
                    processor = processor.max(processor_of(id).unwrap_or_default());
                }
            }
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let finished = Finished { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) };
        Measured { finished, peak_rss, took: began.elapsed(), processor }
    }
}

/// `VmHWM` of a process, in bytes; none once it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The time that a process spent in itself and in the kernel; none once it has ended.
fn processor_of(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold blanks. `utime` and `stime` are
    // the fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}
