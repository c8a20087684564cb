//! The connections that the page's server has at the same time, and which of them has to go.
//!
//! All come from this machine, so nothing tells a person's from a program's that asks and does not
//! read. Therefore no connection is refused: where there are too many, the one goes that has been
//! silent the longest. One for which an answer is being made is never silent, and a person's
//! browser asks as soon as it is connected.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Connections at the same time: a person's browser takes a handful.
pub(super) const CONNECTIONS: usize = 64;
/// How long a connection may take for the head of a request, for reading a response, and may rest
/// between two. On this machine each of them takes milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What one connection does. Its task and the server share it.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<Mutex<Doing>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// An answer is being made.
    Answering,
    /// It is for the other side to send or to read, since then.
    Waiting(Instant),
}

impl Place {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Doing::Waiting(Instant::now()))))
    }

    /// Runs what makes an answer.
    pub(super) async fn answering<T>(&self, answer: impl Future<Output = T>) -> T {
        self.set(Doing::Answering);
        let answer = answer.await;
        self.set(Doing::Waiting(Instant::now()));
        answer
    }

    /// Ends when the other side took too long.
    pub(super) async fn out_of_patience(&self) {
        loop {
            match self.doing() {
                Doing::Answering => tokio::time::sleep(PATIENCE).await,
                Doing::Waiting(since) if since.elapsed() >= PATIENCE => return,
                Doing::Waiting(since) => tokio::time::sleep_until(since + PATIENCE).await,
            }
        }
    }

    fn set(&self, doing: Doing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    fn doing(&self) -> Doing {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections of now.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(Place, AbortHandle)>);

impl Places {
    /// A place for one more connection, whose task `begin` starts. Where there are too many, the
    /// task of the one ends that has been silent the longest; where answers are being made for all
    /// of them, that of the oldest.
    pub(super) fn take(&mut self, begin: impl FnOnce(Place) -> AbortHandle) {
        self.0.retain(|(_, task)| !task.is_finished());
        if self.0.len() >= CONNECTIONS {
            let (_, task) = self.0.remove(silent_the_longest(self.0.iter().map(|(place, _)| place.doing())));
            tracing::debug!("too many connections: the one ends that was silent the longest");
            task.abort();
        }
        let place = Place::new();
        let task = begin(place.clone());
        self.0.push((place, task));
    }
}

/// The position of the connection that has to go; 0 where none is silent.
fn silent_the_longest(all: impl Iterator<Item = Doing>) -> usize {
    let silent = all.enumerate().filter_map(|(at, doing)| match doing {
        Doing::Answering => None,
        Doing::Waiting(since) => Some((since, at)),
    });
    silent.min().map_or(0, |(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_one_goes_that_was_silent_the_longest_and_none_that_is_answered() {
        let begin = Instant::now();
        let waiting = |seconds| Doing::Waiting(begin + Duration::from_secs(seconds));
        assert_eq!(silent_the_longest([waiting(5), waiting(1), Doing::Answering, waiting(3)].into_iter()), 1);
        assert_eq!(silent_the_longest([Doing::Answering, Doing::Answering, waiting(9)].into_iter()), 2);
        assert_eq!(silent_the_longest([Doing::Answering; 3].into_iter()), 0);

        let mut places = Places::default();
        let mut tasks = Vec::new();
        let mut hold = |places: &mut Places| {
            places.take(|_| {
                let task = tokio::spawn(std::future::pending::<()>());
                let handle = task.abort_handle();
                tasks.push(task);
                handle
            });
        };
        for _ in 0..CONNECTIONS {
            hold(&mut places);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        hold(&mut places);
        assert_eq!(places.0.len(), CONNECTIONS);
        assert!(tasks.remove(0).await.unwrap_err().is_cancelled());
        assert!(!tasks[0].is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_other_side_and_not_with_an_answer_that_takes_its_time() {
        let place = Place::new();
        let began = Instant::now();
        let answer = place.answering(tokio::time::sleep(PATIENCE * 3));
        let patience = async {
            place.out_of_patience().await;
            began.elapsed()
        };
        let ((), ended) = tokio::join!(answer, patience);
        assert!((PATIENCE * 4..=PATIENCE * 4 + Duration::from_secs(1)).contains(&ended), "{ended:?}");
    }
}
