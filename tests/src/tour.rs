//! The README's tour, taken as a reader takes it: every call by a shell and curl, and every answer compared with the one
//! that is printed. A printed answer may leave fields out; what it shows must be so.

use std::{io::Write, process::Command};

use serde_json::Value;

use crate::{harness::World, stories};

stories![the_tour_in_the_readme_is_true];

const README: &str = include_str!("../../README.md");

/// What ends an answer in the output of all calls.
const END: char = '\u{1e}';

/// A call, and the answer printed below it, if one is.
struct Stop {
    call: String,
    printed: Option<Value>,
}

async fn the_tour_in_the_readme_is_true(world: World) {
    // A reader comes long after the story that the tour tells.
    world.at("2026-11-23T09:00:00+01:00");
    let stops = stops(README);
    assert!(stops.len() > 5, "the README's tour was not found");
    // One shell for all calls: they share variables.
    let script: String = stops
        .iter()
        .map(|stop| format!("{}\nprintf '\\036'\n", stop.call))
        .collect();
    let mut shell = Command::new("sh");
    shell
        .args(["-euc", &script])
        .env("AFTERWORD", world.base())
        .env("KEY", world.key());
    let Some(output) = with_curl(&mut shell) else { return };
    for (stop, answer) in stops.iter().zip(output.split(END)) {
        let Some(printed) = &stop.printed else { continue };
        let answer: Value =
            serde_json::from_str(answer).unwrap_or_else(|_| panic!("{}\nanswers {answer:?}", stop.call));
        if let Err(difference) = shows(&answer, printed, "") {
            panic!(
                "{}\nanswers {answer:#}\n\nbut the README says otherwise: {difference}",
                stop.call
            );
        }
    }
}

/// The blocks between `## Five minutes` and the next heading of its level.
fn stops(readme: &str) -> Vec<Stop> {
    let tour = readme
        .split("\n## ")
        .find(|section| section.starts_with("Five minutes"))
        .unwrap_or_default();
    let mut stops: Vec<Stop> = Vec::new();
    for block in tour.split("\n```").skip(1) {
        if let Some(call) = block.strip_prefix("sh\n") {
            stops.push(Stop {
                call: call.to_owned(),
                printed: None,
            });
        } else if let Some(answer) = block.strip_prefix("json\n") {
            let stop = stops.last_mut().expect("a call before its answer");
            stop.printed =
                Some(serde_json::from_str(answer).unwrap_or_else(|error| panic!("{answer}\nis no JSON: {error}")));
        }
    }
    stops
}

/// What a shell prints; none, said loudly, where there is no curl. With `CI=true` that is a failure.
fn with_curl(shell: &mut Command) -> Option<String> {
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the README's tour needs curl"
        );
        // Not `eprintln!`, which the test harness keeps to itself where a test passes.
        writeln!(std::io::stderr(), "\nNO CURL: the README's tour is not taken\n").ok();
        return None;
    }
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// Whether an answer is as it was printed: fields may be left out, rows may not.
fn shows(answer: &Value, printed: &Value, at: &str) -> Result<(), String> {
    match (answer, printed) {
        (Value::Object(answer), Value::Object(printed)) => printed.iter().try_for_each(|(name, printed)| {
            let answer = answer.get(name).ok_or_else(|| format!("there is no {at}/{name}"))?;
            shows(answer, printed, &format!("{at}/{name}"))
        }),
        (Value::Array(answer), Value::Array(printed)) if answer.len() == printed.len() => {
            let rows = answer.iter().zip(printed).enumerate();
            rows.into_iter()
                .try_for_each(|(row, (answer, printed))| shows(answer, printed, &format!("{at}/{row}")))
        }
        _ if answer == printed => Ok(()),
        _ => Err(format!("{at} is {answer}, not {printed}")),
    }
}
