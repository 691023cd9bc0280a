//! What the service itself may send. People send what they like, and a departure tells where that was unwise; the
//! service sends in somebody's name, so it sends nothing that nobody looked at: only a draft by e-mail, with a text that
//! was reviewed, and without an error that is neither mended nor waived.

use jiff::Timestamp;

use super::{Note, NoteChannel, NoteStatus};
use crate::refusal::Refusal;

impl Note {
    /// When its newest revision was written.
    pub fn written_at(&self) -> Option<Timestamp> {
        self.writings.last().map(|writing| writing.stamp.at)
    }

    /// Whether the service may send its newest revision by e-mail.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it.
    pub fn may_be_delivered(&self) -> Result<(), Refusal> {
        match self.status {
            NoteStatus::Sent => return Err(Refusal::new("note_already_sent", "The note went out already.")),
            NoteStatus::Discarded => return Err(Refusal::new("note_discarded", "The note was discarded.")),
            NoteStatus::Draft => {}
        }
        if *self.channel.get() != NoteChannel::Email {
            let told =
                "The note does not go out by e-mail: change its channel, or send it and record that it was sent.";
            return Err(Refusal::new("note_not_by_email", told));
        }
        if self.body.get().is_none() {
            return Err(Refusal::new("note_without_body", "The note has no text yet."));
        }
        let Some(review) = self.review_of(self.revision) else {
            let told = format!("Revision {} was not reviewed: review it first.", self.revision);
            return Err(Refusal::new("note_not_reviewed", told));
        };
        let open = self.open_errors(review).count();
        if open > 0 {
            let errors = if open == 1 { "error" } else { "errors" };
            let told = format!(
                "The review of revision {} left {open} {errors} open: mend or waive what it found.",
                self.revision
            );
            return Err(Refusal::new("note_has_open_errors", told));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::given::Story;

    fn drafted(change: &str, value: Value) -> Story {
        let mut note = json!({"kind": "thank_you", "recipients": ["con_anna"], "channel": "email", "interview": "int_one",
            "body": "Dear Ms Bergh, thank you."});
        note[change] = value;
        Story::interviewed().records("NoteDrafted note_one", note)
    }

    fn reviewed(story: Story, revision: u32, severity: &str) -> Story {
        let finding =
            json!({"id": "fnd_1", "rule": "spelling", "severity": severity, "message": "A slip.", "why": "It shows."});
        let review = json!({"revision": revision, "ruleset": "2026.11", "findings": [finding]});
        story.records("NoteReviewed of note_one", review)
    }

    fn answer(story: &Story) -> Result<(), String> {
        let note = story.candidate().notes.values().next().cloned().expect("a note");
        note.may_be_delivered().map_err(|refusal| refusal.code.into_owned())
    }

    fn refused(code: &str) -> Result<(), String> {
        Err(code.to_owned())
    }

    #[test]
    fn the_newest_revision_must_have_been_reviewed() {
        let story = drafted("subject_line", json!("Thank you"));
        assert_eq!(answer(&story), refused("note_not_reviewed"));
        let story = reviewed(story, 1, "advice");
        assert_eq!(answer(&story), Ok(()));
        let story = story.records("NoteRevised of note_one", json!({"body": "Dear Ms Berg, thank you."}));
        assert_eq!(answer(&story), refused("note_not_reviewed"));
    }

    #[test]
    fn an_open_error_holds_it_back_until_it_is_waived() {
        let story = reviewed(drafted("subject_line", json!("Thank you")), 1, "error");
        assert_eq!(answer(&story), refused("note_has_open_errors"));
        let waiver = json!({"finding": "fnd_1", "reason": "She writes it so."});
        assert_eq!(answer(&story.records("FindingWaived of note_one", waiver)), Ok(()));
    }

    #[test]
    fn only_a_draft_with_a_text_goes_and_only_by_e_mail() {
        for (change, value, code) in [
            ("channel", json!("post"), "note_not_by_email"),
            ("body", Value::Null, "note_without_body"),
        ] {
            assert_eq!(answer(&drafted(change, value)), refused(code));
        }
        let ready = || reviewed(drafted("subject_line", json!("Thank you")), 1, "advice");
        let sent = ready().records("NoteSent of note_one", json!({}));
        assert_eq!(answer(&sent), refused("note_already_sent"));
        let discarded = ready().records("NoteDiscarded of note_one", json!({}));
        assert_eq!(answer(&discarded), refused("note_discarded"));
    }
}
