//! `presenced serve`, with an OpenID Connect provider beside it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Running, USER, client, presence};

const TENANT: &str = "b4c5d6e7-0000-4000-8000-000000000001";

/// A provider whose claims are not those of Entra ID.
struct Provider {
    url: String,
    key: KeyPair,
}

impl Provider {
    async fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        // An uncompressed point: a byte 4, then both coordinates.
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
            "x": coordinate(x), "y": coordinate(y),
        }]});
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let routes = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async || Json(discovery)),
            )
            .route("/keys", get(async || Json(keys)));
        tokio::spawn(async move { axum::serve(socket, routes).await });
        Self { url, key }
    }

    /// A token with these claims besides the usual ones, good for an hour.
    fn token(&self, claims: &Value) -> String {
        let mut all = json!({
            "iss": self.url, "aud": "presenced", "sub": USER, "exp": now() + 3600,
        });
        let given = claims.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(given);
        let header = Header {
            kid: Some("1".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        encode(&header, &all, &key).unwrap()
    }
}

fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a token is for the real time, which the test has to know as its issuer does"
    )]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn write_configuration(directory: &Path, provider: &Provider) -> PathBuf {
    let path = directory.join("presenced.toml");
    let text = format!(
        r#"
        [server]
        listen = ["127.0.0.1:0"]
        public_url = "https://presence.example.org"
        extensions = false
        [http]
        allowed_origins = ["https://board.example.org"]
        [store]
        directory = "{}"
        [log]
        format = "json"
        [throttling]
        presence_writes = "off"
        [[tenants]]
        id = "{TENANT}"
        sessions = "any"
        sessions_max = 1
        cloud = "france"
        throttling = {{ presence_reads = "77/60s" }}
        directory = "closed"
        [[users]]
        tenant = "{TENANT}"
        id = "{USER}"
        principal_name = "Adele@example.org"
        [[applications]]
        tenant = "{TENANT}"
        id = "0b0b0b0b-0000-4000-8000-000000000002"
        enabled = false
        [[issuers]]
        kind = "oidc"
        url = "{}"
        tenant = "{TENANT}"
        audiences = ["presenced"]
        claims = {{ application = ["client_id"], roles = "realm_access.roles" }}
        application_tokens = {{ are = "with-claim", claim = "service" }}
        permissions = {{ "presence-admin" = "Presence.ReadWrite.All" }}
        applications = {{ "desk-phone" = "0b0b0b0b-0000-4000-8000-000000000001" }}
        "#,
        directory.join("data").display(),
        provider.url,
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The directory of the file is the tenant's: its users by name and no others, and no application that
/// it disables.
#[tokio::test]
async fn it_knows_whom_the_configuration_names() {
    let provider = Provider::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = write_configuration(directory.path(), &provider);
    let server = Running::start(&["serve", "--config", path.to_str().unwrap()]);
    let client = client();
    let of = |application: &str| {
        provider.token(&json!({
            "client_id": application, "service": true,
            "realm_access": {"roles": ["presence-admin"]},
        }))
    };
    let token = of("desk-phone");
    let read = async |token: &str, user: &str| {
        let url = server.url(&format!("/v1.0/users/{user}/presence"));
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        (status, body["availability"].clone())
    };
    assert_eq!(
        read(&token, "adele@EXAMPLE.org").await,
        (200, "Offline".into())
    );
    let stranger = "0d9f7a0c-0000-4000-8000-000000000001";
    let unknown = (200, "PresenceUnknown".into());
    assert_eq!(read(&token, stranger).await, unknown);
    let disabled = of("0b0b0b0b-0000-4000-8000-000000000002");
    assert_eq!(read(&disabled, USER).await, (403, Value::Null));
}

/// Every setting of the file reaches what it is about: issuer, claims, tenant, address, log, data.
#[tokio::test]
async fn it_serves_as_configured() {
    let provider = Provider::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = write_configuration(directory.path(), &provider);
    let arguments = ["serve", "--config", path.to_str().unwrap()];
    let mut server = Running::start(&arguments);
    let client = client();
    let token = provider.token(&json!({
        "client_id": "desk-phone",
        "service": true,
        "realm_access": {"roles": ["presence-admin"]},
    }));

    let set = async |session: &str| {
        let url = server.url(&format!("/v1.0/users/{USER}/presence/setPresence"));
        let request = client.post(url).bearer_auth(&token).json(&json!({
            "sessionId": session, "availability": "Busy", "activity": "InACall",
        }));
        request.send().await.unwrap()
    };
    let one_more = set("desk phone 8");
    let set = set("desk phone 7").await;
    assert_eq!(set.status(), 200);
    assert_eq!(one_more.await.status(), 429);
    // Writes are not limited, so what is told is the limit of all requests.
    assert_eq!(set.headers()["ratelimit-limit"], "130000");
    assert_eq!(
        presence(&client, &server.base, &token).await,
        "Busy/InACall"
    );

    let explain = server.url(&format!("/v1.0/users/{USER}/presence/explain"));
    let explained = client.get(explain).bearer_auth(&token).send();
    assert_eq!(explained.await.unwrap().status(), 400);

    let url = server.url(&format!("/v1.0/users/{USER}/presence"));
    let read = client.get(url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(read.headers()["ratelimit-limit"], "77");
    let body: Value = read.json().await.unwrap();
    let context = body["@odata.context"].as_str().unwrap();
    assert!(
        context.starts_with("https://presence.example.org/v1.0/"),
        "{context}"
    );

    let beta = server.url(&format!("/beta/users/{USER}/presence"));
    let beta = client.get(beta).bearer_auth(&token).send().await.unwrap();
    assert_eq!(beta.status(), 400, "only the global cloud has beta");

    let question = client
        .request(Method::OPTIONS, server.url("/v1.0/me/presence"))
        .header("origin", "https://board.example.org")
        .header("access-control-request-method", "GET");
    assert_eq!(question.send().await.unwrap().status(), 204);

    let root = client.get(server.url("/")).send().await.unwrap();
    let root = root.text().await.unwrap();
    assert!(root.starts_with("presenced: ") && root.lines().count() == 1);

    server.signal("TERM");
    let line: Value = serde_json::from_str(&server.wait_for_log("stopped")).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(server.wait().code(), Some(0));

    let server = Running::start(&arguments);
    assert_eq!(
        presence(&client, &server.base, &token).await,
        "Busy/InACall"
    );
}

/// A receiver of rich notifications finds the key of their tokens by the paths that it knows from
/// Graph, without a token of its own; and a restart changes nothing of that.
#[tokio::test]
async fn validation_keys_are_published() {
    let provider = Provider::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = write_configuration(directory.path(), &provider);
    let arguments = ["serve", "--config", path.to_str().unwrap()];
    let client = client();
    let mut kept = None;
    for _ in 0..2 {
        let server = Running::start(&arguments);
        let get = async |path: &str| {
            let answer = client.get(server.url(path)).send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().await.unwrap())
        };
        let (_, any) = get("/common/.well-known/openid-configuration").await;
        assert_eq!(any["issuer"], "https://presence.example.org/{tenantid}/");
        let address = "https://presence.example.org/common/discovery/keys";
        assert_eq!(any["jwks_uri"], address);
        let (_, own) = get(&format!("/{TENANT}/.well-known/openid-configuration")).await;
        let issuer = format!("https://presence.example.org/{TENANT}/");
        assert_eq!(own["issuer"], issuer);

        let (_, keys) = get("/common/discovery/keys").await;
        assert_eq!(keys["keys"][0]["kty"], "RSA");
        assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
        let (_, same) = get(&format!("/{TENANT}/discovery/keys")).await;
        assert_eq!(same, keys);
        assert_eq!(*kept.get_or_insert(keys.clone()), keys);

        let (status, error) = get("/contoso/discovery/keys").await;
        assert_eq!(status, 400);
        assert_eq!(error["error"]["code"], "BadRequest");
        let post = client
            .post(server.url("/common/discovery/keys"))
            .send()
            .await;
        assert_eq!(post.unwrap().status(), 405);
    }
}

/// What belongs to development is not there: no clock, no certificate, no identity provider.
#[tokio::test]
async fn nothing_of_development_is_there() {
    let provider = Provider::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = write_configuration(directory.path(), &provider);
    let server = Running::start(&["serve", "--config", path.to_str().unwrap()]);
    let client = client();
    let token = provider.token(&json!({"client_id": "desk-phone", "service": true}));
    for path in [
        "/dev/clock",
        "/dev/clock/advance",
        "/dev/certificate",
        "/device",
        "/common/oauth2/v2.0/token",
        "/common/v2.0/.well-known/openid-configuration",
    ] {
        let anonymous = client.post(server.url(path)).send().await.unwrap();
        assert_eq!(anonymous.status(), 401, "{path}");
        let known = client.get(server.url(path)).bearer_auth(&token);
        let known = known.send().await.unwrap();
        assert_eq!(known.status(), 400, "{path}");
        let error: Value = known.json().await.unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("Resource not found"), "{path}: {message}");
    }
}

/// A provider that is down does not keep the server from starting; it is said to be down, and its
/// tokens are answered with "try again" instead of "wrong".
#[tokio::test]
async fn a_provider_that_is_down() {
    let provider = Provider::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = Provider {
        url: format!("http://{}", gone.local_addr().unwrap()),
        key: provider.key,
    };
    let directory = tempfile::tempdir().unwrap();
    let path = write_configuration(directory.path(), &gone);
    let server = Running::start(&["serve", "--config", path.to_str().unwrap()]);
    let token = gone.token(&json!({"client_id": "desk-phone", "service": true}));
    let url = server.url(&format!("/v1.0/users/{USER}/presence"));
    let answer = client().get(url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}
