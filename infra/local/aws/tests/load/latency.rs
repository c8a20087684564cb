//! How long requests took, and how many there were in a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The durations of one kind of request.
pub(crate) struct Latencies {
    name: &'static str,
    began: Instant,
    taken: Mutex<Vec<Duration>>,
}

impl Latencies {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, began: Instant::now(), taken: Mutex::new(Vec::new()) }
    }

    /// Waits for an answer, and counts how long that took.
    pub(crate) async fn measure<T>(&self, request: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = request.await;
        self.taken.lock().unwrap().push(began.elapsed());
        answer
    }

    /// The duration that this share of the requests did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let mut taken = self.taken.lock().unwrap().clone();
        taken.sort_unstable();
        // A share of a length: exact enough for an index, and never past the end.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let index = (share * taken.len().saturating_sub(1) as f64).round() as usize;
        taken.get(index).copied().unwrap_or_default()
    }

    /// Prints a line: to see it, run with `--nocapture`.
    #[allow(clippy::print_stdout)]
    pub(crate) fn print(&self) {
        let count = self.taken.lock().unwrap().len();
        let rate = count as f64 / self.began.elapsed().as_secs_f64();
        let [half, most, nearly_all, all] = [0.5, 0.9, 0.99, 1.0].map(|share| self.quantile(share).as_secs_f64() * 1e3);
        println!(
            "{:<32} {count:>6} requests {rate:>8.0}/s   p50 {half:>7.1} ms   p90 {most:>7.1} ms   p99 {nearly_all:>7.1} ms   max {all:>7.1} ms",
            self.name
        );
    }
}
