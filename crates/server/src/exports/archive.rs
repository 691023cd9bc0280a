//! The archive of an export: how it is written, and how one that may come from anybody is read. The same state makes the
//! same bytes. Only what the import needs is unpacked, never to a file, and never more than an export may hold.

use std::io::{Cursor, Read, Write};

use afterword_domain::{fact::Envelope, ids::CandidateId, playbook::PlaybookRules};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, read::ZipFile, write::SimpleFileOptions};

use crate::edge::problem::{Code, Problem};

/// The format's name and version. A later release reads what an earlier one wrote.
const FORMAT: &str = "afterword-export";
const VERSION: u32 = 1;

const MANIFEST: &str = "manifest.json";
const FACTS: &str = "facts.ndjson";
const PLAYBOOKS: &str = "playbooks.ndjson";
const OTHERS: [&str; 3] = ["README.txt", "calendar.ics", "contacts.vcf"];
const LETTERS: &str = "letters/";

/// What an archive may hold at most: files, bytes of facts, facts.
const FILES: u16 = 20_000;
const BYTES: u64 = 64 << 20;
/// And of the rules of playbooks: twice as many as a history can follow, and how they are written.
const RULES: u64 = 16 << 20;
pub const MOST: usize = 20_000;

/// What stands in the manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    candidate: CandidateId,
    /// Whether nothing was left out. What is not complete cannot be imported.
    complete: bool,
    /// Fields that only readers of debriefs see, where they were left out.
    left_out: Vec<String>,
    facts: usize,
    playbooks: usize,
    letters: usize,
    contacts: usize,
    files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    name: String,
    bytes: u64,
    sha256: String,
}

/// What goes into an archive.
pub struct Contents {
    pub candidate: CandidateId,
    /// The facts, one per line.
    pub facts: Vec<Vec<u8>>,
    /// The rules of adopted playbooks, one per line.
    pub playbooks: Vec<Vec<u8>>,
    /// Letters: their name and their text.
    pub letters: Vec<(String, String)>,
    pub calendar: Vec<u8>,
    pub cards: Vec<u8>,
    pub contacts: usize,
    /// The names of fields that were left out.
    pub left_out: Vec<String>,
}

/// What an archive brings in.
pub struct Archive {
    pub candidate: CandidateId,
    pub facts: Vec<Envelope>,
    pub playbooks: Vec<PlaybookRules>,
}

/// The rules of a playbook, as a line of the archive.
#[derive(Serialize, Deserialize)]
pub struct Rules {
    /// Their SHA-256.
    pub hash: String,
    /// The rules.
    pub rules: PlaybookRules,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lines(of: &[Vec<u8>]) -> Vec<u8> {
    let mut all = of.join(&b'\n');
    if !all.is_empty() {
        all.push(b'\n');
    }
    all
}

/// Writes an archive.
pub fn written(contents: &Contents) -> Result<Vec<u8>, Problem> {
    let mut files: Vec<(String, Vec<u8>)> = vec![
        (FACTS.to_owned(), lines(&contents.facts)),
        (PLAYBOOKS.to_owned(), lines(&contents.playbooks)),
        ("calendar.ics".to_owned(), contents.calendar.clone()),
        ("contacts.vcf".to_owned(), contents.cards.clone()),
    ];
    let letters = contents.letters.iter();
    files.extend(letters.map(|(name, text)| (format!("{LETTERS}{name}.txt"), text.clone().into_bytes())));
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        candidate: contents.candidate,
        complete: contents.left_out.is_empty(),
        left_out: contents.left_out.clone(),
        facts: contents.facts.len(),
        playbooks: contents.playbooks.len(),
        letters: contents.letters.len(),
        contacts: contents.contacts,
        files: files
            .iter()
            .map(|(name, bytes)| File {
                name: name.clone(),
                bytes: bytes.len() as u64,
                sha256: sha256(bytes),
            })
            .collect(),
    };
    let told = serde_json::to_vec_pretty(&manifest).map_err(Problem::internal)?;
    let readme = readme(&manifest).into_bytes();
    files.splice(0..0, [("README.txt".to_owned(), readme), (MANIFEST.to_owned(), told)]);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, options).map_err(Problem::internal)?;
        zip.write_all(&bytes).map_err(Problem::internal)?;
    }
    Ok(zip.finish().map_err(Problem::internal)?.into_inner())
}

fn readme(manifest: &Manifest) -> String {
    let Manifest {
        candidate,
        facts,
        playbooks,
        letters,
        contacts,
        left_out,
        ..
    } = manifest;
    let complete = if left_out.is_empty() {
        "It is complete: POST /v1/imports?format=export brings the candidate in elsewhere, with the same views."
            .to_owned()
    } else {
        format!(
            "It is not complete, and cannot be imported: its key had no `debriefs:read`, so these fields were left out: {}.",
            left_out.join(", ")
        )
    };
    format!(
        "Everything that Afterword has about {candidate}.\n\n{complete}\n\n\
         manifest.json     what is in here, with the SHA-256 of each file\n\
         facts.ndjson      {facts} facts, in order, one per line, each in its envelope\n\
         playbooks.ndjson  {playbooks} playbooks that were adopted, one per line\n\
         calendar.ics      interviews, days and tasks\n\
         contacts.vcf      {contacts} business cards\n\
         letters/          {letters} letters, as text\n"
    )
}

/// Reads an archive of somebody's.
pub fn read(bytes: &[u8]) -> Result<Archive, Problem> {
    let unreadable = || Problem::malformed("The file is no archive of an export: it is not a zip file, or it was cut.");
    if entries(bytes).ok_or_else(unreadable)? > FILES {
        return Err(Problem::new(
            Code::TooLarge,
            format!("The archive holds more than {FILES} files."),
        ));
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    let of_an_export = |name: &str| {
        let letter = name.strip_prefix(LETTERS).and_then(|rest| rest.strip_suffix(".txt"));
        [MANIFEST, FACTS, PLAYBOOKS].contains(&name)
            || OTHERS.contains(&name)
            || letter.is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    };
    for name in zip.file_names() {
        let name = name.map_err(|_| unreadable())?;
        if !of_an_export(&name) {
            let name: String = name.escape_debug().take(100).collect();
            return Err(Problem::malformed(format!(
                "The archive holds `{name}`, as no export does."
            )));
        }
    }
    let manifest: Manifest = parsed(&unpacked(&mut zip, MANIFEST, 8 << 20)?, MANIFEST)?;
    if manifest.format != FORMAT {
        return Err(wrong(MANIFEST, format!("its format must be `{FORMAT}`")));
    }
    if manifest.version > VERSION {
        return Err(wrong(
            MANIFEST,
            format!("its version must be at most {VERSION}: a later release wrote it"),
        ));
    }
    if !manifest.complete {
        let told = "it is not complete: make the export again with a key that has `debriefs:read`";
        return Err(wrong(MANIFEST, told.to_owned()));
    }
    let checked = |zip: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64| {
        let bytes = unpacked(zip, name, limit)?;
        let said = manifest.files.iter().find(|file| file.name == name);
        if said.is_none_or(|file| file.sha256 != sha256(&bytes)) {
            return Err(wrong(name, "its SHA-256 is not the one in manifest.json".to_owned()));
        }
        Ok(bytes)
    };
    let facts = checked(&mut zip, FACTS, BYTES)?;
    if facts.iter().filter(|byte| **byte == b'\n').count() > MOST {
        return Err(Problem::new(
            Code::TooLarge,
            format!("The archive holds more than {MOST} facts."),
        ));
    }
    let facts: Vec<Envelope> = each_line(&facts, FACTS)?;
    let rules: Vec<Rules> = each_line(&checked(&mut zip, PLAYBOOKS, RULES)?, PLAYBOOKS)?;
    if facts.is_empty() || facts.len() != manifest.facts || rules.len() != manifest.playbooks {
        return Err(wrong(
            MANIFEST,
            "it counts other facts or playbooks than there are".to_owned(),
        ));
    }
    Ok(Archive {
        candidate: manifest.candidate,
        facts,
        playbooks: rules.into_iter().map(|it| it.rules).collect(),
    })
}

/// How many files an archive says it holds, by the record at its end: before anything is made of it.
fn entries(bytes: &[u8]) -> Option<u16> {
    const RECORD: usize = 22;
    let last = bytes.len().checked_sub(RECORD)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let at = (first..=last)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    Some(u16::from_le_bytes([bytes[at + 10], bytes[at + 11]]))
}

/// One file of the archive, unpacked as far as a limit, whatever it says of its own length.
fn unpacked(zip: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64) -> Result<Vec<u8>, Problem> {
    let missing = || wrong(name, "it is missing, or damaged".to_owned());
    let file: ZipFile<'_, _> = zip.by_name(name).map_err(|_| missing())?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|_| missing())?;
    if bytes.len() as u64 > limit {
        return Err(Problem::new(
            Code::TooLarge,
            format!("`{name}` of the archive is longer than {limit} bytes."),
        ));
    }
    Ok(bytes)
}

fn each_line<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<Vec<T>, Problem> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(nth, line)| parsed(line, &format!("{name} line {}", nth + 1)))
        .collect()
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], place: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| wrong(place, format!("it cannot be read: {error}")))
}

/// Something in the archive is not as an export has it.
pub fn wrong(place: &str, detail: String) -> Problem {
    Problem::new(Code::Invalid, format!("In `{place}` of the archive: {detail}.")).at(place, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        Contents {
            candidate: "cnd_01jn0000000000000000000001".parse().expect("an id"),
            facts: Vec::new(),
            playbooks: Vec::new(),
            letters: vec![("note_1".to_owned(), "Dear Anna".to_owned())],
            calendar: b"BEGIN:VCALENDAR".to_vec(),
            cards: Vec::new(),
            contacts: 0,
            left_out: Vec::new(),
        }
    }

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default()).expect("a file");
            zip.write_all(bytes).expect("written");
        }
        zip.finish().expect("an archive").into_inner()
    }

    fn refused(bytes: &[u8]) -> String {
        read(bytes).err().expect("refused").to_string()
    }

    #[test]
    fn the_same_state_makes_the_same_bytes() {
        assert_eq!(
            written(&contents()).expect("written"),
            written(&contents()).expect("written")
        );
    }

    #[test]
    fn what_is_no_export_is_refused_with_a_reason() {
        let whole = written(&contents()).expect("written");
        assert!(refused(&whole).contains("counts other facts"), "an export has facts");
        for cut in [0, 1, 21, 22, 100, whole.len() - 1] {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(refused(b"PK\x05\x06 and no more of it than this").starts_with("malformed"));
        assert!(refused(&zipped(&[("../../etc/passwd", b"x")])).contains("../../etc/passwd"));
        assert!(refused(&zipped(&[("letters/../x.txt", b"x")])).contains("as no export does"));
        assert!(refused(&zipped(&[("README.txt", b"x")])).contains("manifest.json"));
        assert!(refused(&zipped(&[("manifest.json", b"{")])).contains("cannot be read"));
        let manifest = |format: &str, version: u32, complete: bool| {
            let files = serde_json::json!([{"name": "facts.ndjson", "bytes": 1, "sha256": "00"}]);
            let manifest = serde_json::json!({"format": format, "version": version, "complete": complete, "left_out": [],
                "candidate": "cnd_01jn0000000000000000000001", "facts": 1, "playbooks": 0, "letters": 0, "contacts": 0,
                "files": files});
            manifest.to_string().into_bytes()
        };
        let refused_manifest = |manifest: Vec<u8>| refused(&zipped(&[(MANIFEST, &manifest), (FACTS, b"{}\n")]));
        assert!(refused_manifest(manifest("other", 1, true)).contains("its format"));
        assert!(refused_manifest(manifest(FORMAT, 2, true)).contains("later release"));
        assert!(refused_manifest(manifest(FORMAT, 1, false)).contains("debriefs:read"));
        assert!(refused_manifest(manifest(FORMAT, 1, true)).contains("SHA-256"));
    }

    #[test]
    fn a_file_that_unpacks_without_end_is_refused_at_the_limit() {
        let bomb = vec![b' '; (8 << 20) + 1];
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(MANIFEST, options).expect("a file");
        zip.write_all(&bomb).expect("written");
        let packed = zip.finish().expect("an archive").into_inner();
        assert!(packed.len() < 1 << 16);
        assert!(refused(&packed).starts_with("too_large"));
    }
}
