//! Whatever bytes come: every parser of what somebody else wrote, with what must hold of it, as a plain function over
//! bytes. `fuzz/` gives each to libFuzzer, and the tests here replay the committed corpus and changes to it; so the
//! internals that parsers are stay private, and this module exists for those two alone.

mod edges;
mod facts;
mod files;
mod known;
mod letters;
#[cfg(test)]
mod replay;

pub use edges::{cursors, headers, ids, keys, times};
pub use facts::{facts, patches};
pub use files::{archives, eml, ics, tables, vcf};
pub use letters::{letters, templates};

/// Something to try out with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name that it has in `fuzz/`.
pub const TARGETS: &[Target] = &[
    ("archives", archives),
    ("cursors", cursors),
    ("eml", eml),
    ("facts", facts),
    ("headers", headers),
    ("ics", ics),
    ("ids", ids),
    ("keys", keys),
    ("letters", letters),
    ("patches", patches),
    ("tables", tables),
    ("templates", templates),
    ("times", times),
    ("vcf", vcf),
];

/// A byte that chooses, and what it is about.
fn chosen(bytes: &[u8]) -> (usize, &[u8]) {
    bytes
        .split_first()
        .map_or((0, bytes), |(first, rest)| (usize::from(*first), rest))
}
