//! Work that keeps a processor busy, as requests ask for it: letters as PDF, reviews, drafts, files, archives, looking
//! through long histories. Where it is done, and whose turn it is, is `afterword_store::Processors`. A request that waits for
//! it has given its key's turn back: whoever has many letters printed is not kept from everything else.

use std::{sync::Arc, time::Duration};

use actix_web::HttpRequest;
use afterword_store::{Measure, Processors, StoreError, TenantId, Turn, Turns};

use crate::{
    edge::{
        admission::{give_turn_back, take_turn},
        problem::Problem,
        scopes::Caller,
    },
    service::{tenant, unavailable},
};

/// What may take seconds, and holds many megabytes: archives out and in.
const LONG: Measure = Measure {
    in_all: 2,
    alone: 1,
    together: 2,
    line: 8,
    patience: Duration::from_secs(20),
};

/// Places for heavy work, by tenant.
#[derive(Clone)]
pub struct Heavy {
    processors: Processors,
    long: Turns<TenantId>,
}

/// A place; whoever has it may hold many megabytes.
pub type Place = Turn<TenantId>;

impl Heavy {
    /// Done on these.
    pub fn on(processors: Processors) -> Self {
        Self {
            processors,
            long: Turns::new(LONG),
        }
    }

    /// Does what takes milliseconds.
    pub async fn short<T: Send + 'static>(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        give_turn_back(request);
        let done = self.processors.work(tenant(caller), work).await;
        let done = done.map_err(|error| match error {
            StoreError::Overloaded => Problem::overloaded(2),
            stopped => unavailable(stopped),
        })?;
        // What comes after it is a request like any other.
        take_turn(request).await?;
        Ok(done)
    }

    /// Does what takes as long as folding so many facts: here, where that is quickly done.
    pub async fn folding<T: Send + 'static>(
        &self,
        request: &HttpRequest,
        caller: &Caller,
        facts: usize,
        fold: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        if facts < Processors::FEW {
            return Ok(fold());
        }
        self.short(request, caller, fold).await
    }

    /// Puts together the answer about what is done already: there is no turn to wait for, since nobody is refused any more.
    pub async fn afterwards<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        self.processors.beside((), work).await.map_err(unavailable)
    }

    /// Does what may take seconds, for who has a place.
    pub async fn within<T: Send + 'static>(
        &self,
        place: &Arc<Place>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.processors
            .beside(Arc::clone(place), work)
            .await
            .map_err(unavailable)
    }

    /// A place for what may take seconds.
    pub async fn long(&self, request: &HttpRequest, caller: &Caller) -> Result<Arc<Place>, Problem> {
        give_turn_back(request);
        let place = self.long.take(tenant(caller)).await;
        place.map(Arc::new).ok_or_else(|| Problem::overloaded(10))
    }
}
