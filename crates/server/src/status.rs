//! Decision dates, status enquiries and status reports over HTTP, and the gate before an enquiry.

use afterword_domain::{
    ids::Subject,
    status::{DecisionDate, DecisionDatePromised, StatusEnquired, StatusEnquiry, StatusReport, StatusReported, advice},
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<DecisionDatePromised>("A/decision-dates");
    api.records::<StatusEnquired>("A/status-enquiries");
    api.records::<StatusReported>("A/status-reports");
    api.lists(
        "A/decision-dates",
        "list_decision_dates_of_application",
        "The dates they promised",
        LIST,
        dates,
    );
    api.lists(
        "C/decision-dates",
        "list_decision_dates",
        "The dates that organisations promised",
        LIST,
        dates,
    );
    api.lists(
        "A/status-enquiries",
        "list_status_enquiries_of_application",
        "The enquiries made",
        LIST,
        enquiries,
    );
    api.lists(
        "C/status-enquiries",
        "list_status_enquiries",
        "All enquiries made",
        LIST,
        enquiries,
    );
    api.lists(
        "A/status-reports",
        "list_status_reports_of_application",
        "What they said about where things stand",
        LIST,
        reports,
    );
    api.lists(
        "C/status-reports",
        "list_status_reports",
        "What organisations said about where things stand",
        LIST,
        reports,
    );
    api.reads(
        "C/decision-dates/{decision_date}",
        "get_decision_date",
        "A promised decision date",
        |view, request| {
            let id = path_id(request, "decision_date").ok()?;
            view.application_of(Subject::DecisionDate(id))?
                .decision_dates
                .get(&id)
                .map(|it| (**it).clone())
        },
    );
    api.reads(
        "C/status-enquiries/{status_enquiry}",
        "get_status_enquiry",
        "A status enquiry",
        |view, request| {
            let id = path_id(request, "status_enquiry").ok()?;
            view.application_of(Subject::StatusEnquiry(id))?
                .status_enquiries
                .get(&id)
                .map(|it| (**it).clone())
        },
    );
    api.reads(
        "C/status-reports/{status_report}",
        "get_status_report",
        "A status report",
        |view, request| {
            let id = path_id(request, "status_report").ok()?;
            view.application_of(Subject::StatusReport(id))?
                .status_reports
                .get(&id)
                .map(|it| (**it).clone())
        },
    );
    api.reads(
        "A/status-enquiry-advice",
        "get_status_enquiry_advice",
        "Whether an enquiry is wise now, and if not, from when",
        |view, _| {
            let application = view.candidate.application(view.application?)?;
            Some(advice(&view.candidate, application, view.now))
        },
    );
}

fn dates(view: &View) -> Vec<DecisionDate> {
    view.applications()
        .flat_map(|it| it.decision_dates.values())
        .map(|it| (**it).clone())
        .collect()
}

fn enquiries(view: &View) -> Vec<StatusEnquiry> {
    view.applications()
        .flat_map(|it| it.status_enquiries.values())
        .map(|it| (**it).clone())
        .collect()
}

fn reports(view: &View) -> Vec<StatusReport> {
    view.applications()
        .flat_map(|it| it.status_reports.values())
        .map(|it| (**it).clone())
        .collect()
}
