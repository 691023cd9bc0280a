use afterword_domain::values::PostalAddress;
use jiff::civil::date;
use serde_json::{Value, json};

use super::*;

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// A letter to Anna Berg, with this text.
fn letter(locale: &str, body: &str) -> Layout {
    let (paragraphs, signature) = parts(body, "Ada Lovelace");
    let date = date(2026, 3, 2);
    Layout {
        language: locale.to_owned(),
        paper: Paper::of_locale(Some(locale)),
        sender: lines(&["Ada Lovelace", "12 St James’s Square", "London", "SW1Y 4JH"]),
        date,
        dated: dates::in_words(date, Some(locale)),
        recipients: vec![Recipients {
            places: vec![0],
            lines: lines(&[
                "Anna Berg",
                "Head of Data",
                "Acme GmbH",
                "Torstraße 1",
                "10119 Berlin",
                "GERMANY",
            ]),
        }],
        subject_line: Some("Thank you".to_owned()),
        paragraphs,
        signature,
    }
}

const BODY: &str = "Dear Ms Berg,\n\nThank you for explaining the release process; <b>first</b> & \"last\".\n\n\
                    I would gladly help.\n\nKind regards,\nAda Lovelace\n+44 20 7946 0000";

fn long(paragraphs: usize) -> String {
    let text = "What you said about migrations has stayed with me, and I have thought about how a team of five could do \
                them without closing the shop for a night. ";
    let body = format!("{}\n\n", text.repeat(5)).repeat(paragraphs);
    format!("Dear Ms Berg,\n\n{body}Kind regards,\nAda Lovelace")
}

fn address(country: &str, region: Option<&str>) -> PostalAddress {
    let mut address = json!({"lines": ["1 High Street"], "city": "Town", "postal_code": "12345", "country": country});
    if let Some(region) = region {
        address["region"] = Value::from(region);
    }
    serde_json::from_value(address).expect("an address")
}

#[test]
fn paper_is_that_of_the_locales_country() {
    for locale in ["en-US", "en-CA", "fr-CA", "es-MX", "es-Latn-CL", "en-us"] {
        assert_eq!(Paper::of_locale(Some(locale)), Paper::Letter, "{locale}");
    }
    for locale in ["en", "es", "en-GB", "de-DE", "zh-Hant-TW", "es-419", "en-x-us"] {
        assert_eq!(Paper::of_locale(Some(locale)), Paper::A4, "{locale}");
    }
    assert_eq!(Paper::of_locale(None), Paper::A4);
}

#[test]
fn dates_are_written_out_as_the_locale_does() {
    let written = |locale| dates::in_words(date(2026, 3, 1), locale);
    for (locale, told) in [
        (None, "1 March 2026"),
        (Some("en-US"), "March 1, 2026"),
        (Some("en-IE"), "1 March 2026"),
        (Some("de-CH"), "1. März 2026"),
        (Some("fr"), "1er mars 2026"),
        (Some("es-MX"), "1 de marzo de 2026"),
        (Some("pl"), "1 marca 2026"),
        (Some("hu"), "2026. március 1."),
        (Some("vi"), "ngày 1 tháng 3 năm 2026"),
        (Some("ja"), "2026-03-01"),
    ] {
        assert_eq!(written(locale), told, "{locale:?}");
    }
}

#[test]
fn every_language_has_twelve_months() {
    for row in include_str!("../../data/months.txt")
        .lines()
        .filter(|row| !row.starts_with('#'))
    {
        let fields: Vec<&str> = row.split(" | ").collect();
        assert_eq!((fields.len(), fields[2].split(' ').count()), (3, 12), "{row}");
    }
}

#[test]
fn an_address_is_written_as_its_country_does() {
    let written = |country, region| address::lines(&address(country, region), false)[1..].join(" | ");
    assert_eq!(written("Germany", None), "12345 Town");
    assert_eq!(written("US", Some("NY")), "Town, NY 12345");
    assert_eq!(written("United Kingdom", None), "Town | 12345");
    assert_eq!(written("IT", Some("RM")), "12345 Town RM");
    assert_eq!(written("Freedonia", Some("North")), "12345 Town | North");
}

#[test]
fn the_country_stands_where_the_letter_crosses_a_border() {
    let here = address("DE", None);
    assert!(!address::is_abroad(&address("Germany", None), Some(&here)));
    assert!(address::is_abroad(&address("AT", None), Some(&here)));
    assert!(address::is_abroad(&here, None), "it may");
    assert_eq!(address::lines(&address("at", None), true)[2], "AUSTRIA");
}

#[test]
fn the_room_to_sign_is_before_the_name() {
    let signed = |body: &str| {
        let (said, signature) = parts(body, "Ada King Lovelace");
        let said: Vec<String> = said.iter().map(|it| it.lines.join("|")).collect();
        (said.join("||"), signature.join("|"))
    };
    let is = |said: &str, signature: &str| (said.to_owned(), signature.to_owned());
    assert_eq!(
        signed("Dear A,\n\nThanks.\n\nBest,\nAda"),
        is("Dear A,||Thanks.||Best,", "Ada")
    );
    assert_eq!(
        signed("Dear A,\r\n\r\nThanks.\r\n\r\nBest,\r\n\r\n\r\nAda Lovelace\r\n+49 30 1"),
        is("Dear A,||Thanks.||Best,", "Ada Lovelace|+49 30 1")
    );
    // Where the text has no name of its own, the sender's is there.
    assert_eq!(
        signed("Thanks.\n\nBest, Ada"),
        is("Thanks.||Best, Ada", "Ada King Lovelace")
    );
    assert_eq!(signed("Ada"), is("Ada", "Ada King Lovelace"));
}

#[test]
fn text_and_page_say_the_same() {
    let letter = letter("en-GB", BODY);
    insta::assert_snapshot!("text", letter.to_text());
    let page = letter.to_html();
    let mut html = page.html.clone();
    while let Some((before, rest)) = html.split_once(";base64,") {
        let after = rest.split_once("\")").map_or("", |(_, after)| after);
        html = format!("{before};…\"){after}");
    }
    insta::assert_snapshot!("page", html);
    assert!(page.html.contains(&format!("<style>{}</style>", page.style)));
    insta::assert_snapshot!("message", letter.message());
}

#[test]
fn a_page_carries_the_fonts_that_it_needs() {
    let fonts = |body: &str| letter("en", body).to_html().style.matches("@font-face").count();
    assert_eq!(fonts("Dear Ms Nguyễn,\n\nThank you – “truly”."), 1);
    assert_eq!(fonts("Dear Ms Παπαδοπούλου,\n\nThank you."), 2);
}

/// The text of a PDF, page by page.
fn read(pdf: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(pdf).expect("a PDF");
    let pages = document.get_pages();
    pages
        .keys()
        .map(|page| document.extract_text(&[*page]).expect("text"))
        .collect()
}

#[test]
fn a_pdf_has_its_text_title_language_and_structure() {
    let pdf = letter("en-GB", BODY).to_pdf().expect("printed");
    let pages = read(&pdf);
    assert_eq!(pages.len(), 1);
    let text = pages[0].split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Ada Lovelace 12 St James’s Square",
        "2 March 2026",
        "Torstraße 1",
        "<b>first</b> &",
        "+44 20 7946 0000",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let document = lopdf::Document::load_mem(&pdf).expect("a PDF");
    let catalog = document.catalog().expect("a catalogue");
    assert_eq!(
        catalog
            .get(b"Lang")
            .and_then(lopdf::Object::as_str)
            .expect("a language"),
        b"en-GB"
    );
    assert!(catalog.has(b"StructTreeRoot") && catalog.has(b"MarkInfo"));
    let raw = String::from_utf8_lossy(&pdf);
    assert!(raw.contains("Thank you") && raw.contains("FontFile3") && raw.contains("2026-03-02"));
}

#[test]
fn the_same_letter_is_the_same_file() {
    let print = || letter("de", BODY).to_pdf().expect("printed");
    let first = print();
    assert_eq!(first, print());
    assert!(first.len() < 40_000, "{} bytes", first.len());
}

#[test]
fn pages_have_the_size_of_the_paper() {
    for (locale, size) in [("en-GB", (595, 842)), ("en-US", (612, 792))] {
        let pdf = letter(locale, BODY).to_pdf().expect("printed");
        let document = lopdf::Document::load_mem(&pdf).expect("a PDF");
        let page = document.get_pages()[&1];
        let bounds = document
            .get_dictionary(page)
            .and_then(|page| page.get(b"MediaBox"))
            .and_then(lopdf::Object::as_array);
        let bounds: Vec<i64> = bounds
            .expect("a size")
            .iter()
            .map(|it| it.as_float().expect("a number").round() as i64)
            .collect();
        assert_eq!(bounds, [0, 0, size.0, size.1], "{locale}");
    }
}

#[test]
fn a_long_letter_has_several_pages_and_no_lonely_lines() {
    for paragraphs in 1..24 {
        let letter = letter("en-GB", &long(paragraphs));
        let pages = pages::pages(&letter);
        let foot = letter.paper.size().1 - pages::BELOW;
        let last = pages
            .iter()
            .flatten()
            .map(|(block, _, _)| *block)
            .max()
            .expect("a block");
        for (number, page) in pages.iter().enumerate() {
            assert!(
                page.iter().all(|(_, top, _)| *top + pages::LEADING <= foot + 0.01),
                "{paragraphs}"
            );
            assert!(
                page.iter()
                    .all(|(_, _, line)| line.width * pages::SIZE <= letter.paper.measure() + 0.5)
            );
            let of = |wanted: usize| page.iter().filter(|(block, _, _)| *block == wanted).count();
            let whole = |wanted: usize| pages.iter().flatten().filter(|(block, _, _)| *block == wanted).count();
            for (block, _, _) in page {
                assert!(
                    of(*block) == whole(*block) || of(*block) >= 2,
                    "a lonely line of {block}, {paragraphs}"
                );
            }
            if number > 0 && of(last) > 0 {
                assert!(
                    of(last - 1) == 1 && of(last - 2) >= 2,
                    "the closing of {paragraphs} stands alone"
                );
            }
        }
    }
    let read = read(&letter("en-GB", &long(12)).to_pdf().expect("printed"));
    assert!(read.len() > 2 && !read[0].trim_end().ends_with('1') && read[1].trim_end().ends_with('2'));
}

#[test]
fn lines_break_between_words_and_within_those_that_are_too_long() {
    let told = |text: &str, measure: f32| -> Vec<String> {
        let lines = typeset::broken(text, measure, "en");
        assert!(lines.iter().all(|line| line.width <= measure), "{text}");
        let text = |line: &typeset::Line| line.runs.iter().map(|run| run.text.as_str()).collect();
        lines.iter().map(text).collect()
    };
    assert_eq!(told("one two three", 4.5), ["one two ", "three"]);
    assert_eq!(told("one\u{a0}two three", 4.5), ["one\u{a0}two ", "three"]);
    assert_eq!(told("", 4.5), [""; 0]);
    let long = "x".repeat(60);
    let parts = told(&long, 10.0);
    assert!(parts.len() > 2 && parts.concat() == long, "{parts:?}");
    let mixed = format!("see {long} there");
    assert_eq!(told(&mixed, 10.0).concat(), mixed);
}

#[test]
fn hebrew_is_read_from_right_to_left() {
    let line = &typeset::broken("תודה Anna על הכול", 40.0, "he")[0];
    assert!(line.rtl);
    let runs: Vec<&str> = line.runs.iter().map(|run| run.text.trim()).collect();
    assert_eq!(runs, ["על הכול", "Anna", "תודה"], "from left to right");
    assert!(letter("he", "שלום Anna,\n\nתודה.").to_pdf().is_ok());
}

#[test]
fn scripts_of_the_font_are_printed_and_others_named() {
    for body in [
        "Zażółć gęślą jaźń",
        "Nguyễn Thị Hồng Ngọc",
        "Ευχαριστώ πολύ",
        "Спасибо, дякую, хвала",
        "Cafe\u{301}",
        "naïve … – “x” € №",
    ] {
        let letter = letter("en", body);
        assert!(letter.to_pdf().is_ok(), "{body}: {:?}", letter.to_pdf());
    }
    let mut letter = letter("en", "Thank you 🎉 谢谢谢");
    letter.recipients[0].lines[0] = "山田".to_owned();
    let lacks = vec![
        ("/recipients/0".to_owned(), vec!['山', '田']),
        ("/body".to_owned(), vec!['🎉', '谢']),
    ];
    assert_eq!(letter.to_pdf(), Err(NotPrintable::NotCovered(lacks)));
}
