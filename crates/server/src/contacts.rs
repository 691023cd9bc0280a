//! Contacts over HTTP.

use afterword_domain::contacts::{Contact, ContactCollected, ContactErased, ContactRevised};

use afterword_domain::ids::ContactId;

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<ContactCollected>("C/contacts");
    api.patches::<ContactRevised>("C/contacts/{contact}");
    api.deletes::<ContactErased>("C/contacts/{contact}");
    api.lists(
        "C/contacts",
        "list_contacts",
        "Everyone whose card was collected",
        LIST,
        list,
    );
    api.reads("C/contacts/{contact}", "get_contact", "A contact", |view, request| {
        view.candidate
            .contacts
            .get(&path_id::<ContactId>(request, "contact").ok()?)
            .map(|contact| (**contact).clone())
    });
}

fn list(view: &View) -> Vec<Contact> {
    view.candidate
        .contacts
        .values()
        .map(|contact| (**contact).clone())
        .collect()
}
