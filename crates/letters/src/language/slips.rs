//! Slips between words that stand side by side, and words that do not belong as they are written.

use super::across;
use crate::{findings::Findings, letter::Letter, rules, words::Word};

/// "the the".
pub(super) fn doubled(words: &[&Word<'_>], findings: &mut Findings<'_>) {
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
pub(super) fn articles(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
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
pub(super) fn numbers(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
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

pub(super) fn contractions(words: &[&Word<'_>], findings: &mut Findings<'_>) {
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
pub(super) fn shouting(words: &[&Word<'_>], letter: &Letter<'_>, findings: &mut Findings<'_>) {
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
