//! What the areas of the API are, in a sentence each.

/// What an area is; nothing of one that is not named here, which the check of the document's form then reports.
pub fn about(tag: &str) -> &'static str {
    match tag {
        "Candidates" => "Who is looking for work: joining, revising the profile, being forgotten.",
        "Applications" => "What the candidate applied for, and where it stands; the board across candidates.",
        "Interviews" => "When they take place, that they were held, and with whom.",
        "Contacts" => "Business cards of the people at the organisations.",
        "Notes" => "Thank-you notes and other letters: composed, drafted, reviewed, sent.",
        "Templates" => "The texts that notes are composed with, and replacing them.",
        "Mail" => "Notes as e-mails: drafts, the mail server that they go out by, and what came of each.",
        "Status" => "Dates by which they promised to decide, and asking where things stand.",
        "Documents" => "What the organisation asked for, and that it was sent.",
        "Next round" => "What comes next, and what it requires.",
        "Search" => "Looking on: openings, activities, pauses.",
        "Research" => "News about the organisation and its industry.",
        "References" => "Who speaks for the candidate, and what they were told.",
        "Debrief" => "Looking back at an interview: questions, repairs, lessons.",
        "Connections" => "People at the organisation whom the candidate knows, and introductions.",
        "Offers and outcomes" => "Offers, and how an application ends.",
        "Rejections" => "Taken with grace: thanks, feedback, a door kept open.",
        "Tasks" => "What is to be done, why, and by when; the queue across candidates.",
        "Playbook" => "The rules and their numbers, and changing them.",
        "Undo" => "Taking a fact back.",
        "Facts" => "Many facts in one request, of any type.",
        "Calendars" => "Secret addresses at which calendar programs show interviews, days and tasks.",
        "Exports" => "Everything about a candidate in one archive, and bringing it in again.",
        "Imports" => "Files that people have, as facts.",
        "Events" => "The feed of all facts.",
        "Webhooks" => "Addresses that are told of facts, and what became of each delivery.",
        "Keys" => "API keys.",
        "Test clock" => "The time of a test tenant.",
        _ => "",
    }
}
