//! What is measured: three rows, each the same request to presenced, to the floor, and to Redis.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::client::http;
use crate::limits::{IDS_PER_READ, LISTS, USERS};
use crate::reply::Protocol;
use crate::request::{ID_PLACE, Numbers, Template};

/// The application that sets all sessions: application 1 of `presenced dev`.
pub(crate) const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";

/// Seconds after which Redis forgets a value in the measured SET; a session's fade has the same.
const REDIS_EXPIRY_MEASURED: &str = "300";

/// The same in preparation: as long as the longest session, so that no value ends within a row.
const REDIS_EXPIRY_PREPARED: &str = "14400";

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// What presenced is asked.
    pub(crate) name: &'static str,
    /// What Redis is asked.
    pub(crate) redis_name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Set,
    Get,
    List,
}

/// All rows, in the order in which they are measured.
pub(crate) const ROWS: [Row; 3] = [
    Row {
        name: "setPresence",
        redis_name: "SET EX 300",
        kind: Kind::Set,
    },
    Row {
        name: "GET presence",
        redis_name: "GET",
        kind: Kind::Get,
    },
    Row {
        name: "getPresencesByUserId, 650 ids",
        redis_name: "MGET, 650 keys",
        kind: Kind::List,
    },
];

/// What the requests have in common.
#[derive(Clone, Debug)]
pub(crate) struct Ingredients {
    /// The access token.
    pub(crate) token: String,
    /// Length of one presence as presenced answers it: so long is a value in Redis.
    pub(crate) presence_bytes: usize,
}

impl Row {
    /// The requests of this row to a server of this kind.
    pub(crate) fn requests(self, with: &Ingredients, protocol: Protocol) -> Arc<Vec<Template>> {
        let one = match (self.kind, protocol) {
            (Kind::Set, Protocol::Http) => http_set(with),
            (Kind::Get, Protocol::Http) => http_get(with),
            (Kind::List, Protocol::Http) => http_list(with),
            (Kind::Set, Protocol::Redis) => redis_set(with, REDIS_EXPIRY_MEASURED),
            (Kind::Get, Protocol::Redis) => redis(&["GET", &redis_key()]),
            (Kind::List, Protocol::Redis) => redis_list(),
        };
        let one = Template::new(&one);
        Arc::new(match self.kind {
            Kind::Set | Kind::Get => vec![one],
            Kind::List => (0..LISTS as u64)
                .map(|list| {
                    let mut numbers = Numbers::stream(u64::MAX - list);
                    one.filled(|| numbers.below(USERS))
                })
                .collect(),
        })
    }
}

/// The request that gives every user a session, or a value, before a row is measured.
pub(crate) fn preparation(with: &Ingredients, protocol: Protocol) -> Arc<Vec<Template>> {
    let one = match protocol {
        Protocol::Http => http_set(with),
        Protocol::Redis => redis_set(with, REDIS_EXPIRY_PREPARED),
    };
    Arc::new(vec![Template::new(&one)])
}

fn http_set(with: &Ingredients) -> String {
    let line = format!("POST /v1.0/users/{ID_PLACE}/presence/setPresence");
    let body = format!(
        r#"{{"sessionId":"{APPLICATION}","availability":"Available","activity":"Available","expirationDuration":"PT1H"}}"#
    );
    http(&line, &[bearer(with), json()], &body)
}

fn http_get(with: &Ingredients) -> String {
    let line = format!("GET /v1.0/users/{ID_PLACE}/presence");
    http(&line, &[bearer(with)], "")
}

fn http_list(with: &Ingredients) -> String {
    let ids = vec![format!("\"{ID_PLACE}\""); IDS_PER_READ].join(",");
    let line = "POST /v1.0/communications/getPresencesByUserId";
    http(
        line,
        &[bearer(with), json()],
        &format!(r#"{{"ids":[{ids}]}}"#),
    )
}

fn bearer(with: &Ingredients) -> String {
    format!("Authorization: Bearer {}", with.token)
}

fn json() -> String {
    "Content-Type: application/json".to_owned()
}

fn redis_set(with: &Ingredients, expiry: &str) -> String {
    let value = "x".repeat(with.presence_bytes);
    redis(&["SET", &redis_key(), &value, "EX", expiry])
}

fn redis_list() -> String {
    let key = redis_key();
    let mut words = vec![key.as_str(); IDS_PER_READ + 1];
    if let Some(first) = words.first_mut() {
        *first = "MGET";
    }
    redis(&words)
}

fn redis_key() -> String {
    format!("presence:{ID_PLACE}")
}

/// A Redis command as an array of bulk strings.
fn redis(words: &[&str]) -> String {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        write!(command, "${}\r\n{word}\r\n", word.len())
            .expect("a String takes all that is written");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row has requests for both protocols, whose stated lengths are true.
    #[test]
    fn requests_are_well_formed() {
        let with = Ingredients {
            token: "t".repeat(900),
            presence_bytes: 150,
        };
        for row in ROWS {
            for request in row.requests(&with, Protocol::Http).iter() {
                let text = String::from_utf8(request.filled(|| 1).into_bytes()).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                let length = head.rsplit_once("Content-Length: ").unwrap().1;
                assert_eq!(length.parse(), Ok(body.len()), "{}", row.name);
                assert!(head.contains("Authorization: Bearer tttt"));
                assert!(!text.contains(ID_PLACE));
            }
            for request in row.requests(&with, Protocol::Redis).iter() {
                let text = String::from_utf8(request.filled(|| 1).into_bytes()).unwrap();
                let mut lines = text.split("\r\n");
                let words: usize = lines.next().unwrap()[1..].parse().unwrap();
                for _ in 0..words {
                    let length: usize = lines.next().unwrap()[1..].parse().unwrap();
                    assert_eq!(lines.next().unwrap().len(), length, "{}", row.name);
                }
                assert_eq!(lines.collect::<Vec<_>>(), [""]);
            }
        }
    }

    /// The lists differ from each other and name as many users as one read may.
    #[test]
    fn lists_differ() {
        let with = Ingredients {
            token: "t".to_owned(),
            presence_bytes: 1,
        };
        let [.., list] = ROWS;
        let requests = list.requests(&with, Protocol::Http);
        let mut texts: Vec<_> = requests
            .iter()
            .map(|request| request.clone().into_bytes())
            .collect();
        assert_eq!(texts.len(), LISTS);
        let text = String::from_utf8_lossy(&texts[0]).into_owned();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["ids"].as_array().unwrap().len(), IDS_PER_READ);
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), LISTS);
    }
}
