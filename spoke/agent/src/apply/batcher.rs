//! Reads in batches. While one batch is being read, further requests collect for the next one.

use std::sync::Arc;

use futures::future::BoxFuture;
use pmp_catalog::CatalogError;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The most entities of one `BatchDescribeEntities` call: AWS permits 20.
pub(crate) const BATCH: usize = 20;

type Request<K, V> = (K, oneshot::Sender<Result<V, CatalogError>>);
type Read<K, V> = Arc<dyn Fn(Vec<K>) -> BoxFuture<'static, Vec<Result<V, CatalogError>>> + Send + Sync>;

/// The handle of a task that reads in batches.
#[derive(Debug)]
pub(crate) struct Batcher<K, V> {
    requests: mpsc::UnboundedSender<Request<K, V>>,
}

impl<K: Clone + std::fmt::Display + Send + 'static, V: Send + 'static> Batcher<K, V> {
    /// Starts the task, with at most `concurrent` batches at once. The task ends when the handle is
    /// dropped.
    pub(crate) fn start(concurrent: usize, read: Read<K, V>) -> Self {
        let (requests, mut receiver) = mpsc::unbounded_channel::<Request<K, V>>();
        let slots = Arc::new(Semaphore::new(concurrent));
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while receiver.recv_many(&mut waiting, BATCH).await > 0 {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                // More requests may have come while this one waited for the slot.
                while waiting.len() < BATCH
                    && let Ok(more) = receiver.try_recv()
                {
                    waiting.push(more);
                }
                let (keys, senders): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                let read = read.clone();
                tokio::spawn(async move {
                    let mut answers = read(keys.clone()).await.into_iter();
                    for (key, sender) in keys.into_iter().zip(senders) {
                        let answer = answers.next().unwrap_or_else(|| Err(CatalogError::NotFound(key.to_string())));
                        // The receiver is gone if the experience was stopped: nothing to do.
                        let _stopped = sender.send(answer);
                    }
                    drop(slot);
                });
            }
        });
        Self { requests }
    }

    /// Reads one entity. It shares a batch with other requests that come at the same time.
    pub(crate) async fn read(&self, key: &K) -> Result<V, CatalogError> {
        let gone = || CatalogError::Unexpected {
            entity: key.to_string(),
            problem: "the task that reads has ended; this is a fault of pmp-spoke".to_owned(),
        };
        let (sender, receiver) = oneshot::channel();
        self.requests.send((key.clone(), sender)).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}
