//! What is measured: four rows, each the same request to presenced, to the floor, and to Redis.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::aims::Aim;
use crate::client::http;
use crate::limits::{IDS_PER_READ, LISTS, REQUESTS_PER_BATCH};
use crate::reply::Protocol;
use crate::request::{ID_PLACE, Numbers, Template};

/// The application that sets all sessions: application 1 of `presenced dev`.
pub(crate) const APPLICATION: &str = "22553876-f5ab-4529-bffb-cfe50aa89f87";

/// Where presenced has its API.
pub(crate) const GRAPH: &str = "/v1.0";

/// Where the floor has its handlers: in as many bytes, and where the front behind which it stands too
/// has nothing of its own.
pub(crate) const FLOOR: &str = "/noop";

/// Seconds after which Redis forgets a value in the measured SET; a session's fade has the same.
const REDIS_EXPIRY_MEASURED: &str = "300";

/// The same in preparation: as long as the longest session, so that no value ends within a row.
const REDIS_EXPIRY_PREPARED: &str = "14400";

/// What an answered request to change a presence says of itself within the answer to a batch.
pub(crate) const ANSWERED_WITHIN: &str = "\"status\":200";

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// What presenced is asked.
    pub(crate) name: &'static str,
    /// What Redis is asked; `None` where it knows nothing of the kind.
    pub(crate) redis_name: Option<&'static str>,
    /// How many presences one request sets or reads.
    pub(crate) presences: usize,
    /// How often the answer must say [`ANSWERED_WITHIN`].
    pub(crate) answers_within: usize,
    /// Whether it is also measured at a fixed rate.
    pub(crate) at_a_rate: bool,
    /// What it should come to.
    pub(crate) aims: &'static [Aim],
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Set,
    Get,
    List,
    Batch,
}

/// Row 1.
pub(crate) const SET: Row = Row {
    name: "setPresence",
    redis_name: Some("SET EX 300"),
    presences: 1,
    answers_within: 0,
    at_a_rate: true,
    aims: &[
        Aim::RateOfFloor(90),
        Aim::CpuOfFloor(110),
        Aim::RateOfRedis(100),
    ],
    kind: Kind::Set,
};

/// Row 2.
pub(crate) const GET: Row = Row {
    name: "GET presence",
    redis_name: Some("GET"),
    presences: 1,
    answers_within: 0,
    at_a_rate: true,
    aims: &[Aim::RateOfFloor(95), Aim::RateOfRedis(100)],
    kind: Kind::Get,
};

/// Row 3.
pub(crate) const LIST: Row = Row {
    name: "getPresencesByUserId, 650 ids",
    redis_name: Some("MGET, 650 keys"),
    presences: IDS_PER_READ,
    answers_within: 0,
    at_a_rate: false,
    aims: &[Aim::RateOfRedis(100)],
    kind: Kind::List,
};

/// Row 4.
pub(crate) const BATCH: Row = Row {
    name: "$batch of 20 setPresence",
    redis_name: None,
    presences: REQUESTS_PER_BATCH,
    answers_within: REQUESTS_PER_BATCH,
    at_a_rate: false,
    aims: &[Aim::PresencesOfFirstRow(500)],
    kind: Kind::Batch,
};

/// All rows, in the order in which they are measured.
pub(crate) const ROWS: [Row; 4] = [SET, GET, LIST, BATCH];

/// What all sessions say that a run sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Fades after five minutes (contract section 6).
    Available,
    /// Does not fade: nothing changes by itself while it is measured.
    Busy,
}

impl Said {
    /// Availability and activity.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Available => ("Available", "Available"),
            Self::Busy => ("Busy", "InACall"),
        }
    }
}

/// What the requests have in common.
#[derive(Clone, Debug)]
pub(crate) struct Ingredients {
    /// What paths begin with: [`GRAPH`] or [`FLOOR`].
    pub(crate) root: &'static str,
    /// The access token.
    pub(crate) token: String,
    /// Length of one presence as presenced answers it: so long is a value in Redis.
    pub(crate) presence_bytes: usize,
    /// What sessions say.
    pub(crate) said: Said,
    /// How many users there are.
    pub(crate) users: u64,
}

impl Row {
    /// The requests of this row to a server of this kind; none where it cannot be asked this.
    pub(crate) fn requests(self, with: &Ingredients, protocol: Protocol) -> Arc<Vec<Template>> {
        let one = match (self.kind, protocol) {
            (Kind::Set, Protocol::Http) => http_set(with),
            (Kind::Get, Protocol::Http) => http_get(with),
            (Kind::List, Protocol::Http) => http_list_of(with, IDS_PER_READ),
            (Kind::Batch, Protocol::Http) => http_batch(with),
            (Kind::Set, Protocol::Redis) => redis_set(with, REDIS_EXPIRY_MEASURED),
            (Kind::Get, Protocol::Redis) => redis(&["GET", &redis_key()]),
            (Kind::List, Protocol::Redis) => redis_list(),
            (Kind::Batch, Protocol::Redis) => return Arc::default(),
        };
        let one = Template::new(&one);
        Arc::new(match self.kind {
            Kind::Set | Kind::Get | Kind::Batch => vec![one],
            Kind::List => (0..LISTS as u64)
                .map(|list| {
                    let mut named = listed(list, with.users);
                    one.filled(|| named.next().unwrap_or_default())
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
    let line = format!("POST {}/users/{ID_PLACE}/presence/setPresence", with.root);
    http(&line, &[bearer(with), json()], &set_body(with))
}

fn set_body(with: &Ingredients) -> String {
    let (availability, activity) = with.said.names();
    format!(
        r#"{{"sessionId":"{APPLICATION}","availability":"{availability}","activity":"{activity}","expirationDuration":"PT1H"}}"#
    )
}

fn http_batch(with: &Ingredients) -> String {
    let body = set_body(with);
    let requests: Vec<String> = (0..REQUESTS_PER_BATCH)
        .map(|id| {
            let url = format!("/users/{ID_PLACE}/presence/setPresence");
            let headers = r#"{"Content-Type":"application/json"}"#;
            format!(
                r#"{{"id":"{id}","method":"POST","url":"{url}","headers":{headers},"body":{body}}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"requests":[{}]}}"#, requests.join(","));
    http(
        &format!("POST {}/$batch", with.root),
        &[bearer(with), json()],
        &body,
    )
}

fn http_get(with: &Ingredients) -> String {
    let line = format!("GET {}/users/{ID_PLACE}/presence", with.root);
    http(&line, &[bearer(with)], "")
}

/// The users that the list of this number names.
pub(crate) fn listed(list: u64, users: u64) -> impl Iterator<Item = u64> {
    let mut numbers = Numbers::stream(u64::MAX - list);
    (0..IDS_PER_READ).map(move |_| numbers.below(users))
}

/// A read of so many users.
pub(crate) fn http_list_of(with: &Ingredients, users: usize) -> String {
    let ids = vec![format!("\"{ID_PLACE}\""); users].join(",");
    let line = format!("POST {}/communications/getPresencesByUserId", with.root);
    http(
        &line,
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
            root: GRAPH,
            token: "t".repeat(900),
            presence_bytes: 150,
            said: Said::Busy,
            users: 1_000,
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
            root: GRAPH,
            token: "t".to_owned(),
            presence_bytes: 1,
            said: Said::Available,
            users: 1_000,
        };
        let requests = LIST.requests(&with, Protocol::Http);
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
