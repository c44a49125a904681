//! `/admin/v1/users` and `/admin/v1/users/{id}`

use axum::body::Body;
use axum::http::Method;
use presenced_http::{DirectoryPolicy, Settings};
use presenced_store::{Limits, StoreConfig};
use serde_json::{Value, json};

use crate::support::{ADELE, ALEX, TestApp, request};

const USERS: &str = "/admin/v1/users";

fn alex() -> Value {
    json!({ "principalName": "Alex@presenced.dev", "displayName": "Alex Moreau" })
}

fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

/// A user is made, read, replaced and removed; each answer is the entry as it stands.
#[tokio::test]
async fn a_user_comes_and_goes() {
    let app = TestApp::new();
    let made = app.put("admin", &path(ALEX), &alex()).await;
    insta::assert_snapshot!(made.text(), @r#"
    201 Created
    cache-control: no-cache
    client-request-id: [request-id]
    content-length: 125
    content-type: application/json
    etag: "1"
    request-id: [request-id]

    {"id":"66825e03-7ef5-42da-9069-724602c31f6b","principalName":"Alex@presenced.dev","displayName":"Alex Moreau","source":"api"}
    "#);
    let read = app.get("admin", &path(ALEX)).await;
    assert_eq!(read.json(), made.json());
    let by_name = app.get("admin", &path("alex@PRESENCED.dev")).await;
    assert_eq!(by_name.json(), made.json());
    // What was read can be put back.
    let again = app.put("admin", &path(ALEX), &read.json()).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, read.json()));
    let bare = app.put("admin", &path(ALEX), &json!({})).await;
    assert_eq!(
        bare.json(),
        json!({ "id": ALEX, "principalName": null, "displayName": null, "source": "api" })
    );
    assert_eq!(app.delete("admin", &path(ALEX)).await.status, 204);
    for gone in [
        app.get("admin", &path(ALEX)).await,
        app.delete("admin", &path(ALEX)).await,
    ] {
        assert_eq!(
            gone.error(),
            "404 NotFound: The directory of this tenant has no such user."
        );
    }
}

/// A closed directory opens to a user who is made, closes to one who is removed, and shows what was
/// set of one who comes back.
#[tokio::test]
async fn a_closed_directory_follows() {
    let app = TestApp::with(Settings {
        directory: DirectoryPolicy::Closed,
        ..Settings::default()
    });
    assert_eq!(app.pair(ALEX).await, "PresenceUnknown/PresenceUnknown");
    app.put("admin", &path(ALEX), &alex()).await;
    assert_eq!(app.pair("alex@presenced.dev").await, "Offline/Offline");
    app.set(ALEX, "Busy/InACall").await;
    app.delete("admin", &path(ALEX)).await;
    assert_eq!(app.pair(ALEX).await, "PresenceUnknown/PresenceUnknown");
    assert_eq!(
        app.pair("alex@presenced.dev").await,
        "PresenceUnknown/PresenceUnknown"
    );
    app.put("admin", &path(ALEX), &json!({})).await;
    assert_eq!(app.pair(ALEX).await, "Busy/InACall");
}

/// A principal name has one owner in a tenant, in whatever case; it becomes free with a replacement
/// and with a removal, and other tenants have their own.
#[tokio::test]
async fn principal_names_are_unique() {
    let app = TestApp::new();
    let name = |name: &str| json!({ "principalName": name });
    let put = async |id: &str, body: Value| app.put("admin", &path(id), &body).await;
    assert_eq!(put(ALEX, name("x@y")).await.status, 201);
    let taken = put(ADELE, name("X@Y")).await;
    assert_eq!(
        taken.error(),
        format!("409 Conflict: The user {ALEX} has this principalName already.")
    );
    let elsewhere = app.put("admin-elsewhere", &path(ADELE), &name("x@y")).await;
    assert_eq!(elsewhere.status, 201);
    // One's own name, in another case, is no conflict.
    assert_eq!(put(ALEX, name("X@y")).await.status, 200);
    assert_eq!(put(ALEX, name("z@y")).await.status, 200);
    assert_eq!(put(ADELE, name("x@y")).await.status, 201);
    assert_eq!(app.delete("admin", &path(ADELE)).await.status, 204);
    assert_eq!(put(ALEX, name("x@y")).await.status, 200);
}

/// The entries of the configuration are told and not changed.
#[tokio::test]
async fn the_configuration_stays() {
    let app = TestApp::with_adele(Settings::default()).await;
    let read = app.get("admin", &path(ADELE)).await.json();
    assert_eq!(read["source"], "configuration");
    for refused in [
        app.put("admin", &path(ADELE), &json!({})).await,
        app.delete("admin", &path(ADELE)).await,
    ] {
        assert_eq!(
            refused.error(),
            "409 Conflict: The user stands in the server's configuration, and can be changed there \
             only."
        );
    }
    let name = json!({ "principalName": "ADELE@presenced.dev" });
    assert_eq!(app.put("admin", &path(ALEX), &name).await.status, 409);
    assert_eq!(app.get("admin", &path(ADELE)).await.json(), read);
}

/// Lists come in parts, by id, each with the link to the next; another tenant's users are in none.
#[tokio::test]
async fn lists_come_in_parts() {
    let app = TestApp::with_adele(Settings::default()).await;
    let id = |n: u32| format!("00000000-0000-0000-0000-{n:012}");
    for n in [3, 1, 2] {
        app.put("admin", &path(&id(n)), &json!({})).await;
    }
    app.put("admin-elsewhere", &path(&id(4)), &json!({})).await;
    let ids = |answer: &Value| -> Vec<String> {
        let list = answer["value"].as_array().unwrap().iter();
        list.map(|user| user["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = app.get("admin", USERS).await.json();
    assert_eq!(ids(&all), [id(1), id(2), id(3), ADELE.to_owned()]);
    assert_eq!(all.get("nextLink"), None);
    let first = app.get("admin", &format!("{USERS}?top=2")).await.json();
    assert_eq!(ids(&first), [id(1), id(2)]);
    let link = first["nextLink"].as_str().unwrap();
    assert_eq!(
        link,
        format!("http://presence.test{USERS}?after={}&top=2", id(2))
    );
    let last = app
        .get("admin", link.strip_prefix("http://presence.test").unwrap())
        .await;
    let last = last.json();
    assert_eq!(ids(&last), [id(3), ADELE.to_owned()]);
    assert_eq!(last.get("nextLink"), None);
    let empty = app.get("admin", &format!("{USERS}?after={ADELE}")).await;
    assert_eq!(empty.json(), json!({ "value": [] }));
}

/// What is refused, and in which words.
#[tokio::test]
async fn refusals() {
    let app = TestApp::new();
    let check = async |id: &str, body: Value, expect: &str| {
        let answer = app.put("admin", &path(id), &body).await;
        assert_eq!(answer.error(), expect, "{body}");
    };
    check("x", json!({}), "400 InvalidArgument: [UserId]: 'x' is neither a user's object id, which is a GUID, nor a user principal name that is known here.").await;
    check(ALEX, json!({ "principalName": "alex" }), "400 InvalidArgument: [PrincipalName]: The PrincipalName cannot be taken: a user principal name has the form adele@example.com, at most 256 characters without spaces and slashes, and does not begin with a dollar sign.").await;
    check(ALEX, json!({ "displayName": "" }), "400 InvalidArgument: [DisplayName]: The DisplayName cannot be taken: a display name is 1 to 256 characters without control characters.").await;
    check(ALEX, json!({ "id": ADELE }), "400 InvalidArgument: [Id]: The body names the id 'fa8bf3dc-eca7-46b7-bad1-db199b62afc3', the path 66825e03-7ef5-42da-9069-724602c31f6b.").await;
    check(ALEX, json!({ "name": "x" }), "400 BadRequest: The JSON request payload cannot be used: unknown field `name`, expected one of `id`, `principalName`, `displayName`, `source` at line 1 column 7").await;
    let long = json!({ "x".repeat(10_000): 1 });
    let long = app.put("admin", &path(ALEX), &long).await.error();
    assert!(long.chars().count() < 300, "{long}");
    for (query, expect) in [
        (
            "top=0",
            "400 BadRequest: The parameter 'top' is '0'; it is a number from 1 to 1000.",
        ),
        (
            "top=1001",
            "400 BadRequest: The parameter 'top' is '1001'; it is a number from 1 to 1000.",
        ),
        (
            "after=x",
            "400 BadRequest: The parameter 'after' is 'x'; it is a GUID.",
        ),
    ] {
        let answer = app.get("admin", &format!("{USERS}?{query}")).await;
        assert_eq!(answer.error(), expect);
    }
    assert_eq!(app.get("admin", USERS).await.json(), json!({ "value": [] }));
}

/// What was made is there again when the server starts anew on the same data; what stands in the
/// configuration by then goes before it.
#[tokio::test]
async fn users_outlive_the_process() {
    let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
    let app = TestApp::over(store.clone(), Settings::default());
    app.put(
        "admin",
        &path(ALEX),
        &json!({ "principalName": "adele@presenced.dev" }),
    )
    .await;
    app.put("admin", &path(ADELE), &json!({ "displayName": "Somebody" }))
        .await;
    let app = TestApp::with_adele_over(store, Settings::default()).await;
    let adele = app.get("admin", &path("adele@presenced.dev")).await.json();
    assert_eq!(adele["id"], ADELE);
    assert_eq!(adele["source"], "configuration");
    let alex = app.get("admin", &path(ALEX)).await.json();
    assert_eq!(alex["source"], "api");
    assert_eq!(alex["principalName"], Value::Null);
    let replaced = app.put("admin", &path(ALEX), &json!({})).await;
    assert_eq!(replaced.status, 200);
}

/// Who says which entry is meant is refused where it is another by now; entity tags come with every
/// answer that has the entry, and change with it.
#[tokio::test]
async fn nobody_is_overwritten_unseen() {
    let app = TestApp::with_adele(Settings::default()).await;
    let send = async |method: Method, id: &str, header: (&str, &str)| {
        let request = request(method, "admin", &path(id)).header(header.0, header.1);
        let request = request.header("content-type", "application/json");
        app.send(request.body(Body::from("{}")).unwrap()).await
    };
    let made = send(Method::PUT, ALEX, ("if-none-match", "*")).await;
    assert_eq!(made.status, 201);
    let first = made.header("etag").to_owned();
    assert_eq!(app.get("admin", &path(ALEX)).await.header("etag"), first);
    let refused = send(Method::PUT, ALEX, ("if-none-match", "*")).await;
    assert_eq!(
        refused.error(),
        "412 PreconditionFailed: The user is not as If-Match or If-None-Match wants it: somebody \
         else was first. Read it again."
    );
    let second = send(Method::PUT, ALEX, ("if-match", &first)).await;
    assert_eq!(second.status, 200);
    let second = second.header("etag").to_owned();
    assert_ne!(first, second);
    for stale in [first.as_str(), "W/\"1\"", "x", "\"\""] {
        for method in [Method::PUT, Method::DELETE] {
            let refused = send(method, ALEX, ("if-match", stale)).await;
            assert_eq!(refused.status, 412, "{stale}");
        }
    }
    let unclear = send(Method::PUT, ALEX, ("if-none-match", &second)).await;
    assert_eq!(unclear.status, 400);
    let gone = send(Method::DELETE, ALEX, ("if-match", &second)).await;
    assert_eq!(gone.status, 204);
    let gone = send(Method::PUT, ALEX, ("if-match", "*")).await;
    assert_eq!(gone.status, 412);
    let fixed = app.get("admin", &path(ADELE)).await;
    assert_eq!(fixed.header("etag"), "");
}

/// Two at once for one name: one has it, the other hears so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cannot_have_one_name() {
    let app = TestApp::new();
    let name = json!({ "principalName": "x@y" });
    let (alex, adele) = (path(ALEX), path(ADELE));
    let (one, other) = tokio::join!(
        app.put("admin", &alex, &name),
        app.put("admin", &adele, &name)
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}
