//! Small pages straight from tables: what a problem's `type` leads to, and what a finding's `rule` means.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use afterword_letters::{
    RULESET,
    rules::{RULES, named},
};
use serde_json::json;

use super::problem::{Code, Problem};

/// Registers `GET /problems` and `GET /problems/{code}`, and the same for rules.
pub fn configure(service: &mut web::ServiceConfig) {
    service
        .route("/rules", web::get().to(rules))
        .route("/rules/{rule}", web::get().to(rule))
        .route("/problems", web::get().to(list))
        .route("/problems/{code}", web::get().to(page));
}

async fn list() -> HttpResponse {
    let rows: Vec<_> = Code::ALL
        .iter()
        .map(|code| {
            json!({"code": code.name(), "status": code.status().as_u16(), "title": code.title(),
                "detail": code.page(), "page": format!("/problems/{}", code.name())})
        })
        .collect();
    HttpResponse::Ok().json(json!({ "data": rows }))
}

async fn page(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::named(&code).ok_or_else(Problem::not_found)?;
    let text = split_code(code.page());
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
        <title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}</style>\
        <h1>{title}</h1><p><code>{name}</code>, status {status}</p><p>{text}</p><p><a href=\"/problems\">All problems</a></p></html>",
        title = code.title(),
        name = code.name(),
        status = code.status().as_u16(),
    );
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(html))
}

async fn rules() -> HttpResponse {
    let rows: Vec<_> = RULES
        .iter()
        .map(|rule| {
            json!({"rule": rule.id, "severity": rule.severity, "title": rule.title, "why": rule.why,
                "example": {"instead_of": rule.example.0, "write": rule.example.1}, "page": format!("/rules/{}", rule.id)})
        })
        .collect();
    HttpResponse::Ok().json(json!({ "ruleset": RULESET, "data": rows }))
}

async fn rule(id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rule = named(&id).ok_or_else(Problem::not_found)?;
    let (wrong, right) = rule.example;
    let instead = if wrong.is_empty() {
        String::new()
    } else {
        format!("<p>Instead of: <q>{wrong}</q></p>")
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
        <title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}</style>\
        <h1>{title}</h1><p><code>{id}</code>, {severity}</p><p>{why}</p>{instead}<p>Write: <q>{right}</q></p>\
        <p><a href=\"/rules\">All rules</a></p></html>",
        title = rule.title,
        id = rule.id,
        severity = serde_json::to_value(rule.severity)
            .unwrap_or_default()
            .as_str()
            .unwrap_or_default(),
        why = rule.why,
    );
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(html))
}

/// What stands between backticks becomes code. The table's words are our own and hold nothing to escape.
fn split_code(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(i, part)| {
            if i % 2 == 1 {
                format!("<code>{part}</code>")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn every_rule_has_its_page() {
        let app = test::init_service(App::new().configure(configure)).await;
        for rule in RULES {
            let request = test::TestRequest::get()
                .uri(&format!("/rules/{}", rule.id))
                .to_request();
            let body = test::call_and_read_body(&app, request).await;
            let page = String::from_utf8_lossy(&body);
            assert!(page.contains(rule.title) && page.contains(rule.why) && page.contains(rule.example.1));
            let texts = [rule.title, rule.why, rule.example.0, rule.example.1];
            assert!(
                texts.iter().all(|text| !text.contains(['<', '>', '&'])),
                "{}: nothing is escaped",
                rule.id
            );
        }
        let list: serde_json::Value =
            test::call_and_read_body_json(&app, test::TestRequest::get().uri("/rules").to_request()).await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(RULES.len()));
        let unknown = test::call_service(&app, test::TestRequest::get().uri("/rules/nothing").to_request()).await;
        assert_eq!(unknown.status(), 404);
    }

    #[actix_web::test]
    async fn every_code_has_its_page() {
        let app = test::init_service(App::new().configure(configure)).await;
        for code in Code::ALL {
            let request = test::TestRequest::get()
                .uri(&format!("/problems/{}", code.name()))
                .to_request();
            let body = test::call_and_read_body(&app, request).await;
            assert!(String::from_utf8_lossy(&body).contains(code.title()));
            assert!(!code.page().contains(['<', '>', '&']) && code.page().matches('`').count() % 2 == 0);
        }
        let list: serde_json::Value =
            test::call_and_read_body_json(&app, test::TestRequest::get().uri("/problems").to_request()).await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(Code::ALL.len()));
        let unknown = test::call_service(&app, test::TestRequest::get().uri("/problems/nothing").to_request()).await;
        assert_eq!(unknown.status(), 404);
    }
}
