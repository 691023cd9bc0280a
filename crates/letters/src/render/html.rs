//! A letter as a page of its own, which prints as the PDF does: the same paper, margins, measure and font.

use std::fmt::Write;

use super::{
    Layout,
    pages::{self, ABOVE, BELOW, BETWEEN, CLOSING, LEADING, PARAGRAPH, ROOM, SIZE, WHOLE},
};

/// Parts of Libertinus Serif: Latin, and what else it has. A letter carries what it needs.
const LATIN: &str = include_str!("../../fonts/LibertinusSerif-latin.woff2.base64");
const OTHER: &str = include_str!("../../fonts/LibertinusSerif-other.woff2.base64");

/// A page, and the style that stands in it: a content security policy can allow that one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The whole page.
    pub html: String,
    /// What stands between `<style>` and `</style>`.
    pub style: String,
}

pub(super) fn written(letter: &Layout) -> Page {
    let style = style(letter);
    let mut main = String::new();
    block(&mut main, "sender", &letter.sender);
    block(&mut main, "date", std::slice::from_ref(&letter.dated));
    for recipients in &letter.recipients {
        block(&mut main, "recipients", &recipients.lines);
    }
    if let Some(line) = &letter.subject_line {
        block(&mut main, "subject", std::slice::from_ref(line));
    }
    for (at, paragraph) in letter.paragraphs.iter().enumerate() {
        let last = at + 1 == letter.paragraphs.len();
        let class = match pages::set(letter, &paragraph.lines).len() {
            ..=CLOSING if last => "closing",
            ..=WHOLE => "body whole",
            _ => "body",
        };
        block(&mut main, class, &paragraph.lines);
    }
    block(&mut main, "signature", &letter.signature);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{style}</style>\n</head>\n\
         <body>\n<main>\n{main}</main>\n</body>\n</html>\n",
        escaped(&letter.language),
        escaped(&letter.title()),
    );
    Page { html, style }
}

fn block(html: &mut String, class: &str, lines: &[String]) {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(html, "<p class=\"{class}\" dir=\"auto\">{}</p>", lines.join("<br>\n"));
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn style(letter: &Layout) -> String {
    let said = letter.paragraphs.iter().flat_map(|paragraph| &paragraph.lines);
    let addressed = letter.recipients.iter().flat_map(|block| &block.lines);
    let mut lines = said
        .chain(&letter.sender)
        .chain(addressed)
        .chain(&letter.subject_line)
        .chain(&letter.signature)
        .chain(std::iter::once(&letter.dated));
    let more = lines.any(|line| !line.chars().all(is_latin));
    let mut style = String::new();
    for (font, range) in [(LATIN, LATIN_RANGE), (OTHER, OTHER_RANGE)]
        .into_iter()
        .take(1 + usize::from(more))
    {
        let _ = write!(
            style,
            "\n@font-face {{ font-family: \"Letter\"; unicode-range: {range};\n\
             \x20 src: url(\"data:font/woff2;base64,{}\") format(\"woff2\") }}",
            font.trim()
        );
    }
    let (width, margin) = (letter.paper.measure(), letter.paper.margin());
    let _ = write!(
        style,
        "
@page {{ size: {paper}; margin: {ABOVE}pt {margin}pt {BELOW}pt;
  @bottom-center {{ content: counter(page); font: {SIZE}pt \"Letter\", serif }} }}
@page :first {{ @bottom-center {{ content: none }} }}
body {{ margin: 0; font: {SIZE}pt/{LEADING}pt \"Letter\", \"Libertinus Serif\", Georgia, \"Times New Roman\", serif;
  color: #000; background: #fff; font-synthesis: none }}
main {{ max-width: {width}pt; margin: 0 auto }}
p {{ margin: 0; orphans: 2; widows: 2; overflow-wrap: anywhere }}
p + p {{ margin-top: {BETWEEN}pt }}
.subject + .body, .subject + .closing {{ margin-top: {LEADING}pt }}
.body + .body, .body + .closing {{ margin-top: {PARAGRAPH}pt }}
.whole {{ break-inside: avoid }}
.closing {{ break-inside: avoid; break-after: avoid }}
.signature {{ break-inside: avoid; break-before: avoid }}
p + .signature {{ margin-top: {ROOM}pt }}
@media screen {{ main {{ padding: {ABOVE}pt min({margin}pt, 6vw) }} }}
",
        paper = letter.paper.name(),
    );
    style
}

/// Whether the first part of the font has a character, as its range says.
const fn is_latin(c: char) -> bool {
    matches!(c, '\0'..='\u{24f}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}' | '\u{2000}'..='\u{2122}')
}

const LATIN_RANGE: &str = "U+0-24F, U+300-36F, U+1E00-1EFF, U+2000-2122";
const OTHER_RANGE: &str = "U+250-2FF, U+370-1DFF, U+1F00-1FFF, U+2123-2FFF, U+FB00-FB4F";
