//! A letter as PDF: embedded font, text that can be selected and read aloud, and the same bytes for the same letter.

use std::{collections::BTreeMap, sync::LazyLock};

use krilla::{
    Document, SerializeSettings,
    geom::Point,
    metadata::{DateTime, Metadata},
    page::PageSettings,
    surface::Surface,
    tagging::{Artifact, ArtifactType, ContentTag, SpanTag, Tag, TagGroup, TagTree},
    text::Font,
};

use super::{
    Layout,
    pages::{self, BELOW, LEADING, SIZE},
    typeset::{self, FONT, Line},
};

/// Read when the first letter is printed.
static PRINTED: LazyLock<Option<Font>> = LazyLock::new(|| Font::new(FONT.into(), 0));

/// Why a letter cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPrintable {
    /// The font lacks characters of it: where they stand, as in `/body` or `/recipients/0`, and which.
    NotCovered(Vec<(String, Vec<char>)>),
    /// The file could not be written.
    Failed(String),
}

/// The letter as a file that prints.
pub(super) fn written(letter: &Layout) -> Result<Vec<u8>, NotPrintable> {
    let missing = missing(letter);
    if !missing.is_empty() {
        return Err(NotPrintable::NotCovered(missing));
    }
    let failed = |why: &str| NotPrintable::Failed(why.to_owned());
    let font = PRINTED.as_ref().ok_or_else(|| failed("the font cannot be read"))?;
    let (width, height) = letter.paper.size();
    let mut document = Document::new_with(SerializeSettings::default());
    let mut blocks: BTreeMap<usize, TagGroup> = BTreeMap::new();
    for (number, lines) in (1..).zip(pages::pages(letter)) {
        let settings = PageSettings::from_wh(width, height).ok_or_else(|| failed("the paper has no size"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for (block, top, line) in lines {
            let tagged = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            let free = letter.paper.measure() - line.width * SIZE;
            let x = letter.paper.margin() + if line.rtl { free } else { 0.0 };
            draw(&mut surface, font, &line, x, baseline(top));
            surface.end_tagged();
            blocks
                .entry(block)
                .or_insert_with(|| TagGroup::new(Tag::P))
                .push(tagged);
        }
        if number > 1 {
            let number = typeset::broken(&number.to_string(), width, &letter.language);
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::PageNumber)));
            for line in number {
                let x = (width - line.width * SIZE) / 2.0;
                draw(&mut surface, font, &line, x, height - BELOW / 2.0);
            }
            surface.end_tagged();
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(letter.language.clone()));
    blocks.into_values().for_each(|block| tree.push(block));
    document.set_tag_tree(tree);
    document.set_metadata(metadata(letter));
    document
        .finish()
        .map_err(|error| NotPrintable::Failed(format!("{error:?}")))
}

fn draw(surface: &mut Surface<'_>, font: &Font, line: &Line, x: f32, y: f32) {
    let mut x = x;
    for run in &line.runs {
        surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, font.clone(), &run.text, SIZE, false);
        x += run.width * SIZE;
    }
}

/// Where letters stand in a line that begins at `top`: the font rises 0.894 em and hangs down 0.246 em.
fn baseline(top: f32) -> f32 {
    top + (LEADING - 1.14 * SIZE) / 2.0 + 0.894 * SIZE
}

/// Dated as the letter is, so that the same letter is the same file whenever it is asked for.
fn metadata(letter: &Layout) -> Metadata {
    let part = |it: i8| it.unsigned_abs();
    let dated = DateTime::new(letter.date.year().unsigned_abs())
        .month(part(letter.date.month()))
        .day(part(letter.date.day()));
    Metadata::new()
        .title(letter.title())
        .authors(letter.sender.first().cloned().into_iter().collect())
        .language(letter.language.clone())
        .creator("Afterword".to_owned())
        .creation_date(dated)
}

/// What the font lacks, block by block; each character once.
fn missing(letter: &Layout) -> Vec<(String, Vec<char>)> {
    let mut found: Vec<(String, Vec<char>)> = Vec::new();
    let mut look = |pointer: &str, text: &str| {
        for c in typeset::missing(text) {
            match found.iter_mut().find(|(known, _)| known == pointer) {
                Some((_, chars)) if chars.contains(&c) => {}
                Some((_, chars)) => chars.push(c),
                None => found.push((pointer.to_owned(), vec![c])),
            }
        }
    };
    letter.sender.iter().for_each(|line| look("/sender", line));
    look("/date", &letter.dated);
    for block in &letter.recipients {
        let place = block.places.first().copied().unwrap_or_default();
        block
            .lines
            .iter()
            .for_each(|line| look(&format!("/recipients/{place}"), line));
    }
    letter.subject_line.iter().for_each(|line| look("/subject_line", line));
    let said = letter.paragraphs.iter().flat_map(|paragraph| &paragraph.lines);
    said.chain(&letter.signature).for_each(|line| look("/body", line));
    found
}
