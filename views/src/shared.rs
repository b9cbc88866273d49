//! One computation for all who ask for it at the same time.
//!
//! What must hold: who asks gets a value whose computation began after that; so it shows everything that was there
//! when it asked. Those who come while one is under way wait for the next, and share that.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// The last value, and which computation gave it.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    begun: AtomicU64,
    last: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared { begun: AtomicU64::new(0), last: Mutex::default() }
    }
}

impl<T> Shared<T> {
    /// A value computed from now on, by `compute` or by another who asked meanwhile. An error is not shared.
    pub(crate) async fn newest<E>(&self, compute: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        match &*last {
            Some((began, value)) if *began > asked => Ok(Arc::clone(value)),
            _ => {
                let began = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
                let value = Arc::new(compute.await?);
                *last = Some((began, Arc::clone(&value)));
                Ok(value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_gets_a_value_older_than_its_question() {
        let (shared, time, computed) =
            (Arc::new(Shared::default()), Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let asking = (0..64).map(|_| {
            let (shared, time, computed) = (Arc::clone(&shared), Arc::clone(&time), Arc::clone(&computed));
            tokio::spawn(async move {
                for _ in 0..100 {
                    let asked = time.fetch_add(1, Ordering::SeqCst);
                    let value = shared.newest(async {
                        let began = time.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        computed.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, ()>(began)
                    });
                    assert!(*value.await.unwrap() > asked);
                }
            })
        });
        for task in asking.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(computed.load(Ordering::SeqCst) < 6_400, "some shared one");
    }

    #[tokio::test]
    async fn an_error_is_told_to_who_computed_it() {
        let shared: Shared<u8> = Shared::default();
        assert_eq!(shared.newest(async { Err("away") }).await.err(), Some("away"));
        assert_eq!(shared.newest(async { Ok::<_, &str>(1) }).await.as_deref(), Ok(&1));
    }
}
