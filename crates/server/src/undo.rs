//! Taking facts back over HTTP, and looking at them one by one.

use afterword_domain::undo::FactRetracted;

use crate::{api::Api, events::Event, reading::LIST, recording::path_id};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<FactRetracted>("C/events/{event}/retracted");
    api.lists(
        "C/events",
        "list_events_of_candidate",
        "A candidate's facts, in the order of recording",
        LIST,
        |view| view.candidate.history().iter().map(|fact| Event::of(fact)).collect(),
    );
    api.reads("C/events/{event}", "get_event", "A fact", |view, request| {
        view.candidate
            .fact(path_id(request, "event").ok()?)
            .map(|fact| Event::of(fact))
    });
}
