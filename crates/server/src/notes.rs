//! Notes over HTTP.

use afterword_domain::notes::{Note, NoteDiscarded, NoteDrafted, NoteRevised, NoteSent};

use afterword_domain::ids::NoteId;

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<NoteDrafted>("C/notes");
    api.patches::<NoteRevised>("C/notes/{note}");
    api.records::<NoteSent>("C/notes/{note}/sent");
    api.records::<NoteDiscarded>("C/notes/{note}/discarded");
    api.lists(
        "C/notes",
        "list_notes",
        "A candidate's letters and messages",
        LIST,
        list,
    );
    api.reads("C/notes/{note}", "get_note", "A note", |view, request| {
        view.candidate
            .notes
            .get(&path_id::<NoteId>(request, "note").ok()?)
            .map(|note| (**note).clone())
    });
}

fn list(view: &View) -> Vec<Note> {
    view.candidate.notes.values().map(|note| (**note).clone()).collect()
}
