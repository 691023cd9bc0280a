//! What a message says that a fact could rest on: phrases, as data, in sentences that say so and not the opposite.
//! What is doubtful is left alone: a proposal that is wrong costs more than one that is missing. Pure.

use std::{ops::Range, sync::LazyLock};

use afterword_letters::phrases::Phrases;

use super::sentences::Sentence;

/// What a message can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rejection,
    PositionClosed,
    Offer,
    NextRound,
    DocumentRequest,
    DecisionDate,
    Acknowledgment,
}

/// What was found: the sentence, and the words in it that say so.
#[derive(Debug, Clone)]
pub(super) struct Finding<'a> {
    pub(super) kind: Kind,
    pub(super) sentence: &'a Sentence,
    pub(super) words: String,
    /// What the list calls it.
    pub(super) says: Option<&'static str>,
}

/// How one kind of thing is found.
struct Rule {
    kind: Kind,
    phrases: Phrases,
    /// Of what kind the words must be that do not stand before them.
    guards: Vec<&'static LazyLock<Phrases>>,
    /// Whether a question says so too.
    in_questions: bool,
    /// Whether a subject line says so by itself.
    in_subjects: bool,
}

macro_rules! list {
    ($name:literal) => {
        Phrases::read(include_str!(concat!("../../../data/mail/", $name, ".txt")))
    };
}

static CONDITIONS: LazyLock<Phrases> = LazyLock::new(|| list!("conditions"));
static DENIALS: LazyLock<Phrases> = LazyLock::new(|| list!("denials"));
static ASKS: LazyLock<Phrases> = LazyLock::new(|| list!("asks"));
static DOCUMENTS: LazyLock<Phrases> = LazyLock::new(|| list!("documents"));
static ANSWER_BY: LazyLock<Phrases> = LazyLock::new(|| list!("answer_by"));

static RULES: LazyLock<[Rule; 6]> = LazyLock::new(|| {
    let rule = |kind, phrases, guards: Vec<&'static LazyLock<Phrases>>, in_subjects| Rule {
        kind,
        phrases,
        guards,
        in_questions: false,
        in_subjects,
    };
    [
        rule(Kind::Rejection, list!("rejection"), vec![&CONDITIONS], false),
        rule(Kind::PositionClosed, list!("position_closed"), vec![&CONDITIONS], false),
        rule(Kind::Offer, list!("offer"), vec![&CONDITIONS, &DENIALS], false),
        rule(Kind::NextRound, list!("next_round"), vec![&CONDITIONS, &DENIALS], false),
        rule(
            Kind::DecisionDate,
            list!("decision_date"),
            vec![&CONDITIONS, &DENIALS],
            false,
        ),
        rule(Kind::Acknowledgment, list!("acknowledged"), vec![&CONDITIONS], true),
    ]
});

/// Everything that is found in a message, one of each kind, the first that says so; documents each.
pub(super) fn of(sentences: &[Sentence]) -> Vec<Finding<'_>> {
    let mut findings: Vec<Finding<'_>> = Vec::new();
    for rule in &*RULES {
        findings.extend(sentences.iter().find_map(|sentence| rule.find(sentence)));
    }
    for finding in documents(sentences) {
        if !findings
            .iter()
            .any(|other| other.kind == finding.kind && other.says == finding.says)
        {
            findings.push(finding);
        }
    }
    findings
}

/// Whether a sentence says by when an answer is wanted.
pub(super) fn wants_answer(sentence: &Sentence) -> bool {
    !ANSWER_BY.places(&sentence.text).is_empty()
}

impl Rule {
    fn find<'a>(&self, sentence: &'a Sentence) -> Option<Finding<'a>> {
        if (sentence.field == "subject" && !self.in_subjects) || (sentence.is_question() && !self.in_questions) {
            return None;
        }
        let (range, says) = self.phrases.places(&sentence.text).into_iter().next()?;
        let stands = self
            .guards
            .iter()
            .all(|guard| !stands_before(guard, &sentence.text, range.start));
        stands.then(|| Finding {
            kind: self.kind,
            sentence,
            words: words(sentence, range),
            says,
        })
    }
}

/// Whether one of these phrases begins before a place.
fn stands_before(phrases: &Phrases, text: &str, place: usize) -> bool {
    phrases.places(text).iter().any(|(range, _)| range.start < place)
}

fn words(sentence: &Sentence, range: Range<usize>) -> String {
    sentence.text.get(range).unwrap_or_default().to_owned()
}

/// What they ask to see: a request, and after it the name of a document, in the same sentence or in the list below.
fn documents(sentences: &[Sentence]) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    let mut asked = false;
    for sentence in sentences.iter().filter(|it| it.field == "body") {
        let text = &sentence.text;
        let ask = ASKS.places(text).into_iter().next().map(|(range, _)| range);
        let is_item = text.starts_with(['-', '*', '•', '·', '–']) || text.starts_with(|c: char| c.is_ascii_digit());
        let from = match ask {
            Some(ask) if stands_before(&DENIALS, text, ask.start) || stands_before(&CONDITIONS, text, ask.start) => {
                None
            }
            Some(ask) => Some(ask.start..ask.end),
            None if asked && is_item => Some(0..0),
            None => None,
        };
        asked = from.is_some() && (text.ends_with(':') || is_item);
        let Some(from) = from else { continue };
        for (range, says) in DOCUMENTS.places(text) {
            if range.start >= from.end {
                found.push(Finding {
                    kind: Kind::DocumentRequest,
                    sentence,
                    words: words(sentence, from.start..range.end),
                    says,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::mail::sentences;

    fn kinds(text: &str) -> Vec<Kind> {
        of(&sentences::of("", text))
            .into_iter()
            .map(|finding| finding.kind)
            // Without a date it comes to nothing.
            .filter(|kind| *kind != Kind::DecisionDate)
            .collect()
    }

    #[test]
    fn a_rejection_says_so() {
        for text in [
            "After careful consideration, we have decided not to move forward with your application at this time.",
            "Unfortunately, we will not be moving forward with your candidacy.",
            "Unfortunately we won't be progressing your application further.",
            "We've decided to move forward with other candidates whose experience more closely matches our needs.",
            "We have decided to proceed with another candidate.",
            "We are moving forward with other candidates.",
            "We regret to inform you that your application was not successful.",
            "Your application has been unsuccessful on this occasion.",
            "I am sorry to say that you have not been selected for this position.",
            "We're unable to offer you a position at this time.",
            "The position has been filled.",
            "We chose someone with more experience and have selected another candidate for the role.",
            "At this time, we will not be inviting you to interview.",
            "We have decided to go in a different direction.",
        ] {
            assert_eq!(kinds(text), [Kind::Rejection], "{text}");
        }
    }

    #[test]
    fn unfortunately_alone_is_no_rejection() {
        for text in [
            "Unfortunately, we need to move your interview to Thursday.",
            "Unfortunately Dana is ill; we will be in touch.",
            "We regret to inform you that our office is closed on Monday.",
            "If you are not selected, we will keep your details on file.",
            "If we decide not to move forward with your application, we will tell you.",
            "Should we decide to move forward with other candidates, you will hear from us.",
            "Only candidates who are selected will be contacted.",
            "Whether or not we move forward with you, you will hear from us.",
            "We have not yet decided to move forward with other candidates.",
            "Have you decided to move forward with other candidates?",
            "We are not able to reimburse travel.",
            "\u{201c}We have decided not to move forward with your application\u{201d} is what nobody likes to read.",
            "The position has not been filled yet.",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn an_offer_is_of_the_job_itself() {
        for text in [
            "We are delighted to offer you the position of Staff Engineer.",
            "I'm happy to offer you the role!",
            "We would like to extend a formal offer.",
            "Please find attached your offer letter.",
            "We'd love to make you an offer.",
        ] {
            assert_eq!(kinds(text), [Kind::Offer], "{text}");
        }
        for text in [
            "We can offer you an interview slot on Monday.",
            "We would like to offer you a call about the role.",
            "We cannot make you an offer yet.",
            "If we make you an offer, we will need references.",
            "Our company offers great benefits.",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn another_round_is_announced_to_this_candidate() {
        for text in [
            "We would like to invite you to a second interview with our CTO.",
            "You have been selected for the next round.",
            "We'd like to move you forward to the final round.",
            "We are happy to move forward with you to the next stage.",
            "We would like to schedule a technical interview.",
        ] {
            assert_eq!(kinds(text), [Kind::NextRound], "{text}");
        }
        for text in [
            "If you are successful, we will invite you to a second interview.",
            "We are unable to invite you to the next round.",
            "The next round is in March for everybody.",
        ] {
            assert!(!kinds(text).contains(&Kind::NextRound), "{text}");
        }
    }

    #[test]
    fn a_request_for_documents_names_them() {
        let says = |text: &str| -> Vec<&str> {
            of(&sentences::of("", text))
                .into_iter()
                .filter_map(|finding| finding.says)
                .collect()
        };
        assert_eq!(
            says("Could you please send us your references and a work sample by Friday?"),
            ["references", "work samples"]
        );
        assert_eq!(
            says("Please provide:\n- proof of right to work\n- two references\n\nThank you for your CV."),
            ["proof", "references"]
        );
        for text in [
            "Thank you for sending your CV.",
            "Please find our references attached.",
            "You do not need to send a cover letter.",
            "Please send my regards to the team.",
        ] {
            assert_eq!(says(text), [] as [&str; 0], "{text}");
        }
    }
}
