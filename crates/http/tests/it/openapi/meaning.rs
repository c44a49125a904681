//! What the file says of each operation: whole, alike in all forms of a path, and true of
//! permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, Method, header};
use http_body_util::BodyExt;
use presenced_http::{Settings, Throttling};
use serde_json::{Value, json};

use super::{Operation, at, document, filled, operations, resolved};
use crate::subscriptions::made;
use crate::support::{ADELE, Answer, TestApp, request};

/// Every reference leads somewhere, and nothing is there that nobody refers to.
#[tokio::test]
async fn references() {
    fn collect(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = value["$ref"].as_str() {
                    into.insert(reference.to_owned());
                }
                members.values().for_each(|member| collect(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document().await;
    let mut referred = BTreeSet::new();
    collect(&document, &mut referred);
    for reference in &referred {
        at(&document, reference.trim_start_matches('#'));
    }
    let components = document["components"].as_object().unwrap().iter();
    for (kind, members) in components.filter(|(kind, _)| *kind != "securitySchemes") {
        for name in members.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(referred.contains(&reference), "nobody uses {reference}");
        }
    }
}

/// Every operation has an id of its own, a summary, a description and a tag that is explained, and
/// everything that can be filled in is described.
#[tokio::test]
async fn everything_is_described() {
    let document = document().await;
    let told = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let tags = document["tags"].as_array().unwrap().iter();
    let tags: Vec<&Value> = tags.map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    let mut check = |operation: &Value| {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "two operations are {id}");
        for name in ["summary", "description"] {
            assert!(told(&operation[name]), "{id} has no {name}");
        }
        assert!(tags.contains(&&operation["tags"][0]), "{id}");
    };
    let messages = at(&document, "/components/pathItems").as_object().unwrap();
    messages.values().for_each(|item| check(&item["post"]));
    for operation in operations(&document) {
        check(operation.members);
        for response in operation.members["responses"].as_object().unwrap().values() {
            let response = resolved(&document, response);
            assert!(told(&response["description"]), "{}", operation.path);
            for (name, header) in response["headers"].as_object().unwrap() {
                assert!(told(&resolved(&document, header)["description"]), "{name}");
            }
        }
    }
    for kind in ["parameters", "requestBodies", "schemas"] {
        for (name, component) in at(&document, "/components")[kind].as_object().unwrap() {
            assert!(told(&component["description"]), "{kind} {name}");
            let properties = component["properties"].as_object();
            for (member, property) in properties.into_iter().flatten() {
                let property = resolved(&document, property);
                assert!(told(&property["description"]), "{name}.{member}");
            }
        }
    }
}

/// The three ways to name a presence have the same operations, which say the same of themselves but
/// for whom they are about.
#[tokio::test]
async fn the_forms_are_alike() {
    const USERS: &str = "/{version}/users/{id}/presence";
    let others = [
        ("/{version}/me/presence", "_of_me"),
        (
            "/{version}/communications/presences/{id}",
            "_in_communications",
        ),
    ];
    let document = document().await;
    let paths = document["paths"].as_object().unwrap();
    let of_users = paths.iter().filter(|(path, _)| path.starts_with(USERS));
    let mut count = 0;
    for (path, item) in of_users {
        for (method, operation) in item.as_object().unwrap() {
            for (form, suffix) in others {
                let other = &paths[&path.replace(USERS, form)][method];
                let id = operation["operationId"].as_str().unwrap();
                assert_eq!(other["operationId"], format!("{id}{suffix}"));
                for member in ["tags", "requestBody"] {
                    assert_eq!(other[member], operation[member], "{path} {form}: {member}");
                }
                let outcomes = |operation: &Value| {
                    let mut outcomes = operation["responses"].clone();
                    let done = resolved(&document, &outcomes["200"]).clone();
                    // Links go from one form to itself, so one has them for all.
                    outcomes["200"] = json!([done["headers"], done["content"]]);
                    outcomes
                };
                assert_eq!(outcomes(other), outcomes(operation), "{path} {form}");
                count += 1;
            }
        }
    }
    assert!(count >= 2 * 11, "two reads and nine actions, at least");
}

/// A token of each kind, as the tests name it, and the permission that it carries.
const TOKENS: [(&str, &str, &[&str]); 10] = [
    (
        "app",
        "applicationToken",
        &["Presence.Read.All", "Presence.ReadWrite.All"],
    ),
    ("app-reads", "applicationToken", &["Presence.Read.All"]),
    ("app-without-roles", "applicationToken", &[]),
    ("app-administers", "applicationToken", &["Presenced.Admin"]),
    (
        "app-reads-subscriptions",
        "applicationToken",
        &["Subscription.Read.All"],
    ),
    (
        "adele-reads-subscriptions",
        "userToken",
        &["Subscription.Read.All"],
    ),
    (
        "adele",
        "userToken",
        &["Presence.ReadWrite", "Presence.Read.All"],
    ),
    ("adele-reads-own", "userToken", &["Presence.Read"]),
    ("adele-writes-own", "userToken", &["Presence.ReadWrite"]),
    ("adele-without-scopes", "userToken", &[]),
];

/// Whether the file says that a token of this kind with these permissions is enough.
fn is_enough(operation: &Operation<'_>, kind: &str, permissions: &[&str]) -> bool {
    let alternatives = operation.members["security"].as_array().unwrap();
    let enough = |alternative: &Value| {
        let needed = alternative[kind].as_array();
        needed.is_some_and(|needed| {
            let mut needed = needed.iter().map(|name| name.as_str().unwrap());
            needed.all(|name| permissions.contains(&name))
        })
    };
    alternatives.is_empty() || alternatives.iter().any(enough)
}

/// Makes what a path names, for whom this token is, and answers its id.
async fn furnished(app: &TestApp, path: &str, token: &str) -> String {
    app.set(ADELE, "Busy/InACall").await;
    if path.starts_with("/{version}/subscriptions/") {
        let maker = if token.starts_with("app") {
            "app"
        } else {
            "adele"
        };
        return made(app, maker, json!({})).await;
    }
    if path.starts_with("/admin/v1/subscriptions/") {
        return made(app, "alex", json!({})).await;
    }
    if !path.starts_with("/admin/") {
        return ADELE.to_owned();
    }
    let (user, application) = (format!("users/{ADELE}"), format!("applications/{ADELE}"));
    for below in [&user, &format!("{user}/outOfOffice"), &application] {
        let path = format!("/admin/v1/{below}");
        let put = app.put("admin", &path, &json!({})).await;
        assert!(put.status.is_success(), "{}", put.text());
    }
    ADELE.to_owned()
}

/// Sends the operation with the first example of its body, on Adele or what belongs to her.
async fn answer(document: &Value, operation: &Operation<'_>, token: &str) -> Answer {
    let settings = Settings {
        throttling: Throttling::PUBLISHED,
        ..Settings::default()
    };
    let app = TestApp::notifying(settings, Arc::default()).await;
    let mut path = filled(
        operation.path,
        &furnished(&app, operation.path, token).await,
    );
    if operation.is("list_presences") {
        path.extend(["?$filter=id%20eq%20'", ADELE, "'"]);
    }
    let body = resolved(document, &operation.members["requestBody"]);
    let mut examples = body["content"]["application/json"]["examples"]
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::values);
    let body = examples.next().map(|example| example["value"].to_string());
    let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).unwrap();
    let request = request(method, token, &path).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
    let (parts, body) = app.front.answer(request).await.into_parts();
    // Or that of a stream would not end.
    app.api.live().end();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// The status, where 200 stands for every success.
fn outcome(answer: &Answer) -> u16 {
    if answer.status.is_success() {
        200
    } else {
        answer.status.as_u16()
    }
}

/// Headers that belong to HTTP rather than to an operation.
const GENERAL: [&str; 3] = ["cache-control", "content-length", "content-type"];

/// The file has every header of the answer, and the answer every one that must be there.
fn check_headers(document: &Value, operation: &Operation<'_>, answer: &Answer) {
    let response = &operation.members["responses"][answer.status.as_str()];
    let headers = resolved(document, response)["headers"].as_object().unwrap();
    let described = headers.iter().map(|(name, header)| {
        let required = resolved(document, header)["required"] == true;
        (name.to_ascii_lowercase(), required)
    });
    let described: BTreeMap<String, bool> = described.collect();
    let id = &operation.members["operationId"];
    for name in answer.headers.keys().map(HeaderName::as_str) {
        let known = described.contains_key(name) || GENERAL.contains(&name);
        assert!(known, "{id} {}: {name}", answer.status);
    }
    for (name, required) in described {
        let there = answer.headers.contains_key(&name);
        assert!(there || !required, "{id} {}: no {name}", answer.status);
    }
}

/// Without a token, what needs none is open, and nothing else.
#[tokio::test]
async fn permissions_of_nobody() {
    let document = document().await;
    for operation in operations(&document) {
        let open = operation.members["security"] == json!([]);
        let answer = answer(&document, &operation, "").await;
        let expect = if open { 200 } else { 401 };
        let id = &operation.members["operationId"];
        assert_eq!(outcome(&answer), expect, "{id} without a token");
    }
}

/// Each operation is open to the tokens of users that the file names, and to no other.
#[tokio::test]
async fn permissions_of_users() {
    check_permissions("userToken").await;
}

/// The same for applications on their own.
#[tokio::test]
async fn permissions_of_applications() {
    check_permissions("applicationToken").await;
}

/// Sends each operation with every token of this kind. The headers of the answers are those of the
/// file, too.
async fn check_permissions(kind: &str) {
    let document = document().await;
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    for operation in operations(&document) {
        let id = &operation.members["operationId"];
        let open = operation.members["security"] == json!([]);
        let application_as_me = kind == "applicationToken" && operation.path.contains("/me/");
        for (token, _, permissions) in TOKENS.iter().filter(|(_, of, _)| *of == kind) {
            let answer = answer(&document, &operation, token).await;
            check_headers(&document, &operation, &answer);
            let counted = answer.headers.contains_key("ratelimit-limit");
            assert_eq!(counted, !open, "{id} with {token} is counted");
            let expect = if application_as_me {
                400
            } else if is_enough(&operation, kind, permissions) {
                200
            } else {
                403
            };
            assert_eq!(outcome(&answer), expect, "{id} with {token}");
            *seen.entry(expect).or_default() += 1;
        }
    }
    assert!(seen[&200] > 50 && seen[&403] > 50, "{seen:?}");
}
