//! Research over HTTP.

use afterword_domain::research::{ApplicationReconsidered, Research, ResearchNoted};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<ResearchNoted>("A/research");
    api.records::<ApplicationReconsidered>("A/reconsidered");
    api.lists(
        "A/research",
        "list_research_of_application",
        "What was learned about the organisation and its industry",
        LIST,
        list,
    );
    api.lists(
        "C/research",
        "list_research",
        "What was learned about organisations and their industries",
        LIST,
        list,
    );
    api.reads(
        "C/research/{research_note}",
        "get_research",
        "Something that was learned",
        |view, request| {
            view.candidate
                .research(path_id(request, "research_note").ok()?)
                .cloned()
        },
    );
}

fn list(view: &View) -> Vec<Research> {
    let all = view.applications().flat_map(|it| it.research.values());
    all.map(|it| (**it).clone()).collect()
}
