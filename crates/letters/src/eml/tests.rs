use mail_parser::{Addr, Address, MessageParser};
use uuid::Uuid;

use super::*;

fn message() -> Message {
    let mailbox = |name: &str, address: &str| Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    };
    Message {
        from: mailbox("Ada Lovelace", "ada@post.example"),
        reply_to: None,
        to: vec![mailbox("Anna Berg", "anna@acme.example")],
        note: NoteId::new(Uuid::from_u128(7)),
        revision: 3,
        subject: "Thank you".to_owned(),
        body: "Dear Ms Berg,\n\nThank you.\n".to_owned(),
        at: "2026-03-02T14:10:00Z".parse().expect("a moment"),
        zone: TimeZone::get("Europe/Berlin").expect("a zone"),
    }
}

fn named(name: &str) -> Message {
    let mut message = message();
    message.from.name = name.to_owned();
    message.to[0].name = name.to_owned();
    message.subject = name.to_owned();
    message
}

fn people(address: Option<&Address<'_>>) -> Vec<(String, String)> {
    let told = |addr: &Addr<'_>| {
        (
            addr.name().unwrap_or_default().to_owned(),
            addr.address().unwrap_or_default().to_owned(),
        )
    };
    address.expect("an address").iter().map(told).collect()
}

#[test]
fn a_draft_is_plain_to_read() {
    let draft = String::from_utf8(message().draft()).expect("ASCII");
    assert_eq!(
        draft,
        "X-Unsent: 1\r\n\
         From: \"Ada Lovelace\" <ada@post.example>\r\n\
         To: \"Anna Berg\" <anna@acme.example>\r\n\
         Subject: Thank you\r\n\
         Date: Mon, 2 Mar 2026 15:10:00 +0100\r\n\
         Message-ID: <note_00000000000000000000000007.3@post.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n\
         Dear Ms Berg,\r\n\r\nThank you.\r\n"
    );
    assert_eq!(message().draft(), message().draft());
}

#[test]
fn what_a_server_gets_is_no_draft() {
    let bytes = String::from_utf8(message().to_bytes()).expect("ASCII");
    assert!(bytes.starts_with("From: ") && !bytes.contains("X-Unsent"), "{bytes}");
}

#[test]
fn a_message_reads_as_it_was_written() {
    let long = "a word that goes on, ".repeat(30);
    for name in [
        "Zoë Ångström",
        "Dr. Müller, Anna \"Änne\"",
        "王小明",
        "Δοκιμή <x@y.example>, Εταιρεία",
        "O'Neill; Bcc: all",
        "👩🏽‍🔬 Ada",
        long.trim(),
    ] {
        let mut message = named(name);
        message.body = format!("Grüße,\n{name}\n\n.\nFrom here\n{}", "ä".repeat(2000));
        let bytes = message.draft();
        let read = MessageParser::new().parse(&bytes).expect("a message");
        assert_eq!(people(read.from()), [(name.to_owned(), "ada@post.example".to_owned())]);
        assert_eq!(people(read.to()), [(name.to_owned(), "anna@acme.example".to_owned())]);
        assert_eq!(read.subject(), Some(name));
        let text = read.body_text(0).expect("a text").replace("\r\n", "\n");
        assert_eq!(text.trim_end(), message.body);
        assert_eq!(read.date().expect("a date").to_rfc3339(), "2026-03-02T15:10:00+01:00");
        assert!(bytes.is_ascii(), "nothing depends on 8BITMIME");
        assert!(
            bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 79),
            "folded"
        );
    }
}

#[test]
fn nothing_in_a_header_begins_another_one() {
    for sly in [
        "A\r\nBcc: all@x.example",
        "A\nBcc: all@x.example",
        "A\rBcc: x",
        "A\u{2028}Bcc: x",
        "A\u{85}Bcc: x",
    ] {
        let bytes = named(sly).draft();
        let read = MessageParser::new().parse(&bytes).expect("a message");
        let names: Vec<&str> = read.headers().iter().map(|header| header.name()).collect();
        assert_eq!(
            names,
            [
                "X-Unsent",
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "MIME-Version",
                "Content-Type",
                "Content-Transfer-Encoding"
            ]
        );
        assert_eq!(people(read.to()).len(), 1);
    }
}

#[test]
fn a_text_has_the_line_ends_of_mail_alone() {
    let mut message = message();
    message.body = "One\n.\r\nTwo\r.\rThree".to_owned();
    let bytes = message.to_bytes();
    let bare = |at: usize| match bytes[at] {
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    assert!(!(0..bytes.len()).any(bare), "{}", String::from_utf8_lossy(&bytes));
}

#[test]
fn an_answer_to_another_sender_goes_to_the_candidate() {
    let message = message().sent_from(None, "letters@centre.example");
    let bytes = message.to_bytes();
    let read = MessageParser::new().parse(&bytes).expect("a message");
    assert_eq!(
        people(read.from()),
        [("Ada Lovelace".to_owned(), "letters@centre.example".to_owned())]
    );
    assert_eq!(
        people(read.reply_to()),
        [("Ada Lovelace".to_owned(), "ada@post.example".to_owned())]
    );
    assert!(read.message_id().is_some_and(|id| id.ends_with("@centre.example")));
}

#[test]
fn an_address_is_one_that_can_be_told_to_a_server() {
    for right in [
        "anna@acme.example",
        "a.b+c@x-y.example",
        "zoë@bücher.example",
        "o'neill@localhost",
    ] {
        assert!(is_address(right), "{right}");
    }
    for wrong in [
        "anna",
        "@x",
        "a@",
        "a..b@x",
        ".a@x",
        "\"a b\"@x",
        "a@x..y",
        "a@-x",
        "a(b)@x",
        "a\\b@x",
        "a@[::1]",
        "a@x_y",
        "a\u{200b}b@x",
    ] {
        assert!(!is_address(wrong), "{wrong}");
    }
}
