//! Work that keeps a processor busy: letters as PDF, reviews, drafts, files, archives, looking back over long histories. It
//! is done beside the threads that serve requests, on so few processors that the others go on, and by turns between
//! tenants. What does not get its turn in time is told to come back. A request that waits for it has given its key's turn
//! back: whoever has many letters printed is not kept from everything else.

use std::time::Duration;

use actix_web::{HttpRequest, web};

use crate::edge::{
    keys::{give_turn_back, take_turn},
    problem::Problem,
    scopes::Caller,
    turns::{Measure, Turn, Turns},
};

/// What one request needs for some milliseconds: a letter, a review, a file of up to 1 MiB.
const SHORT: Measure = Measure {
    in_all: 0,
    alone: 0,
    together: 0,
    line: 64,
    patience: Duration::from_secs(5),
};
/// What may take seconds, and holds many megabytes: archives out and in.
const LONG: Measure = Measure {
    in_all: 2,
    alone: 1,
    together: 2,
    line: 8,
    patience: Duration::from_secs(20),
};
/// To fold fewer facts than this takes less time than to hand them over.
const LONG_HISTORY: usize = 300;

/// Places for heavy work, by tenant.
#[derive(Clone, Debug)]
pub struct Heavy {
    short: Turns<i64>,
    long: Turns<i64>,
}

/// A place; whoever has it may keep a processor busy.
pub type Place = Turn<i64>;

impl Default for Heavy {
    fn default() -> Self {
        // Half of the processors, so that requests which need none of this are served as before.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let half = (processors / 2).max(1);
        Self {
            short: Turns::new(Measure {
                in_all: half,
                alone: half,
                together: half,
                ..SHORT
            }),
            long: Turns::new(LONG),
        }
    }
}

impl Heavy {
    /// Does what takes milliseconds.
    pub async fn short<T: Send + 'static>(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        give_turn_back(request);
        let place = self
            .short
            .take(caller.tenant)
            .await
            .ok_or_else(|| Problem::overloaded(2))?;
        // Whoever asked may have gone; the place is free only when the work is done.
        let done = web::block(move || {
            let _place = place;
            work()
        });
        let done = done.await.map_err(Problem::internal)?;
        // What comes after it is a request like any other.
        take_turn(request).await?;
        Ok(done)
    }

    /// Folds a history of so many facts again: here, where that is quickly done.
    pub async fn folding<T: Send + 'static>(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        facts: usize,
        fold: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        if facts < LONG_HISTORY {
            return Ok(fold());
        }
        self.short(request, caller, fold).await
    }

    /// A place for what may take seconds.
    pub async fn long(&self, request: &HttpRequest, caller: &Caller) -> Result<Place, Problem> {
        give_turn_back(request);
        let place = self.long.take(caller.tenant).await;
        place.ok_or_else(|| Problem::overloaded(10))
    }
}
