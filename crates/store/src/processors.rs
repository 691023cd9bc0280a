//! Processors for work that keeps one busy for some milliseconds or more: folding long histories and looking through them,
//! deciding on many facts, letters, reviews, files. It is done beside the threads that serve requests and behind them in the
//! system's own order, giving way to them, on half of the processors, and by turns between tenants. What does not get its turn
//! in time is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::{
    StoreError, TenantId,
    turns::{Measure, Turns, after_others},
};

/// So long work waits for a processor.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many pieces of a tenant's work wait.
const LINE: usize = 64;
/// So much nicer these threads are than those that serve: of a processor that both want they get a quarter. Much nicer, and where others keep all processors busy a
/// candidate with a long history could not be written to.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

/// Processors, and whose turn it is.
#[derive(Clone)]
pub struct Processors {
    turns: Turns<TenantId>,
    threads: Arc<Threads>,
}

/// Threads of their own, as many as have a turn; what is under way when they are let go is finished, and nobody waits for it.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

impl Default for Processors {
    fn default() -> Self {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of_so_many((all / 2).max(1), PATIENCE)
    }
}

impl Processors {
    /// To fold fewer facts than this takes less time than to hand them over.
    pub const FEW: usize = 300;

    fn of_so_many(many: usize, patience: Duration) -> Self {
        let threads = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("beside")
            .on_thread_start(behind_those_that_serve)
            .build();
        Self {
            turns: Turns::new(Measure {
                in_all: many,
                alone: many,
                together: many,
                line: LINE,
                patience,
            }),
            // Where the system has no thread to give, the runtime that asks has some.
            threads: Arc::new(Threads(threads.ok())),
        }
    }

    /// Does a tenant's work, when it is its turn.
    ///
    /// # Errors
    /// `Overloaded` where its turn did not come in time.
    ///
    /// # Panics
    /// Where the work does.
    pub async fn work<T: Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.turns.take(tenant).await.ok_or(StoreError::Overloaded)?;
        self.beside(turn, work).await
    }

    /// Does the work of who has a turn, of these or of others. Whoever asked may have gone: it is the next one's turn only when
    /// the work is done.
    ///
    /// # Errors
    /// When the service is stopping.
    ///
    /// # Panics
    /// Where the work does.
    pub async fn beside<T: Send + 'static>(
        &self,
        turn: impl Send + 'static,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let working = move || {
            let _turn = turn;
            work()
        };
        let done = match &self.threads.0 {
            Some(threads) => threads.spawn_blocking(working).await,
            None => tokio::task::spawn_blocking(working).await,
        };
        after_others().await;
        done.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => StoreError::Unavailable(stopped.to_string()),
        })
    }

    /// Does what takes as long as folding so many facts: here, where that is quickly done.
    ///
    /// # Errors
    /// As `work`.
    ///
    /// # Panics
    /// As `work`.
    pub async fn fold<T: Send + 'static>(
        &self,
        tenant: TenantId,
        facts: usize,
        fold: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        if facts < Self::FEW {
            return Ok(fold());
        }
        self.work(tenant, fold).await
    }
}

/// How long processors have worked for this program so far. Where the system does not tell: none.
pub(crate) fn time_spent() -> Duration {
    #[cfg(unix)]
    {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::try_from(spent).unwrap_or_default()
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

fn behind_those_that_serve() {
    afterword_domain::giving_way::begin();
    // Elsewhere a priority is the whole process's.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        if let Ok(now) = getpriority_process(None) {
            // It is as good at the same priority, only less quick for others.
            let _ = setpriority_process(None, (now + NICER).min(19));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_gets_no_processor_in_time_is_told() {
        let (one, other) = (TenantId(1), TenantId(2));
        let processors = Processors::of_so_many(1, Duration::from_millis(20));
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let long = tokio::spawn({
            let processors = processors.clone();
            async move {
                let work = move || {
                    begun.send(()).expect("somebody waits");
                    finished.recv().expect("told");
                    1
                };
                processors.work(one, work).await
            }
        });
        tokio::task::spawn_blocking(move || has_begun.recv())
            .await
            .expect("joined")
            .expect("it has begun");
        assert_eq!(
            processors
                .fold(other, Processors::FEW - 1, || 2)
                .await
                .expect("done here"),
            2
        );
        let told = processors.fold(other, Processors::FEW, || 2).await;
        assert!(matches!(told, Err(StoreError::Overloaded)));
        finish.send(()).expect("it waits");
        assert_eq!(long.await.expect("joined").expect("done"), 1);
        assert_eq!(
            processors
                .fold(other, Processors::FEW, || 2)
                .await
                .expect("done beside"),
            2
        );
    }

    #[tokio::test]
    async fn work_that_panics_panics_where_it_is_waited_for_and_leaves_its_place() {
        let processors = Processors::of_so_many(1, Duration::from_millis(20));
        let waiting = tokio::spawn({
            let processors = processors.clone();
            async move {
                processors
                    .work(TenantId(1), || panic!("on purpose"))
                    .await
                    .is_ok_and(|()| true)
            }
        });
        assert!(waiting.await.is_err_and(|error| error.is_panic()));
        assert!(processors.work(TenantId(1), || ()).await.is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_is_done_behind_the_threads_that_serve() {
        use rustix::process::getpriority_process;
        let here = getpriority_process(None).expect("a priority");
        let beside = Processors::default()
            .work(TenantId(1), || getpriority_process(None))
            .await
            .expect("done")
            .expect("a priority");
        assert_eq!(beside, (here + NICER).min(19));
        assert_eq!(
            getpriority_process(None).expect("a priority"),
            here,
            "which stay as they were"
        );
    }
}
