//! The paths and methods of the file are those of the router.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use presenced_http::{Settings, router};

use super::{document, filled, operations};
use crate::support::{ADELE, TestApp, request};

/// Routes that are there to refuse in words of their own: the file describes what can be had.
const REFUSALS: [&str; 1] = ["/{version}/communications/presences/$count"];

/// Whether a route is described in a page of its own, and not in the file: Graph's subscriptions, which
/// Graph itself describes.
fn is_elsewhere(path: &str) -> bool {
    path.starts_with("/{version}/subscriptions")
}

/// The path of every route, wherever it was added, with the version as a parameter: each with the
/// number of versions that have it. The router has no list of them but in its `Debug` text, as
/// `RouteId(7): "/v1.0/me/presence"`.
async fn routed() -> BTreeMap<String, usize> {
    let app = TestApp::notifying(Settings::default(), Arc::default()).await;
    let text = format!("{:?}", router(app.api));
    let paths = text.split("RouteId(").filter_map(|entry| {
        let (_, path) = entry.split_once("): \"")?;
        path.split('"').next()
    });
    // The fallback is two routes, one for the root and one for all that is below.
    let paths: BTreeSet<&str> = paths
        .filter(|path| path.starts_with('/') && *path != "/" && !path.starts_with("/{*"))
        .collect();
    for known in ["/healthz", "/v1.0/me/presence", "/beta/$batch"] {
        assert!(paths.contains(known), "routes are shown otherwise: {text}");
    }
    let mut routed = BTreeMap::new();
    for path in paths {
        let below = path
            .strip_prefix("/v1.0/")
            .or_else(|| path.strip_prefix("/beta/"));
        let path = below.map_or(path.to_owned(), |below| format!("/{{version}}/{below}"));
        *routed.entry(path).or_default() += 1;
    }
    routed
}

/// The file has every path of the router, and no other.
#[tokio::test]
async fn it_has_the_paths_that_are_routed() {
    let document = document().await;
    let described: BTreeSet<&str> = operations(&document).iter().map(|o| o.path).collect();
    let mut routed = routed().await;
    for refusal in REFUSALS {
        assert!(routed.remove(refusal).is_some(), "{refusal}");
    }
    routed.retain(|path, _| !is_elsewhere(path));
    let found: BTreeSet<&str> = routed.keys().map(String::as_str).collect();
    assert_eq!(described, found);
    for (path, versions) in routed {
        let expect = if path.starts_with("/{version}/") {
            2
        } else {
            1
        };
        assert_eq!(
            versions, expect,
            "{path}: the file gives it to each version"
        );
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
