//! Interviews over HTTP.

use afterword_domain::interviews::{
    InterviewCancelled, InterviewHeld, InterviewRescheduled, InterviewScheduled, InterviewView, InterviewersNamed,
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<InterviewScheduled>("A/interviews");
    api.records::<InterviewRescheduled>("C/interviews/{interview}/rescheduled");
    api.records::<InterviewCancelled>("C/interviews/{interview}/cancelled");
    api.records::<InterviewHeld>("C/interviews/{interview}/held");
    api.records::<InterviewersNamed>("C/interviews/{interview}/interviewers");
    api.lists(
        "A/interviews",
        "list_interviews_of_application",
        "The interviews of an application",
        LIST,
        list,
    );
    api.lists(
        "C/interviews",
        "list_interviews",
        "A candidate's interviews",
        LIST,
        list,
    );
    api.reads(
        "C/interviews/{interview}",
        "get_interview",
        "An interview",
        |view, request| {
            view.candidate
                .interview(path_id(request, "interview").ok()?)
                .map(|interview| interview.view())
        },
    );
}

fn list(view: &View) -> Vec<InterviewView> {
    view.applications()
        .flat_map(|it| it.interviews.values())
        .map(|interview| interview.view())
        .collect()
}
