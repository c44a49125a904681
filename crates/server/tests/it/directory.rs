//! Users and applications that are made while the server runs: they sign in, and they stay.

use std::path::Path;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::support::{APPLICATION, Running, TENANT, USER, client};

/// The application of `presenced dev` that may administer.
const ADMINISTRATOR: &str = "4d7e9c02-8a35-4f61-b0d8-2e6a1c95f374";
const NEW_USER: &str = "11111111-2222-4333-8444-555555555555";
const NEW_APPLICATION: &str = "66666666-7777-4888-9999-aaaaaaaaaaaa";

/// Somebody who administers a server.
struct Administrator {
    base: String,
    client: Client,
    token: String,
}

/// Starts a server, and lets somebody administer it.
fn administered(arguments: &[&str]) -> (Running, Administrator) {
    let server = Running::dev(arguments);
    let administrator = Administrator {
        base: server.base.clone(),
        client: client(),
        token: server.token(&["--app", ADMINISTRATOR]),
    };
    (server, administrator)
}

impl Administrator {
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}/admin/v1/{path}", self.base);
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn put(&self, path: &str, body: Value) -> u16 {
        self.send(Method::PUT, path, Some(body))
            .await
            .status()
            .as_u16()
    }

    /// The entry at this path, or the status of the error.
    async fn get(&self, path: &str) -> Result<Value, u16> {
        let answer = self.send(Method::GET, path, None).await;
        let status = answer.status();
        if status.is_success() {
            Ok(answer.json().await.unwrap())
        } else {
            Err(status.as_u16())
        }
    }

    /// What everybody sees of a user, or the status of the error.
    async fn availability(&self, token: &str, user: &str) -> Value {
        let url = format!("{}/v1.0/users/{user}/presence", self.base);
        let answer = self
            .client
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        body["availability"].clone()
    }
}

fn data(directory: &Path) -> [&str; 2] {
    ["--data", directory.to_str().unwrap()]
}

/// What was made is there after `kill -9`: users with their names and times out of office, and
/// applications that were disabled. What was removed stays gone.
#[tokio::test]
async fn what_was_made_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let (server, here) = administered(&data(directory.path()));
    let user = format!("users/{NEW_USER}");
    let name = json!({ "principalName": "robin@elsewhere.example", "displayName": "Robin" });
    assert_eq!(here.put(&user, name).await, 201);
    let away = json!({ "message": "Hiking" });
    assert_eq!(here.put(&format!("{user}/outOfOffice"), away).await, 200);
    let disabled = json!({ "enabled": false });
    assert_eq!(
        here.put(&format!("applications/{NEW_APPLICATION}"), disabled)
            .await,
        201
    );
    let removed = format!("users/{NEW_APPLICATION}");
    assert_eq!(here.put(&removed, json!({})).await, 201);
    assert_eq!(
        here.send(Method::DELETE, &removed, None).await.status(),
        204
    );
    let before = here.get(&user).await.unwrap();
    server.kill();

    let (_server, here) = administered(&data(directory.path()));
    assert_eq!(here.get(&user).await.unwrap(), before);
    let by_name = here.get("users/ROBIN@elsewhere.example/outOfOffice").await;
    assert_eq!(by_name.unwrap()["message"], "Hiking");
    let application = here.get(&format!("applications/{NEW_APPLICATION}")).await;
    assert_eq!(application.unwrap()["enabled"], false);
    assert_eq!(here.get(&removed).await, Err(404));
    // The built-in ones are there besides, and are not written down.
    let all = here.get("users").await.unwrap();
    assert_eq!(all["value"].as_array().unwrap().len(), 11);
}

/// In development, a user who is made signs in with the common password, and an application that is
/// made gets tokens with the common secret and the roles that were given to it.
#[tokio::test]
async fn who_was_made_signs_in() {
    let (server, here) = administered(&[]);
    let name = json!({ "principalName": "robin@elsewhere.example" });
    assert_eq!(here.put(&format!("users/{NEW_USER}"), name).await, 201);
    let robin = server.token(&["--user", "Robin@elsewhere.example"]);
    let own = server.url("/v1.0/me/presence");
    let own = here
        .client
        .get(own)
        .bearer_auth(&robin)
        .send()
        .await
        .unwrap();
    let own: Value = own.json().await.unwrap();
    assert_eq!(own["id"], NEW_USER);

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", NEW_APPLICATION),
        ("client_secret", "dev-secret"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let url = server.url(&format!("/{TENANT}/oauth2/v2.0/token"));
    let ask = async || {
        let answer = here.client.post(&url).form(&form).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["access_token"].as_str().map(str::to_owned)
    };
    assert_eq!(ask().await, None);
    let path = format!("applications/{NEW_APPLICATION}");
    let roles = json!({ "roles": ["Presence.Read.All"], "displayName": "Lamp" });
    assert_eq!(here.put(&path, roles).await, 201);
    let lamp = ask().await.expect("a token");
    assert_eq!(here.availability(&lamp, USER).await, "Offline");
    // Switched off, its token is refused at once.
    assert_eq!(here.put(&path, json!({ "enabled": false })).await, 200);
    assert_eq!(here.availability(&lamp, USER).await, Value::Null);
}

/// With a closed directory, the ten users are there and nobody else, until they are made.
#[tokio::test]
async fn a_closed_directory_has_the_ten() {
    let (server, here) = administered(&["--directory", "closed"]);
    let token = server.token(&["--app", APPLICATION]);
    assert_eq!(here.availability(&token, USER).await, "Offline");
    assert_eq!(
        here.availability(&token, "adele@presenced.dev").await,
        "Offline"
    );
    assert_eq!(here.availability(&token, NEW_USER).await, "PresenceUnknown");
    assert_eq!(here.put(&format!("users/{NEW_USER}"), json!({})).await, 201);
    assert_eq!(here.availability(&token, NEW_USER).await, "Offline");
    // Those who are built in are changed by nobody.
    assert_eq!(here.put(&format!("users/{USER}"), json!({})).await, 409);
}
