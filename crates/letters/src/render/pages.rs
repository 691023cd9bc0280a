//! Which line stands where, on which page. A paragraph leaves no single line behind at the foot of a page and sends none
//! ahead; the closing, the room to sign and the name stay together, and not alone.

use super::{
    Layout,
    typeset::{self, Line},
};

/// The size of the letters, and from line to line, in points.
pub(super) const SIZE: f32 = 11.0;
pub(super) const LEADING: f32 = 14.5;
/// What is left free above and below, in points: 25 mm.
pub(super) const ABOVE: f32 = 70.866;
pub(super) const BELOW: f32 = 70.866;
/// Between the blocks above the text, between paragraphs, and the room to sign.
pub(super) const BETWEEN: f32 = 22.0;
pub(super) const PARAGRAPH: f32 = 8.0;
pub(super) const ROOM: f32 = 44.0;
/// A paragraph of so many lines or fewer is not parted.
pub(super) const WHOLE: usize = 3;
/// A paragraph of so many lines or fewer before the name is the closing.
pub(super) const CLOSING: usize = 2;

/// A page: its lines, by the block they belong to, and how far below the upper edge each stands.
pub(super) type Page = Vec<(usize, f32, Line)>;

/// A block of lines that belong together, and what is left free above it.
struct Block {
    lines: Vec<Line>,
    before: f32,
}

/// The pages of a letter.
pub(super) fn pages(letter: &Layout) -> Vec<Page> {
    let mut blocks = blocks(letter);
    // What stays together at the end: the closing and the name.
    let closing = blocks
        .len()
        .checked_sub(2)
        .filter(|at| blocks[*at].lines.len() <= CLOSING);
    let tail = blocks.split_off(closing.unwrap_or(blocks.len().saturating_sub(1)));
    let end = tail
        .iter()
        .map(|block| block.before + height(block.lines.len()))
        .sum::<f32>();
    let mut onto = Onto::new(letter.paper.size().1 - BELOW);
    let last = blocks.len().saturating_sub(1);
    for (at, block) in blocks.into_iter().enumerate() {
        let room_after = if at == last { end } else { 0.0 };
        onto.puts(at, block, room_after);
    }
    for (at, block) in tail.into_iter().enumerate() {
        onto.puts_whole(last + 1 + at, block);
    }
    onto.pages
}

/// Lines as the letter's paper breaks them.
pub(super) fn set(letter: &Layout, lines: &[String]) -> Vec<Line> {
    let measure = letter.paper.measure() / SIZE;
    let broken = |line: &String| typeset::broken(line, measure, &letter.language);
    lines.iter().flat_map(broken).collect()
}

fn blocks(letter: &Layout) -> Vec<Block> {
    let set = |lines: &[String], before: f32| Block {
        lines: set(letter, lines),
        before,
    };
    let mut blocks = vec![
        set(&letter.sender, 0.0),
        set(std::slice::from_ref(&letter.dated), BETWEEN),
    ];
    blocks.extend(letter.recipients.iter().map(|it| set(&it.lines, BETWEEN)));
    blocks.extend(
        letter
            .subject_line
            .iter()
            .map(|it| set(std::slice::from_ref(it), BETWEEN)),
    );
    for (at, paragraph) in letter.paragraphs.iter().enumerate() {
        let before = match (at, &letter.subject_line) {
            (0, None) => BETWEEN,
            (0, Some(_)) => LEADING,
            _ => PARAGRAPH,
        };
        blocks.push(set(&paragraph.lines, before));
    }
    blocks.push(set(&letter.signature, ROOM));
    blocks
}

fn height(lines: usize) -> f32 {
    lines as f32 * LEADING
}

/// Pages as they fill.
struct Onto {
    pages: Vec<Page>,
    at: f32,
    foot: f32,
}

impl Onto {
    fn new(foot: f32) -> Self {
        Self {
            pages: vec![Vec::new()],
            at: ABOVE,
            foot,
        }
    }

    /// Puts a block, on several pages where it must; below it `room` is needed for what may not stand alone.
    fn puts(&mut self, at: usize, block: Block, room: f32) {
        let lines = block.lines.len();
        self.skip(block.before);
        let fit = (((self.foot - self.at).max(0.0) / LEADING).floor() as usize).min(lines);
        let here = if fit == lines && self.at + height(lines) + room <= self.foot {
            lines
        } else if lines <= WHOLE {
            0
        } else {
            // At least two lines stay, and at least two go on.
            Some(fit.min(lines - 2)).filter(|fit| *fit >= 2).unwrap_or(0)
        };
        let empty = self.pages.last().is_none_or(Vec::is_empty);
        // On an empty page a block begins, whatever follows.
        let here = if empty && here == 0 { fit } else { here };
        let mut rest = block.lines;
        let later = rest.split_off(here);
        self.lines(at, rest);
        if !later.is_empty() {
            self.turn();
            self.puts(
                at,
                Block {
                    lines: later,
                    before: 0.0,
                },
                room,
            );
        }
    }

    /// Puts a block that is not parted; only one that is longer than a page is.
    fn puts_whole(&mut self, at: usize, block: Block) {
        if self.at + block.before + height(block.lines.len()) > self.foot {
            self.puts(at, block, 0.0);
            return;
        }
        self.skip(block.before);
        self.lines(at, block.lines);
    }

    fn lines(&mut self, at: usize, lines: Vec<Line>) {
        for line in lines {
            if let Some(page) = self.pages.last_mut() {
                page.push((at, self.at, line));
            }
            self.at += LEADING;
        }
    }

    /// Leaves room, though not at the top of a page.
    fn skip(&mut self, room: f32) {
        if self.pages.last().is_some_and(|page| !page.is_empty()) {
            self.at += room;
        }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.at = ABOVE;
    }
}
