//! What the record says, as the variables of a template: names, days in words, and texts that fit into two lines. Of a
//! panel, each reader gets other questions, strengths and repairs, by their seat; the same request gives the same again.

use std::collections::{BTreeMap, BTreeSet};

use afterword_domain::{
    applications::Application,
    candidate::Candidate,
    connections::Ask,
    debrief::{Category, Reception, RepairBy, RepairStatus},
    ids::Subject,
    notes::{NoteChannel, NoteKind},
    research::Stance,
    time::Zone,
};
use jiff::{Timestamp, civil};
use minijinja::Value;

use super::{
    names::greeted,
    occasion::asked,
    pool::{LONGEST, Pool, listed, my_own, plain, quoted},
    purpose::{Purpose, Reader},
};
use crate::{spelling::Spelling, templates::tidy_line};

/// What the record says around a letter.
pub(super) struct Record<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) application: Option<&'a Application>,
    kind: NoteKind,
    tone: crate::templates::Tone,
    channel: Option<NoteChannel>,
    now: Timestamp,
    zone: Zone,
    today: civil::Date,
    american: bool,
    /// Whether something that was said in confidence was left out.
    pub(super) withheld: bool,
    pub(super) debriefs: bool,
    /// Whether the candidate looked back at the interview.
    pub(super) debriefed: bool,
    interview_on: Option<civil::Date>,
    pools: BTreeMap<&'static str, Pool>,
}

/// The values of a letter's variables, and those that can be left out.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) all: BTreeMap<&'static str, Value>,
    pub(super) pieces: Vec<(&'static str, String)>,
}

impl Values {
    pub(super) fn put(&mut self, name: &'static str, text: String) {
        self.all.insert(name, Value::from(text));
    }

    /// Puts what a letter can do without.
    pub(super) fn piece(&mut self, name: &'static str, text: Option<String>, left_out: &BTreeSet<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty() && !left_out.contains(name)) {
            self.pieces.push((name, text.clone()));
            self.put(name, text);
        }
    }

    /// Whether a variable says something.
    pub(super) fn tell(&self, name: &str) -> bool {
        self.all.get(name).is_some_and(Value::is_true)
    }
}

impl<'a> Record<'a> {
    pub(super) fn of(candidate: &'a Candidate, purpose: &Purpose, debriefs: bool, now: Timestamp) -> Self {
        let application = purpose.application.and_then(|id| candidate.application(id));
        let zone = application.map_or_else(|| candidate.zone(), |it| it.zone(candidate));
        let held = purpose.interview.and_then(|id| candidate.interview(id));
        let on = held.and_then(|it| Some(it.ended_at()?.to_zoned(it.time_zone.time_zone().clone()).date()));
        let locale = candidate.profile.as_ref().and_then(|it| it.locale.get().clone());
        let mut record = Self {
            candidate,
            application,
            kind: purpose.kind,
            tone: purpose.tone,
            channel: purpose.channel,
            now,
            today: now.to_zoned(zone.time_zone().clone()).date(),
            zone,
            american: Spelling::of(locale.as_ref().map(|it| it.as_str())).is_american(),
            withheld: false,
            debriefs,
            debriefed: false,
            interview_on: on,
            pools: BTreeMap::new(),
        };
        record.gather(purpose);
        record
    }

    /// Collects the texts of each sort.
    fn gather(&mut self, purpose: &Purpose) {
        let mut pools: BTreeMap<&'static str, Pool> = BTreeMap::new();
        let mut add = |name, says, to| pools.entry(name).or_default().add(says, to);
        let profile = self.candidate.profile.as_ref();
        for strength in profile.iter().flat_map(|it| it.strengths.get()) {
            add("strength", plain(strength.as_str()), None);
        }
        if let Some(application) = self.application {
            for found in application.research.values() {
                if found.worth_mentioning && found.stance == Stance::Favourable {
                    add("news", quoted(found.headline.as_str()), None);
                }
            }
            let asked = application.questions.values();
            let asked = asked.filter(|it| purpose.interview.is_none_or(|id| id == it.interview));
            let (well, neither): (Vec<_>, Vec<_>) = asked
                .filter(|it| it.reception != Reception::Poorly && it.category != Category::Logistics)
                .partition(|it| it.reception == Reception::Well);
            for question in well.into_iter().chain(neither) {
                add("topic", quoted(question.question.as_str()), None);
            }
            let debrief = purpose.interview.and_then(|id| self.candidate.debrief(id));
            self.debriefed = debrief.is_some();
            let repairs = application.repairs.values().filter(|it| {
                it.by == RepairBy::FollowUp
                    && purpose.interview == Some(it.interview)
                    && it.seen(application).status == RepairStatus::Planned
            });
            if self.debriefs {
                for strength in debrief.iter().flat_map(|it| &it.unsaid_strengths) {
                    add("unsaid_strength", plain(strength.as_str()), None);
                }
                for repair in repairs {
                    let question = application.questions.get(&repair.question);
                    let question = question.map(|it| quoted(it.question.as_str()));
                    add("repair", plain(repair.text.as_str()), question);
                }
            } else {
                self.withheld = debrief.is_some() || repairs.count() > 0;
            }
        }
        self.pools = pools;
    }

    pub(super) const fn has_position(&self) -> bool {
        self.application.is_some()
    }

    /// Whether there is something that these variables can say.
    pub(super) fn has_usable(&self, names: &[&str]) -> bool {
        names
            .iter()
            .filter_map(|name| self.pools.get(name))
            .any(|pool| pool.usable().next().is_some())
    }

    /// Whether something was recorded that these variables cannot say.
    pub(super) fn has_unfit(&self, names: &[&str]) -> bool {
        names
            .iter()
            .filter_map(|name| self.pools.get(name))
            .any(Pool::has_unfit)
    }

    /// Never again uses a text. False where it is none of those of which there are several.
    pub(super) fn give_up(&mut self, name: &str, text: &str) -> bool {
        let pool = self
            .pools
            .get_mut(if name == "repair_question" { "repair" } else { name });
        pool.is_some_and(|pool| pool.give_up(text))
    }

    /// How a letter to this reader goes out.
    pub(super) fn channel_to(&self, reader: &Reader) -> NoteChannel {
        let card = reader.contact.and_then(|id| self.candidate.contacts.get(&id));
        let liked = card
            .and_then(|it| *it.preferred_channel.get())
            .and_then(NoteChannel::like);
        self.channel.or(liked).unwrap_or(NoteChannel::Email)
    }

    /// The values of the variables in the letter to a reader.
    pub(super) fn values(&self, reader: &Reader, left_out: &BTreeSet<&str>) -> Values {
        let mut values = Values::default();
        let card = reader.contact.and_then(|id| self.candidate.contacts.get(&id));
        let theirs = || {
            card.and_then(|it| it.organisation_name.get().as_ref())
                .map(|it| tidy_line(it.as_str()))
        };
        let organisation = self
            .application
            .map(|it| tidy_line(it.organisation.name.as_str()))
            .or_else(theirs);
        let organisation = organisation.unwrap_or_default();
        let recipient = card.map_or_else(
            || format!("{organisation} team"),
            |it| greeted(it.name.as_str(), self.tone),
        );
        values.put("recipient", recipient);
        let sender = self.candidate.profile.as_ref().map(|it| tidy_line(it.name.as_str()));
        values.put("sender", sender.unwrap_or_default());
        values.put("organisation", organisation);
        values.put("channel", name_of(self.channel_to(reader)).to_owned());
        values.all.insert("american", Value::from(self.american));
        let position = self.application.map(|it| tidy_line(it.position.as_str()));
        values.piece("position", position, left_out);
        if let Some(day) = self.interview_on {
            values.put("interview_on", self.in_words(day));
        }
        self.conversation(&mut values, reader.seat, left_out);
        self.prospects(&mut values, left_out);
        self.about(&mut values, reader, left_out);
        values
    }

    /// What was talked about, and what was not.
    fn conversation(&self, values: &mut Values, seat: usize, left_out: &BTreeSet<&str>) {
        let pool = |name: &str| self.pools.get(name);
        let of_seat = |name: &str| pool(name).and_then(|it| it.of_seat(seat)).map(|it| it.says.clone());
        let once = |name: &str| pool(name).and_then(|it| it.once(seat));
        values.piece("topic", of_seat("topic"), left_out);
        values.piece("unsaid_strength", of_seat("unsaid_strength"), left_out);
        values.piece("strength", of_seat("strength"), left_out);
        values.piece("news", once("news").map(|it| it.says.clone()), left_out);
        if let Some(repair) = once("repair").filter(|_| self.kind != NoteKind::Other) {
            values.piece("repair", Some(repair.says.clone()), left_out);
            if !left_out.contains("repair") {
                values.piece("repair_question", repair.to.clone(), left_out);
            }
        }
    }

    /// What comes next.
    fn prospects(&self, values: &mut Values, left_out: &BTreeSet<&str>) {
        let Some(application) = self.application else { return };
        if let Some(date) = application.view(self.now).decide_by {
            values.piece("decide_by", Some(self.in_words(date.civil())), left_out);
            let passed = date.civil() < self.today && !left_out.contains("decide_by");
            values.all.insert("decide_by_passed", Value::from(passed));
        }
        let next = application.next_rounds.values().max_by_key(|it| it.version);
        let items: Vec<String> = next
            .iter()
            .flat_map(|it| &it.outline)
            .map(|it| plain(it.item.as_str()))
            .collect();
        let outline = listed(&items).filter(|text| text.chars().count() <= LONGEST && application.outcome().is_none());
        values.piece("outline", outline, left_out);
    }

    /// What the thing is that the letter serves.
    fn about(&self, values: &mut Values, reader: &Reader, left_out: &BTreeSet<&str>) {
        let candidate = self.candidate;
        let place = |at: Timestamp| at.to_zoned(self.zone.time_zone().clone()).date();
        match reader.about {
            Some(Subject::DocumentRequest(id)) => {
                let Some(request) = candidate.document_request(id) else {
                    return;
                };
                values.put("document", my_own(&plain(request.document.as_str())));
                values.put("requested_on", self.in_words(place(request.requested_at())));
                let expected = request.expected_on.map(|it| self.in_words(it.civil()));
                values.piece("expected_on", expected, left_out);
            }
            Some(Subject::Connection(id)) if self.kind == NoteKind::ConnectionNotice => {
                let ask = asked(candidate, id, self.application).map(|ask| match ask {
                    Ask::GoodWord => "good_word",
                    Ask::Introduction => "introduction",
                    Ask::News => "news",
                });
                values.put("ask", ask.unwrap_or_default().to_owned());
            }
            about if self.kind == NoteKind::Other => self.occasion(values, about, left_out),
            _ => {}
        }
    }

    /// A day in a sentence, as it is written where the reader is: with its year where that is another one.
    pub(super) fn in_words(&self, day: civil::Date) -> String {
        let same_year = day.year() == self.today.year();
        let form = match (self.american, same_year) {
            (true, true) => "%A, %B %-d",
            (true, false) => "%A, %B %-d, %Y",
            (false, true) => "%A %-d %B",
            (false, false) => "%A %-d %B %Y",
        };
        day.strftime(form).to_string()
    }
}

const fn name_of(channel: NoteChannel) -> &'static str {
    match channel {
        NoteChannel::Email => "email",
        NoteChannel::Post => "post",
        NoteChannel::Message => "message",
    }
}
