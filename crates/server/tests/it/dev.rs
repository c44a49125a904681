//! `presenced dev`: the story that it exists for, and the test clock.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{APPLICATION, Running, TENANT, USER, advance, client, presence, set_presence};

/// The example request of Graph's documentation is answered as Graph answers it, and the presence
/// that it sets fades after five minutes, again after ten, and ends after the hour.
#[tokio::test]
async fn a_session_lives_as_in_graph() {
    let server = Running::dev(&[]);
    let client = client();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APPLICATION),
        ("client_secret", "dev-secret"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let url = server.url(&format!("/{TENANT}/oauth2/v2.0/token"));
    let answer = client.post(url).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().expect("an access token");

    assert_eq!(
        presence(&client, &server.base, token).await,
        "Offline/Offline"
    );
    let set = set_presence(&client, &server.base, token).await;
    assert_eq!(set.status(), 200);
    assert_eq!(set.headers().get(CONTENT_TYPE), None);
    assert_eq!(set.headers()[CONTENT_LENGTH], "0");
    assert_eq!(set.text().await.unwrap(), "");

    assert_eq!(
        presence(&client, &server.base, token).await,
        "Available/Available"
    );
    for (by, expect) in [
        ("PT4M", "Available/Available"),
        ("PT1M", "Available/AvailableInactive"),
        ("PT5M", "Away/Away"),
        ("PT49M", "Away/Away"),
        ("PT1M", "Offline/Offline"),
    ] {
        assert_eq!(advance(&client, &server.base, by).await.status(), 200);
        assert_eq!(
            presence(&client, &server.base, token).await,
            expect,
            "{by} later"
        );
    }
}

/// Everything is let through unless throttling is asked for. Then the limits are those that are
/// named, and a test that has met one moves the clock on instead of waiting.
#[tokio::test]
async fn requests_are_throttled_where_that_is_asked_for() {
    let client = client();
    let read = async |server: &Running, token: &str| {
        let url = server.url(&format!("/v1.0/users/{USER}/presence"));
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let told = ["ratelimit-limit", "ratelimit-remaining"].map(header);
        (answer.status().as_u16(), told)
    };
    let told = |limit: &str, remaining: &str| [limit, remaining].map(|n| Some(n.to_owned()));

    let server = Running::dev(&[]);
    let token = server.application_token();
    assert_eq!(read(&server, &token).await, (200, [None, None]));

    let server = Running::dev(&["--throttling"]);
    let token = server.application_token();
    assert_eq!(read(&server, &token).await, (200, told("1500", "1499")));

    let server = Running::dev(&["--throttling", "presence_reads=1/3600s"]);
    let token = server.application_token();
    assert_eq!(read(&server, &token).await, (200, told("1", "0")));
    assert_eq!(read(&server, &token).await, (429, told("1", "0")));
    advance(&client, &server.base, "PT1H").await;
    assert_eq!(read(&server, &token).await, (200, told("1", "0")));
}

/// The API is that of the cloud that is named.
#[tokio::test]
async fn the_cloud_can_be_named() {
    let client = client();
    for (arguments, status) in [(&[][..], 200), (&["--cloud", "us-government"], 400)] {
        let server = Running::dev(arguments);
        let token = server.token(&["--user", "adele@presenced.dev"]);
        let url = server.url("/v1.0/me/presence/clearLocation");
        let answer = client.post(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{arguments:?}");
    }
}

/// The lines that are printed to try it do what they say, run by a shell as a user would, with and
/// without TLS.
#[test]
fn the_greeting_can_be_followed() {
    for arguments in [&[][..], &["--tls"]] {
        let mut server = Running::dev(arguments);
        let greeting = server.greeting_until("/presence -H");
        let (_, commands) = greeting.split_once("Try it:\n").unwrap();
        let program = env!("CARGO_BIN_EXE_presenced");
        let curl = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/curl.py");
        let script = format!(
            "presenced() {{ '{program}' \"$@\"; }}\ncurl() {{ python3 '{curl}' \"$@\"; }}\n{commands}"
        );
        let output = std::process::Command::new("sh")
            .args(["-euc", &script])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}\n{problem}");
        assert!(said.contains("HTTP/1.1 200 OK"), "{said}\n{problem}");
        let available = "\"availability\":\"Available\"";
        assert!(said.contains(available), "{said}\n{problem}");
    }
}

/// The clock tells its time, moves by exactly what it is told and no more.
#[tokio::test]
async fn the_clock_moves() {
    let server = Running::dev(&[]);
    let client = client();
    let now = async || {
        let answer = client.get(server.url("/dev/clock")).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["now"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let before = now().await;
    let moved: Value = advance(&client, &server.base, "P1DT2H")
        .await
        .json()
        .await
        .unwrap();
    let moved: Timestamp = moved["now"].as_str().unwrap().parse().unwrap();
    let by = moved.duration_since(before);
    assert!(by >= SignedDuration::from_hours(26), "{by}");
    assert!(
        by < SignedDuration::from_hours(26) + SignedDuration::from_mins(1),
        "{by}"
    );
    assert!(now().await >= moved);
}

/// Whatever else is sent to the clock is refused, in the shape of every error, with what to send.
#[tokio::test]
async fn the_clock_refuses_nonsense() {
    let server = Running::dev(&[]);
    let client = client();
    let url = server.url("/dev/clock/advance");
    for body in [
        "",
        "PT5M",
        "{}",
        "[]",
        r#"{"duration": 300}"#,
        r#"{"duration": null}"#,
        r#"{"duration": "5 minutes"}"#,
        r#"{"duration": "-PT5M"}"#,
        r#"{"duration": "P1M"}"#,
        r#"{"duration": "P367D"}"#,
        &format!(
            r#"{{"duration": "PT5M", "padding": "{}"}}"#,
            "x".repeat(2000)
        ),
    ] {
        let answer = client
            .post(&url)
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], "BadRequest", "{body}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(r#"{"duration": "PT5M"}"#),
            "{body}: {message}"
        );
    }
    let wrong_method = client.get(&url).send().await.unwrap();
    assert_eq!(wrong_method.status(), 405);
    let wrong_method: Value = wrong_method.json().await.unwrap();
    assert_eq!(wrong_method["error"]["code"], "Request_BadRequest");
}

/// The clock ends in 2100, so that no date in an answer is ever beyond what clients can read.
#[tokio::test]
async fn the_clock_has_an_end() {
    let server = Running::dev(&[]);
    let client = client();
    let mut moves = 0;
    let refused = loop {
        let answer = advance(&client, &server.base, "P366D").await;
        if answer.status() != 200 {
            break answer;
        }
        moves += 1;
        assert!(moves < 100, "it goes on and on");
    };
    let error: Value = refused.json().await.unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("2100-01-01T00:00:00.000Z"), "{message}");
}

/// Several moves at once each count, and each answers a time of its own.
#[tokio::test]
async fn moves_take_turns() {
    let server = Running::dev(&[]);
    let client = client();
    let mut moves = JoinSet::new();
    for _ in 0..8 {
        let (client, base) = (client.clone(), server.base.clone());
        moves.spawn(async move { advance(&client, &base, "PT1H").await });
    }
    let mut times = Vec::new();
    for answer in moves.join_all().await {
        let body: Value = answer.json().await.unwrap();
        times.push(body["now"].as_str().unwrap().parse::<Timestamp>().unwrap());
    }
    times.sort();
    for pair in times.windows(2) {
        let by = pair[1].duration_since(pair[0]);
        assert!(by >= SignedDuration::from_hours(1), "{times:?}");
    }
}

/// With `--sessions any` a session can have any name, by default only the application's own.
#[tokio::test]
async fn sessions_can_be_named_freely() {
    for (arguments, expect) in [(&["--sessions", "any"][..], 200), (&[], 400)] {
        let server = Running::dev(arguments);
        let client = client();
        let url = server.url(&format!("/v1.0/users/{USER}/presence/setPresence"));
        let body = serde_json::json!({
            "sessionId": "desk phone 7", "availability": "Busy", "activity": "InACall",
        });
        let answer = client
            .post(url)
            .bearer_auth(server.application_token())
            .json(&body);
        assert_eq!(answer.send().await.unwrap().status(), expect);
    }
}

/// Web pages of this machine may call the API and the clock from a browser, which asks first and
/// without a token. Those of other machines may not: the clock is closed to them altogether.
#[tokio::test]
async fn web_pages() {
    let server = Running::dev(&[]);
    let client = client();
    let api = format!("/v1.0/users/{USER}/presence/setPresence");
    for path in [
        api.as_str(),
        "/dev/clock/advance",
        "/common/oauth2/v2.0/token",
    ] {
        for (origin, allowed) in [
            ("http://localhost:3000", true),
            ("https://evil.example", false),
        ] {
            let question = client
                .request(Method::OPTIONS, server.url(path))
                .header("origin", origin)
                .header("access-control-request-method", "POST");
            let answer = question.send().await.unwrap();
            assert_eq!(answer.status() == 204, allowed, "{path} {origin}");
            let named = answer.headers().get("access-control-allow-origin");
            assert_eq!(named.is_some_and(|named| named == origin), allowed);
        }
    }
    let advance = async |origin: &'static str| {
        let request = client.post(server.url("/dev/clock/advance"));
        let request = request.header("origin", origin);
        request
            .body(r#"{"duration": "PT5M"}"#)
            .send()
            .await
            .unwrap()
    };
    for origin in ["http://localhost:3000", "http://[::1]"] {
        assert_eq!(advance(origin).await.status(), 200, "{origin}");
    }
    for origin in ["https://evil.example", "null"] {
        let refused = advance(origin).await;
        assert_eq!(refused.status(), 403, "{origin}");
        let error: Value = refused.json().await.unwrap();
        assert_eq!(error["error"]["code"], "Forbidden");
    }
}

/// A name that is not known to lead here is not answered to beside the API, since anybody could
/// have made it lead here; with `--public-url` it is known, and stands in the answers.
#[tokio::test]
async fn hosts_that_are_known() {
    let public = ["--public-url", "https://presence.example/graph"];
    for (arguments, known) in [(&[][..], false), (&public, true)] {
        let server = Running::dev(arguments);
        let client = client();
        for path in [
            "/",
            "/dev/clock",
            "/common/v2.0/.well-known/openid-configuration",
        ] {
            let asked = client.get(server.url(path));
            let answer = asked.header("host", "presence.example").send().await;
            let status = if known { 200 } else { 400 };
            let answer = answer.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            let text = answer.text().await.unwrap();
            assert!(known || text.contains("--public-url"), "{text}");
            let direct = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(direct.status(), 200, "{path}");
        }
        let url = server.url(&format!("/v1.0/users/{USER}/presence"));
        let token = server.application_token();
        let body: Value = client
            .get(url)
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let context = body["@odata.context"].as_str().unwrap();
        let root = "https://presence.example/graph/v1.0/";
        assert_eq!(context.starts_with(root), known, "{context}");
    }
}

/// Whoever opens the address finds the greeting, and nothing but GET there.
#[tokio::test]
async fn the_greeting_is_at_the_root() {
    let mut server = Running::dev(&[]);
    let greeting = server.greeting_until("/presence -H");
    let client = client();
    let answer = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    assert_eq!(kind, "text/plain; charset=utf-8");
    assert_eq!(answer.text().await.unwrap().trim_end(), greeting.trim_end());
    let post = client.post(server.url("/")).send().await.unwrap();
    assert_eq!(post.status(), 405);
    assert_eq!(post.headers()["allow"], "GET,HEAD");
}
