//! The tone of a letter, and the slips that no dictionary finds.

use std::sync::OnceLock;

use afterword_domain::notes::{Field, NoteKind};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::Letter,
    phrases::Phrases,
    rules::{self, Rule},
    words::Word,
};

struct Lists {
    said: Vec<(&'static Rule, Phrases)>,
    argument: Phrases,
}

fn lists() -> &'static Lists {
    static READ: OnceLock<Lists> = OnceLock::new();
    READ.get_or_init(|| Lists {
        said: vec![
            (&rules::INFORMAL, Phrases::read(include_str!("../data/informal.txt"))),
            (
                &rules::CONFUSED_WORD,
                Phrases::read(include_str!("../data/confused.txt")),
            ),
            (&rules::AGREEMENT, Phrases::read(include_str!("../data/agreement.txt"))),
            (
                &rules::SELF_DOUBT,
                Phrases::read(include_str!("../data/self_doubt.txt")),
            ),
            (&rules::APOLOGY, Phrases::read(include_str!("../data/apology.txt"))),
            (&rules::COMPLAINT, Phrases::read(include_str!("../data/complaint.txt"))),
            (
                &rules::DESPERATION,
                Phrases::read(include_str!("../data/desperation.txt")),
            ),
        ],
        argument: Phrases::read(include_str!("../data/argument.txt")),
    })
}

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    marks(letter, findings);
    if !letter.english {
        return;
    }
    let signed = letter.closing.as_ref().map_or(letter.body.len(), |range| range.end);
    let own = |word: &&Word<'_>| {
        word.field == Field::SubjectLine || !letter.head.contains(&word.bytes.start) && word.bytes.start < signed
    };
    for field in [Field::SubjectLine, Field::Body] {
        let words: Vec<&Word<'_>> = letter
            .words
            .iter()
            .filter(|word| word.field == field)
            .filter(own)
            .collect();
        for (rule, phrases) in &lists().said {
            said(rule, phrases, &words, letter, findings);
        }
        if matches!(context.kind, NoteKind::RejectionThanks | NoteKind::FeedbackRequest) {
            said(&rules::ARGUMENT, &lists().argument, &words, letter, findings);
        }
        doubled(&words, findings);
        articles(&words, letter, findings);
        numbers(&words, letter, findings);
        contractions(&words, findings);
        shouting(&words, letter, findings);
    }
}

fn across(words: &[&Word<'_>]) -> Option<Place> {
    let (first, last) = (words.first()?, words.last()?);
    Some(Place {
        field: first.field,
        bytes: first.bytes.start..last.bytes.end,
    })
}

/// What a list of phrases finds. A name that reads like one of its words is none.
fn said(rule: &'static Rule, phrases: &Phrases, words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
    for hit in phrases.find(words) {
        let here = &words[hit.words];
        let name = here.len() == 1 && here[0].is_capitalised() && !here[0].begins;
        let on_record = here
            .iter()
            .all(|word| word.is_capitalised() && letter.exact.contains(word.text));
        if name || on_record {
            continue;
        }
        if let Some(place) = across(here) {
            let text = here.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
            // What stands for more than itself can be told, and not put in.
            let (told, exact): (Vec<&str>, Vec<&str>) = hit
                .instead
                .into_iter()
                .flat_map(|instead| instead.split(", "))
                .partition(|it| it.contains('…'));
            let advice = match told[..] {
                [] => String::new(),
                _ => format!(" Better: “{}”.", told.join("” or “")),
            };
            let suggestions = exact.into_iter().map(|it| as_begun(here[0], it)).collect();
            findings.at(rule, &place, format!("{}: “{text}”.{advice}", rule.title), suggestions);
        }
    }
}

/// What stands at the beginning of a sentence is written so.
fn as_begun(first: &Word<'_>, instead: &str) -> String {
    let mut letters = instead.chars();
    match letters.next() {
        Some(letter) if first.begins && first.is_capitalised() => letter.to_uppercase().chain(letters).collect(),
        _ => instead.to_owned(),
    }
}

/// "the the".
fn doubled(words: &[&Word<'_>], findings: &mut Findings<'_>) {
    for pair in words.windows(2) {
        let [one, two] = pair else { continue };
        let same = one.lower == two.lower
            && two.adjoins
            && !two.begins
            && !one.has_digit()
            && one.text.chars().any(char::is_alphabetic);
        let twice_right = ["that", "had"].contains(&one.lower.as_str());
        let name = one.is_capitalised() && two.is_capitalised() && !one.begins;
        if same
            && !twice_right
            && !name
            && !one.foreign
            && let Some(place) = across(pair)
        {
            findings.at(
                &rules::DOUBLED_WORD,
                &place,
                format!("“{}” stands twice.", one.text),
                vec![one.text.to_owned()],
            );
        }
    }
}

/// "a hour", "an university".
fn articles(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
    const CONSONANT: [&str; 22] = [
        "uni", "use", "usu", "usa", "uti", "eu", "one", "once", "ure", "ubi", "uro", "ukr", "uga", "ewe", "u-", "oui",
        "ouij", "uk", "unanim", "uter", "unis", "utop",
    ];
    const UN: [&str; 5] = ["unim", "unin", "unid", "unif-", "unit-less"];
    const VOWEL: [&str; 5] = ["hour", "honest", "honor", "honour", "heir"];
    for pair in words.windows(2) {
        let [article, word] = pair else { continue };
        let an = match article.lower.as_str() {
            "a" if article.text == "a" || article.begins => false,
            "an" => true,
            _ => continue,
        };
        let lower = &word.lower;
        let plain = word.adjoins
            && !word.begins
            && !word.is_shouted()
            && !word.has_digit()
            && lower.chars().count() > 2
            && lower.is_ascii();
        // "an X-ray", "a U-turn": a letter is said by its name.
        let letter_alone = word.text.chars().nth(1).is_none_or(|c| !c.is_alphabetic());
        let acronym = letter_alone || word.text.chars().skip(1).any(char::is_uppercase);
        if !plain || acronym || word.foreign || letter.known.contains(lower) && word.is_capitalised() {
            continue;
        }
        let vowel_letter = lower.starts_with(['a', 'e', 'i', 'o', 'u']);
        let sounds_consonant =
            CONSONANT.iter().any(|begin| lower.starts_with(begin)) && !UN.iter().any(|begin| lower.starts_with(begin));
        let vowel = vowel_letter && !sounds_consonant || VOWEL.iter().any(|begin| lower.starts_with(begin));
        // "herb" and "historic" are said either way.
        let either = lower.starts_with("herb") || lower.starts_with("hist") || lower.starts_with("hotel");
        if vowel != an
            && !either
            && let Some(place) = across(pair)
        {
            let right = format!("{} {}", if vowel { "an" } else { "a" }, word.text);
            findings.at(&rules::AGREEMENT, &place, format!("It is “{right}”."), vec![right]);
        }
    }
}

/// "The questions was", "this skills".
fn numbers(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
    const PLURALS: &[&str] = &[
        "questions",
        "skills",
        "projects",
        "things",
        "people",
        "challenges",
        "ideas",
        "values",
        "teams",
        "colleagues",
        "plans",
        "answers",
        "patients",
        "students",
        "pupils",
        "children",
        "customers",
        "clients",
        "results",
        "tasks",
        "goals",
        "details",
        "references",
        "documents",
        "interviewers",
        "members",
        "processes",
        "methods",
        "systems",
        "experiences",
        "strengths",
        "examples",
        "conversations",
        "responsibilities",
        "opportunities",
        "reasons",
        "topics",
        "words",
        "shifts",
        "lessons",
        "tools",
        "numbers",
        "insights",
        "thoughts",
        "years",
        "decisions",
        "qualifications",
        "families",
        "engineers",
        "nurses",
        "teachers",
        "managers",
        "doctors",
        "rooms",
        "machines",
        "products",
        "services",
        "meetings",
        "notes",
        "changes",
        "problems",
        "issues",
        "offices",
        "interviews",
        "visits",
        "schools",
        "wards",
        "departments",
        "instructions",
        "standards",
        "benefits",
        "designs",
    ];
    const DETERMINERS: [&str; 9] = ["the", "your", "my", "our", "these", "those", "his", "her", "their"];
    const BEFORE: [&str; 24] = [
        "of", "about", "on", "for", "with", "to", "from", "behind", "in", "at", "and", "between", "among", "than",
        "by", "during", "over", "under", "around", "like", "into", "through", "what", "within",
    ];
    for i in 0..words.len().saturating_sub(1) {
        let (noun, verb) = (words[i], words[i + 1]);
        let plural = PLURALS.contains(&noun.lower.as_str());
        if !plural || noun.foreign {
            continue;
        }
        // "the other engineers".
        let between = [
            "other", "new", "two", "three", "four", "first", "last", "next", "same", "main", "many", "few",
        ];
        let step = usize::from(i > 0 && noun.adjoins && between.contains(&words[i - 1].lower.as_str()));
        let determiner = i
            .checked_sub(1 + step)
            .map(|at| words[at])
            .filter(|_| noun.adjoins && !noun.begins);
        let before = i
            .checked_sub(2 + step)
            .map(|at| words[at])
            .filter(|_| determiner.is_some_and(|it| !it.begins));
        let singular =
            ["was", "is", "has", "does", "wasn't", "isn't", "hasn't", "doesn't"].contains(&verb.lower.as_str());
        let subject = determiner.is_some_and(|it| DETERMINERS.contains(&it.lower.as_str()))
            && before.is_none_or(|before| {
                !BEFORE.contains(&before.lower.as_str())
                    && (determiner.is_some_and(|it| it.begins) || before.lower != "one")
            })
            || noun.begins;
        if singular
            && subject
            && verb.adjoins
            && !verb.begins
            && let Some(place) = across(&[noun, verb])
        {
            let right = match verb.lower.as_str() {
                "was" => "were",
                "is" => "are",
                "has" => "have",
                "does" => "do",
                "wasn't" => "were not",
                "isn't" => "are not",
                "hasn't" => "have not",
                _ => "do not",
            };
            findings.at(
                &rules::AGREEMENT,
                &place,
                format!("It is “{} {right}”.", noun.text),
                vec![format!("{} {right}", noun.text)],
            );
        }
        // "this skills".
        if let Some(one) = determiner
            .filter(|it| ["this", "that", "a", "an", "every", "each", "another", "much"].contains(&it.lower.as_str()))
        {
            let that_clause =
                one.lower == "that" || ["people", "children"].contains(&noun.lower.as_str()) && one.lower != "this";
            // "this people skills gap": the noun belongs to another.
            let goes_on = verb.adjoins && !verb.begins && !letter.spelling.is_common(&verb.lower);
            let compound = verb.adjoins
                && !verb.begins
                && ![
                    "is", "are", "was", "were", "have", "has", "and", "to", "in", "for", "that", "which", "with", "of",
                    "at", "from", "will", "would", "on", "as", "can",
                ]
                .contains(&verb.lower.as_str());
            if !that_clause
                && !goes_on
                && !compound
                && let Some(place) = across(&[one, noun])
            {
                findings.at(
                    &rules::AGREEMENT,
                    &place,
                    format!("“{} {}” do not agree.", one.text, noun.text),
                    Vec::new(),
                );
            }
        }
    }
}

fn contractions(words: &[&Word<'_>], findings: &mut Findings<'_>) {
    const ENDINGS: [&str; 5] = ["n't", "'re", "'ve", "'ll", "'m"];
    const WHOLE: [&str; 12] = [
        "it's", "that's", "let's", "what's", "there's", "he's", "she's", "who's", "here's", "i'd", "you'd", "we'd",
    ];
    for word in words.iter().filter(|word| !word.foreign) {
        let contracted =
            ENDINGS.iter().any(|ending| word.lower.ends_with(ending)) || WHOLE.contains(&word.lower.as_str());
        if contracted
            && !findings.marked(
                &[&rules::CONFUSED_WORD, &rules::INFORMAL, &rules::AGREEMENT],
                &word.place(),
            )
        {
            findings.at(
                &rules::CONTRACTION,
                &word.place(),
                format!("“{}” is a contraction.", word.text),
                Vec::new(),
            );
        }
    }
}

/// Ordinary words in capitals, and runs of them.
fn shouting(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
    const STRESSED: [&str; 26] = [
        "very", "love", "much", "sure", "best", "this", "that", "huge", "want", "need", "ever", "real", "just", "must",
        "your", "good", "great", "thank", "thanks", "you", "so", "not", "all", "now", "any", "too",
    ];
    let mut i = 0;
    while i < words.len() {
        let shouts = |word: &Word<'_>| {
            let letters = word.text.chars().filter(|c| c.is_alphabetic()).count();
            let on_record = letter.known.contains(&word.lower) || word.foreign || word.has_digit();
            word.is_shouted()
                && !on_record
                && (STRESSED.contains(&word.lower.as_str()) || letters >= 5 && letter.spelling.is_common(&word.lower))
        };
        if !shouts(words[i]) {
            i += 1;
            continue;
        }
        let start = i;
        while i < words.len() && (shouts(words[i]) || words[i].is_shouted() && words[i].adjoins) {
            i += 1;
        }
        if let Some(place) = across(&words[start..i]) {
            let lower = words[start..i]
                .iter()
                .map(|word| word.lower.clone())
                .collect::<Vec<_>>()
                .join(" ");
            findings.at(
                &rules::SHOUTING,
                &place,
                "Capitals are read as shouting.".to_owned(),
                vec![lower],
            );
        }
    }
}

const EMOTICONS: &[&str] = &[
    ":-)", ":)", ";-)", ";)", ":-D", ":D", ":-(", ":(", ":-P", ":P", ":-p", ":p", "=)", "=D", "<3", "^^", "^_^", ":'(",
    ":'-(", "xD", "XD", ":-/", ":-*", ":*", ":o)", ":-]", "(-:", "(:", ":-|", ":O", ":-O", "-_-", "8-)", ":3", "\\o/",
];

/// Emoji, emoticons and exclamation marks, in any language.
fn marks(letter: &Letter<'_>, findings: &mut Findings<'_>) {
    for (field, text) in [
        (Field::SubjectLine, letter.subject_line.unwrap_or_default()),
        (Field::Body, letter.body),
    ] {
        let mut single = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((start, c)) = chars.next() {
            if is_emoji(c) {
                let mut end = start + c.len_utf8();
                while let Some(&(at, c)) = chars.peek() {
                    if !is_emoji(c) && !matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}') {
                        break;
                    }
                    end = at + c.len_utf8();
                    chars.next();
                }
                let told = "An emoji belongs into a chat.".to_owned();
                findings.at(
                    &rules::EMOJI,
                    &Place {
                        field,
                        bytes: start..end,
                    },
                    told,
                    Vec::new(),
                );
            } else if matches!(c, '!' | '！') {
                let mut end = start + c.len_utf8();
                let mut run = 1;
                while let Some(&(at, c)) = chars.peek() {
                    if !matches!(c, '!' | '?' | '！') {
                        break;
                    }
                    run += 1;
                    end = at + c.len_utf8();
                    chars.next();
                }
                // After a greeting it is usual in some places.
                let greets =
                    field == Field::Body && letter.greeting.as_ref().is_some_and(|range| range.contains(&start));
                single += usize::from(!greets);
                if run > 1 || single == 3 {
                    let told = if run > 1 {
                        "One mark is enough."
                    } else {
                        "This is the third exclamation mark."
                    };
                    findings.at(
                        &rules::EXCLAMATIONS,
                        &Place {
                            field,
                            bytes: start..end,
                        },
                        told.to_owned(),
                        vec![".".to_owned()],
                    );
                }
            } else if text[start..].starts_with("?!") || text[start..].starts_with("??") {
                findings.at(
                    &rules::EXCLAMATIONS,
                    &Place {
                        field,
                        bytes: start..start + 2,
                    },
                    "One mark is enough.".to_owned(),
                    vec!["?".to_owned()],
                );
            }
        }
        let mut taken = 0;
        for (start, _) in text.char_indices() {
            let Some(emoticon) = EMOTICONS
                .iter()
                .find(|it| start >= taken && text[start..].starts_with(**it))
            else {
                continue;
            };
            let end = start + emoticon.len();
            let before = text[..start].chars().next_back();
            let after = text[end..].chars().next();
            let opens = before.is_none_or(|c| {
                c.is_whitespace() || c.is_ascii_punctuation() && !matches!(c, '(' | '/' | ':' | '-') || is_emoji(c)
            });
            let closes = after.is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ',' | '!' | '?' | ')'));
            let listed = emoticon.starts_with('(') && !before.is_none_or(char::is_whitespace);
            if opens && closes && !listed {
                taken = end;
                let told = "An emoticon belongs into a chat.".to_owned();
                findings.at(
                    &rules::EMOTICON,
                    &Place {
                        field,
                        bytes: start..end,
                    },
                    told,
                    Vec::new(),
                );
            }
        }
    }
}

const fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{26ff}' | '\u{2702}'..='\u{2712}' | '\u{2714}'..='\u{27bf}' | '\u{2b50}' | '\u{2b55}'
        | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{2b1b}'..='\u{2b1c}' | '\u{2934}'..='\u{2935}' | '\u{3030}')
}
