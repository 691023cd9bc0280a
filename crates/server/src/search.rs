//! The search over HTTP.

use afterword_domain::{
    ids::SearchActivityId,
    search::{OpeningDismissed, OpeningFound, SearchActivityLogged, SearchPaused, SearchResumed},
};

use crate::{api::Api, reading::LIST, recording::path_id};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<OpeningFound>("C/openings");
    api.records::<OpeningDismissed>("C/openings/{opening}/dismissed");
    api.records::<SearchActivityLogged>("C/search-activities");
    api.records::<SearchPaused>("C/search/paused");
    api.records::<SearchResumed>("C/search/resumed");
    api.reads("C/search", "get_search", "Where the search stands", |view, _| {
        Some(view.candidate.search.view(view.now, &view.candidate.zone()))
    });
    api.lists("C/openings", "list_openings", "Jobs that were found", LIST, |view| {
        let ids = view.candidate.search.openings.keys();
        ids.filter_map(|id| view.candidate.opening(*id)).collect()
    });
    api.reads(
        "C/openings/{opening}",
        "get_opening",
        "A job that was found",
        |view, request| view.candidate.opening(path_id(request, "opening").ok()?),
    );
    api.lists(
        "C/search-activities",
        "list_search_activities",
        "What was done for the search",
        LIST,
        |view| {
            view.candidate
                .search
                .activities
                .values()
                .map(|it| (**it).clone())
                .collect()
        },
    );
    api.reads(
        "C/search-activities/{search_activity}",
        "get_search_activity",
        "Something done for the search",
        |view, request| {
            let id: SearchActivityId = path_id(request, "search_activity").ok()?;
            view.candidate.search.activities.get(&id).map(|it| (**it).clone())
        },
    );
}
