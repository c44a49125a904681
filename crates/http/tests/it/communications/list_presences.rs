//! `GET /communications/presences`

use axum::body::Body;
use axum::http::Method;

use crate::support::{ADELE, ALEX, TestApp, request};

const PATH: &str = "/v1.0/communications/presences";

fn encoded(filter: &str) -> String {
    filter.replace(' ', "%20").replace('é', "%C3%A9")
}

/// The whole answer.
#[tokio::test]
async fn the_whole_answer() {
    let app = TestApp::new();
    app.set(ADELE, "Away/Away").await;
    // As the Python SDK encodes it (contract section 6.1).
    let query =
        format!("$filter=id%20in%20%28%27{ADELE}%27%2C%27nobody%27%29&$select=id,availability");
    let answer = app.get("app", &format!("{PATH}?{query}")).await;
    insta::assert_snapshot!(answer.text(), @r#"
    200 OK
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 225
    content-type: application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8
    odata-version: 4.0
    request-id: [request-id]

    {"@odata.context":"http://presence.test/v1.0/$metadata#communications/presences(id,availability)","value":[{"id":"fa8bf3dc-eca7-46b7-bad1-db199b62afc3","availability":"Away"},{"id":"nobody","availability":"PresenceUnknown"}]}
    "#);
}

/// The order is that of the filter, one presence per mention; `eq` names one; on beta the dollar
/// sign may be left out.
#[tokio::test]
async fn users_are_named() {
    let app = TestApp::new();
    app.set(ADELE, "Away/Away").await;
    let shown = async |query: &str| -> Vec<String> {
        let json = app.get("app", &encoded(query)).await.json();
        let presences = json["value"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {json}"));
        let shown = |p: &serde_json::Value| {
            format!(
                "{} {}",
                p["id"].as_str().unwrap(),
                p["availability"].as_str().unwrap()
            )
        };
        presences.iter().map(shown).collect()
    };
    let (adele, alex) = (format!("{ADELE} Away"), format!("{ALEX} Offline"));
    let query = format!("{PATH}?$filter=id in ('{ALEX}','{ADELE}','{ALEX}')");
    assert_eq!(shown(&query).await, [alex.clone(), adele.clone(), alex]);
    let query = format!("{PATH}/?$FILTER=ID eq '{}'", ADELE.to_uppercase());
    assert_eq!(shown(&query).await, std::slice::from_ref(&adele));
    let query = format!("/beta/Communications/Presences?filter=id+eq+'{ADELE}'");
    assert_eq!(shown(&query).await, [adele]);
    let query = format!("{PATH}?$filter=id in ('O''Hara é')");
    assert_eq!(shown(&query).await, ["O'Hara é PresenceUnknown"]);
    assert!(shown(&format!("{PATH}?$filter=id in ()")).await.is_empty());
}

/// A listing needs a filter, and one that is understood; what is wrong is told.
#[tokio::test]
async fn refusals() {
    let app = TestApp::new();
    let error = async |query: &str| {
        app.get("app", &encoded(&format!("{PATH}{query}")))
            .await
            .error()
    };
    insta::assert_snapshot!(error("").await, @"400 BadRequest: Presences are not listed as a whole. Name the users with $filter=id in ('…','…').");
    insta::assert_snapshot!(error("?filter=id eq 'x'").await, @"400 BadRequest: Presences are not listed as a whole. Name the users with $filter=id in ('…','…').");
    insta::assert_snapshot!(error("?$filter=availability eq 'Busy'").await, @"400 BadRequest: The $filter 'availability eq 'Busy'' is not supported. Presences are filtered by id in ('…','…') or by id eq '…'.");
    insta::assert_snapshot!(error("?$filter=id eq 'x'&$top=5").await, @"400 BadRequest: The query option '$top' is not supported for this request; $select and $filter are.");
    insta::assert_snapshot!(error("?$filter=id eq 'x'&$filter=id eq 'x'").await, @"400 BadRequest: The query option '$filter' is given twice.");
    insta::assert_snapshot!(error("?$filter=id eq 'x'&$select=mood").await, @"400 BadRequest: Could not find a property named 'mood' on type 'microsoft.graph.presence'.");
    insta::assert_snapshot!(error("/$count").await, @"400 BadRequest: Presences are not counted. Read those of chosen users with $filter=id in ('…','…').");
    assert_eq!(error("/%24Count/").await, error("/$count").await);
    let ids = |count: usize| format!("?$filter=id in ({})", vec!["'x'"; count].join(","));
    let answer = app
        .get("app", &encoded(&format!("{PATH}{}", ids(650))))
        .await;
    assert_eq!(answer.json()["value"].as_array().unwrap().len(), 650);
    insta::assert_snapshot!(error(&ids(651)).await, @"400 InvalidArgument: [$filter]: At most 650 ids can be asked for at a time.");
}

/// The token comes first, then the query, then the permission, which is that for reading all.
#[tokio::test]
async fn the_order_of_checks() {
    let app = TestApp::new();
    let good = encoded(&format!("{PATH}?$filter=id eq '{ADELE}'"));
    let status = async |token: &str, path: &str| app.get(token, path).await.status.as_u16();
    assert_eq!(status("", PATH).await, 401);
    assert_eq!(status("", &format!("{PATH}/$count")).await, 401);
    assert_eq!(status("app-without-roles", PATH).await, 400);
    assert_eq!(status("app-without-roles", &good).await, 403);
    assert_eq!(status("adele-reads-own", &good).await, 403);
    assert_eq!(status("adele", &good).await, 200);
    // Another tenant's users are never seen.
    app.set(ADELE, "Away/Away").await;
    let answer = app.get("app-elsewhere", &good).await.json();
    assert_eq!(answer["value"][0]["availability"], "Offline");
}

/// Presences are made by setting them, not by posting them here.
#[tokio::test]
async fn a_listing_is_only_read() {
    let app = TestApp::new();
    let request = request(Method::POST, "app", PATH).body(Body::from("{}"));
    let answer = app.send(request.unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "GET,HEAD")
    );
}
