//! What the demo shows: the task queue, the timeline and the rejection, as the API answers them.

use std::io::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width, presets};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{Client, story::Story};
use crate::cli::Failure;

/// Terminals are at least this wide, as a rule.
const WIDTH: u16 = 110;

pub(super) async fn show(client: &Client, story: &Story, out: &mut impl Write) -> Result<(), Failure> {
    let Story {
        candidate,
        rejected,
        zone,
    } = story;
    let mut section =
        |title: &str, path: &str, table: Table| writeln!(out, "\n{title}\n{table}\n{}", client.curl(path));
    let c = format!("/v1/candidates/{candidate}");

    let path = format!("{c}/tasks?state=open,overdue,waiting");
    let tasks = client.get(&path).await?;
    let rows = list(&tasks["data"]).map(|task| [when(task, zone), words(&task["title"]), words(&task["why"])]);
    section(
        "What she has to do, and why",
        &path,
        table(["When", "Task", "Why"], rows, &[26, 34]),
    )?;

    let path = format!("{c}/timeline");
    let timeline = client.get(&path).await?;
    let rows = list(&timeline["data"]).map(|entry| {
        let mark = if entry["ahead"] == true { "ahead" } else { "" };
        let departures = list(&entry["departures"]).map(|departure| format!("\n! {}", words(&departure["reason"])));
        [
            moment(&entry["at"], zone),
            mark.to_owned(),
            words(&entry["text"]) + &departures.collect::<String>(),
        ]
    });
    section(
        "What happened, and what lies ahead",
        &path,
        table(["When", "", "What"], rows, &[18, 5]),
    )?;

    let path = format!("{c}/applications/{rejected}/rejection");
    let rejection = client.get(&path).await?;
    let titles = |tasks: &Value| {
        list(tasks)
            .map(|task| words(&task["title"]))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let owed = list(&rejection["owed"]).map(|task| format!("{} ({})", words(&task["title"]), when(task, zone)));
    let rows = [
        ["Stage".to_owned(), words(&rejection["stage"])],
        ["Received".to_owned(), moment(&rejection["received_at"], zone)],
        ["Reason".to_owned(), words(&rejection["reason"])],
        ["Stopped at once".to_owned(), titles(&rejection["voided"])],
        ["Owed now".to_owned(), owed.collect::<Vec<_>>().join("\n")],
        ["Come back on".to_owned(), words(&rejection["revisit_on"])],
    ];
    Ok(section(
        "How the rejection is being handled",
        &path,
        table(["Rejection", "Contoso Maps"], rows, &[16]),
    )?)
}

/// A table that fits; the leading columns are as wide as said, the last takes the rest.
fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>, widths: &[u16]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH);
    table.set_header(header).add_rows(rows.into_iter().map(Row::from));
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width + 2)));
    }
    table
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or("–").to_owned()
}

/// When a task is to be done, by its state.
fn when(task: &Value, zone: &TimeZone) -> String {
    match (task["state"].as_str(), &task["due_at"]) {
        (Some("waiting"), _) => format!("opens {}", moment(&task["opens_at"], zone)),
        (Some("overdue"), due) => format!("overdue {}", moment(due, zone)),
        (_, Value::Null) => "at any time".to_owned(),
        (_, due) => format!("due {}", moment(due, zone)),
    }
}

fn moment(value: &Value, zone: &TimeZone) -> String {
    let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    at.map_or_else(
        || "–".to_owned(),
        |at| at.to_zoned(zone.clone()).strftime("%a %-d %b, %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_fits_and_the_last_column_takes_the_rest() {
        let long = "word ".repeat(60);
        let drawn = table(["When", "Why"], [["due Mon 23 Nov, 16:40".to_owned(), long]], &[26]).to_string();
        let widest = drawn.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|width| (100..=110).contains(&width)), "{drawn}");
        assert!(drawn.contains("due Mon 23 Nov, 16:40"));
    }

    #[test]
    fn a_task_says_when_in_the_candidates_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let task =
            |state: &str| json!({"state": state, "opens_at": "2026-11-23T08:00:00Z", "due_at": "2026-11-24T15:40:00Z"});
        assert_eq!(when(&task("waiting"), &zone), "opens Mon 23 Nov, 09:00");
        assert_eq!(when(&task("open"), &zone), "due Tue 24 Nov, 16:40");
        assert_eq!(when(&task("overdue"), &zone), "overdue Tue 24 Nov, 16:40");
        assert_eq!(when(&json!({"state": "open", "due_at": null}), &zone), "at any time");
    }
}
