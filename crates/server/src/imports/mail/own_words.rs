//! What the writer of a message wrote: without what is quoted from earlier messages, without the signature. What
//! somebody said weeks ago is no news, and a disclaimer is nobody's word. Pure.

use mail_parser::decoders::html::html_to_text;

use super::message::is_invisible;

/// So much of a message is read: nobody writes more.
const MOST_LINES: usize = 2000;
const MOST_LETTERS: usize = 100_000;

/// Marks in pages after which all is quoted.
const QUOTED_FROM: [&str; 8] = [
    "class=\"gmail_quote",
    "class=\"gmail_attr",
    "class=\"yahoo_quoted",
    "class=\"moz-cite-prefix",
    "class=\"protonmail_quote",
    "id=\"divrplyfwdmsg",
    "id=\"appendonsend",
    "id=\"mail-editor-reference-message-container",
];

/// Lines after which an earlier message follows.
const EARLIER: [&str; 7] = [
    "-----original message-----",
    "---------- forwarded message",
    "begin forwarded message:",
    "-----ursprüngliche nachricht-----",
    "________________________________",
    "-----message d'origine-----",
    "----- forwarded message",
];

const CLOSINGS: &str = include_str!("../../../data/mail/closings.txt");

/// The words of a page.
pub(super) fn of_page(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let cut = QUOTED_FROM.iter().filter_map(|mark| lower.find(mark)).min();
    // The mark stands within a tag.
    let end = cut.map_or(page.len(), |at| lower[..at].rfind('<').unwrap_or(at));
    let mut kept = String::with_capacity(end);
    let (mut depth, mut at) = (0_usize, 0);
    for (tag, _) in lower[..end].match_indices('<') {
        let opens = lower[tag..].starts_with("<blockquote");
        let closes = lower[tag..].starts_with("</blockquote");
        if opens && depth == 0 {
            kept.push_str(&page[at..tag]);
        }
        if opens {
            depth += 1;
        } else if closes && depth > 0 {
            depth -= 1;
            at = tag;
        }
    }
    if depth == 0 {
        kept.push_str(&page[at..end]);
    }
    html_to_text(&blocks(&kept))
}

/// Ends of blocks are ends of lines: a button does not belong to the sentence before it.
fn blocks(page: &str) -> String {
    let mut page = page.to_owned();
    for tag in [
        "</div>", "</td>", "</tr>", "</li>", "</h1>", "</h2>", "</h3>", "</table>", "</p>",
    ] {
        page = page.replace(tag, &format!("{tag}<br><br>"));
    }
    page
}

/// The words of a text.
pub(super) fn of(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !is_invisible(*c)).take(MOST_LETTERS).collect();
    let clean = clean.replace('\u{a0}', " ").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = clean.lines().take(MOST_LINES).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut nth = 0;
    while nth < lines.len() {
        let line = lines[nth].trim();
        if line.starts_with('>') || line.starts_with('|') {
            nth += 1;
            continue;
        }
        if line == "--" || is_closing(line) || begins_earlier_message(&lines[nth..]) {
            break;
        }
        if let Some(length) = attribution(&lines[nth..]) {
            nth += length;
            let next = lines[nth..].iter().find(|line| !line.trim().is_empty());
            // Where the quotation is marked, the answer may stand below it.
            if next.is_some_and(|line| line.trim_start().starts_with('>')) {
                continue;
            }
            break;
        }
        kept.push(lines[nth].trim_end());
        nth += 1;
    }
    kept.join("\n").trim().to_owned()
}

fn is_closing(line: &str) -> bool {
    // "Thank you." is a sentence, "Thank you," the end.
    let bare = line.trim_end_matches([',', ' ']).to_lowercase();
    afterword_letters::phrases::rows(CLOSINGS).any(|closing| closing == bare) || bare.starts_with("sent from my ")
}

fn begins_earlier_message(lines: &[&str]) -> bool {
    let starts = |line: &str, words: &[&str]| {
        let lower = line.trim().trim_matches('*').to_lowercase();
        words.iter().any(|word| lower.starts_with(word))
    };
    if starts(lines[0], &EARLIER) {
        return true;
    }
    // Outlook: From, Sent, To, Subject.
    let follows = |words: &[&str]| lines[1..].iter().take(5).any(|line| starts(line, words));
    starts(lines[0], &["from:", "von:", "de:"])
        && follows(&["sent:", "date:", "gesendet:", "datum:", "envoyé:", "enviado:"])
        && follows(&["to:", "an:", "à:", "para:", "subject:", "betreff:", "objet:", "asunto:"])
}

/// "On Monday, Dana wrote:", over up to three lines; gives how many.
fn attribution(lines: &[&str]) -> Option<usize> {
    const BEGIN: [&str; 5] = ["on ", "am ", "le ", "el ", "op "];
    const END: [&str; 6] = ["wrote:", "schrieb:", "écrit :", "écrit:", "escribió:", "schreef:"];
    let first = lines[0].trim().to_lowercase();
    if !BEGIN.iter().any(|begin| first.starts_with(begin)) {
        return None;
    }
    let mut length = 0;
    for (nth, line) in lines.iter().take(3).enumerate() {
        let line = line.trim().to_lowercase();
        length += line.len();
        if length > 300 || line.is_empty() {
            return None;
        }
        // "Am Montag schrieb Dana:"
        let within = line.ends_with(':') && (line.contains(" schrieb ") || line.contains(" wrote "));
        if within || END.iter().any(|end| line.ends_with(end)) {
            return Some(nth + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_left_out_and_what_is_answered_below_it_is_kept() {
        for (text, own) in [
            (
                "Hi\n\nOn Mon, 2 Mar 2026 at 10:00, Ada <a@b.example>\nwrote:\n> not moving forward\n",
                "Hi",
            ),
            ("On Monday Ada wrote:\n> a?\nYes.\n> b?\nNo.", "Yes.\nNo."),
            ("Hi\n\nAm 02.03.2026 um 10:00 schrieb Ada:\nalles", "Hi"),
            ("Hi\n________________________________\nFrom: Ada\nSent: Monday", "Hi"),
            (
                "Hi\n\nFrom: Ada <a@b.example>\nSent: Monday\nTo: Dana\nSubject: x\n\nold",
                "Hi",
            ),
            (
                "Hi\n\nBest regards,\nDana\nWe have decided to move forward with other candidates.",
                "Hi",
            ),
            ("Hi\n-- \nDana", "Hi"),
            ("From: the beginning we liked you.", "From: the beginning we liked you."),
            (
                "On Monday we will let you know.\nAs we wrote: soon.",
                "On Monday we will let you know.\nAs we wrote: soon.",
            ),
        ] {
            assert_eq!(of(text), own, "{text}");
        }
    }

    #[test]
    fn of_a_page_its_words_remain() {
        let page = "<html><head><style>p{}</style></head><body><p>Hi <b>Ada</b>,</p><p>thank&nbsp;you.</p>\
                    <blockquote>old<blockquote>older</blockquote></blockquote><p>New.</p>\
                    <div class=\"gmail_quote\"><p>quoted</p></div></body></html>";
        let text = of(&of_page(page));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["Hi", "Ada,", "thank", "you.", "New."]);
    }
}
