//! What a template can say: every variable, and nothing else. `docs/templates.md` shows the same table.

/// A variable of a template.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub told: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// Whether it may be empty: then it belongs into a condition.
    pub may_be_empty: bool,
}

macro_rules! variables {
    ($($name:ident $may:ident $told:literal $example:literal;)+) => {
        /// Every variable.
        pub const VARIABLES: &[Variable] = &[$(Variable {
            name: stringify!($name),
            told: $told,
            example: $example,
            may_be_empty: variables!(@$may),
        },)+];
    };
    (@always) => { false };
    (@maybe) => { true };
}

variables! {
    recipient always "The reader as a greeting names them; where nobody is known, the organisation's team" "Dana Whitfield";
    sender always "The candidate's name" "Amara Okafor";
    organisation always "The organisation; a note of the kind `other` may have none" "Kestrel Robotics";
    position maybe "The position, as it was advertised" "Site reliability engineer";
    interview_on maybe "The day of the interview that was held" "Monday 2 March";
    topic maybe "A question of the interview, another one for each of a panel" "How do you hand over a night shift?";
    unsaid_strength maybe "From the debrief: a strength that did not come up" "I speak Danish";
    strength maybe "From the profile: what the candidate is good at" "calm in the first hour of an incident";
    repair maybe "What is to be added to an answer" "we cut the alarms by half within a year";
    repair_question maybe "The question that the answer was given to" "How do you measure success?";
    news maybe "Something good about them that is worth mentioning" "Kestrel opens a second plant in Lyon";
    outline maybe "What they said the next round will bring" "a case study and a talk";
    decide_by maybe "The day by which they promised to decide" "Friday 13 March";
    decide_by_passed maybe "Whether that day has passed; for conditions" "true";
    document maybe "What they asked to see" "work samples";
    requested_on maybe "When they asked for it" "Wednesday 11 March";
    expected_on maybe "By when they can expect it" "Monday 16 March";
    ask maybe "What was asked of the connection: `good_word`, `introduction` or `news`; for conditions" "good_word";
    occasion maybe "What a note of the kind `other` is for: `offer_open`, `offer_accepted`, `offer_declined`, `withdrawn`, `introduction`, `help` or `repair`; for conditions" "offer_accepted";
    respond_by maybe "By when they want an answer to their offer" "Friday 20 March";
    introduced_to maybe "The organisation that an introduction leads to" "Bolt Energy";
    outcome maybe "How the application ended: `accepted`, `declined`, `withdrawn`, `rejected` or `position_closed`; for conditions" "accepted";
    channel always "How the note goes out: `email`, `post` or `message`; for conditions" "email";
    american always "Whether the candidate's English is American; for conditions" "true";
}
