//! The next round over HTTP.

use afterword_domain::{
    ids::NextRoundQuestionId,
    next_round::{NextRound, NextRoundAnnounced, NextRoundAsked, NextRoundQuestion, RequirementPrepared},
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<NextRoundAsked>("A/next-round-questions");
    api.records::<NextRoundAnnounced>("A/next-rounds");
    api.records::<RequirementPrepared>("C/next-rounds/{next_round}/prepared");
    api.lists(
        "A/next-round-questions",
        "list_next_round_questions_of_application",
        "What was asked about the next round",
        LIST,
        questions,
    );
    api.lists(
        "C/next-round-questions",
        "list_next_round_questions",
        "What was asked about next rounds",
        LIST,
        questions,
    );
    api.reads(
        "C/next-round-questions/{next_round_question}",
        "get_next_round_question",
        "A question about the next round",
        |view, request| {
            let id: NextRoundQuestionId = path_id(request, "next_round_question").ok()?;
            let found = view.applications().find_map(|it| it.next_round_questions.get(&id));
            found.map(|it| (**it).clone())
        },
    );
    api.lists(
        "A/next-rounds",
        "list_next_rounds_of_application",
        "What the organisation said about the next round; the latest counts",
        LIST,
        rounds,
    );
    api.lists(
        "C/next-rounds",
        "list_next_rounds",
        "What organisations said about next rounds",
        LIST,
        rounds,
    );
    api.reads(
        "C/next-rounds/{next_round}",
        "get_next_round",
        "What was said about a next round",
        |view, request| {
            let id = path_id(request, "next_round").ok()?;
            view.candidate.next_round(id).cloned()
        },
    );
}

fn questions(view: &View) -> Vec<NextRoundQuestion> {
    let all = view.applications().flat_map(|it| it.next_round_questions.values());
    all.map(|it| (**it).clone()).collect()
}

fn rounds(view: &View) -> Vec<NextRound> {
    let all = view.applications().flat_map(|it| it.next_rounds.values());
    all.map(|it| (**it).clone()).collect()
}
