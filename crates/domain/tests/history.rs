//! History is read for ever: every form in which a fact was ever released lies in `history/`, as it is
//! written in exports, and must be read. A file is added with each new fact or schema, and none is changed.

use std::{collections::BTreeSet, fs, path::Path};

use afterword_domain::{catalogue::AnyFact, fact::Envelope};
use serde_json::Value;

fn released() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history");
    let files = fs::read_dir(folder).expect("the folder of released forms");
    let read = |file: fs::DirEntry| {
        let name = file.file_name().to_string_lossy().into_owned();
        (name, fs::read_to_string(file.path()).expect("a released form"))
    };
    files.map(|file| read(file.expect("a file"))).collect()
}

#[test]
fn every_released_form_is_read() {
    for (name, text) in released() {
        let envelope: Envelope = serde_json::from_str(&text).unwrap_or_else(|error| panic_of(&name, &error));
        assert_eq!(name, format!("{}.{}.json", envelope.data.name(), envelope.schema));
        let payload = Envelope::read(
            envelope.at.clone(),
            envelope.data.name(),
            envelope.schema,
            &envelope.payload(),
        );
        assert_eq!(payload.expect("a payload"), envelope, "{name}");
    }
}

#[expect(clippy::panic, reason = "a test that fails")]
fn panic_of(name: &str, error: &serde_json::Error) -> Envelope {
    panic!("{name}: {error}")
}

#[test]
fn the_newest_form_is_written_as_it_was_released() {
    for (name, text) in released() {
        let envelope: Envelope = serde_json::from_str(&text).expect("a released form");
        if envelope.schema == envelope.data.schema() {
            let written: Value = serde_json::to_value(&envelope).expect("an envelope");
            let released: Value = serde_json::from_str(&text).expect("a released form");
            assert_eq!(written, released, "{name}");
        }
    }
}

#[test]
fn every_fact_has_its_first_form() {
    let released: BTreeSet<String> = released().into_iter().map(|(name, _)| name).collect();
    for kind in AnyFact::KINDS {
        let name = format!("{}.1.json", kind.name);
        assert!(released.contains(&name), "tests/history/{name} is missing");
    }
}
