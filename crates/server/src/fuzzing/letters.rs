//! Letters, as candidates write them and as templates compose them.

use std::collections::HashSet;

use afterword_domain::{
    ids::EventId,
    notes::{Field, Finding, NoteChannel, NoteDrafted, NoteKind},
    values::{Line, Text},
};
use afterword_letters::{
    Context, Organisation, Person, Sender, Written,
    compose::{Wanted, suggest},
    eml::Message,
    render::Layout,
    review, review_note,
    templates::{Template, Tone, Variant},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    chosen,
    known::{APPLICATION, CONTACT, INTERVIEW, NOTE, mara, now, record},
};

/// The longest letter that is printed too: setting type is slow.
const PRINTED: usize = 1_500;

const KINDS: [NoteKind; 4] = [
    NoteKind::ThankYou,
    NoteKind::StatusEnquiry,
    NoteKind::RejectionThanks,
    NoteKind::Other,
];
const CHANNELS: [NoteChannel; 3] = [NoteChannel::Email, NoteChannel::Post, NoteChannel::Message];

/// A byte for kind and channel, then fields of the letter and around it with zero bytes between: the subject line, the
/// body, the sender, a recipient, the organisation, the position, the locale.
pub fn letters(bytes: &[u8]) {
    let (which, rest) = chosen(bytes);
    let text = String::from_utf8_lossy(rest);
    let fields: Vec<&str> = text.splitn(7, '\0').collect();
    let field = |nth: usize, otherwise: &'static str| fields.get(nth).copied().unwrap_or(otherwise);
    let (kind, channel) = (
        KINDS[which % KINDS.len()],
        CHANNELS[which / KINDS.len() % CHANNELS.len()],
    );
    let written = Written {
        subject_line: fields.first().copied(),
        body: field(1, ""),
    };
    let name = field(2, "Mara Lindqvist").to_owned();
    let recipient = field(3, "Priya Raman").to_owned();
    let organisation = field(4, "Northwind Robotics").to_owned();
    let position = field(5, "Staff Engineer").to_owned();
    let context = Context {
        kind,
        channel,
        locale: fields.get(6).map(|it| (*it).to_owned()),
        sender: Sender {
            name: name.clone(),
            strengths: vec![position.clone()],
            address: None,
        },
        recipients: vec![person(&recipient)],
        people: vec![person(&format!("{recipient} {name}"))],
        organisation: Some(Organisation {
            name: organisation.clone(),
            address: None,
        }),
        other_organisations: vec![position.clone()],
        talked_about: vec![organisation.clone()],
        terms: vec![position.clone()],
        position: Some(position),
        now: Some(now()),
        due_at: None,
        post_by: None,
        panel: Vec::new(),
        unreached: Vec::new(),
    };
    reviewed(&context, written);
    on_record(kind, channel, written, &recipient);
}

fn person(name: &str) -> Person {
    Person {
        name: name.to_owned(),
        ..Person::default()
    }
}

/// The same letter gets the same review, each finding marks words of the text, and none has another's id.
fn reviewed(context: &Context, written: Written<'_>) {
    let found = review(context, written);
    assert_eq!(review(context, written), found);
    marked(&found.findings, written);
}

fn marked(findings: &[Finding], written: Written<'_>) {
    let ids: HashSet<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids.len(), findings.len(), "two findings have one id: {findings:?}");
    for finding in findings {
        let Some(span) = &finding.span else { continue };
        let text = match span.field {
            Field::SubjectLine => written.subject_line.unwrap_or_default(),
            Field::Body => written.body,
        };
        let units = |bytes: u32| text.get(..bytes as usize).map(|before| before.encode_utf16().count());
        assert!(span.byte_start < span.byte_end, "a finding marks nothing: {finding:?}");
        assert_eq!(
            units(span.byte_start),
            Some(span.start as usize),
            "{finding:?} in {text:?}"
        );
        assert_eq!(units(span.byte_end), Some(span.end as usize), "{finding:?} in {text:?}");
    }
}

/// The letter as a note of the candidate's: what was drafted goes out in every form.
fn on_record(kind: NoteKind, channel: NoteChannel, written: Written<'_>, recipient: &str) {
    let mut candidate = mara();
    let event = |nth: u128| EventId::new(Uuid::from_u128(1000 + nth));
    let renamed = json!({"name": recipient});
    record(
        &mut candidate,
        event(0),
        "ContactRevised",
        renamed,
        Some(CONTACT.into()),
        None,
    );
    let revised = json!({"subject_line": written.subject_line, "body": written.body});
    record(
        &mut candidate,
        event(1),
        "NoteRevised",
        revised,
        Some(NOTE.into()),
        None,
    );
    let (subject_line, body) = (written.subject_line.map(Line::try_from), Text::try_from(written.body));
    let draft = NoteDrafted {
        kind,
        channel,
        recipients: vec![CONTACT],
        body: body.ok(),
        subject_line: subject_line.and_then(Result::ok),
        application: Some(APPLICATION),
        interview: Some(INTERVIEW),
        about: None,
        expected_on: None,
    };
    let said = Written {
        subject_line: draft.subject_line.as_ref().map(Line::as_str),
        body: draft.body.as_ref().map(Text::as_str).unwrap_or_default(),
    };
    marked(&review_note(&candidate, &draft, Some(NOTE), now()).findings, said);
    let Some(note) = candidate.notes.get(&NOTE) else { return };
    if let Ok(message) = Message::of(&candidate, note) {
        let bytes = message.draft();
        let at = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let head = &bytes[..at.unwrap_or(bytes.len())];
        assert!(head.is_ascii() && !head.contains(&0), "a header is not of ASCII");
        let subjects = head
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(b"Subject:"));
        assert!(subjects.count() <= 1, "the text brought a header of its own");
    }
    let Ok(layout) = Layout::of(&candidate, note, None, now()) else {
        return;
    };
    assert!(!layout.to_text().trim().is_empty());
    let page = layout.to_html();
    assert!(!page.html.contains("<script"), "what was written became a script");
    if written.body.len() <= PRINTED
        && let Ok(pdf) = layout.to_pdf()
    {
        assert!(pdf.starts_with(b"%PDF-"));
        assert_eq!(layout.to_pdf().ok(), Some(pdf), "the same letter is not the same file");
    }
}

/// A subject line, a zero byte, a body: what is taken as a template composes letters.
pub fn templates(bytes: &[u8]) {
    let (which, rest) = chosen(bytes);
    let text = String::from_utf8_lossy(rest);
    let (subject_line, body) = text.split_once('\0').unwrap_or(("Thank you", &text));
    let variant = Variant {
        subject_line: subject_line.to_owned(),
        body: body.to_owned(),
    };
    let Ok(template) = Template::read(vec![variant]) else {
        return;
    };
    let wanted = Wanted {
        kind: KINDS[which % KINDS.len()],
        application: Some(APPLICATION),
        interview: None,
        recipients: None,
        about: None,
        channel: None,
        tone: Some(Tone::Warm),
    };
    let candidate = mara();
    for draft in suggest(&candidate, &wanted, &template, true, now()).unwrap_or_default() {
        assert!(!draft.body.as_str().contains('\0'));
    }
}
