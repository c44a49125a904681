//! Where the courier goes, and where not.

use super::*;
use crate::webhook::limits::LOOKUPS_PER_CLASS_MAX;

/// A URL that is refused, and a name that leads to a refused address, are never connected to; and
/// the address that a name has on the inside is not told.
#[tokio::test]
async fn refused_addresses_are_not_reached() {
    let mut inside = Receiver::start("127.0.0.2", None, echo).await;
    let url = format!("http://{}/hook", inside.address);
    let Err(EndpointFault::Refused(reason)) = courier().check(&url).await else {
        panic!("it was reached");
    };
    assert_eq!(reason, "127.0.0.2 is no public address but loopback");

    let names = Names::new(&[&["10.0.0.1", "127.0.0.2"]]);
    let courier = HttpCourier::new(CourierSettings {
        resolver: names.clone(),
        ..settings(&["127.0.0.1/32"])
    });
    let courier = courier.unwrap();
    let url = format!("http://hooks.example.com:{}/", inside.address.port());
    let attempt = courier.post(&url, Bytes::new(), Class::Quick).await;
    let expect = "the address of its name is no public address but private".to_owned();
    assert_eq!(attempt.answer, Err(EndpointFault::Refused(expect)));
    assert_eq!(names.asked(), 1);
    assert_eq!(inside.connections(), 0);
    assert!(inside.heard.try_recv().is_err());
}

/// Of several addresses of a name only the allowed one is connected to, whichever stands first.
#[tokio::test]
async fn only_judged_addresses_are_connected_to() {
    let mut allowed = Receiver::start("127.0.0.1", None, echo).await;
    let mut same_port = allowed.address;
    same_port.set_ip("127.0.0.2".parse().unwrap());
    let inside = Receiver::start_at(same_port, None, echo).await;
    let url = format!("http://hooks.example.com:{}/", same_port.port());
    for answers in [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]] {
        let courier = HttpCourier::new(CourierSettings {
            resolver: Names::new(&[&answers]),
            ..settings(&["127.0.0.1/32"])
        });
        courier.unwrap().check(&url).await.unwrap();
        let host = allowed.next().headers["host"].clone();
        assert_eq!(host, format!("hooks.example.com:{}", same_port.port()));
    }
    assert_eq!(inside.connections(), 0);
}

/// A name whose addresses change between the check and the use is judged again for each connection,
/// by the answer that the connection is made with: there is no second look-up in between.
#[tokio::test]
async fn names_that_change_are_judged_again() {
    let close = |heard: &Heard| {
        if heard.body == b"{}" {
            return Reply::Close;
        }
        let (token, head) = (heard.token(), "HTTP/1.1 200 OK\r\nConnection: close\r\n");
        let length = token.len();
        let head = format!("{head}Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
        Reply::Bytes(format!("{head}{token}").into_bytes())
    };
    let outside = Receiver::start("127.0.0.1", None, close).await;
    let mut same_port = outside.address;
    same_port.set_ip("127.0.0.2".parse().unwrap());
    let inside = Receiver::start_at(same_port, None, echo).await;
    let names = Names::new(&[
        &["127.0.0.1"],
        &["127.0.0.2"],
        &["127.0.0.1"],
        &["127.0.0.2"],
    ]);
    let courier = HttpCourier::new(CourierSettings {
        resolver: names.clone(),
        ..settings(&["127.0.0.1/32"])
    });
    let courier = courier.unwrap();
    let url = format!("http://hooks.example.com:{}/", same_port.port());

    courier.check(&url).await.unwrap();
    assert_eq!(names.asked(), 1);
    let refused = courier.post(&url, Bytes::new(), Class::Quick).await;
    assert!(
        matches!(refused.answer, Err(EndpointFault::Refused(_))),
        "{refused:?}"
    );
    courier.check(&url).await.unwrap();
    let refused = courier.check(&url).await;
    assert!(
        matches!(refused, Err(EndpointFault::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(names.asked(), 4);
    assert_eq!(outside.connections(), 2);
    assert_eq!(inside.connections(), 0);
}

/// Over plain HTTP a development server goes to this machine only, also by name.
#[tokio::test]
async fn development_stays_on_this_machine() {
    let receiver = Receiver::start("127.0.0.1", None, echo).await;
    let port = receiver.address.port();
    let courier = HttpCourier::new(CourierSettings {
        resolver: Names::new(&[&["127.0.0.1"], &["93.184.215.14"]]),
        roots: Roots::Only(Vec::new()),
        ..CourierSettings::new(AddressPolicy::dev())
    });
    let courier = courier.unwrap();
    courier
        .check(&format!("http://localhost:{port}/"))
        .await
        .unwrap();
    let elsewhere = courier.check("http://hooks.example.com/").await;
    let Err(EndpointFault::Refused(reason)) = elsewhere else {
        panic!("{elsewhere:?}");
    };
    assert!(reason.contains("not on this machine"), "{reason}");
}

/// The system's own look-up finds what every machine knows, and says what is not there.
#[tokio::test]
async fn the_system_knows_names() {
    let names = SystemResolver;
    let found = names.look_up("localhost").await.unwrap();
    assert!(
        !found.is_empty() && found.iter().all(IpAddr::is_loopback),
        "{found:?}"
    );

    let names = Names::new(&[]);
    let settings = CourierSettings {
        resolver: names,
        ..settings(&[])
    };
    let nowhere = HttpCourier::new(settings)
        .unwrap()
        .check("https://hooks.example.com/")
        .await;
    assert_eq!(unreachable(nowhere), "its name cannot be looked up");
    let settings = CourierSettings {
        resolver: Names::new(&[&[]]),
        ..self::settings(&[])
    };
    let nowhere = HttpCourier::new(settings)
        .unwrap()
        .check("https://hooks.example.com/")
        .await;
    assert_eq!(unreachable(nowhere), "its name has no address");
}

/// Looks nothing up where a name says so, and never answers.
struct Silent;

impl Resolver for Silent {
    fn look_up<'a>(&'a self, name: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        if name.starts_with("silent") {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
    }
}

/// However many names of endpoints that fail, or are asked for the first time, have name servers that
/// keep silent, names of others are looked up; also after whoever asked has given up.
#[tokio::test]
async fn silent_name_servers_delay_their_like() {
    let took = |_: &Heard| answer("202 Accepted", "text/plain", "");
    let receiver = Receiver::start("127.0.0.1", None, took).await;
    let port = receiver.address.port();
    let courier = HttpCourier::new(CourierSettings {
        resolver: Arc::new(Silent),
        answer_timeout: Duration::from_secs(1),
        ..settings(&["127.0.0.1/32"])
    });
    let courier = Arc::new(courier.unwrap());
    let mut silent = tokio::task::JoinSet::new();
    for number in 0..2 * LOOKUPS_PER_CLASS_MAX {
        let (courier, url) = (
            Arc::clone(&courier),
            format!("http://silent{number}:{port}/"),
        );
        silent.spawn(async move {
            let attempt = courier.post(&url, Bytes::new(), Class::Failing).await;
            (attempt.answer, courier.check(&url).await)
        });
    }
    for (answer, checked) in silent.join_all().await {
        assert_eq!(answer, Err(EndpointFault::TimedOut));
        assert_eq!(checked, Err(EndpointFault::TimedOut));
    }
    let url = format!("http://hooks.example.com:{port}/");
    for class in [Class::Quick, Class::New, Class::Slow] {
        let attempt = courier.post(&url, Bytes::new(), class).await;
        assert!(attempt.is_delivered(), "{class:?}: {attempt:?}");
    }
}
