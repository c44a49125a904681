//! The presence methods through graph-rs-sdk, which is not Microsoft's. It has them under /me and
//! /users as Graph had them before status messages and locations came, and no single presence under
//! /communications.

use graph_rs_sdk::{GraphClient, ODataQuery as _};
use presenced_sdk_tests::{ADELE, ALEX, APPLICATION, Server, done, pair, read, refused};
use serde_json::{Value, json};

const SESSION_PAIRS: [(&str, &str); 5] = [
    ("Available", "Available"),
    ("Busy", "InACall"),
    ("Busy", "InAConferenceCall"),
    ("Away", "Away"),
    ("DoNotDisturb", "Presenting"),
];
const PREFERRED_PAIRS: [(&str, &str); 6] = [
    ("Available", "Available"),
    ("Busy", "Busy"),
    ("DoNotDisturb", "DoNotDisturb"),
    ("BeRightBack", "BeRightBack"),
    ("Away", "Away"),
    ("Offline", "OffWork"),
];
const OFFLINE: (&str, &str) = ("Offline", "Offline");

/// The request of this name, at the address that the client was asked for.
macro_rules! presence {
    ($client:expr, $address:expr, $method:ident $(, $body:expr)?) => {
        match $address {
            Address::Me => $client.me().presence().$method($($body)?).send().await,
            Address::User => $client.user(ADELE).presence().$method($($body)?).send().await,
        }
    };
}

/// Adele's presence, under the addresses that the client has.
#[derive(Clone, Copy)]
enum Address {
    Me,
    User,
}

const ADDRESSES: [Address; 2] = [Address::Me, Address::User];

fn session((availability, activity): (&str, &str), duration: &str) -> Value {
    json!({
        "sessionId": APPLICATION,
        "availability": availability,
        "activity": activity,
        "expirationDuration": duration,
    })
}

async fn shows(client: &GraphClient, address: Address, expected: (&str, &str)) {
    let presence = read(presence!(client, address, get_presence)).await;
    assert_eq!(pair(&presence), expected);
    assert_eq!(presence["id"], ADELE);
}

/// Each of the five pairs can be set, read back and cleared, in both versions.
#[tokio::test]
async fn sessions() {
    let server = Server::start();
    for version in ["v1.0", "beta"] {
        let client = server.as_user(version).await;
        for address in ADDRESSES {
            for pair in SESSION_PAIRS {
                let body = session(pair, "PT1H");
                done(presence!(client, address, set_presence, &body)).await;
                shows(&client, address, pair).await;
            }
            let clear = json!({ "sessionId": APPLICATION });
            done(presence!(client, address, clear_presence, &clear)).await;
            shows(&client, address, OFFLINE).await;
            let again = presence!(client, address, clear_presence, &clear);
            refused(again, 404, "NotFound").await;
        }
    }
}

/// A session ends when it was said to.
#[tokio::test]
async fn the_end_of_a_session() {
    let server = Server::start();
    let client = server.as_user("v1.0").await;
    let body = session(("Busy", "InACall"), "PT1H30M");
    done(presence!(client, Address::Me, set_presence, &body)).await;
    server.advance("PT1H29M59S").await;
    shows(&client, Address::Me, ("Busy", "InACall")).await;
    server.advance("PT1S").await;
    shows(&client, Address::Me, OFFLINE).await;
}

/// Each of the six pairs goes before the session and leaves when cleared.
#[tokio::test]
async fn preferred_presence() {
    let server = Server::start();
    let client = server.as_user("v1.0").await;
    let body = session(("Busy", "InACall"), "PT4H");
    done(presence!(client, Address::Me, set_presence, &body)).await;
    for address in ADDRESSES {
        for pair in PREFERRED_PAIRS {
            let body = json!({
                "availability": pair.0, "activity": pair.1, "expirationDuration": "PT8H",
            });
            done(presence!(
                client,
                address,
                set_user_preferred_presence,
                &body
            ))
            .await;
            shows(&client, address, pair).await;
        }
        done(presence!(client, address, clear_user_preferred_presence)).await;
        shows(&client, address, ("Busy", "InACall")).await;
    }
}

/// Several presences at once, in the order of the ids.
#[tokio::test]
async fn many_users() {
    let server = Server::start();
    let client = server.as_application("v1.0").await;
    let body = session(("Busy", "InACall"), "PT1H");
    done(presence!(client, Address::User, set_presence, &body)).await;
    let ids = json!({ "ids": [ALEX, ADELE] });
    let request = client.communications().get_presences_by_user_id(&ids);
    let answer = read(request.send().await).await;
    let shown: Vec<_> = answer["value"].as_array().unwrap().iter().collect();
    assert_eq!([&shown[0]["id"], &shown[1]["id"]], [ALEX, ADELE]);
    assert_eq!(
        [pair(shown[0]), pair(shown[1])],
        [OFFLINE, ("Busy", "InACall")]
    );
}

/// `$select` leaves out the rest; `explain`, which is not Graph's, is reached by a longer path.
#[tokio::test]
async fn parts_of_a_presence() {
    let server = Server::start();
    let client = server.as_application("v1.0").await;
    let request = || client.user(ADELE).presence().get_presence();
    let mut chosen = read(request().select(&["availability"]).send().await).await;
    chosen.as_object_mut().unwrap().remove("@odata.context");
    assert_eq!(chosen, json!({ "availability": "Offline" }));
    let why = read(request().extend_path(&["explain"]).send().await).await;
    assert_eq!(why["rule"], "noSession");
}

/// Mistakes come in the client's own type of error.
#[tokio::test]
async fn errors() {
    let server = Server::start();
    let client = server.as_user("v1.0").await;
    for address in ADDRESSES {
        let body = session(("Busy", "Busy"), "PT1H");
        let answer = presence!(client, address, set_presence, &body);
        let message = refused(answer, 400, "InvalidArgument").await;
        assert!(message.contains("Busy/InAConferenceCall"), "{message}");
        let answer = presence!(client, address, update_presence, &body);
        refused(answer, 405, "Request_BadRequest").await;
        let answer = presence!(client, address, delete_presence);
        refused(answer, 405, "Request_BadRequest").await;
    }
    let stranger = server.client("a.b.c", "v1.0");
    let answer = presence!(stranger, Address::Me, get_presence);
    refused(answer, 401, "InvalidAuthenticationToken").await;
}

/// A batch as its user writes it, with a dependency that fails and one that does not.
#[tokio::test]
async fn a_batch() {
    let server = Server::start();
    let client = server.as_application("v1.0").await;
    let url = format!("/users/{ADELE}/presence");
    let set = |id: &str, pair| {
        json!({
            "id": id,
            "method": "POST",
            "url": format!("{url}/setPresence"),
            "headers": { "Content-Type": "application/json" },
            "body": session(pair, "PT1H"),
        })
    };
    let get = |id: &str, after: &str| json!({ "id": id, "method": "GET", "url": url, "dependsOn": [after] });
    let requests = [
        set("set", ("Away", "Away")),
        get("after", "set"),
        set("wrong", ("Away", "Busy")),
        get("lost", "wrong"),
    ];
    let answer = read(client.batch(&json!({ "requests": requests })).send().await).await;
    let answers = answer["responses"].as_array().unwrap();
    let statuses: Vec<_> = answers
        .iter()
        .map(|item| {
            (
                item["id"].as_str().unwrap(),
                item["status"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("set", 200), ("after", 200), ("wrong", 400), ("lost", 424)];
    assert_eq!(statuses, expected);
    assert_eq!(pair(&answers[1]["body"]), ("Away", "Away"));
}
