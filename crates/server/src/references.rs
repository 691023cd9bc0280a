//! References over HTTP.

use afterword_domain::references::{
    ReferenceAgreed, ReferenceContacted, ReferenceDeclined, ReferenceNamed, ReferenceNotified, ReferenceRetired,
    ReferenceThanked,
};

use crate::{api::Api, reading::LIST, recording::path_id};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<ReferenceNamed>("C/references");
    api.records::<ReferenceAgreed>("C/references/{reference}/agreed");
    api.records::<ReferenceDeclined>("C/references/{reference}/declined");
    api.records::<ReferenceNotified>("C/references/{reference}/notices");
    api.records::<ReferenceContacted>("C/references/{reference}/checks");
    api.records::<ReferenceThanked>("C/references/{reference}/thanked");
    api.records::<ReferenceRetired>("C/references/{reference}/retired");
    api.lists(
        "C/references",
        "list_references",
        "Who speaks for the candidate",
        LIST,
        |view| {
            let ids = view.candidate.references.keys();
            ids.filter_map(|id| view.candidate.reference(*id)).collect()
        },
    );
    api.reads(
        "C/references/{reference}",
        "get_reference",
        "A reference, and what it heard of applications",
        |view, request| view.candidate.reference(path_id(request, "reference").ok()?),
    );
}
