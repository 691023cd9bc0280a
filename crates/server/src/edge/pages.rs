//! The pages that a problem's `type` leads to: one small page per code and a list of all, straight from the table.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::problem::{Code, Problem};

/// Registers `GET /problems` and `GET /problems/{code}`.
pub fn configure(service: &mut web::ServiceConfig) {
    service
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
