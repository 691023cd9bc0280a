//! A letter as plain text.

use super::Layout;

/// The room to sign.
const ROOM: &str = "\n\n\n\n";

/// The whole letter.
pub(super) fn written(letter: &Layout) -> String {
    let mut blocks = vec![letter.sender.join("\n"), letter.dated.clone()];
    blocks.extend(letter.recipients.iter().map(|block| block.lines.join("\n")));
    blocks.extend(letter.subject_line.clone());
    blocks.extend(paragraphs(letter));
    format!("{}{ROOM}{}\n", blocks.join("\n\n"), letter.signature.join("\n"))
}

/// What it says.
pub(super) fn message(letter: &Layout) -> String {
    let mut blocks: Vec<String> = paragraphs(letter).collect();
    blocks.push(letter.signature.join("\n"));
    format!("{}\n", blocks.join("\n\n"))
}

fn paragraphs(letter: &Layout) -> impl Iterator<Item = String> {
    letter.paragraphs.iter().map(|paragraph| paragraph.lines.join("\n"))
}
