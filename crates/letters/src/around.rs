//! What surrounds a letter: the others to the same panel, and the time.

use std::collections::HashSet;

use afterword_domain::notes::{Field, NoteChannel, NoteKind};

use crate::{
    Context,
    findings::Findings,
    letter::Letter,
    rules,
    words::{fold, words},
};

/// Letters that share so much of their phrases are nearly the same, in percent.
const ALIKE: usize = 60;

/// Phrases are compared by so many words at a time.
const PHRASE: usize = 3;

pub(crate) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
    let own = phrases(context, letter.body);
    for other in &context.panel {
        let theirs = phrases(context, &other.body);
        let shared = own.intersection(&theirs).count();
        let all = own.len().min(theirs.len());
        if all >= 8 && shared * 100 >= all * ALIKE {
            let told = format!("It says nearly the same as the letter to {}.", other.to.join(", "));
            findings.whole(&rules::NEARLY_THE_SAME, told);
        }
    }
    if context.kind == NoteKind::ThankYou {
        for name in &context.unreached {
            findings.whole(
                &rules::INTERVIEWER_UNREACHED,
                format!("No letter reaches {name}, who was in the room."),
            );
        }
    }
    let Some(now) = context.now else { return };
    if context.due_at.is_some_and(|due| due < now) {
        findings.whole(&rules::LATE, "What this letter serves was due before now.".to_owned());
    } else if context.channel == NoteChannel::Post && context.post_by.is_some_and(|last| last < now) {
        findings.whole(&rules::POST_TOO_LATE, "The last posting time has passed.".to_owned());
    }
}

/// The phrases of a letter, without the names that differ anyway.
fn phrases(context: &Context, body: &str) -> HashSet<Vec<String>> {
    let names: HashSet<String> = context
        .recipients
        .iter()
        .map(|person| person.name.as_str())
        .chain(
            context
                .panel
                .iter()
                .flat_map(|other| other.to.iter().map(String::as_str)),
        )
        .flat_map(|name| {
            words(name, Field::Body)
                .iter()
                .map(|word| fold(word.text))
                .collect::<Vec<_>>()
        })
        .collect();
    let told: Vec<String> = words(body, Field::Body)
        .iter()
        .map(|word| fold(word.text))
        .filter(|word| !names.contains(word))
        .collect();
    told.windows(PHRASE).map(<[String]>::to_vec).collect()
}
