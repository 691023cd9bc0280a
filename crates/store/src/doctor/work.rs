//! Whether the work that time brings is being done: deadlines that are to be announced, and webhooks that are to be told.

use super::Finding;
use crate::db::Db;
use crate::error::StoreError;
use crate::rows::TenantId;
use crate::statement::Statement;

/// A minute behind is no haste; more is nobody at work.
const LATE: i64 = 60_000_000;

/// What of one tenant waits.
struct Waiting {
    deadlines: Option<i64>,
    deliveries: Option<i64>,
    failing: i64,
}

pub(super) async fn examine(data: &Db, now: i64, found: &mut Vec<Finding>) {
    match looked_at(data, now, found).await {
        Ok(()) => {}
        Err(error) => found.push(Finding::fault(
            "work",
            format!("What is to be done cannot be looked up: {error}."),
            "See to the findings about the database and its role first.",
        )),
    }
}

async fn looked_at(data: &Db, now: i64, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    let tenants = Statement::new("SELECT tenant_id, name, test FROM tenants ORDER BY name");
    let tenants = data
        .fetch(None, tenants, |row| {
            Ok((TenantId(row.int(0)?), row.text(1)?, row.int(2)?))
        })
        .await?;
    if tenants.is_empty() {
        found.push(Finding::warning(
            "tenants",
            "There is no tenant yet.",
            "`afterword tenants create` makes one, and `afterword keys create` its key.",
        ));
    }
    let before = found.len();
    // The clocks of test tenants move by hand.
    for (tenant, name, _) in tenants.iter().filter(|(_, _, test)| *test == 0) {
        let Waiting {
            deadlines,
            deliveries,
            failing,
        } = waiting(data, *tenant, now).await?;
        if let Some(late) = late(deadlines, now) {
            found.push(Finding::warning(
                "deadlines",
                format!("Deadlines of the tenant {name} are announced {late} s late, or by nobody."),
                "See that an instance of `afterword serve` runs, and what it logs; it catches up by itself.",
            ));
        }
        if let Some(late) = late(deliveries, now) {
            found.push(Finding::warning(
                "webhooks",
                format!("Webhooks of the tenant {name} wait to be told since {late} s."),
                "See that an instance of `afterword serve` runs, and what it logs; it catches up by itself.",
            ));
        }
        if failing > 0 {
            found.push(Finding::warning(
                "webhooks",
                format!("Webhooks of the tenant {name} that cannot be delivered to: {failing}."),
                "Their receivers answer wrongly or not at all: `GET /v1/webhooks` and the deliveries of each say what.",
            ));
        }
    }
    if found.len() == before {
        let says = "Nothing waits that should have been done.";
        found.push(Finding::good("work", says));
    }
    Ok(())
}

fn late(since: Option<i64>, now: i64) -> Option<i64> {
    let late = now - since?;
    (late > LATE).then_some(late / 1_000_000)
}

async fn waiting(data: &Db, tenant: TenantId, now: i64) -> Result<Waiting, StoreError> {
    let first = async |statement: &'static str| {
        let statement = Statement::of(statement, [tenant.into(), now.into()]);
        Ok::<_, StoreError>(
            data.fetch_one(tenant, statement, |row| row.maybe_int(0))
                .await?
                .flatten(),
        )
    };
    Ok(Waiting {
        deadlines: first("SELECT MIN(next_at) FROM streams WHERE tenant_id = $1 AND next_at <= $2").await?,
        // Those that are tried again have a moment that is still to come.
        deliveries: first(
            "SELECT MIN(d.next_at) FROM webhook_deliveries d JOIN webhooks w ON w.tenant_id = d.tenant_id \
             AND w.webhook_id = d.webhook_id WHERE d.tenant_id = $1 AND d.next_at <= $2 AND w.state = 'enabled' \
             AND w.quiet_until <= $2",
        )
        .await?,
        failing: first(
            "SELECT COUNT(*) FROM webhooks WHERE tenant_id = $1 AND state = 'enabled' AND failing_since <= $2",
        )
        .await?
        .unwrap_or_default(),
    })
}
