//! `GET /$metadata`

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{ADELE, TestApp, request};

/// Graph's own description of the presence family.
const GRAPH: &str = include_str!("data/graph-metadata-v1.0.xml");

/// The elements of a schema by kind and name: `Action setPresence`, each with its lines. Both texts
/// have one element a line, so lines can be compared.
fn elements(csdl: &str) -> BTreeMap<String, Vec<&str>> {
    let mut elements = BTreeMap::new();
    let mut name = String::new();
    for line in csdl.lines() {
        let depth = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.trim().split(['<', ' ', '"', '>']).collect();
        if depth == 6 && line.contains("Name=\"") {
            name = format!("{} {}", words[1], words[3]);
        }
        if depth >= 6 && line.contains("Name=\"") {
            let lines: &mut Vec<&str> = elements.entry(name.clone()).or_default();
            lines.push(
                line.trim()
                    .trim_end_matches("/>")
                    .trim_end_matches('>')
                    .trim_end(),
            );
        }
    }
    elements
}

async fn served() -> String {
    let answer = TestApp::new().get("", "/v1.0/$metadata").await;
    assert_eq!(answer.status, StatusCode::OK);
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// It is XML, the same in both versions, and needs no token.
#[tokio::test]
async fn anybody_may_read_it() {
    let app = TestApp::new();
    let text = app.get("", "/v1.0/$metadata").await.text();
    let (head, body) = text.split_once("\n\n").unwrap();
    insta::assert_snapshot!(head, @r"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 8921
    content-type: application/xml
    request-id: [request-id]
    ");
    assert!(body.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edmx:Edmx "));
    let answer = app.get("expired", "/BETA/%24Metadata/").await;
    assert_eq!(answer.body, body.as_bytes());
    let request = request(Method::POST, "", "/v1.0/$metadata").body(Body::empty());
    let refused = app.send(request.unwrap()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("allow")),
        (405, "GET,HEAD")
    );
}

/// Every type, property and parameter is as Graph describes it, and those that are referred to are
/// there. Only a user has less: of what Graph knows of users, nothing but their presence is served.
#[tokio::test]
async fn it_agrees_with_graphs_own() {
    let csdl = served().await;
    let (ours, graphs) = (elements(&csdl), elements(GRAPH));
    let whole = ours
        .keys()
        .filter(|name| !name.starts_with("EntityContainer"));
    for name in whole {
        let theirs = graphs
            .get(name)
            .unwrap_or_else(|| panic!("Graph has no {name}"));
        match name.as_str() {
            "EntityType cloudCommunications" => assert!(
                ours[name].iter().all(|line| theirs.contains(line)),
                "{name}"
            ),
            "EntityType user" => assert_eq!(ours[name][1..], theirs[1..], "{name}"),
            _ => assert_eq!(&ours[name], theirs, "{name}"),
        }
    }
    let referred: BTreeSet<&str> = csdl
        .split(['"', '(', ')'])
        .filter_map(|word| {
            word.strip_prefix("graph.")
                .or(word.strip_prefix("microsoft.graph."))
        })
        .filter(|name| !name.contains('/'))
        .collect();
    for name in referred {
        let found = ours
            .keys()
            .any(|known| known.ends_with(&format!("Type {name}")));
        assert!(found, "{name} is referred to and not there");
    }
}

/// The actions in it are those that are served, of all that Graph knows.
#[tokio::test]
async fn it_has_every_action_that_is_served() {
    let app = crate::subscriptions::app().await;
    let csdl = served().await;
    let ours = elements(&csdl);
    let graphs = elements(GRAPH);
    let actions = graphs.keys().filter(|name| name.starts_with("Action "));
    assert_eq!(actions.clone().count(), 11);
    for name in actions {
        let action = name.trim_start_matches("Action ");
        let path = match action {
            "getPresencesByUserId" => format!("/v1.0/communications/{action}"),
            "reauthorize" => format!("/v1.0/subscriptions/{ADELE}/{action}"),
            _ => format!("/v1.0/users/{ADELE}/presence/{action}"),
        };
        // No action takes a list, so a route that is there refuses the body.
        let error = app.post("app", &path, &json!([])).await.error();
        let is_served = !error.contains("Resource not found");
        assert_eq!(is_served, ours.contains_key(name), "{action}: {error}");
    }
}

/// The properties in it are those of the presences that are read.
#[tokio::test]
async fn it_has_every_property_that_is_served() {
    let csdl = served().await;
    let ours = elements(&csdl);
    let path = format!("/v1.0/users/{ADELE}/presence");
    let presence = TestApp::new().get("app", &path).await.json();
    let check = |value: &serde_json::Value, types: &[&str]| {
        let members = value.as_object().unwrap().keys();
        let members: BTreeSet<&str> = members
            .map(String::as_str)
            .filter(|n| !n.contains('@'))
            .collect();
        let lines = types.iter().flat_map(|name| &ours[*name]);
        let properties = lines.filter(|line| line.starts_with("<Property "));
        let properties: BTreeSet<&str> = properties
            .map(|line| line.split('"').nth(1).unwrap())
            .collect();
        assert_eq!(members, properties, "{types:?}");
    };
    check(&presence, &["EntityType entity", "EntityType presence"]);
    check(
        &presence["outOfOfficeSettings"],
        &["ComplexType outOfOfficeSettings"],
    );
    check(&presence["workLocation"], &["ComplexType userWorkLocation"]);
    let app = crate::subscriptions::app().await;
    let id = crate::subscriptions::made(&app, "adele", json!({})).await;
    let made = app.get("adele", &crate::subscriptions::at(&id)).await;
    check(
        &made.json(),
        &["EntityType entity", "EntityType subscription"],
    );
}
