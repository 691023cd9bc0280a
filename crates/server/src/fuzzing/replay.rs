//! Every target over its committed corpus, and over changes to it that are the same each time: what libFuzzer found once
//! is looked at in every test run, without it.

use std::{fs, path::Path};

use super::TARGETS;

/// Numbers that look random, and are the same each time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }
}

const BITS: [&[u8]; 12] = [
    b"\r\n",
    b"\n\n",
    b"\"",
    b"\\",
    b"{",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"\xff",
    b"\0",
    "\u{202e}é😀".as_bytes(),
    b"",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn changed(input: &[u8], others: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + numbers.below(20)).min(bytes.len());
        let other = &others[numbers.below(others.len())];
        let from = numbers.below(other.len() + 1);
        let part = match numbers.below(4) {
            0 => &other[from..(from + numbers.below(60)).min(other.len())],
            1 => &numbers.next().to_le_bytes()[..1],
            _ => BITS[numbers.below(BITS.len())],
        };
        let part = part.to_vec();
        bytes.splice(at..end, part);
    }
    bytes
}

fn replayed(name: &str, changes: usize) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    corpus.iter().for_each(|input| target(input));
    // `just soak-parsers` goes on for long, with other numbers.
    let soak = std::env::var_os("AFTERWORD_SOAK").is_some();
    let (seed, changes) = if soak {
        (0xfeed, 1_000 * changes)
    } else {
        (0x5eed, changes)
    };
    let mut numbers = Numbers(seed);
    for nth in 0..changes {
        target(&changed(&corpus[nth % corpus.len()], &corpus, &mut numbers));
    }
}

macro_rules! replays {
    ($($name:ident $changes:literal)+) => {
        $(#[test] fn $name() { replayed(stringify!($name), $changes); })+

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
            let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
            for name in names {
                assert!(fuzz.join("fuzz_targets").join(name).with_extension("rs").exists(), "{name}");
            }
        }
    };
}

replays! {
    archives 200
    cursors 1000
    eml 200
    facts 1000
    headers 1000
    ics 300
    ids 2000
    keys 2000
    letters 20
    patches 400
    tables 300
    templates 200
    times 2000
    vcf 300
}
