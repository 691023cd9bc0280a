//! The organisation, the position and the address: as they stand on record, and of this application.

mod address;
mod position;

use afterword_domain::{
    notes::{Field, NoteChannel},
    values::LEGAL_FORMS,
};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::Letter,
    rules,
    words::{Word, composed, distance, fold, folded_words, without_possessive, words},
};

/// What a firm's name may be written without too; comparing names goes by fewer.
const MORE_FORMS: &[&str] = &[
    "kg", "se", "spa", "srl", "sarl", "ab", "as", "oy", "nv", "llp", "lp", "pty", "group", "holding", "holdings",
    "and", "of", "for", "und", "et", "de",
];

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    others(context, letter, findings);
    misspelled(context, letter, findings);
    position::look(context, letter, findings);
    if context.channel == NoteChannel::Post {
        address::look(context, letter, findings);
    }
}

/// The words of an organisation's name that tell it from others.
fn core(name: &str) -> Vec<(String, String)> {
    let all: Vec<(String, String)> = words(name, Field::Body)
        .iter()
        .map(|word| (fold(word.text), word.text.to_owned()))
        .collect();
    let kept: Vec<_> = all
        .iter()
        .filter(|(folded, _)| !LEGAL_FORMS.iter().chain(MORE_FORMS).any(|form| form == folded))
        .cloned()
        .collect();
    if kept.is_empty() { all } else { kept }
}

fn across(words: &[&Word<'_>]) -> Option<Place> {
    let (first, last) = (words.first()?, words.last()?);
    Some(Place {
        field: first.field,
        bytes: first.bytes.start..first.bytes.start + (last.bytes.start - first.bytes.start) + last.owner().len(),
    })
}

/// Organisations of other applications.
fn others(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    let own: Vec<String> = context
        .organisation
        .iter()
        .map(|organisation| organisation.name.as_str())
        .chain(
            context
                .recipients
                .iter()
                .filter_map(|person| person.organisation.as_deref()),
        )
        .flat_map(folded_words)
        .collect();
    let text: Vec<&Word<'_>> = letter.words.iter().filter(|word| !word.foreign).collect();
    for other in &context.other_organisations {
        let core: Vec<String> = core(other)
            .iter()
            .map(|(folded, _)| without_possessive(folded).to_owned())
            .collect();
        if core.is_empty() || core.iter().all(|word| own.contains(word)) {
            continue;
        }
        for start in 0..text.len() {
            let Some(here) = text.get(start..start + core.len()) else {
                break;
            };
            let same = here.iter().zip(&core).all(|(word, name)| fold(word.owner()) == *name)
                && here.iter().skip(1).all(|word| !word.begins);
            // "Indeed, …" and "an apple" are no organisations.
            let named = here[0].is_capitalised() || other.chars().next().is_some_and(|c| !c.is_uppercase());
            let plain = core.len() == 1
                && letter.spelling.is_common(&here[0].lower)
                && here[0].begins
                && here[0].field == Field::Body;
            let person = letter.known.contains(&core[0]) && core.len() == 1 && is_person(context, &core[0]);
            if same && named && !plain && !person && !in_signature(letter, here[0]) {
                let right = context.organisation.iter().map(|it| it.name.clone()).collect();
                if let Some(place) = across(here) {
                    findings.at(
                        &rules::OTHER_ORGANISATION,
                        &place,
                        format!("{other} belongs to another application."),
                        right,
                    );
                }
            }
        }
    }
}

fn is_person(context: &Context, folded: &str) -> bool {
    let people = context
        .recipients
        .iter()
        .chain(&context.people)
        .map(|person| &person.name);
    people
        .chain([&context.sender.name])
        .any(|name| folded_words(name).iter().any(|word| word == folded))
}

fn in_signature(letter: &Letter<'_>, word: &Word<'_>) -> bool {
    word.field == Field::Body
        && word.bytes.start >= letter.closing.as_ref().map_or(letter.body.len(), |range| range.end)
}

/// The organisation's own name, nearly.
fn misspelled(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    let organisation = context
        .organisation
        .iter()
        .map(|organisation| organisation.name.as_str());
    let employers = context
        .recipients
        .iter()
        .filter_map(|person| person.organisation.as_deref());
    let names: Vec<&str> = organisation.chain(employers).collect();
    let own: Vec<Vec<(String, String)>> = names.iter().map(|name| core(name)).collect();
    let text: Vec<&Word<'_>> = letter.words.iter().filter(|word| !word.foreign).collect();
    for (name, core) in names.iter().zip(&own) {
        let joined: String = core.iter().map(|(folded, _)| folded.as_str()).collect();
        for (start, word) in text.iter().enumerate() {
            let rest = &text[start..];
            if !word.is_capitalised() || in_signature(letter, word) {
                continue;
            }
            // As a whole: "Mckinsey", "Blue Sky" for "BlueSky".
            for length in 1..=core.len() + 1 {
                let Some(here) = rest
                    .get(..length)
                    .filter(|here| here[1..].iter().all(|word| word.adjoins && !word.begins))
                else {
                    break;
                };
                let written: String = here.iter().map(|word| fold(word.owner())).collect();
                let exact = here.iter().map(|word| composed(word.owner())).collect::<Vec<_>>();
                let right = core.iter().map(|(_, text)| composed(text)).collect::<Vec<_>>();
                let every_word_capital = here.iter().all(|word| word.is_capitalised());
                let same_letters = written == joined && exact != right && every_word_capital;
                let shouted = here.iter().all(|word| word.is_shouted())
                    || right.iter().all(|word| word.chars().all(|c| !c.is_lowercase()));
                // A capital or a blank in another place, or a letter without its accent.
                if same_letters && !shouted && !letter.known_in_part(here) {
                    told(findings, name, here);
                    break;
                }
                let far = distance(&written, &joined);
                let most = match joined.chars().count() {
                    0..=3 => 0,
                    4..=7 => 1,
                    _ => 2,
                };
                let known = here
                    .iter()
                    .all(|word| letter.known.contains(&fold(word.owner())) || letter.known.contains(&fold(word.text)));
                // "Acne" is a word, and "Acmes" is Acme's.
                let common = length == 1
                    && (letter.spelling.is_common(&word.lower) || letter.spelling.knows(word.owner()))
                    && far > 0
                    && (word.begins || joined.chars().count() < 6);
                let plural = written == format!("{joined}s");
                if far > 0 && far <= most && length == core.len() && !known && !common && !plural && every_word_capital
                {
                    told(findings, name, here);
                    break;
                }
            }
            // One telling word of several.
            if core.len() > 1 {
                let folded = fold(word.owner());
                let near = core.iter().any(|(part, _)| {
                    let letters = part.chars().count();
                    letters >= 5
                        && (1..=1 + usize::from(letters >= 8)).contains(&distance(&folded, part))
                        && folded != format!("{part}s")
                        && *part != format!("{folded}s")
                });
                let place = word.place();
                if near
                    && !letter.known.contains(&folded)
                    && !letter.spelling.knows(word.owner())
                    && !findings.marked(&[&rules::ORGANISATION_MISSPELLED, &rules::NAME_MISSPELLED], &place)
                {
                    told(findings, name, &rest[..1]);
                }
            }
        }
    }
}

impl Letter<'_> {
    /// Whether these words stand just so somewhere on record.
    fn known_in_part(&self, words: &[&Word<'_>]) -> bool {
        words
            .iter()
            .all(|word| self.exact.contains(&composed(word.owner())) || self.exact.contains(&composed(word.text)))
    }
}

fn told(findings: &mut Findings<'_>, name: &str, here: &[&Word<'_>]) {
    if let Some(place) = across(here)
        .filter(|place| !findings.marked(&[&rules::ORGANISATION_MISSPELLED, &rules::NAME_MISSPELLED], place))
    {
        findings.at(
            &rules::ORGANISATION_MISSPELLED,
            &place,
            format!("On record the organisation is “{name}”."),
            vec![name.to_owned()],
        );
    }
}
