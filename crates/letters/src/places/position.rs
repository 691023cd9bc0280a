//! The position: named as it stands on record.

use super::across;
use crate::{
    Context,
    findings::Findings,
    letter::Letter,
    rules,
    words::{Word, fold, folded_words},
};

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
pub(super) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
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
