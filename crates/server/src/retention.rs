//! Candidates of whom nobody told anything for as long as their tenant keeps them are erased by themselves: as a fact, with
//! a receipt, like anybody who asks for it. The operator sets the period (`afterword tenants retention`), and not a key of
//! the API: what it takes away never comes back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use afterword_domain::ids::{CandidateId, EventId};
use afterword_store::{RecordError, Silent, Store, StoreError, TenantId, TenantRow};
use jiff::{SignedDuration, Span, Timestamp, civil, tz::TimeZone};
use uuid::Uuid;

use crate::service::Service;

/// The lease under which a tenant's candidates are erased.
const LEASE: &str = "retention";
const HELD: SignedDuration = SignedDuration::from_secs(15);
/// So many are erased under it before it is renewed.
const UNDER_A_LEASE: usize = 16;
/// Candidates that are looked up at once.
const PAGE: i64 = 256;
/// So often tenants are looked through.
const PAUSE: Duration = Duration::from_secs(60);

/// How long a tenant keeps candidates: whole days, months or years, and thirty days at least.
#[derive(Debug, Clone, Copy)]
pub struct Period(Span);

impl Period {
    /// When a candidate who fell silent at a moment has been kept for long enough.
    pub fn ends(self, since: Timestamp) -> Timestamp {
        let since = since.to_zoned(TimeZone::UTC);
        since.checked_add(self.0).map_or(Timestamp::MAX, |end| end.timestamp())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const TOLD: &str = "write it as an ISO 8601 duration of days, weeks, months or years, from P30D to P100Y";
        // What parses is more: `2 years` too.
        let text = Some(text).filter(|text| text.starts_with('P')).ok_or(TOLD)?;
        let span: Span = text.parse().map_err(|_| TOLD)?;
        let whole = Span::new()
            .try_years(span.get_years())
            .and_then(|it| it.try_months(span.get_months()))
            .and_then(|it| it.try_weeks(span.get_weeks()))
            .and_then(|it| it.try_days(span.get_days()))
            .map_err(|_| TOLD)?;
        let from = civil::date(2026, 1, 1);
        let days = from
            .checked_add(span)
            .and_then(|end| from.until(end))
            .map_err(|_| TOLD)?;
        let fits = (30..=36_525).contains(&days.get_days());
        if fits && whole.fieldwise() == span.fieldwise() {
            Ok(Self(span))
        } else {
            Err(TOLD)
        }
    }
}

/// How long a tenant keeps candidates now; none: for ever.
///
/// # Errors
/// When the store does not answer.
pub async fn period(store: &Store, tenant: TenantId) -> Result<Option<Period>, StoreError> {
    let newest = store.retentions(tenant).await?.pop();
    let period = newest.and_then(|row| row.period).map(|period| period.parse::<Period>());
    Ok(period.and_then(|period| {
        period
            .inspect_err(|_| tracing::error!(tenant = tenant.0, "a retention cannot be read: nobody is erased by it"))
            .ok()
    }))
}

/// Who will have been silent for long enough next, and when.
///
/// # Errors
/// When the store does not answer.
pub async fn next(store: &Store, tenant: TenantId, period: Period) -> Result<Option<(Timestamp, Silent)>, StoreError> {
    let page = page(store, tenant, period, &mut None).await?;
    Ok(page.into_iter().next())
}

/// Candidates and when they will have been silent for long enough, the first one first, after a place in the order of
/// silence; it moves on past those of whom nobody ever told anything. None: these were all.
async fn page(
    store: &Store,
    tenant: TenantId,
    period: Period,
    after: &mut Option<(i64, Uuid)>,
) -> Result<Vec<(Timestamp, Silent)>, StoreError> {
    loop {
        let page = store.silent(tenant, *after, PAGE).await?;
        let stale = |it: &&Silent| it.since.is_some_and(|since| since > it.hint);
        let stale: Vec<Silent> = page.iter().filter(stale).copied().collect();
        if !stale.is_empty() {
            store.silent_since(tenant, &stale).await?;
            continue;
        }
        let last = page.last().map(|it| (it.hint, it.candidate));
        let known = page.into_iter().filter_map(|it| {
            let since = Timestamp::from_microsecond(it.since?).unwrap_or(Timestamp::MAX);
            Some((period.ends(since), it))
        });
        let known: Vec<_> = known.collect();
        if !known.is_empty() || last.is_none() {
            return Ok(known);
        }
        *after = last;
    }
}

/// Erases whoever has been silent for as long as their tenant keeps candidates.
pub struct RetentionWorker {
    service: Service,
    holder: Uuid,
}

impl RetentionWorker {
    /// A worker of its own name.
    pub fn new(service: &Service) -> Self {
        Self {
            holder: service.holder(),
            service: service.clone(),
        }
    }

    /// Works until the service stops.
    pub async fn run(self) {
        while !self.service.is_stopping() {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "who was silent for long could not be looked up");
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.service.until_stopping() => {}
            }
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        for tenant in self.service.recorder.store().tenants().await? {
            self.round_of(&tenant).await?;
        }
        Ok(())
    }

    /// Looks through a tenant that lives by the wall's clock: by a test clock, time passes when somebody moves it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn round_of(&self, tenant: &TenantRow) -> Result<(), StoreError> {
        let store = self.service.recorder.store();
        let Some(period) = period(store, tenant.id).await? else {
            return Ok(());
        };
        if tenant.test && store.test_clock(tenant.id).await?.is_some() {
            return Ok(());
        }
        let (mut after, mut erased) = (None, 0);
        while !self.service.is_stopping() {
            let now = self.service.clock.now();
            let page = page(store, tenant.id, period, &mut after).await?;
            let due: Vec<Silent> = page
                .into_iter()
                .take_while(|(ends, _)| *ends <= now)
                .map(|(_, it)| it)
                .collect();
            // Who could not be erased is passed by, and looked at again in the next round.
            after = due.last().map(|it| (it.hint, it.candidate));
            if due.is_empty() {
                break;
            }
            match self.erase(tenant.id, due).await? {
                Some(some) => erased += some,
                None => break,
            }
        }
        if erased > 0 {
            let told = "candidates were kept for as long as their tenant keeps them";
            tracing::info!(tenant = tenant.id.0, erased, "{told}");
        }
        Ok(())
    }

    /// How many of these were erased. None: another instance sees to it.
    async fn erase(&self, tenant: TenantId, due: Vec<Silent>) -> Result<Option<u64>, StoreError> {
        let Service { recorder, clock, .. } = &self.service;
        let mut erased = 0;
        for some in due.chunks(UNDER_A_LEASE) {
            let now = clock.now();
            let until = now.checked_add(HELD).unwrap_or(now).as_microsecond();
            let lease = recorder
                .store()
                .lease(tenant, LEASE, self.holder, now.as_microsecond(), until);
            let Some(fence) = lease.await? else { return Ok(None) };
            for silent in some {
                if self.service.is_stopping() {
                    return Ok(None);
                }
                let (event, now) = (EventId::new(clock.uuid_v7()), clock.now());
                match recorder.erase_silent(tenant, *silent, event, now, Some(fence)).await {
                    Ok(true) => erased += 1,
                    // Somebody told something meanwhile.
                    Ok(false) => {}
                    Err(RecordError::Fenced) => return Ok(None),
                    Err(error) => {
                        let candidate = CandidateId::new(silent.candidate);
                        tracing::warn!(%candidate, %error, "who was silent for long was not erased");
                    }
                }
            }
        }
        Ok(Some(erased))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_of_whole_days_and_thirty_of_them_at_least() {
        for right in ["P30D", "P5W", "P1M", "P2Y", "P1Y6M", "P100Y"] {
            assert_eq!(right.parse::<Period>().map(|it| it.to_string()), Ok(right.to_owned()));
        }
        for wrong in [
            "", "P0D", "P29D", "P4W", "-P2Y", "P2YT1H", "PT9999H", "P101Y", "2 years", "P1Y-400D", "P2",
        ] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_ends_on_the_same_day_of_a_later_year() {
        let ends = |period: &str, since: &str| {
            let since = since.parse().expect("a moment");
            period.parse::<Period>().expect("a period").ends(since).to_string()
        };
        assert_eq!(ends("P2Y", "2024-02-29T12:00:00Z"), "2026-02-28T12:00:00Z");
        assert_eq!(ends("P1M", "2026-01-31T00:00:00Z"), "2026-02-28T00:00:00Z");
        assert_eq!(ends("P30D", "2026-03-02T08:00:00Z"), "2026-04-01T08:00:00Z");
    }
}
