//! Reads that wait together are read together: what several experiences ask for while one batch is on its way goes into the
//! next.

use std::sync::Arc;

use futures::future::BoxFuture;
use pmp_catalog::CatalogError;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The most entities of one batch.
pub(crate) const BATCH: usize = 20;

type Asked<K, V> = (K, oneshot::Sender<Result<V, CatalogError>>);
type Read<K, V> = Arc<dyn Fn(Vec<K>) -> BoxFuture<'static, Vec<Result<V, CatalogError>>> + Send + Sync>;

/// The handle of a task that reads in batches.
#[derive(Debug)]
pub(crate) struct Batcher<K, V> {
    asked: mpsc::UnboundedSender<Asked<K, V>>,
}

impl<K: Clone + std::fmt::Display + Send + 'static, V: Send + 'static> Batcher<K, V> {
    /// Starts the task, with at most `on_their_way` batches at once. It ends when the handle is gone.
    pub(crate) fn start(on_their_way: usize, read: Read<K, V>) -> Self {
        let (asked, mut receiver) = mpsc::unbounded_channel::<Asked<K, V>>();
        let slots = Arc::new(Semaphore::new(on_their_way));
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while receiver.recv_many(&mut waiting, BATCH).await > 0 {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                // While waiting for the slot, more may have come.
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
                        // Who was told to stop does not wait any more.
                        let _stopped = sender.send(answer);
                    }
                    drop(slot);
                });
            }
        });
        Self { asked }
    }

    /// Reads one entity.
    pub(crate) async fn read(&self, key: &K) -> Result<V, CatalogError> {
        let gone = || CatalogError::Unexpected { entity: key.to_string(), problem: "the reader is gone".to_owned() };
        let (sender, receiver) = oneshot::channel();
        self.asked.send((key.clone(), sender)).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}
