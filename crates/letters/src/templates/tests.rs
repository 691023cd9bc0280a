use super::*;

fn wrong(subject_line: &str, body: &str) -> Vec<Wrong> {
    let variant = Variant {
        subject_line: subject_line.to_owned(),
        body: body.to_owned(),
    };
    Template::read(vec![variant])
        .map(|_| Vec::new())
        .unwrap_or_else(|wrong| wrong)
}

#[test]
fn every_kind_has_a_default_template_in_every_tone() {
    for (kind, name) in KINDS {
        for tone in Tone::ALL {
            let template = Template::default_for(kind, tone);
            assert!(!template.variants().is_empty(), "{name} {}", tone.name());
            assert_eq!(Template::read(template.variants().to_vec()).as_ref(), Ok(template));
            assert!(
                template.uses(&["recipient"]) && template.uses(&["sender"]),
                "{name} {}",
                tone.name()
            );
        }
        assert_eq!(serde_json::to_value(kind).ok(), Some(name.into()));
    }
}

#[test]
fn what_is_wrong_with_a_template_is_named_with_what_would_be_right() {
    for (body, told) in [
        ("Dear {{ recipent }},", "did you mean `recipient`?"),
        ("Dear {{ salary }},", "There are: recipient,"),
        ("\n{% if topic %}so", "{% endif %}"),
        ("{{ topic", "close each"),
        ("{% endif %}", "is no template"),
        ("{{ topic | upper }}", "one variable"),
        ("{{ topic.length }}", "one variable"),
        ("{{ topic ~ topic }}", "one variable"),
        ("{{ \"x\" * 1000000000 }}", "one variable"),
        ("{{ range(10) }}", "one variable"),
        ("{% for a in topic %}{% endfor %}", "no loops"),
        ("{% set a = topic %}", "no loops"),
        ("{% if topic * 9 %}{% endif %}", "a condition is"),
        ("{% if secret %}{% endif %}", "`secret` on line 1"),
        ("{% include \"/etc/passwd\" %}", "is no template"),
        ("", "must not be empty"),
    ] {
        let wrong = wrong("Hello", body);
        assert_eq!(wrong.len(), 1, "{body}");
        assert_eq!(wrong[0].0, "/variants/0/body");
        assert!(wrong[0].1.contains(told), "{body}: {}", wrong[0].1);
    }
    assert_eq!(wrong("a\nb", "{{ x }}").len(), 2, "all that is wrong is told");
    assert_eq!(wrong(&"x".repeat(501), "x")[0].0, "/variants/0/subject_line");
    assert_eq!(
        Template::read(Vec::new()).map_err(|it| it[0].0.clone()),
        Err("/variants".to_owned())
    );
    let deep = "{% if topic %}".repeat(300) + &"{% endif %}".repeat(300);
    assert_eq!(wrong("x", &deep).len(), 1, "too deep, or too long, and no crash");
}

#[test]
fn what_may_stand_in_a_template_is_filled_in_and_leaves_no_gaps() {
    let variant = Variant {
        subject_line: "About {{ position }}".to_owned(),
        body: "Dear {{ recipient }},\n\n{% if topic and not news %}A {{ topic }}{% endif %}\n\n{% if ask == \"news\" %}news{% elif american %}US{% else %}GB{% endif %}   <b>\n{# aside #}\n\nBest,\n{{ sender }}\n".to_owned(),
    };
    let template = Template::read(vec![variant]).expect("a template");
    let mut values: BTreeMap<&'static str, Value> = BTreeMap::new();
    values.insert("recipient", "{{ sender }} & {% if %}".into());
    let (subject_line, body) = template.render(0, &values);
    assert_eq!(subject_line, "About");
    assert_eq!(
        body, "Dear {{ sender }} & {% if %},\n\nGB <b>\n\nBest,",
        "values are no templates"
    );
    values.insert("topic", "b".into());
    values.insert("american", true.into());
    assert!(template.render(7, &values).1.contains("A b\n\nUS <b>"));
}

#[test]
fn every_variable_is_documented() {
    let docs = include_str!("../../../../docs/templates.md");
    for variable in VARIABLES {
        let when = if variable.may_be_empty {
            "may be empty"
        } else {
            "always"
        };
        let row = format!(
            "| `{}` | {when} | {} | {} |",
            variable.name, variable.told, variable.example
        );
        assert!(docs.contains(&row), "docs/templates.md lacks the row\n{row}");
    }
    let rows = docs.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, VARIABLES.len(), "docs/templates.md has rows of no variable");
}

#[test]
fn the_example_of_the_documentation_is_a_template() {
    let docs = include_str!("../../../../docs/templates.md");
    let example = docs
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let put: serde_json::Value = serde_json::from_str(example).expect("JSON");
    let variants: Vec<Variant> = serde_json::from_value(put["variants"].clone()).expect("variants");
    assert!(Template::read(variants).is_ok());
}
