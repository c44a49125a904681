//! `GET /openapi.json`: the file is kept by hand, and what it says is held against the server here.

mod examples;
mod meaning;
mod routes;
mod values;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, request};

/// The methods that a path may have (`OpenAPI` 3.1.1, Path Item Object); its other members are none.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// One operation of the file.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    members: &'a Value,
}

impl Operation<'_> {
    /// What the file says it does.
    fn is(&self, id: &str) -> bool {
        self.members["operationId"] == id
    }
}

/// The file as it is served.
async fn document() -> Value {
    let answer = TestApp::new().get("", "/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

/// What a pointer leads to, which must be there.
#[track_caller]
fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    let found = document.pointer(pointer);
    found.unwrap_or_else(|| panic!("the file has no {pointer}"))
}

/// The value, or what it refers to.
#[track_caller]
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => at(document, reference.trim_start_matches('#')),
        None => value,
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        let members = item.as_object().unwrap().iter();
        let methods = members.filter(|(name, _)| METHODS.contains(&name.as_str()));
        methods.map(move |(method, members)| Operation {
            path,
            method,
            members,
        })
    });
    all.collect()
}

/// A path of the file as a client writes it.
fn filled(path: &str, user: &str) -> String {
    let path = path.replace("{version}", "v1.0").replace("{id}", user);
    assert!(!path.contains('{'), "{path}: fill this parameter here too");
    path
}

/// The strings of a list.
#[track_caller]
fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap()).collect()
}

/// It is JSON, needs no token, and a batch does not reach it.
#[tokio::test]
async fn anybody_may_read_it() {
    let app = TestApp::new();
    let answer = app.get("", "/OpenAPI.json/").await;
    let length = answer.body.len().to_string();
    let text = answer.text().replace(&length, "[length]");
    insta::assert_snapshot!(text.split_once("\n\n").unwrap().0, @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: [length]
    content-type: application/json
    request-id: [request-id]
    ");
    let post = request(Method::POST, "", "/openapi.json").body(Body::empty());
    let refused = app.send(post.unwrap()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("allow")),
        (405, "GET,HEAD")
    );
    let item = json!({ "id": "1", "method": "GET", "url": "/openapi.json" });
    let batch = json!({ "requests": [item] });
    let batch = app.post("app", "/v1.0/$batch", &batch).await.json();
    assert_eq!(batch["responses"][0]["status"], 400);
}

/// It says which server it describes.
#[tokio::test]
async fn it_has_the_servers_version() {
    let document = document().await;
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}
