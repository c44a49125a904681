//! Subscriptions and their delivery, to receivers that misbehave and by a server that is killed.

mod receiver;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{APPLICATION, PATIENCE, Running, advance, client};
use receiver::{Manner, Receiver, certificate};

/// Users that are watched.
const USERS: u32 = 6;

/// States that neither fade nor are the same as one another.
const STATES: [(&str, &str); 4] = [
    ("Busy", "InACall"),
    ("Busy", "InAConferenceCall"),
    ("Away", "Away"),
    ("DoNotDisturb", "Presenting"),
];

/// Numbers that look random, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        // Knuth's MMIX generator; its upper half is good enough to throw dice.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).unwrap() % end
    }
}

fn user(number: u32) -> String {
    format!("0d9f7a0c-0000-4000-8000-{number:012}")
}

/// Sets a user's presence; whether it was answered.
async fn set(client: &Client, base: &str, token: &str, whom: u32, state: (&str, &str)) -> bool {
    let (availability, activity) = state;
    let url = format!("{base}/v1.0/users/{}/presence/setPresence", user(whom));
    let body = json!({
        "sessionId": APPLICATION, "availability": availability, "activity": activity,
        "expirationDuration": "PT4H",
    });
    let answer = client.post(url).bearer_auth(token).json(&body).send().await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// What each watched user is shown as.
async fn shown(client: &Client, base: &str, token: &str) -> BTreeMap<String, String> {
    let ids: Vec<String> = (0..USERS).map(user).collect();
    let url = format!("{base}/v1.0/communications/getPresencesByUserId");
    let request = client.post(url).bearer_auth(token);
    let answer = request.json(&json!({ "ids": ids })).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let pair = |one: &Value| {
        let pair = format!("{}/{}", text(one, "availability"), text(one, "activity"));
        (text(one, "id"), pair)
    };
    body["value"].as_array().unwrap().iter().map(pair).collect()
}

/// A subscription of application 1 to all users, with their presence in each notification.
async fn subscribe(client: &Client, base: &str, token: &str, url: &str) -> String {
    let ids: Vec<String> = (0..USERS)
        .map(|number| format!("'{}'", user(number)))
        .collect();
    let end = Timestamp::now() + SignedDuration::from_mins(59);
    let body = json!({
        "changeType": "updated",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": format!("communications/presences?$filter=id in ({})", ids.join(",")),
        "expirationDateTime": end.to_string(),
        "clientState": "secret",
        "includeResourceData": true,
        "encryptionCertificate": certificate(),
        "encryptionCertificateId": "mine",
    });
    let path = format!("{base}/v1.0/subscriptions");
    let request = client.post(path).bearer_auth(token).json(&body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// Whatever a receiver did meanwhile, and whenever presenced was killed: once both work again, the
/// receiver holds the newest state of every user.
#[tokio::test]
async fn a_receiver_that_recovers_knows_the_newest() {
    for (seed, first) in [(1, 0), (2, 3)] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let arguments = ["--data", data.to_str().unwrap()];
        let (client, receiver) = (client(), Receiver::start().await);
        let mut dice = Dice(seed);

        let server = Running::dev(&arguments);
        let token = server.application_token();
        subscribe(&client, &server.base, &token, &receiver.url()).await;
        for number in 0..USERS {
            assert!(set(&client, &server.base, &token, number, STATES[0]).await);
        }
        server.kill();
        let manners = [
            Manner::Take,
            Manner::Refuse,
            Manner::Hold,
            Manner::TakeLate,
            Manner::NotFound,
        ];
        for round in 0..manners.len() {
            let server = Running::dev(&arguments);
            let token = server.application_token();
            receiver.be(manners[(round + first) % manners.len()]);
            let writes = 5 + dice.below(40);
            for _ in 0..writes {
                let state = STATES[dice.below(4) as usize];
                assert!(set(&client, &server.base, &token, dice.below(USERS), state).await);
            }
            // One more is on its way when it ends.
            let base = server.base.clone();
            let last = set(&client, &base, &token, dice.below(USERS), STATES[0]);
            let kill = async move { server.kill() };
            tokio::join!(last, kill);
        }

        let server = Running::dev(&arguments);
        let token = server.application_token();
        receiver.be(Manner::Take);
        assert!(
            set(
                &client,
                &server.base,
                &token,
                0,
                STATES[dice.below(4) as usize]
            )
            .await
        );
        let expect = shown(&client, &server.base, &token).await;
        // Past the longest wait between two tries.
        advance(&client, &server.base, "PT3M").await;
        receiver.wait_until(PATIENCE, |told| *told == expect).await;
    }
}

/// What one receiver does not take keeps nothing from another.
#[tokio::test]
async fn a_receiver_that_hangs_delays_nobody() {
    let server = Running::dev(&[]);
    let (client, token) = (client(), server.application_token());
    let (hanging, good) = (Receiver::start().await, Receiver::start().await);
    subscribe(&client, &server.base, &token, &hanging.url()).await;
    subscribe(&client, &server.base, &token, &good.url()).await;
    hanging.be(Manner::Hold);
    for state in STATES {
        for number in 0..USERS {
            assert!(set(&client, &server.base, &token, number, state).await);
        }
        let expect = shown(&client, &server.base, &token).await;
        // Far below the ten seconds for which the other is waited for.
        let soon = Duration::from_secs(8);
        good.wait_until(soon, |told| *told == expect).await;
    }
    assert!(hanging.told().is_empty());
}
