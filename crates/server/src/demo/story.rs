//! What happens in the demo: two applications of one candidate. One interview was yesterday, with a panel of
//! two; from the other application a rejection has just come.

use std::io::Write;

use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::Client;
use crate::cli::Failure;

/// The invitation as it came, for a day long past and sent a week before it.
const INVITATION: &str = include_str!("../../../../examples/invitation.ics");
const HELD: &str = "20260923";
const SENT: &str = "20260916";
const CARDS: [&str; 2] = [
    include_str!("../../../../examples/priya-raman.vcf"),
    include_str!("../../../../examples/tomas-ortega.vcf"),
];

/// So late in the day, and so far west, that what is due within a day of the interview mostly still is.
const ZONE: &str = "America/Los_Angeles";

/// Whose story it was, and what there is to see.
pub(super) struct Story {
    pub(super) candidate: String,
    pub(super) rejected: String,
    pub(super) zone: TimeZone,
}

pub(super) async fn tell(client: &Client, now: Timestamp, out: &mut impl Write) -> Result<Story, Failure> {
    let mut say = |what: &str| writeln!(out, "  · {what}");
    let zone = TimeZone::get(ZONE).map_err(|error| Failure::Refused(error.to_string()))?;
    let today = now.to_zoned(zone.clone());
    let days_ago = |days: i64| today.date().checked_sub(days.days()).unwrap_or(Date::MIN);
    let at = |date: Date, hour: i8, minute: i8| written(date.at(hour, minute, 0, 0).to_zoned(zone.clone()));

    let registered = json!({"name": "Mara Lindqvist", "email": "mara.lindqvist@example.net", "time_zone": ZONE,
                            "occurred_at": at(days_ago(31), 19, 40)?,
                            "strengths": ["Ran the migration of a fleet of 400 robots without downtime"]});
    let candidate = subject(&client.post("/v1/candidates", &registered).await?);
    let c = format!("/v1/candidates/{candidate}");
    say("registered Mara Lindqvist")?;

    let northwind = json!({"organisation": {"name": "Northwind Robotics", "size": "medium"}, "position": "Staff Engineer, Platform",
                           "applied_on": days_ago(30), "occurred_at": at(days_ago(30), 9, 0)?});
    let northwind = subject(&client.post(&format!("{c}/applications"), &northwind).await?);
    let contoso = json!({"organisation": {"name": "Contoso Maps", "size": "large"}, "position": "Principal Engineer, Routing",
                         "applied_on": days_ago(28), "occurred_at": at(days_ago(28), 20, 15)?});
    let contoso = subject(&client.post(&format!("{c}/applications"), &contoso).await?);
    say("opened two applications: Northwind Robotics, Contoso Maps")?;

    let path = format!("{c}/imports?format=ics&application={northwind}");
    let imported = client
        .import(&path, "text/calendar", invitation(days_ago(1), days_ago(8)))
        .await?;
    let facts = || {
        imported["results"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|row| row["facts"].as_array().into_iter().flatten())
    };
    let scheduled = facts()
        .find(|fact| fact["type"] == "InterviewScheduled")
        .cloned()
        .unwrap_or_default();
    let (interview, panel) = (text(&scheduled["subject"]), &scheduled["data"]["interviewers"]);
    say("imported examples/invitation.ics, an interview with a panel of two, yesterday")?;
    for card in CARDS {
        client
            .import(&format!("{c}/imports?format=vcf"), "text/vcard", card.to_owned())
            .await?;
    }
    say("imported two business cards, examples/priya-raman.vcf and examples/tomas-ortega.vcf")?;

    let held =
        json!({"ended_at": at(days_ago(1), 17, 50)?, "impression": "Good talk; we never came to the migration."});
    client.post(&format!("{c}/interviews/{interview}/held"), &held).await?;
    say("recorded that the interview was held")?;
    let promise = json!({"decide_by": days_ago(-6), "promised_by": panel[0], "channel": "video", "occurred_at": at(days_ago(1), 17, 40)?});
    client
        .post(&format!("{c}/applications/{northwind}/decision-dates"), &promise)
        .await?;
    say("recorded when they promised to decide")?;
    let asked = json!({"document": "Architecture write-up of the migration", "requested_by": panel[0],
                       "occurred_at": written(today.checked_sub(2.hours()))?});
    client
        .post(&format!("{c}/applications/{northwind}/document-requests"), &asked)
        .await?;
    say("recorded that they asked for a document, two hours ago")?;

    let elena = json!({"name": "Elena Fischer", "title": "Talent Partner", "organisation_name": "Contoso Maps",
                       "email": "elena.fischer@contoso.example", "preferred_channel": "email", "occurred_at": at(days_ago(14), 11, 20)?});
    let elena = subject(&client.post(&format!("{c}/contacts"), &elena).await?);
    let first = json!({"starts_at": at(days_ago(9), 10, 0)?, "ends_at": at(days_ago(9), 10, 30)?, "time_zone": ZONE,
                       "format": "phone", "interviewers": [elena], "occurred_at": at(days_ago(14), 11, 20)?});
    let first = subject(
        &client
            .post(&format!("{c}/applications/{contoso}/interviews"), &first)
            .await?,
    );
    let held = json!({"ended_at": at(days_ago(9), 10, 35)?});
    client.post(&format!("{c}/interviews/{first}/held"), &held).await?;
    let rejection = json!({"channel": "email", "from_contact": elena, "reason": "They chose somebody from within.",
                           "occurred_at": written(today.checked_sub(1.hour()))?});
    client
        .post(&format!("{c}/applications/{contoso}/rejection"), &rejection)
        .await?;
    say("recorded an interview at Contoso Maps, and an hour ago their rejection")?;
    Ok(Story {
        candidate,
        rejected: contoso,
        zone,
    })
}

/// The invitation with its dates moved.
fn invitation(held: Date, sent: Date) -> String {
    let day = |date: Date| date.strftime("%Y%m%d").to_string();
    let parts: Vec<String> = INVITATION
        .split(HELD)
        .map(|part| part.replace(SENT, &day(sent)))
        .collect();
    parts.join(&day(held))
}

/// A moment in the zone, as the API takes it.
fn written(at: Result<Zoned, jiff::Error>) -> Result<String, Failure> {
    let at = at.map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn subject(answer: &Value) -> String {
    text(&answer["event"]["subject"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invitation_moves_whole() {
        let moved = invitation(jiff::civil::date(2026, 9, 16), jiff::civil::date(2026, 9, 9));
        assert!(!moved.contains(HELD));
        assert_eq!(moved.matches("20260916T").count(), 2);
        assert_eq!(moved.matches("20260909T").count(), 3);
        assert!(moved.contains("DTSTART;TZID=America/Los_Angeles:20260916T163000"));
    }
}
