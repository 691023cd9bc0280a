//! The debrief over HTTP.

use afterword_domain::{
    debrief::{Debrief, DebriefCompleted, Question, QuestionRecorded, Repair, RepairMade, RepairPlanned},
    ids::Subject,
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<QuestionRecorded>("C/interviews/{interview}/questions");
    api.records::<RepairPlanned>("C/questions/{question}/repairs");
    api.records::<RepairMade>("C/repairs/{repair}/made");
    api.records::<DebriefCompleted>("C/interviews/{interview}/debriefed");
    api.lists(
        "C/interviews/{interview}/questions",
        "list_questions_of_interview",
        "The questions of an interview",
        LIST,
        questions,
    );
    api.lists(
        "C/questions",
        "list_questions",
        "The questions of all interviews",
        LIST,
        questions,
    );
    api.reads(
        "C/questions/{question}",
        "get_question",
        "A question",
        |view, request| view.candidate.question(path_id(request, "question").ok()?),
    );
    api.lists(
        "C/questions/{question}/repairs",
        "list_repairs_of_question",
        "How an answer is to be made good",
        LIST,
        repairs,
    );
    api.lists(
        "C/repairs",
        "list_repairs",
        "How answers are to be made good",
        LIST,
        repairs,
    );
    api.reads(
        "C/repairs/{repair}",
        "get_repair",
        "How an answer is to be made good",
        |view, request| view.candidate.repair(path_id(request, "repair").ok()?),
    );
    api.lists(
        "C/debriefs",
        "list_debriefs",
        "What came of looking back",
        LIST,
        debriefs,
    );
    api.reads(
        "C/interviews/{interview}/debrief",
        "get_debrief",
        "What came of looking back at an interview",
        |view, request| view.candidate.debrief(path_id(request, "interview").ok()?),
    );
    api.lists(
        "C/practice",
        "list_practice",
        "Kinds of questions over all interviews and how they went, those that went worst first",
        LIST,
        |view| view.candidate.practice(),
    );
}

fn questions(view: &View) -> Vec<Question> {
    let all = view
        .applications()
        .flat_map(|application| application.questions.values().map(|it| it.seen(application)));
    all.filter(|it| view.within.is_none_or(|within| within == Subject::from(it.interview)))
        .collect()
}

fn repairs(view: &View) -> Vec<Repair> {
    let all = view
        .applications()
        .flat_map(|application| application.repairs.values().map(|it| it.seen(application)));
    all.filter(|it| view.within.is_none_or(|within| within == Subject::from(it.question)))
        .collect()
}

fn debriefs(view: &View) -> Vec<Debrief> {
    let interviews = view.applications().flat_map(|it| it.interviews.keys());
    interviews.filter_map(|id| view.candidate.debrief(*id)).collect()
}
