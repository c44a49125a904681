//! How many requests an application may send, and what it is told of it.

use std::time::Duration;

use axum::http::{Method, header};
use presenced_core::throttle::Rate;
use presenced_http::cors::AllowedOrigins;
use presenced_http::{Settings, TenantSettings, TenantThrottling, Throttling};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, APPLICATION, Answer, OTHER_TENANT, TENANT, TestApp, request};

/// So many in ten seconds.
fn rate(count: u32) -> Option<Rate> {
    Rate::new(count, Duration::from_secs(10))
}

fn app(throttling: Throttling) -> TestApp {
    TestApp::with(Settings {
        throttling,
        ..Settings::default()
    })
}

/// So many reads and writes, and whatever else.
fn reads_and_writes(reads: u32, writes: u32) -> Throttling {
    Throttling {
        requests: None,
        tenant: TenantThrottling {
            presence_reads: rate(reads),
            presence_writes: rate(writes),
            ..TenantThrottling::default()
        },
    }
}

fn presence(user: &str) -> String {
    format!("/v1.0/users/{user}/presence")
}

/// What the headers tell: limit, remaining and seconds until all is free; none of them are there
/// where nothing is counted.
fn standing(answer: &Answer) -> Option<[u64; 3]> {
    let names = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    let there = names.map(|name| answer.headers.contains_key(name));
    assert!(there == [true; 3] || there == [false; 3], "{there:?}");
    there[0].then(|| names.map(|name| answer.header(name).parse().unwrap()))
}

/// The whole answer to one request too many.
#[tokio::test]
async fn the_whole_answer() {
    let app = app(reads_and_writes(1, 1));
    app.get("app", &presence(ADELE)).await;
    app.clock.advance(Duration::from_millis(1_500));
    let answer = app.get("app", &presence(ADELE)).await;
    insta::assert_snapshot!(answer.text(), @r#"
    429 Too Many Requests
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 366
    content-type: application/json
    ratelimit-limit: 1
    ratelimit-remaining: 0
    ratelimit-reset: 9
    request-id: [request-id]
    retry-after: 9

    {"error":{"code":"TooManyRequests","message":"Too many requests from Identifier:22553876-f5ab-4529-bffb-cfe50aa89f87/7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50 under category:presence_reads. Please try again later.","innerError":{"date":"2026-09-01T00:00:01","request-id":"[request-id]","client-request-id":"[request-id]"}}}
    "#);
}

/// Every answer tells how the caller stands: a success, a refusal, an action without a body. After
/// as many seconds as Retry-After says the next one passes.
#[tokio::test]
async fn every_answer_tells_how_the_caller_stands() {
    let app = app(reads_and_writes(3, 2));
    let read = async || app.get("app", &presence(ADELE)).await;
    assert_eq!(standing(&read().await), Some([3, 2, 10]));
    app.clock.advance(Duration::from_secs(4));
    let refused = app.get("app-without-roles", &presence(ADELE)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(standing(&refused), Some([3, 1, 6]));
    assert_eq!(standing(&read().await), Some([3, 0, 6]));

    let body = json!({ "sessionId": APPLICATION, "availability": "Away", "activity": "Away" });
    let path = format!("{}/setPresence", presence(ADELE));
    let written = app.post("app", &path, &body).await;
    assert_eq!(
        (written.status.as_u16(), standing(&written)),
        (200, Some([2, 1, 10]))
    );
    // Counted before its body is looked at.
    let written = app.post_text("app", &path, "nonsense").await;
    assert_eq!(
        (written.status.as_u16(), standing(&written)),
        (400, Some([2, 0, 10]))
    );
    let written = app.post_text("app", &path, "nonsense").await;
    assert_eq!(written.status, 429);

    app.clock.advance(Duration::from_millis(5_999));
    let refused = read().await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "1")
    );
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(standing(&read().await), Some([3, 2, 10]));
}

/// Which requests count as what. A read of many is one read; a token that is not good counts for
/// nobody, and a probe is nobody's.
#[tokio::test]
async fn what_counts_as_what() {
    let throttling = Throttling {
        requests: rate(1_000),
        ..reads_and_writes(100, 200)
    };
    let app = app(throttling);
    let ids = json!({ "ids": [ADELE, ALEX] });
    let several = "/v1.0/communications/getPresencesByUserId";
    let listing = format!("/v1.0/communications/presences?$filter=id%20in%20('{ADELE}')");
    let explain = format!("{}/explain", presence(ADELE));
    let limit = |answer: &Answer| standing(answer).map(|[limit, ..]| limit);
    assert_eq!(limit(&app.get("app", &presence(ADELE)).await), Some(100));
    assert_eq!(
        limit(&app.get("adele", "/beta/me/presence").await),
        Some(100)
    );
    assert_eq!(limit(&app.get("app", &listing).await), Some(100));
    assert_eq!(limit(&app.get("app", &explain).await), Some(100));
    let answer = app.post("app", several, &ids).await;
    assert_eq!(standing(&answer), Some([100, 95, 10]));

    let actions = [
        "setPresence",
        "clearPresence",
        "setUserPreferredPresence",
        "clearUserPreferredPresence",
        "setStatusMessage",
        "setManualLocation",
        "setAutomaticLocation",
        "clearLocation",
        "clearAutomaticLocation",
    ];
    for (at, action) in (1..).zip(actions) {
        let path = format!("/v1.0/communications/presences/{ADELE}/{action}");
        let answer = app.post("adele", &path, &json!({})).await;
        assert_eq!(standing(&answer), Some([200, 200 - at, 10]), "{action}");
    }

    // Eighteen so far. What is no read and no write counts among all.
    let answer = app.get("app", "/v1.0/me/nothing").await;
    assert_eq!(standing(&answer), Some([1_000, 985, 10]));
    let answer = app.post("app", &presence(ADELE), &json!({})).await;
    assert_eq!((answer.status.as_u16(), limit(&answer)), (405, Some(1_000)));
    let answer = app
        .get("app", "/v1.0/communications/presences/$count")
        .await;
    assert_eq!(limit(&answer), Some(1_000));

    for (token, path) in [
        ("expired", presence(ADELE).as_str()),
        ("", "/healthz"),
        ("", "/v1.0/$metadata"),
    ] {
        assert_eq!(standing(&app.get(token, path).await), None, "{path}");
    }
    let answer = app.get("app", "/v1.0/me/nothing").await;
    assert_eq!(standing(&answer), Some([1_000, 982, 10]));
}

/// Reads are counted for each application in each tenant, whatever its tokens; all requests for each
/// application in whatever tenant.
#[tokio::test]
async fn who_is_counted_together() {
    let throttling = Throttling {
        requests: rate(4),
        ..reads_and_writes(2, 1)
    };
    let app = app(throttling);
    let statuses = async |tokens: &[&str]| {
        let mut statuses = Vec::new();
        for token in tokens {
            statuses.push(app.get(token, &presence(ADELE)).await.status.as_u16());
        }
        statuses
    };
    // A user's token is its application's too.
    assert_eq!(statuses(&["app", "adele", "app"]).await, [200, 200, 429]);
    assert_eq!(statuses(&["app-2"]).await, [200]);
    // The refused one counted: four of this application so far.
    assert_eq!(
        statuses(&["app-elsewhere", "app-elsewhere"]).await,
        [200, 429]
    );
    let error = app.get("app-elsewhere", &presence(ADELE)).await.error();
    let told = "429 TooManyRequests: Too many requests from \
                Identifier:22553876-f5ab-4529-bffb-cfe50aa89f87 under category:requests. Please try \
                again later.";
    assert_eq!(error, told);
}

/// A tenant's own numbers hold for it and for no other.
#[tokio::test]
async fn a_tenant_has_its_own_numbers() {
    let own = TenantSettings {
        throttling: Some(reads_and_writes(5, 5).tenant),
        ..TenantSettings::default()
    };
    let app = TestApp::with(Settings {
        throttling: reads_and_writes(2, 2),
        tenants: [(OTHER_TENANT, own)].into(),
        ..Settings::default()
    });
    let read = async |token| standing(&app.get(token, &presence(ADELE)).await);
    assert_eq!(read("app").await, Some([2, 1, 10]));
    assert_eq!(read("app-elsewhere").await, Some([5, 4, 10]));

    let off = TenantSettings {
        throttling: Some(TenantThrottling::default()),
        ..TenantSettings::default()
    };
    let app = TestApp::with(Settings {
        throttling: reads_and_writes(1, 1),
        tenants: [(TENANT, off)].into(),
        ..Settings::default()
    });
    for _ in 0..3 {
        let answer = app.get("app", &presence(ADELE)).await;
        assert_eq!((answer.status.as_u16(), standing(&answer)), (200, None));
    }
}

/// In a batch each request is counted for itself: one that finds no room is 429 with its own
/// Retry-After, while the batch is 200 and the others are as they would be. The batch as such counts
/// among all requests.
#[tokio::test]
async fn batches_are_counted_by_their_requests() {
    let throttling = Throttling {
        requests: rate(9),
        ..reads_and_writes(2, 9)
    };
    let app = app(throttling);
    let read = |id: &str| json!({ "id": id, "method": "GET", "url": presence(ADELE) });
    let write = json!({
        "id": "w", "method": "POST", "url": "/me/presence/clearUserPreferredPresence",
    });
    let mut after = read("after");
    after["dependsOn"] = json!(["3"]);
    let requests = json!({ "requests": [read("1"), read("2"), read("3"), write, after] });
    let answer = app.post("adele", "/v1.0/$batch", &requests).await;
    assert_eq!(
        (answer.status.as_u16(), standing(&answer)),
        (200, Some([9, 8, 10]))
    );
    let answer = answer.json();
    let told = |at: usize| {
        let response = &answer["responses"][at];
        let header = |name: &str| {
            response["headers"]
                .get(name)
                .cloned()
                .unwrap_or(Value::Null)
        };
        let names = [
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
        ];
        (response["status"].as_u64().unwrap(), names.map(header))
    };
    assert_eq!(
        told(0),
        (200, [json!("2"), json!("1"), json!("10"), Value::Null])
    );
    assert_eq!(
        told(1),
        (200, [json!("2"), json!("0"), json!("10"), Value::Null])
    );
    assert_eq!(
        told(2),
        (429, [json!("2"), json!("0"), json!("10"), json!("10")])
    );
    assert_eq!(
        answer["responses"][2]["body"]["error"]["code"],
        "TooManyRequests"
    );
    // Five of nine: the batch, and four of its requests.
    assert_eq!(
        told(3),
        (200, [json!("9"), json!("4"), json!("10"), Value::Null])
    );
    // What is not tried because another failed is not counted.
    assert_eq!(
        told(4),
        (424, [Value::Null, Value::Null, Value::Null, Value::Null])
    );

    let four = json!({ "requests": [read("1"), read("2"), read("3")] });
    assert_eq!(app.post("adele", "/v1.0/$batch", &four).await.status, 200);
    // Nine are through: now the batch itself finds no room, and nothing of it is tried.
    let refused = app.post("adele", "/v1.0/$batch", &four).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "10")
    );
}

/// Nothing is counted, and nothing told, where nothing is limited.
#[tokio::test]
async fn without_limits_nothing_is_told() {
    let app = app(Throttling::OFF);
    assert_eq!(Throttling::OFF, Throttling::default());
    assert_eq!(standing(&app.get("app", &presence(ADELE)).await), None);
    assert_eq!(standing(&app.get("app", "/v1.0/me/nothing").await), None);
}

/// A web page may read how it stands.
#[tokio::test]
async fn pages_see_how_they_stand() {
    let app = TestApp::with(Settings {
        throttling: Throttling::PUBLISHED,
        allowed_origins: AllowedOrigins::Loopback,
        ..Settings::default()
    });
    let page =
        request(Method::GET, "app", &presence(ADELE)).header(header::ORIGIN, "http://localhost");
    let answer = app
        .send(page.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(standing(&answer), Some([1_500, 1_499, 30]));
    let exposed = answer
        .header("access-control-expose-headers")
        .to_ascii_lowercase();
    for name in [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
    ] {
        assert!(
            exposed.split(", ").any(|one| one == name),
            "{name}: {exposed}"
        );
    }
}
