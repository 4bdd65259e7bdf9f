use std::pin::Pin;
use std::task::{self, Waker};

use http::{Method, Uri};
use hyper::body::Body as _;

use super::*;
use crate::web::Request;

const ORIGIN: &str = "https://crm.example";

fn shell<'s>(origins: &'s [String], currencies: &'s [String], id: Option<&'s str>) -> Shell<'s> {
    Shell {
        sign_in: "/sign-in",
        agent_name: "Mary <Smith>",
        tenant_name: "Bell & Sons",
        frame_origins: origins,
        currencies,
        currency: "EUR",
        is_recorded: true,
        id,
    }
}

pub(super) fn body(response: Response) -> String {
    let mut body = response.body;
    match Pin::new(&mut body).poll_frame(&mut task::Context::from_waker(Waker::noop())) {
        task::Poll::Ready(Some(Ok(frame))) => {
            let bytes = frame.into_data().expect("data");
            String::from_utf8(bytes.to_vec()).expect("UTF-8")
        }
        _ => String::new(),
    }
}

fn header_of(response: &Response, name: HeaderName) -> &str {
    response.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

fn get(uri: &'static str, known: Option<&str>) -> Request {
    let mut request = http::Request::builder().method(Method::GET).uri(Uri::from_static(uri));
    if let Some(tag) = known {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    Request { parts, params: Vec::new(), body: Default::default(), address: [127, 0, 0, 1].into() }
}

/// Pages of all kinds, by the names of their files.
pub(super) fn pages() -> Vec<(&'static str, Response)> {
    let (origins, currencies) = ([ORIGIN.to_owned()], ["EUR".to_owned(), "GBP".to_owned()]);
    vec![
        ("sign_in", sign_in(&[])),
        ("new", payment(&shell(&[], &currencies, None))),
        ("payment", payment(&shell(&[], &currencies, Some("p1")))),
        ("framed", payment(&shell(&origins, &currencies, Some("p1")))),
        (
            "suspend",
            suspending(&Suspending {
                agent_name: "Mary <Smith>",
                tenant_name: "Bell & Sons",
                frame_origins: &[],
            }),
        ),
        ("not_found", not_found()),
    ]
}

#[test]
fn nothing_in_a_page_runs_or_loads_but_our_own_files() {
    for (name, response) in pages() {
        let html = body(response);
        assert!(html.starts_with("<!doctype html>"), "{name}");
        assert_eq!(html.matches("<script ").count(), 1, "{name}");
        assert_eq!(html.matches("<script").count(), 1, "{name}");
        assert!(!html.contains("<style") && !html.contains(" style="), "{name}");
        assert!(!html.contains(" onclick") && !html.contains("javascript:"), "{name}");
        let own = html.replace(ORIGIN, "");
        assert!(!own.contains("http:") && !own.contains("https:") && !own.contains("=\"//"), "{name}");
        assert_eq!(html.matches("integrity=\"sha384-").count(), 2, "{name}");
    }
}

#[test]
fn what_is_written_into_a_page_cannot_be_markup() {
    let (origins, currencies) =
        (["https://x.example\"><b>".to_owned()], ["EUR".to_owned(), "<i>".to_owned()]);
    let html = body(payment(&shell(&origins, &currencies, Some("\"><script>"))));
    assert!(html.contains("Mary &#60;Smith&#62;") && html.contains("Bell &#38; Sons"), "{html}");
    assert!(!html.contains("<i>") && !html.contains("<b>") && html.matches("<script").count() == 1);
}

#[test]
fn a_framed_page_says_who_may_frame_it_and_whom_it_tells() {
    for (name, response) in pages() {
        let policy = header_of(&response, header::CONTENT_SECURITY_POLICY).to_owned();
        let shared = header_of(&response, HeaderName::from_static("cross-origin-resource-policy")).to_owned();
        let html = body(response);
        if name == "framed" {
            assert!(policy.ends_with("frame-ancestors https://crm.example"), "{policy}");
            assert!(html.contains("data-origins=\"https://crm.example\""));
            assert_eq!(shared, "cross-origin");
        } else {
            assert!(policy.ends_with("frame-ancestors 'none'"), "{name}: {policy}");
            assert!(html.contains("data-origins=\"\""), "{name}");
            assert_eq!(shared, "", "{name}");
        }
    }
}

#[test]
fn a_page_and_all_that_it_loads_is_less_than_100_kilobytes() {
    let assets = [&assets::SCRIPT, &assets::SUSPEND, &assets::STYLE, &assets::ICON];
    let assets: usize = assets.iter().map(|asset| asset.text.len()).sum();
    for (name, response) in pages() {
        let all = assets + body(response).len();
        assert!(all < 100_000, "{name} comes to {all} bytes");
    }
}

#[test]
fn the_script_makes_no_markup_and_runs_no_text() {
    let scripts = [assets::SCRIPT.text, assets::SUSPEND.text];
    for barred in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "localStorage",
        "http",
    ] {
        assert!(scripts.iter().all(|script| !script.contains(barred)), "{barred}");
    }
    assert!(scripts.iter().all(|script| script.contains("'use strict'")));
}

/// Every element that the script asks for by name is in a template, and every text that it takes from one.
#[test]
fn what_the_script_looks_for_is_in_a_page() {
    let html: String = pages().into_iter().map(|(_, response)| body(response)).collect();
    let script = [assets::SCRIPT.text, assets::SUSPEND.text].concat();
    for name in script.split("$('").skip(1).filter_map(|rest| rest.split('\'').next()) {
        assert!(html.contains(&format!("id=\"{name}\"")), "no element is called {name}");
    }
    for name in script.split("words.").skip(1) {
        let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
        let attribute = name.chars().fold("data-".to_owned(), |written, letter| {
            if letter.is_ascii_uppercase() {
                format!("{written}-{}", letter.to_ascii_lowercase())
            } else {
                format!("{written}{letter}")
            }
        });
        assert!(html.contains(&format!("{attribute}=\"")), "no page says {name}");
    }
}

#[test]
fn assets_are_kept_by_what_they_hold() {
    type Serve = fn(&Request) -> Response;
    let assets: [(&str, Serve, &str); 4] = [
        ("/assets/suspend.js", asset_suspend_js, "text/javascript; charset=utf-8"),
        ("/assets/keyhush.js", asset_js, "text/javascript; charset=utf-8"),
        ("/assets/keyhush.css", asset_css, "text/css; charset=utf-8"),
        ("/assets/keyhush.svg", asset_icon, "image/svg+xml"),
    ];
    let html: String = pages().into_iter().map(|(_, response)| body(response)).collect();
    for (path, serve, kind) in assets {
        let plain = serve(&get("/assets/x", None));
        assert_eq!(header_of(&plain, header::CONTENT_TYPE), kind);
        assert_eq!(header_of(&plain, header::CACHE_CONTROL), "no-cache");
        let tag = header_of(&plain, header::ETAG).to_owned();
        let url = format!("{path}?v={}", tag.trim_matches('"'));
        assert!(html.contains(&format!("\"{url}\"")), "no page loads {url}");
        let url: &'static str = Box::leak(url.into_boxed_str());
        let kept = serve(&get(url, None));
        assert!(header_of(&kept, header::CACHE_CONTROL).contains("immutable"), "{path}");
        let other = serve(&get("/assets/x?v=0", None));
        assert_eq!(header_of(&other, header::CACHE_CONTROL), "no-cache");
        let known = serve(&get("/assets/x", Some(&format!("\"other\", W/{tag}"))));
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        assert!(body(known).is_empty());
    }
}

#[test]
fn pages_are_written_where_they_are_asked_for() {
    let Ok(directory) = std::env::var("KEYHUSH_PAGES") else { return };
    let directory = std::path::Path::new(&directory);
    std::fs::create_dir_all(directory).expect("a directory");
    for (name, response) in pages() {
        let policy = header_of(&response, header::CONTENT_SECURITY_POLICY).to_owned();
        std::fs::write(directory.join(format!("{name}.policy")), policy).expect("a file");
        std::fs::write(directory.join(format!("{name}.html")), body(response)).expect("a file");
    }
    for (name, view) in states::all() {
        let json = serde_json::to_vec(&view).expect("JSON");
        std::fs::write(directory.join(format!("{name}.json")), json).expect("a file");
    }
}
