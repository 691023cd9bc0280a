//! Files that are imported, and archives of exports.

use std::sync::LazyLock;

use afterword_domain::{candidate::Candidate, catalogue::AnyFact, decide::Decided, decide::decide, restore::restore};

use super::{
    chosen,
    known::{by, mara, now},
};
use crate::{
    exports::archive,
    imports::{ColumnMap, Format, Known, read},
};

/// Invitations.
pub fn ics(bytes: &[u8]) {
    imported(Format::Ics, None, bytes);
}

/// Business cards.
pub fn vcf(bytes: &[u8]) {
    imported(Format::Vcf, None, bytes);
}

/// Messages of mail.
pub fn eml(bytes: &[u8]) {
    imported(Format::Eml, None, bytes);
}

/// Tables: a byte that says which format; for a table of any kind its column map, a zero byte, and the table.
pub fn tables(bytes: &[u8]) {
    const KINDS: [Format; 7] = [
        Format::LinkedinConnections,
        Format::LinkedinJobApplications,
        Format::LinkedinSavedJobs,
        Format::HuntrJobs,
        Format::HuntrActivities,
        Format::GoogleContacts,
        Format::Csv,
    ];
    let (format, table) = chosen(bytes);
    match KINDS[format % KINDS.len()] {
        Format::Csv => {
            let at = table.iter().position(|byte| *byte == 0).unwrap_or(table.len());
            let map = std::str::from_utf8(&table[..at]).ok().map(ColumnMap::read);
            if let Some(Ok(map)) = map {
                imported(Format::Csv, Some(&map), table.get(at + 1..).unwrap_or_default());
            }
        }
        format => imported(format, None, table),
    }
}

/// Whatever is proposed can be recorded, and a second import of the file has nothing new.
fn imported(format: Format, map: Option<&ColumnMap>, bytes: &[u8]) {
    let known = |candidate: &Candidate| Known {
        candidate: candidate.clone(),
        application: None,
        now: now(),
        by: by(),
    };
    let mut candidate = mara();
    let Ok(rows) = read(format, map, bytes, known(&candidate)) else {
        return;
    };
    for planned in rows.into_iter().filter_map(|row| row.result.ok()).flatten() {
        let decided = decide(&mut candidate, planned.proposal, now(), &by());
        assert!(decided.is_ok(), "what was proposed is refused: {decided:?}");
    }
    // A message proposes what its reader may choose from; with another choice there is more to choose.
    if format == Format::Eml {
        return;
    }
    let again = read(format, map, bytes, known(&candidate)).unwrap_or_default();
    for planned in again.into_iter().filter_map(|row| row.result.ok()).flatten() {
        let decided = decide(&mut candidate, planned.proposal, now(), &by());
        assert!(
            matches!(decided, Ok(Decided::Already(_))),
            "the second import of the file records more: {decided:?}"
        );
    }
}

/// Archives: as they come, or, since nobody guesses a SHA-256, their facts alone.
pub fn archives(bytes: &[u8]) {
    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let facts = mara()
            .history()
            .iter()
            .map(|fact| serde_json::to_vec(fact).unwrap_or_default())
            .collect();
        packed(facts)
    });
    let (kind, rest) = chosen(bytes);
    let archive = match kind % 3 {
        // `PK` begins an archive as it came.
        _ if bytes.starts_with(b"PK") => bytes.to_vec(),
        0 => packed(rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()),
        1 => spliced(&WHOLE, rest),
        _ => rest.to_vec(),
    };
    let Ok(read) = archive::read(&archive) else {
        return;
    };
    let mut candidate = Candidate::unknown(read.candidate);
    for fact in read.facts.into_iter().take(200) {
        let told = fact.clone();
        if restore(&mut candidate, fact).is_err() {
            break;
        }
        assert_eq!(candidate.history().last().map(|fact| &**fact), Some(&told));
        let erased = matches!(told.data, AnyFact::CandidateErased(_));
        assert!(!erased, "of an erased candidate there is no export");
    }
}

/// An archive of these lines of facts, with a manifest that is right.
fn packed(facts: Vec<Vec<u8>>) -> Vec<u8> {
    let facts: Vec<Vec<u8>> = facts.into_iter().filter(|line| !line.is_empty()).collect();
    let contents = archive::Contents {
        candidate: super::known::CANDIDATE,
        facts,
        playbooks: Vec::new(),
        letters: Vec::new(),
        calendar: Vec::new(),
        cards: Vec::new(),
        contacts: 0,
        left_out: Vec::new(),
    };
    archive::written(&contents).unwrap_or_default()
}

/// The bytes with changes at the places that triples of bytes tell.
fn spliced(whole: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in changes.chunks_exact(3).take(64) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = change[2];
        }
    }
    bytes
}
