//! Connections and their introductions over HTTP.

use afterword_domain::{
    connections::{ConnectionNamed, ConnectionNotified, ConnectionTouched, IntroductionOffered, IntroductionView},
    ids::Subject,
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<ConnectionNamed>("C/connections");
    api.records::<ConnectionNotified>("C/connections/{connection}/notices");
    api.records::<ConnectionTouched>("C/connections/{connection}/touches");
    api.records::<IntroductionOffered>("C/connections/{connection}/introductions");
    api.lists("C/connections", "list_connections", "Who knows people", LIST, |view| {
        let ids = view.candidate.connections.keys();
        ids.filter_map(|id| view.candidate.connection(*id)).collect()
    });
    api.reads(
        "C/connections/{connection}",
        "get_connection",
        "A connection",
        |view, request| view.candidate.connection(path_id(request, "connection").ok()?),
    );
    api.lists(
        "C/connections/{connection}/introductions",
        "list_introductions_of_connection",
        "The introductions that a connection offered",
        LIST,
        introductions,
    );
    api.lists(
        "C/introductions",
        "list_introductions",
        "The introductions that were offered",
        LIST,
        introductions,
    );
    api.reads(
        "C/introductions/{introduction}",
        "get_introduction",
        "An introduction",
        |view, request| view.candidate.introduction(path_id(request, "introduction").ok()?),
    );
}

fn introductions(view: &View) -> Vec<IntroductionView> {
    let ids = view.candidate.introductions.keys();
    let all = ids.filter_map(|id| view.candidate.introduction(*id));
    all.filter(|it| view.within.is_none_or(|within| within == Subject::from(it.connection)))
        .collect()
}
