//! From text to lines of glyphs: which characters the font has, how wide text is, and where its lines break.

use std::{collections::BTreeMap, ops::Range, str::FromStr, sync::LazyLock};

use krilla::text::{GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, Language, UnicodeBuffer};
use unicode_bidi::ParagraphBidiInfo;
use unicode_linebreak::linebreaks;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Libertinus Serif: Latin, Greek, Cyrillic and Hebrew.
pub(super) static FONT: &[u8] = include_bytes!("../../fonts/LibertinusSerif-Regular.otf");

/// Read when the first letter is printed.
static FACE: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::from_slice(FONT, 0));

/// A line as it is printed. Widths are in ems.
pub(super) struct Line {
    /// What it says, in the order of reading, with the blank at which it was broken.
    pub(super) runs: Vec<Run>,
    /// How wide it is, without that blank.
    pub(super) width: f32,
    /// Whether its paragraph is read from right to left.
    pub(super) rtl: bool,
}

/// A part of a line of one script and direction; a line's runs stand from left to right.
pub(super) struct Run {
    pub(super) text: String,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: f32,
}

/// The characters of a text that the font has no glyph for.
pub(super) fn missing(text: &str) -> impl Iterator<Item = char> {
    let has = |c: char| FACE.as_ref().is_some_and(|face| face.glyph_index(c).is_some());
    text.chars().filter(move |c| !is_unseen(*c) && !has(*c))
}

/// What changes how others look, and is not seen itself: soft hyphens, joiners, marks of direction, variation selectors.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// A paragraph's line, broken where it is wider than `measure` ems.
pub(super) fn broken(text: &str, measure: f32, language: &str) -> Vec<Line> {
    let language = Language::from_str(language).ok();
    let bidi = ParagraphBidiInfo::new(text, None);
    let rtl = bidi.paragraph_level.is_rtl();
    let widths = Widths::of(text, language.as_ref());
    let line = |range: Range<usize>| {
        let (levels, visual) = bidi.visual_runs(range.clone());
        let mut runs = Vec::new();
        for run in visual {
            let reversed = levels.get(run.start).is_some_and(|level| level.is_rtl());
            let mut parts = by_script(&text[run.clone()]);
            if reversed {
                parts.reverse();
            }
            for part in parts {
                let part = &text[run.start + part.start..run.start + part.end];
                runs.push(shaped(part, reversed, language.as_ref()));
            }
        }
        let said = range.start + text[range.clone()].trim_end().len();
        let whole: f32 = runs.iter().map(|run| run.width).sum();
        Line {
            runs,
            width: whole - widths.within(said..range.end),
            rtl,
        }
    };
    ranges(text, measure, &widths).into_iter().map(line).collect()
}

/// How wide the parts of a text are: it is shaped once, however often that is asked.
struct Widths {
    /// Where each cluster begins, and the width up to its end.
    reached: Vec<(usize, f32)>,
}

impl Widths {
    fn of(text: &str, language: Option<&Language>) -> Self {
        let mut reached = Vec::new();
        let mut width = 0.0;
        for part in by_script(text) {
            for glyph in shaped(&text[part.clone()], false, language).glyphs {
                width += glyph.x_advance;
                reached.push((part.start + glyph.text_range.start, width));
            }
        }
        Self { reached }
    }

    fn within(&self, range: Range<usize>) -> f32 {
        let before = |place: usize| {
            let clusters = self.reached.partition_point(|(start, _)| *start < place);
            clusters.checked_sub(1).map_or(0.0, |last| self.reached[last].1)
        };
        before(range.end) - before(range.start)
    }
}

/// Where the lines of a text begin and end.
fn ranges(text: &str, measure: f32, widths: &Widths) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut at) = (0, 0);
    for (end, _) in linebreaks(text) {
        let word = at + text[at..end].trim_end().len();
        if at > start && widths.within(start..word) > measure {
            lines.push(start..at);
            start = at;
        }
        // A word that is longer than a line is broken where the line is full.
        while start == at && widths.within(at..word) > measure {
            let Some(cut) = cut(text, at..word, measure, widths) else {
                break;
            };
            lines.push(at..cut);
            (start, at) = (cut, cut);
        }
        at = end;
    }
    if start < text.len() {
        lines.push(start..text.len());
    }
    lines
}

/// The last place in a word that still fits on a line; none where not even one of its letters does.
fn cut(text: &str, word: Range<usize>, measure: f32, widths: &Widths) -> Option<usize> {
    let letters = text[word.clone()].char_indices();
    let places = letters
        .filter(|(_, c)| !is_combining_mark(*c) && !is_unseen(*c))
        .skip(1);
    places
        .map(|(place, _)| word.start + place)
        .take_while(|place| widths.within(word.start..*place) <= measure)
        .last()
}

/// The parts of a text that are each of one script; what is common to scripts goes with what stands before it.
fn by_script(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut current) = (0, None);
    for (at, c) in text.char_indices() {
        let script = c.script();
        if matches!(script, Script::Common | Script::Inherited | Script::Unknown) || current == Some(script) {
            continue;
        }
        if current.is_some() {
            parts.push(start..at);
            start = at;
        }
        current = Some(script);
    }
    if start < text.len() {
        parts.push(start..text.len());
    }
    parts
}

fn shaped(text: &str, rtl: bool, language: Option<&Language>) -> Run {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    let direction = if rtl {
        Direction::RightToLeft
    } else {
        Direction::LeftToRight
    };
    buffer.set_direction(direction);
    if let Some(language) = language {
        buffer.set_language(language.clone());
    }
    let Some(face) = FACE.as_ref() else {
        return Run {
            text: text.to_owned(),
            glyphs: Vec::new(),
            width: 0.0,
        };
    };
    let em = face.units_per_em() as f32;
    let shaped = rustybuzz::shape(face, &[], buffer);
    // A cluster reaches to where the next one of the text begins.
    let starts = shaped.glyph_infos().iter().map(|info| info.cluster as usize);
    let mut ends: BTreeMap<usize, usize> = starts.map(|start| (start, text.len())).collect();
    let following: Vec<usize> = ends.keys().skip(1).copied().collect();
    ends.values_mut().zip(following).for_each(|(end, next)| *end = next);
    let glyphs: Vec<KrillaGlyph> = shaped
        .glyph_infos()
        .iter()
        .zip(shaped.glyph_positions())
        .map(|(info, position)| {
            let start = info.cluster as usize;
            let [advance, x, y, down] = [
                position.x_advance,
                position.x_offset,
                position.y_offset,
                position.y_advance,
            ]
            .map(|it| it as f32 / em);
            let cluster = start..ends.get(&start).copied().unwrap_or(text.len());
            KrillaGlyph::new(GlyphId::new(info.glyph_id), advance, x, y, down, cluster, None)
        })
        .collect();
    let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
    Run {
        text: text.to_owned(),
        glyphs,
        width,
    }
}
