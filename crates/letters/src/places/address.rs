//! The address: above a letter on paper, as it stands on record.

use afterword_domain::{notes::Field, time::MONTHS};

use crate::{
    Context,
    findings::{Findings, Place},
    letter::Letter,
    rules,
    words::{distance, fold, words},
};

/// The address above a letter on paper.
pub(super) fn look(context: &Context, letter: &Letter<'_>, findings: &mut Findings<'_>) {
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
    let lower = line.to_lowercase();
    let figures = line.chars().all(|c| c.is_ascii_digit() || "/.- ".contains(c));
    figures && line.chars().filter(|c| c.is_ascii_digit()).count() >= 6 && line.contains(['/', '.', '-'])
        || MONTHS.iter().any(|month| {
            lower
                .split(|c: char| !c.is_alphabetic())
                .any(|word| word == *month || word.len() == 3 && month.starts_with(word))
        }) && lower.contains("20")
}
