//! Waking whoever waits for news of a log. In this process at once; between instances on PostgreSQL by NOTIFY, on a
//! connection of its own and after the commit: inside of it, NOTIFY takes a lock of the whole cluster. News may be lost
//! with a connection, so that polling stays the guarantee.

use crate::rows::TenantId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const CHANNEL: &str = "afterword";

/// The newest positions that this instance has heard of.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    newest: Mutex<HashMap<TenantId, watch::Sender<i64>>>,
    /// What other instances have yet to be told. Only the newest position of a tenant counts.
    untold: Mutex<HashMap<TenantId, i64>>,
    news: Notify,
}

impl Wake {
    pub(crate) fn watch(&self, tenant: TenantId) -> watch::Receiver<i64> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest
            .entry(tenant)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    /// After a commit of this instance.
    pub(crate) fn appended(&self, tenant: TenantId, position: i64) {
        self.heard(tenant, position);
        self.untold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tenant, position);
        self.news.notify_one();
    }

    fn heard(&self, tenant: TenantId, position: i64) {
        if let Some(sender) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant) {
            sender.send_if_modified(|newest| {
                let newer = position > *newest;
                *newest = position.max(*newest);
                newer
            });
        }
    }
}

/// The two tasks that speak and listen to other instances.
#[derive(Debug)]
pub(crate) struct Between(Vec<JoinHandle<()>>);

impl Between {
    pub(crate) fn start(wake: &Arc<Wake>, options: &PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(options.clone());
        let listening = tokio::spawn(listen(Arc::clone(wake), pool.clone()));
        let speaking = tokio::spawn(speak(Arc::clone(wake), pool));
        Self(vec![listening, speaking])
    }

    pub(crate) fn stop(&self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(wake: Arc<Wake>, pool: sqlx::PgPool) {
    loop {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen(CHANNEL).await.is_ok()
        {
            while let Ok(said) = listener.recv().await {
                if let Some((tenant, position)) = parse(said.payload()) {
                    wake.heard(tenant, position);
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn speak(wake: Arc<Wake>, pool: sqlx::PgPool) {
    loop {
        wake.news.notified().await;
        let untold = std::mem::take(&mut *wake.untold.lock().unwrap_or_else(PoisonError::into_inner));
        let payloads: Vec<String> = untold
            .into_iter()
            .map(|(tenant, position)| format!("{}:{position}", tenant.0))
            .collect();
        let told = sqlx::query("SELECT pg_notify($1, payload) FROM UNNEST($2::text[]) AS payload")
            .bind(CHANNEL)
            .bind(&payloads)
            .execute(&pool)
            .await;
        if told.is_err() {
            // Not said again: the next commit says more, and the others poll.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn parse(payload: &str) -> Option<(TenantId, i64)> {
    let (tenant, position) = payload.split_once(':')?;
    Some((TenantId(tenant.parse().ok()?), position.parse().ok()?))
}
