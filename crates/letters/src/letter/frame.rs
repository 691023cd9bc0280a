//! How letters begin and end: the greeting, and the closing with what stands below it.

use std::ops::Range;

use crate::{
    Context,
    words::{self, folded_words},
};

/// How letters begin, in the languages of most letters that we see.
const GREETINGS: &[&str] = &[
    "dear",
    "hello",
    "hi",
    "hey",
    "good morning",
    "good afternoon",
    "good evening",
    "good day",
    "greetings",
    "to whom",
    "to the",
    "dears",
    "hiya",
    "yo",
    "sehr geehrte",
    "sehr geehrter",
    "liebe",
    "lieber",
    "guten tag",
    "hallo",
    "bonjour",
    "cher",
    "chère",
    "chers",
    "chères",
    "madame",
    "monsieur",
    "estimado",
    "estimada",
    "estimados",
    "querido",
    "querida",
    "hola",
    "buenos",
    "buenas",
    "gentile",
    "egregio",
    "egregia",
    "caro",
    "cara",
    "buongiorno",
    "beste",
    "geachte",
    "kære",
    "kära",
    "hej",
    "bästa",
    "hei",
    "szanowny",
    "szanowna",
    "szanowni",
    "drogi",
    "droga",
    "vážená",
    "vážený",
    "vážení",
    "milý",
    "milá",
    "tisztelt",
    "kedves",
    "sayın",
    "merhaba",
    "prezado",
    "prezada",
    "olá",
    "уважаем",
    "здравствуйте",
    "шановн",
    "αγαπητ",
    "مرحبا",
    "السلام",
    "拝啓",
    "尊敬的",
    "亲爱的",
    "您好",
    "안녕",
    "respected",
];

/// The greeting, and what stands above it.
pub(super) fn greeting(body: &str, lines: &[Range<usize>], context: &Context) -> (Range<usize>, Option<Range<usize>>) {
    for line in lines.iter().take(16) {
        let text = &body[line.clone()];
        if !greets(text, context) {
            continue;
        }
        // "Dear Anna, thank you …": the greeting ends at the comma.
        let stop = text.find([',', ':', '!', '，', '：', '、', '–', '—', ';']).map(|at| {
            let mark = text[at..].chars().next().map_or(1, char::len_utf8);
            at + mark
        });
        let long = text.chars().count() > 60;
        let end = match stop {
            // "Dear Anna, dear Tomas,", "Dear Ms Berg, Mr Ortega and Dr Li,".
            _ if !long && text.ends_with([',', ':', '，', '：', '!']) => text.len(),
            Some(stop) if stop < 80 => stop,
            _ if !long => text.len(),
            _ => continue,
        };
        return (0..line.start, Some(line.start..line.start + end));
    }
    (0..lines.first().map_or(0, |line| line.start), None)
}

fn greets(line: &str, context: &Context) -> bool {
    let lower = words::straight(&line.to_lowercase());
    let greets = GREETINGS.iter().any(|greeting| {
        lower.strip_prefix(greeting).is_some_and(|rest| {
            // Stems of languages that decline.
            let stem = matches!(
                *greeting,
                "уважаем" | "шановн" | "αγαπητ" | "拝啓" | "尊敬的" | "亲爱的" | "您好" | "안녕"
            );
            rest.is_empty() || rest.starts_with(|c: char| !c.is_alphabetic()) || stem
        })
    });
    // "Anna," and "Anna and Tomas," alone on a line.
    let named = || {
        let short = line.split_whitespace().count() <= 6 && line.ends_with([',', '，', '、', ':']);
        let words = folded_words(line);
        short
            && context
                .recipients
                .iter()
                .any(|person| folded_words(&person.name).iter().any(|name| words.contains(name)))
    };
    // 山田様
    let script =
        || !words::is_latin(line) && line.chars().count() <= 20 && line.chars().next().is_some_and(char::is_alphabetic);
    greets || named() || script()
}

/// How letters end.
const CLOSINGS: &[&str] = &[
    "sincerely",
    "yours",
    "kind regards",
    "kindest regards",
    "best regards",
    "best wishes",
    "best",
    "regards",
    "warm regards",
    "warmest regards",
    "warmly",
    "warm wishes",
    "with thanks",
    "with many thanks",
    "with gratitude",
    "with appreciation",
    "with best",
    "with kind",
    "with warm",
    "with sincere",
    "with regards",
    "with respect",
    "with great",
    "with every good",
    "with all good",
    "with deep",
    "very best",
    "very truly",
    "very sincerely",
    "respectfully",
    "cordially",
    "all the best",
    "gratefully",
    "many thanks",
    "thank you",
    "thanks",
    "thanking you",
    "cheers",
    "faithfully",
    "in gratitude",
    "until then",
    "take care",
    "most sincerely",
    "truly",
    "mit freundlichen",
    "mit besten",
    "freundliche",
    "beste grüße",
    "viele grüße",
    "herzliche",
    "liebe grüße",
    "cordialement",
    "bien à vous",
    "bien cordialement",
    "salutations",
    "saludos",
    "atentamente",
    "un saludo",
    "un cordial",
    "cordiali",
    "distinti",
    "met vriendelijke",
    "med venlig",
    "med vänlig",
    "vennlig",
    "hilsen",
    "z poważaniem",
    "s pozdravem",
    "üdvözlettel",
    "saygılar",
    "atenciosamente",
    "с уважением",
    "з повагою",
    "敬具",
    "此致",
    "敬上",
    "with esteem",
    "looking forward",
    "sent with",
    "appreciatively",
    "ever yours",
    "kindly",
    "onwards",
];

/// The closing, and from where it and the signature stand.
pub(super) fn closing(
    body: &str,
    lines: &[Range<usize>],
    from: usize,
    context: &Context,
) -> (Option<Range<usize>>, usize) {
    let after: Vec<_> = lines.iter().filter(|line| line.end > from).collect();
    let tail = after.len().saturating_sub(9);
    for line in &after[tail..] {
        let start = line.start.max(from);
        let text = body[start..line.end].trim_start_matches([',', ' ']);
        let lower = words::straight(&text.to_lowercase());
        let short = text.split_whitespace().count() <= 7 && !text.ends_with('?');
        let closes = CLOSINGS.iter().any(|closing| {
            lower
                .strip_prefix(closing)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| !c.is_alphabetic()))
        });
        // "Thank you for your time." tells something; "Thank you," and "Best, Ada" close.
        let told = text.ends_with('.') && text.split_whitespace().count() > 3;
        if short && closes && !told {
            return (Some(line.end - text.len()..line.end), start);
        }
    }
    // A name alone.
    let signature = folded_words(&context.sender.name);
    let own = |line: &&&Range<usize>| {
        let words = folded_words(&body[(***line).clone()]);
        !words.is_empty() && words.len() <= 5 && words.iter().all(|word| signature.contains(word))
    };
    if let Some(line) = after[tail..].iter().find(own) {
        return (Some((**line).clone()), line.start);
    }
    // "… Best, Ada" at the end of the last line.
    if let Some(last) = after.last() {
        let start = last.start.max(from);
        let text = &body[start..last.end];
        if let Some(at) = text.rfind(['.', '!']).filter(|at| at + 1 < text.len()) {
            let rest = text[at + 1..].trim_start();
            let lower = rest.to_lowercase();
            if rest.split_whitespace().count() <= 6 && CLOSINGS.iter().any(|closing| lower.starts_with(closing)) {
                return (Some(last.end - rest.len()..last.end), last.end - rest.len());
            }
        }
    }
    (None, body.trim_end().len())
}
