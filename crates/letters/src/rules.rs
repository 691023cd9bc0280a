//! The rules of a review, as data: what they look for, how much it weighs and why.

use afterword_domain::notes::Severity;

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id: stays for ever.
    pub id: &'static str,
    /// How much what it finds weighs.
    pub severity: Severity,
    /// What it looks for.
    pub title: &'static str,
    /// Why it matters to the reader of the letter.
    pub why: &'static str,
    /// What it finds, and what is right.
    pub example: (&'static str, &'static str),
}

macro_rules! rules {
    ($($name:ident $id:literal $severity:ident $title:literal $why:literal $wrong:literal => $right:literal;)+) => {
        $(#[doc = $title] pub const $name: Rule = Rule {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            why: $why,
            example: ($wrong, $right),
        };)+

        /// Every rule.
        pub const RULES: &[&Rule] = &[$(&$name,)+];
    };
}

rules! {
    // Names
    RECIPIENT_NOT_NAMED "recipient_not_named" Error "A recipient is not named"
        "A letter that names its reader was written for them; one that does not could have gone to anybody."
        "Dear Sir or Madam," => "Dear Ms Berg,";
    NAME_MISSPELLED "name_misspelled" Error "A name is misspelled"
        "People notice their own name before anything else."
        "Dear Ms Bergh," => "Dear Ms Berg,";
    NAME_OF_ANOTHER "name_of_another" Error "The name of somebody else"
        "Nothing shows a copied letter as surely as another reader's name."
        "Dear Peter Berg," => "Dear Anna Berg,";
    NAME_ORDER "name_order" Warning "First name and surname are swapped"
        "Mr and Ms go with the surname, and a name is written in the order in which its owner writes it."
        "Dear Ms Anna," => "Dear Ms Berg,";
    WRONG_TITLE "wrong_title" Warning "Another title than on record"
        "Who earned a title sees at once when it is missing or another."
        "Dear Mr Li," => "Dear Dr Li,";
    TITLE_NOT_ON_RECORD "title_not_on_record" Advice "A title that is not on record"
        "A title that somebody does not hold embarrasses both sides: look at the card again."
        "Dear Dr Stone," => "Dear Mr Stone,";
    ORGANISATION_MISSPELLED "organisation_misspelled" Error "The organisation's name is misspelled"
        "An organisation's name is its pride; who gets it wrong seems not to know where they applied."
        "Thank you for the visit to Mckinzie." => "Thank you for the visit to McKinsey.";
    OTHER_ORGANISATION "other_organisation" Error "The name of another organisation"
        "It is the name of an organisation from another application: the letter was copied."
        "I would be glad to join Globex." => "I would be glad to join Acme.";
    POSITION_MISNAMED "position_misnamed" Error "The position has another name"
        "The position is called as it was advertised; another name tells that more than one application runs."
        "the Data Analyst position" => "the Data Engineer position";
    ADDRESS_DIFFERS "address_differs" Error "The address is not the one on record"
        "A letter that goes to a wrong address does not arrive in time, or never."
        "17 High Street" => "71 High Street";

    // Shape
    NOTHING_WRITTEN "nothing_written" Error "The letter says nothing"
        "There is nothing to send yet."
        "" => "Dear Ms Berg, …";
    TOO_MANY_PARAGRAPHS "too_many_paragraphs" Warning "More than three paragraphs"
        "A short letter is read to its end on the day it arrives."
        "Five paragraphs" => "Three paragraphs";
    LONG_PARAGRAPH "long_paragraph" Warning "A paragraph of more than two lines"
        "Two printed lines are read at a glance; a block of text is put aside for later."
        "Four lines about a project" => "One sentence about the project, and what it has to do with theirs";
    NO_GREETING "no_greeting" Warning "There is no greeting"
        "A letter without a greeting reads like a memo."
        "Thank you for the interview." => "Dear Ms Berg, thank you for the interview.";
    NO_CLOSING "no_closing" Warning "There is no closing"
        "A letter that just stops seems cut off, or hurried."
        "I look forward to hearing from you." => "I look forward to hearing from you. Kind regards, Ada Lovelace";
    NO_THANKS "no_thanks" Warning "There are no thanks"
        "Thanks are what the letter is for."
        "Our talk was interesting." => "Thank you for an interesting talk.";
    NOTHING_FROM_THE_INTERVIEW "nothing_from_the_interview" Advice "Nothing from the interview"
        "A detail of what was talked about shows who listened, and brings the conversation back."
        "Thank you for your time." => "Thank you for showing me how your night shifts hand over.";
    NO_STRENGTH "no_strength" Advice "No strength, no fit"
        "The letter is the last word on why it should be you: say again what you bring, above all what the interview did not reach."
        "I enjoyed our talk." => "The ward you described needs calm hands in the first hour; that is what I bring.";
    PLACEHOLDER "placeholder" Error "A placeholder was left"
        "It shows that the letter is a form, filled in by half."
        "Dear [Name]," => "Dear Ms Berg,";
    SUBJECT_LINE_MISSING "subject_line_missing" Warning "An e-mail without a subject line"
        "Mail without a subject line is passed over, or taken for spam."
        "" => "Thank you for our talk on Monday";

    // Language
    SPELLING "spelling" Error "A word is misspelled"
        "A misspelled word in the one letter that you had time for makes the reader wonder about the rest."
        "I look foward to it." => "I look forward to it.";
    UNKNOWN_WORD "unknown_word" Advice "A word that is in no ordinary dictionary"
        "It may be a term that your reader uses every day. Look whether it is spelled as they spell it."
        "the mashrabiya facade" => "the same, once you have looked it up";
    REGIONAL_SPELLING "regional_spelling" Warning "British or American spelling, the other than usual"
        "Either spelling is right; the one that your reader uses is not noticed."
        "colour (in American English)" => "color";
    DOUBLED_WORD "doubled_word" Warning "A word stands twice"
        "It is read over by its writer and seen by its reader."
        "Thank you for the the tour." => "Thank you for the tour.";
    CONFUSED_WORD "confused_word" Error "A word that sounds like the right one"
        "No spelling checker finds it, and every careful reader does."
        "Thank you for you're time." => "Thank you for your time.";
    AGREEMENT "agreement" Error "Words that do not agree"
        "It reads as carelessness, even where it was only a late change."
        "The questions was good." => "The questions were good.";
    GRAMMAR "grammar" Advice "Grammar, in a service that was built to look at it"
        "The reader stumbles over it, and has to go back."
        "The work was did by me." => "The work was done by me.";
    INFORMAL "informal" Warning "An informal word"
        "The tone of a chat is right among friends; the letter goes to somebody who decides."
        "Hey Anna, the chat was awesome." => "Dear Anna, I enjoyed our conversation.";
    CONTRACTION "contraction" Advice "A contraction"
        "Written out it sounds considered; in a letter there is room for it."
        "I can't start before May." => "I cannot start before May.";
    SHOUTING "shouting" Warning "Words in capitals"
        "Capitals are read as shouting."
        "I am VERY interested." => "I am very interested.";
    EXCLAMATIONS "exclamations" Warning "Too many exclamation marks"
        "One may be warm; more seem breathless."
        "Thank you so much!!!" => "Thank you very much.";
    EMOTICON "emoticon" Warning "An emoticon"
        "It belongs into a chat."
        "See you soon :-)" => "I look forward to seeing you.";
    EMOJI "emoji" Warning "An emoji"
        "It belongs into a chat, and looks different on the reader's machine."
        "Thank you 🙏" => "Thank you.";
    SELF_DOUBT "self_doubt" Warning "A doubt about oneself"
        "The reader had not thought of it. Say what you bring, and leave the doubts to others."
        "Although I lack experience, …" => "In two years on the night desk I learned …";
    APOLOGY "apology" Warning "An apology for oneself"
        "It brings back what went wrong, and what the reader may not have noticed. Say the better answer instead."
        "I am sorry that I was so nervous." => "I have thought about your question on budgets: …";
    COMPLAINT "complaint" Warning "A complaint about others"
        "Whoever speaks badly of the last employer will speak so of the next."
        "My former boss was terrible." => "I am looking for a team that plans together.";
    DESPERATION "desperation" Warning "Pleading"
        "A need is no reason to be chosen, and it weakens every reason that is."
        "I really need this job." => "I would be glad to do this work.";
    ARGUMENT "argument" Error "An argument with their decision"
        "The decision stands. Who takes it with grace is the one they think of when the first choice falls through."
        "I believe you made a mistake." => "I respect your decision.";
    NOT_ENGLISH "not_english" Advice "The language was not reviewed"
        "Spelling and wording are reviewed in English; names, shape and time in any language."
        "Vielen Dank für das Gespräch." => "A second reader who writes the language well";

    // The panel, and time
    NEARLY_THE_SAME "nearly_the_same" Warning "Nearly the same as the letter to another of the panel"
        "People of one panel show each other their letters."
        "The same letter under two names" => "To each, what you talked about with them";
    INTERVIEWER_UNREACHED "interviewer_unreached" Advice "An interviewer whom no letter reaches"
        "Who is thanked last notices; who is not thanked remembers."
        "Letters to two of three" => "A letter to each of the three";
    LATE "late" Warning "The letter goes out late"
        "A letter is worth most on the day after; late is still better than never, and the sooner the better."
        "Five days after the interview" => "Within a day";
    POST_TOO_LATE "post_too_late" Warning "A letter by post that cannot arrive in time"
        "It is remembered best where it arrives; send an e-mail now, and the letter after it."
        "Posted on the evening of the due day" => "An e-mail today";
}

/// A rule by its id.
pub fn named(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id).copied()
}
