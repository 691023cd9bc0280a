//! The primary dies under load, its standby is promoted, and the address leads there: nothing acknowledged is lost, since
//! the standby is a synchronous one, nothing is doubled, and the service is ready again, and acknowledges writes, without
//! being started again.

use std::time::{Duration, Instant};

use afterword_store::{Place, StoreOptions, testing::PrivatePostgres};
use tokio::task::block_in_place;

use super::{
    again_and_again::{READY, Trial, ready_again},
    proxy::Proxy,
};
use crate::soak::rounds;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn failed_over_to_a_standby_it_loses_nothing_and_is_ready_within_ten_seconds() {
    let Some(mut primary) = block_in_place(PrivatePostgres::start).filter(PrivatePostgres::is_own) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (proxy, by_it) = Proxy::to(&primary.fresh_database().await).await;
    let store = StoreOptions {
        place: Place::Postgres(by_it),
        keys_url: None,
        master_key_file: Some(folder.path().join("master.key")),
    };
    let mut trial = Trial::new("failed over", store).await;
    let failovers = rounds(1, 100);
    let (mut ready_after, mut written_after) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..failovers {
        let standby = block_in_place(|| primary.standby());
        primary.waits_for_its_standby().await;
        let load = trial.load();
        tokio::time::sleep(Duration::from_millis(200 + trial.dice.below(300))).await;
        let began = Instant::now();
        block_in_place(|| primary.stop_immediate());
        let unready = trial.client.get("/readyz").await;
        unready.refuses(503, "overloaded").header("retry-after");
        block_in_place(|| standby.promote());
        proxy.leads_to(&standby.url("postgres"));
        let ready = async {
            ready_again(&trial.client).await;
            began.elapsed()
        };
        let (ready, written) = tokio::join!(ready, trial.writes_again(began, READY));
        ready_after = ready_after.max(ready);
        written_after = written_after.max(written);
        tokio::time::sleep(Duration::from_millis(100)).await;
        trial.ends(load).await;
        trial.settles().await;
        primary = standby;
    }
    eprintln!(
        "ready {ready_after:?} after the primary died, and a write acknowledged after {written_after:?}, at the latest"
    );
    assert!(ready_after < READY, "{ready_after:?}");
    trial.ends_whole(&format!("{failovers} failovers")).await;
}
