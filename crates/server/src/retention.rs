//! Candidates of whom nobody told anything for as long as their tenant keeps them are erased by themselves: as a fact, with
//! a receipt, like anybody who asks for it. The operator sets the period (`afterword tenants retention`), and not a key of
//! the API: what it takes away never comes back.

use std::fmt;
use std::str::FromStr;

use afterword_domain::ids::{CandidateId, EventId};
use afterword_store::{RecordError, Silent, Store, StoreError, TenantId};
use jiff::{SignedDuration, Span, Timestamp, civil, tz::TimeZone};
use uuid::Uuid;

use crate::service::Service;

/// The lease under which a tenant's candidates are erased.
const LEASE: &str = "retention";
const HELD: SignedDuration = SignedDuration::from_secs(15);
/// Candidates that are looked up at once.
const PAGE: i64 = 256;

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

/// Who will have been silent for long enough next, and when; past a place in the order of silence.
///
/// # Errors
/// When the store does not answer.
pub async fn next(
    store: &Store,
    tenant: TenantId,
    period: Period,
    mut after: Option<(i64, Uuid)>,
) -> Result<Option<(Timestamp, Silent)>, StoreError> {
    loop {
        let page = store.silent(tenant, after, PAGE).await?;
        let stale = |it: &&Silent| it.since.is_some_and(|since| since > it.hint);
        let stale: Vec<Silent> = page.iter().filter(stale).copied().collect();
        if stale.is_empty() {
            let last = page.last().map(|it| (it.hint, it.candidate));
            if page.iter().all(|it| it.since.is_none()) && last.is_some() {
                // Of these nobody ever told anything.
                after = last;
                continue;
            }
            let first = page.into_iter().find_map(|it| Some((it.since?, it)));
            return Ok(first.map(|(since, silent)| {
                let since = Timestamp::from_microsecond(since).unwrap_or(Timestamp::MAX);
                (period.ends(since), silent)
            }));
        }
        store.silent_since(tenant, &stale).await?;
    }
}

/// Erases whoever has been silent for long enough, by the wall's clock, and says how many.
///
/// # Errors
/// When the store does not answer.
pub async fn enforce(service: &Service, tenant: TenantId, holder: Uuid) -> Result<u64, StoreError> {
    let store = service.recorder.store();
    let Some(period) = period(store, tenant).await? else {
        return Ok(0);
    };
    let (mut after, mut erased) = (None, 0);
    while !service.is_stopping() {
        let now = service.clock.now();
        let next = next(store, tenant, period, after).await?;
        let Some((_, silent)) = next.filter(|(ends, _)| *ends <= now) else {
            break;
        };
        let until = now.checked_add(HELD).unwrap_or(now).as_microsecond();
        let lease = store.lease(tenant, LEASE, holder, now.as_microsecond(), until);
        let Some(fence) = lease.await? else { break };
        let event = EventId::new(service.clock.uuid_v7());
        match service
            .recorder
            .erase_silent(tenant, silent, event, now, Some(fence))
            .await
        {
            Ok(true) => erased += 1,
            // Somebody told something meanwhile.
            Ok(false) => {}
            Err(RecordError::Fenced) => break,
            Err(error) => {
                tracing::warn!(candidate = %CandidateId::new(silent.candidate), %error, "who was silent for long was not erased");
                after = Some((silent.hint, silent.candidate));
            }
        }
    }
    if erased > 0 {
        tracing::info!(
            tenant = tenant.0,
            erased,
            "candidates were kept for as long as their tenant keeps them"
        );
    }
    Ok(erased)
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
