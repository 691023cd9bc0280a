//! A word that stands nowhere but where a story puts it, and looking for it: in bytes, however it is written there.

use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The word. A number follows it, by which its place is known.
pub const WORD: &str = "Zqkanarie";

/// What stands in a key's name, which the service keeps in clear: operators tell keys by it.
pub const KEY_NAME: &str = "Zqtelefon";

/// What stands in the label of a group, which the service keeps in clear: lists are asked by it.
pub const GROUP: &str = "Zqschwarm";

/// Finds words as plain text, in small letters and capitals, in UTF-16, hexadecimal and base64.
pub struct Search(AhoCorasick);

impl Search {
    pub fn new(words: &[&str]) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        let cases = |word: &&str| [(*word).to_owned(), word.to_lowercase(), word.to_uppercase()];
        for text in words.iter().flat_map(cases) {
            let units: Vec<u16> = text.encode_utf16().collect();
            forms.push(units.iter().flat_map(|unit| unit.to_le_bytes()).collect());
            forms.push(units.iter().flat_map(|unit| unit.to_be_bytes()).collect());
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            forms.push(hex.to_uppercase().into_bytes());
            forms.push(hex.into_bytes());
            for before in 0..3 {
                // What stands before it decides where its letters fall; what is whole of them is always the same.
                let coded = STANDARD.encode([&vec![0; before][..], text.as_bytes()].concat());
                let (from, to) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
                forms.push(coded.as_bytes()[from..to].to_vec());
            }
            forms.push(text.into_bytes());
        }
        Self(AhoCorasick::new(forms).expect("patterns"))
    }

    /// Finds bytes as they are.
    pub fn exactly(bytes: &[Vec<u8>]) -> Self {
        Self(AhoCorasick::new(bytes).expect("patterns"))
    }

    /// Where it stands in some bytes, with what is around it.
    pub fn in_bytes(&self, bytes: &[u8]) -> Option<String> {
        let found = self.0.find(bytes)?;
        let (from, to) = (found.start().saturating_sub(60), (found.end() + 60).min(bytes.len()));
        Some(String::from_utf8_lossy(&bytes[from..to]).into_owned())
    }

    /// Where it stands in the files of a folder. Files that are gone meanwhile are gone.
    pub fn in_folder(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(self.in_folder(&path));
            } else if let Some(around) = std::fs::read(&path).ok().and_then(|bytes| self.in_bytes(&bytes)) {
                found.push((path, around));
            }
        }
        found
    }

    #[track_caller]
    pub fn is_nowhere_in(&self, what: &str, bytes: &[u8]) {
        if let Some(around) = self.in_bytes(bytes) {
            panic!("{what}: {around}");
        }
    }

    #[track_caller]
    pub fn is_in_no_file_of(&self, folder: &Path) {
        assert_eq!(self.in_folder(folder), Vec::new(), "in {}", folder.display());
    }
}

#[test]
fn a_word_is_found_in_any_form() {
    let search = Search::new(&[WORD]);
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{WORD}17 and more");
        assert!(search.in_bytes(text.as_bytes()).is_some());
        assert!(search.in_bytes(text.to_uppercase().as_bytes()).is_some());
        assert!(search.in_bytes(STANDARD.encode(&text).as_bytes()).is_some(), "{before}");
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(search.in_bytes(&utf16).is_some());
        let hex: String = text.to_lowercase().bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(search.in_bytes(hex.as_bytes()).is_some());
    }
    assert!(search.in_bytes(b"a canary, but another one").is_none());
}
