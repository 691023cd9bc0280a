//! The organisation, the position and the address: as they stand on record, and of this application.

use afterword_domain::notes::{Field, NoteChannel};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::Letter,
    rules,
    words::{Word, composed, distance, fold, folded_words, without_possessive, words},
};

/// What a firm's name may be written without.
const FORMS: &[&str] = &[
    "inc",
    "llc",
    "ltd",
    "limited",
    "plc",
    "gmbh",
    "ag",
    "corp",
    "corporation",
    "co",
    "company",
    "sa",
    "bv",
    "the",
    "kg",
    "se",
    "spa",
    "srl",
    "sarl",
    "ab",
    "as",
    "oy",
    "nv",
    "llp",
    "lp",
    "pty",
    "group",
    "holding",
    "holdings",
    "and",
    "of",
    "for",
    "und",
    "et",
    "de",
];

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    others(context, letter, findings);
    misspelled(context, letter, findings);
    position(context, letter, findings);
    if context.channel == NoteChannel::Post {
        address(context, letter, findings);
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
        .filter(|(folded, _)| !FORMS.contains(&folded.as_str()))
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

/// What positions are called by.
const TITLES: &[&str] = &[
    "engineer",
    "developer",
    "manager",
    "analyst",
    "nurse",
    "teacher",
    "designer",
    "director",
    "assistant",
    "coordinator",
    "co-ordinator",
    "specialist",
    "technician",
    "consultant",
    "officer",
    "administrator",
    "scientist",
    "architect",
    "chef",
    "electrician",
    "translator",
    "midwife",
    "accountant",
    "lawyer",
    "solicitor",
    "paralegal",
    "clerk",
    "driver",
    "supervisor",
    "operator",
    "researcher",
    "editor",
    "writer",
    "copywriter",
    "planner",
    "buyer",
    "recruiter",
    "librarian",
    "pharmacist",
    "therapist",
    "physiotherapist",
    "plumber",
    "carpenter",
    "welder",
    "mechanic",
    "baker",
    "barista",
    "waiter",
    "receptionist",
    "secretary",
    "trainer",
    "tutor",
    "lecturer",
    "professor",
    "physician",
    "doctor",
    "surgeon",
    "dentist",
    "paramedic",
    "carer",
    "cashier",
    "cook",
    "interpreter",
    "journalist",
    "producer",
    "programmer",
    "tester",
    "strategist",
    "associate",
    "executive",
    "representative",
    "adviser",
    "advisor",
    "counsellor",
    "counselor",
    "auditor",
    "controller",
    "bookkeeper",
    "cleaner",
    "gardener",
    "pilot",
    "steward",
    "foreman",
    "inspector",
    "surveyor",
];

/// What tells one rank of a position from another.
const RANKS: &[&str] = &[
    "junior",
    "senior",
    "principal",
    "staff",
    "head",
    "deputy",
    "trainee",
    "graduate",
    "chief",
    "intern",
    "apprentice",
];

/// "the Data Analyst position", where it is a Data Engineer's.
fn position(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    let Some(position) = &context.position else { return };
    let own: Vec<String> = folded_words(position)
        .iter()
        .flat_map(|word| [word.clone(), word.replace('-', "")])
        .chain(
            folded_words(position)
                .iter()
                .flat_map(|word| word.split('-').map(str::to_owned).collect::<Vec<_>>()),
        )
        .collect();
    let organisation: Vec<String> = context
        .organisation
        .iter()
        .flat_map(|it| folded_words(&it.name))
        .collect();
    let text: Vec<&Word<'_>> = letter.words.iter().filter(|word| !word.foreign).collect();
    let noun = |word: &Word<'_>| {
        ["position", "role", "post", "job", "vacancy", "opening", "positon"].contains(&word.lower.as_str())
    };
    for (i, word) in text.iter().enumerate() {
        if !noun(word) {
            continue;
        }
        // "the … position", within seven words and one sentence.
        let mut named: Option<(usize, usize)> = None;
        for back in 1..=7 {
            let Some(at) = i
                .checked_sub(back)
                .filter(|at| text[at + 1].adjoins && !text[at + 1].begins)
            else {
                break;
            };
            if ["the", "your", "this", "a", "an"].contains(&text[at].lower.as_str()) {
                named = Some((at + 1, i));
                break;
            }
            if ["my", "our", "his", "her", "previous", "current", "last"].contains(&text[at].lower.as_str()) {
                break;
            }
        }
        // "the position of …", "the role as …".
        let definite = i
            .checked_sub(1)
            .is_some_and(|at| ["the", "this", "your"].contains(&text[at].lower.as_str()));
        let of = text
            .get(i + 1)
            .filter(|next| next.adjoins && (next.lower == "of" || next.lower == "as" && definite));
        let mine = i
            .checked_sub(1)
            .is_some_and(|before| ["my", "previous", "current", "last"].contains(&text[before].lower.as_str()));
        if named.is_none_or(|(from, to)| from == to) && of.is_some() && !mine {
            let mut to = i + 2;
            while to < text.len() && to < i + 9 && text[to].adjoins && !text[to].begins {
                if [
                    "at", "in", "with", "on", "and", "for", "that", "which", "to", "because", "as",
                ]
                .contains(&text[to].lower.as_str())
                {
                    break;
                }
                to += 1;
            }
            named = Some((i + 2, to));
        }
        let Some((from, to)) = named.filter(|(from, to)| from < to && *to <= text.len()) else {
            continue;
        };
        let told = &text[from..to];
        let differs = told.iter().any(|word| {
            let folded = fold(word.owner());
            let title = TITLES.contains(&folded.as_str()) || RANKS.contains(&folded.as_str());
            title && !own.contains(&folded) && !organisation.contains(&folded)
        });
        // "the Data Analyst position" of a Business Analyst.
        let of_another = |word: &&Word<'_>| {
            let folded = fold(word.owner());
            word.is_capitalised()
                && !own.contains(&folded)
                && !organisation.contains(&folded)
                && !TITLES.contains(&folded.as_str())
        };
        let qualified = own
            .iter()
            .any(|word| !TITLES.contains(&word.as_str()) && !RANKS.contains(&word.as_str()));
        let unqualified = told
            .iter()
            .all(|word| TITLES.contains(&fold(word.owner()).as_str()) || !own.contains(&fold(word.owner())));
        let differs = differs || qualified && unqualified && told.len() > 1 && told.iter().any(of_another);
        // "the Data Analyst role" of an engineer: one word of its own, and one of the other.
        let head = told.iter().any(|word| TITLES.contains(&fold(word.owner()).as_str()));
        let rank = told
            .iter()
            .any(|word| RANKS.contains(&fold(word.owner()).as_str()) && !own.contains(&fold(word.owner())));
        let shares = told.iter().any(|word| own.contains(&fold(word.owner())));
        let capital = told.iter().any(|word| word.is_capitalised() && !word.begins);
        if differs
            && (head && (capital || shares || told.len() >= 2) || rank && shares)
            && let Some(place) = across(told)
        {
            findings.at(
                &rules::POSITION_MISNAMED,
                &place,
                format!("On record the position is “{position}”."),
                vec![position.clone()],
            );
        }
    }
}

/// The address above a letter on paper.
fn address(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    let head = &letter.body[letter.head.clone()];
    let recipient = context.recipients.iter().find_map(|person| person.address.as_ref());
    let Some(address) = recipient.or_else(|| context.organisation.as_ref()?.address.as_ref()) else {
        return;
    };
    let key = |text: &str| fold(text).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let own: Vec<String> = context
        .sender
        .address
        .iter()
        .flat_map(|it| it.lines.iter().chain([&it.city, &it.postal_code]).map(|line| key(line)))
        .collect();
    let mut at = letter.head.start;
    let mut block: Vec<(usize, &str)> = Vec::new();
    for line in head.split_inclusive('\n') {
        let text = line.trim();
        let folded = key(text);
        let is_own = own.iter().any(|own| !own.is_empty() && folded.contains(own));
        if !text.is_empty() && !is_own {
            block.push((at + (line.len() - line.trim_start().len()), text));
        }
        at += line.len();
    }
    let all = key(head);
    let names = context
        .recipients
        .iter()
        .map(|person| key(&person.name))
        .chain(context.organisation.iter().map(|it| key(&it.name)));
    let addressed =
        names.clone().any(|name| !name.is_empty() && all.contains(&name)) || context.sender.address.is_none();
    let digits = block
        .iter()
        .any(|(_, line)| line.chars().any(|c| c.is_ascii_digit()) && !looks_like_a_date(line));
    if !addressed || !digits {
        return;
    }
    for part in address.lines.iter().chain([&address.postal_code, &address.city]) {
        let wanted = key(part);
        if wanted.is_empty() || all.contains(&wanted) {
            continue;
        }
        // The line that is most like it.
        let like = block
            .iter()
            .filter(|(_, line)| !names.clone().any(|name| name == key(line)) && !looks_like_a_date(line))
            .filter_map(|(at, line)| {
                let far = distance(&key(line), &wanted);
                let shares = words(line, Field::Body)
                    .iter()
                    .any(|word| wanted.contains(&fold(word.text)) && word.text.chars().count() > 2);
                (far <= 3
                    || shares
                    || wanted.chars().all(|c| c.is_ascii_digit()) && line.chars().any(|c| c.is_ascii_digit()))
                .then_some((far, *at, *line))
            })
            .min_by_key(|(far, ..)| *far);
        let told = format!("On record the address has “{part}”.");
        if let Some((_, at, line)) = like {
            let place = Place {
                field: Field::Body,
                bytes: at..at + line.len(),
            };
            if !findings.marked(&[&rules::ADDRESS_DIFFERS], &place) {
                findings.at(&rules::ADDRESS_DIFFERS, &place, told, vec![part.clone()]);
            }
        } else {
            findings.whole(&rules::ADDRESS_DIFFERS, told);
        }
    }
}

fn looks_like_a_date(line: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = line.to_lowercase();
    let figures = line.chars().all(|c| c.is_ascii_digit() || "/.- ".contains(c));
    figures && line.chars().filter(|c| c.is_ascii_digit()).count() >= 6 && line.contains(['/', '.', '-'])
        || MONTHS.iter().any(|month| {
            lower
                .split(|c: char| !c.is_alphabetic())
                .any(|word| word == *month || word.len() == 3 && month.starts_with(word))
        }) && lower.contains("20")
}
