//! The paths and methods of the file are those of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use presenced_http::{Settings, measured};

use super::{document, filled, operations};
use crate::support::{ADELE, TestApp, request};

/// What is there to refuse in words of its own: the file describes what can be had.
const REFUSALS: [&str; 1] = ["PresenceCount"];

/// The file has all that answers, and nothing else; and of one presence, it has all ways to name it.
#[tokio::test]
async fn it_has_what_answers() {
    let app = TestApp::notifying(Settings::default(), Arc::default()).await;
    let answering = measured::answering(&app.api).into_iter();
    let mut answering: BTreeSet<String> = answering.map(|one| format!("{one:?}")).collect();
    for name in REFUSALS {
        assert!(answering.remove(name), "{name}");
    }
    let document = document().await;
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in operations(&document) {
        let path = operation.path;
        let named = measured::named(&filled(path, ADELE));
        let (resource, form) = named.unwrap_or_else(|| panic!("{path} names nothing"));
        let forms = described.entry(format!("{resource:?}")).or_default();
        forms.insert(format!("{form:?}"));
    }
    assert!(
        described.keys().eq(&answering),
        "{described:?} {answering:?}"
    );
    for (resource, forms) in described {
        let several = forms.contains("Users");
        assert_eq!(forms.len(), if several { 3 } else { 1 }, "{resource}");
    }
}

/// Each path has the methods that the file says, and no other: the answer to one that no path has
/// names them.
#[tokio::test]
async fn it_has_the_methods_that_are_routed() {
    let app = TestApp::notifying(Settings::default(), Arc::default()).await;
    let document = document().await;
    let mut described: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for operation in operations(&document) {
        let methods = described.entry(operation.path).or_default();
        methods.insert(operation.method.to_uppercase());
        if operation.method == "get" {
            methods.insert("HEAD".to_owned());
        }
    }
    for (path, methods) in described {
        let method = Method::from_bytes(b"NONESUCH").unwrap();
        let request = request(method, "app", &filled(path, ADELE)).body(Body::empty());
        let answer = app.send(request.unwrap()).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.header("allow").split(',').map(str::to_owned);
        assert_eq!(allowed.collect::<BTreeSet<_>>(), methods, "{path}");
    }
}
