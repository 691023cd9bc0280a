//! Document requests over HTTP.

use afterword_domain::documents::{
    DocumentDelayReported, DocumentRequest, DocumentRequestWithdrawn, DocumentRequested, DocumentSent,
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<DocumentRequested>("A/document-requests");
    api.records::<DocumentDelayReported>("C/document-requests/{document_request}/delays");
    api.records::<DocumentSent>("C/document-requests/{document_request}/sent");
    api.records::<DocumentRequestWithdrawn>("C/document-requests/{document_request}/withdrawn");
    api.lists(
        "A/document-requests",
        "list_document_requests_of_application",
        "What the organisation asked for",
        LIST,
        list,
    );
    api.lists(
        "C/document-requests",
        "list_document_requests",
        "What organisations asked for",
        LIST,
        list,
    );
    api.reads(
        "C/document-requests/{document_request}",
        "get_document_request",
        "A document request",
        |view, request| {
            view.candidate
                .document_request(path_id(request, "document_request").ok()?)
                .cloned()
        },
    );
}

fn list(view: &View) -> Vec<DocumentRequest> {
    view.applications()
        .flat_map(|it| it.document_requests.values())
        .map(|it| (**it).clone())
        .collect()
}
