//! Business cards.

use super::*;

#[test]
fn a_business_card_is_a_contact_with_everything_on_it() {
    let mut mara = Mara::new();
    assert_eq!(mara.import(Format::Vcf, PRIYA), [(1, Ok(vec!["ContactCollected"]))]);
    let priya = mara.contact("priya.raman@northwind.example");
    assert_eq!(priya.name.as_str(), "Dr. Priya Raman");
    assert_eq!(priya.title.as_ref().unwrap().as_str(), "Head of Platform Engineering");
    assert_eq!(priya.organisation_name.as_ref().unwrap().as_str(), "Northwind Robotics");
    assert_eq!(priya.phone.as_ref().unwrap().as_str(), "(415) 555-0170");
    let lines = ["1455 Market Street", "Suite 600"];
    let address = json!({"lines": lines, "city": "San Francisco", "region": "CA", "postal_code": "94103", "country": "United States"});
    assert_eq!(serde_json::to_value(priya.postal_address.get()).unwrap(), address);
    assert_eq!(*priya.preferred_channel.get(), None);
    // Android writes vCard 2.1.
    mara.imported(Format::Vcf, TOMAS);
    let tomas = mara.contact("tomas.ortega@northwind.example");
    assert_eq!((tomas.name.as_str(), tomas.phone.get()), ("Tomás Ortega", &None));
}

#[test]
fn a_card_of_a_known_contact_revises_only_what_differs() {
    let mut mara = Mara::new();
    mara.imported(Format::Ics, INVITATION);
    let id = mara.contact("priya.raman@northwind.example").id;
    let card = PRIYA.replace("priya.raman@", "Priya.Raman@");
    assert_eq!(
        mara.imported(Format::Vcf, &[&card, TOMAS].concat()),
        ["ContactRevised", "ContactRevised"]
    );
    assert_eq!(mara.candidate.contacts.len(), 2);
    assert_eq!(mara.candidate.contacts[&id].name.as_str(), "Dr. Priya Raman");
    let revised = serde_json::to_value(&mara.candidate.history().last().unwrap().data).unwrap();
    assert_eq!(revised, json!({"organisation_name": "Northwind Robotics"}));
    // Changed, and changed back.
    let other = card.replace("Head of", "VP of");
    for card in [&other, &card, &other] {
        assert_eq!(mara.imported(Format::Vcf, card), ["ContactRevised"]);
        assert!(mara.imported(Format::Vcf, card).is_empty());
    }
}

#[test]
fn cards_of_version_4_and_folded_lines_are_read() {
    let mut mara = Mara::new();
    let card = "BEGIN:VCARD\nVERSION:4.0\nN:Berg;Anna;;;\nORG:Acme;Lab\nTITLE:Chief of a department with a ra\n ther long name\n\
                TEL;VALUE=uri;TYPE=\"fax,work\":tel:+1-555-0100\nTEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-555-0101\n\
                TEL;VALUE=uri;TYPE=\"voice,work\":tel:+1-555-0102\nEMAIL;TYPE=home:anna@home.example\nEMAIL;TYPE=work:anna@acme.example\n\
                ADR;TYPE=work:;Suite 5;1 Main St;Springfield;IL;62701;USA\nEND:VCARD\n";
    mara.imported(Format::Vcf, card);
    let anna = mara.contact("anna@acme.example");
    assert_eq!(anna.name.as_str(), "Anna Berg");
    assert_eq!(
        anna.title.as_ref().unwrap().as_str(),
        "Chief of a department with a rather long name"
    );
    assert_eq!(anna.phone.as_ref().unwrap().as_str(), "+1-555-0102");
    let lines: Vec<&str> = anna
        .postal_address
        .as_ref()
        .unwrap()
        .lines
        .iter()
        .map(|line| line.as_str())
        .collect();
    assert_eq!(lines, ["1 Main St", "Suite 5"]);
}

#[test]
fn a_bad_card_is_reported_with_its_line_and_the_next_is_read() {
    let mut mara = Mara::new();
    let file = format!(
        "BEGIN:VCARD\nVERSION:3.0\nEMAIL:nobody\nFN:A\nEND:VCARD\n{TOMAS}BEGIN:VCARD\nVERSION:3.0\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:Cut"
    );
    let rows = mara.import(Format::Vcf, &file);
    let lines: Vec<(usize, bool)> = rows.iter().map(|(line, result)| (*line, result.is_ok())).collect();
    assert_eq!(lines, [(1, false), (6, true), (13, false), (17, false)]);
}

#[test]
fn an_erased_contact_stays_erased() {
    let mut mara = Mara::new();
    mara.imported(Format::Vcf, PRIYA);
    let id = mara.contact("priya.raman@northwind.example").id;
    mara.record("ContactErased", json!({}), Some(id.into()));
    assert_eq!(
        mara.plan(Format::Vcf, PRIYA).unwrap()[0]
            .result
            .as_ref()
            .unwrap_err()
            .code(),
        Code::Refused
    );
    assert_eq!(
        mara.imported(Format::Ics, INVITATION),
        ["ContactCollected", "InterviewScheduled"]
    );
}
#[test]
fn old_cards_in_old_character_sets_are_read() {
    let mut mara = Mara::new();
    let read_bytes = |mara: &Mara, bytes: &[u8]| {
        let known = Known {
            candidate: mara.candidate.clone(),
            application: None,
            now: now(),
            by: "key".into(),
        };
        read(Format::Vcf, None, bytes, known).unwrap()
    };
    for (bytes, name, title) in [
        (
            &include_bytes!("../../../tests/files/old.vcf")[..],
            "İlknur Öz",
            Some("Geschäftsführerin der Gesellschaft für Robotik"),
        ),
        (
            &include_bytes!("../../../tests/files/latin.vcf")[..],
            "Jörg Müller",
            None,
        ),
    ] {
        let rows = read_bytes(&mara, bytes);
        let planned = rows.into_iter().next().unwrap().result.unwrap().remove(0);
        let fact = serde_json::to_value(&planned.decided.envelope().data).unwrap();
        assert_eq!((&fact["name"], fact["title"].as_str()), (&json!(name), title));
        decide(&mut mara.candidate, planned.proposal, now(), &"key".into()).unwrap();
        let again = read_bytes(&mara, bytes);
        assert!(matches!(
            again[0].result.as_ref().unwrap()[0].decided,
            Decided::Already(_)
        ));
    }
}
