use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_760_000_000_000 + millis)
}

fn largest() -> StoredSubscription {
    let users = (0..650_u128).map(|user| UserId::from_u128(u128::MAX - user));
    StoredSubscription {
        subscription: Subscription {
            id: SubscriptionId::from_u128(7),
            tenant: TenantId::from_u128(1),
            creator: Creator {
                application: ApplicationId::from_u128(2),
                user: Some(UserId::from_u128(3)),
            },
            resource: Resource::Users(users.collect()),
            resource_text: "x".repeat(60 + 650 * 39),
            notification_url: "h".repeat(2048).into(),
            lifecycle_notification_url: Some("l".repeat(2048).into()),
            client_state: Some("s".repeat(255).into()),
            encryption: Some(Encryption {
                certificate: (0..=255).cycle().take(4096).collect(),
                certificate_id: "c".repeat(128),
            }),
            latest_supported_tls_version: Some("v1_2".into()),
            notification_url_app_id: Some(ApplicationId::from_u128(2)),
            expires_at: at(3),
            authorized_until: at(2),
            created_at: at(1),
        },
        granted_at: at(4),
        after: Cursor(99),
        removed_at: Some(at(5)),
    }
}

/// A subscription is read as it was written, and the largest one fits into a document.
#[test]
fn subscriptions_are_read_as_written() {
    let key = key(
        DocumentKind::Subscription,
        TenantId::from_u128(1),
        SubscriptionId::from_u128(7),
    );
    let largest = largest();
    let bytes = largest.encode();
    assert!(
        bytes.len() <= presenced_store::limits::DOCUMENT_BYTES_MAX,
        "{}",
        bytes.len()
    );
    assert_eq!(StoredSubscription::decode(&key, &bytes).unwrap(), largest);

    let mut least = largest;
    least.subscription.resource = Resource::Tenant;
    least.subscription.creator.user = None;
    least.subscription.lifecycle_notification_url = None;
    least.subscription.client_state = None;
    least.subscription.encryption = None;
    least.subscription.latest_supported_tls_version = None;
    least.subscription.notification_url_app_id = None;
    least.removed_at = None;
    assert_eq!(
        StoredSubscription::decode(&key, &least.encode()).unwrap(),
        least
    );
}

/// A delivery is read as it was written.
#[test]
fn deliveries_are_read_as_written() {
    let full = StoredDelivery {
        resume: Resume::At(Cursor(12)),
        settled: Cursor(0),
        failures: Failures {
            in_a_row: 3,
            since: Some(at(1)),
            retry_at: at(2),
        },
        given_up: true,
        notices: Notices {
            reauthorize: true,
            missed: true,
            removed: true,
            failures: Failures::default(),
            warned_of: at(9),
        },
        last: Some(LastAttempt {
            message: Message::Lifecycle,
            at: at(6),
            result: Some(AttemptResult {
                answer: Err("nobody there".into()),
                took: Duration::from_millis(5),
            }),
        }),
        habit: Some(Habit::Slow(at(7))),
    };
    let mut answered = full.clone();
    answered.resume = Resume::Reread;
    answered.habit = Some(Habit::Quick);
    answered
        .last
        .as_mut()
        .unwrap()
        .result
        .as_mut()
        .unwrap()
        .answer = Ok(503);
    for delivery in [full, answered, StoredDelivery::default()] {
        let read = StoredDelivery::decode(&PLACE_KEY, &delivery.encode()).unwrap();
        assert_eq!(read, delivery);
    }
    let new = StoredDelivery {
        habit: Some(Habit::New),
        ..StoredDelivery::default()
    };
    let bytes = String::from_utf8(new.encode()).unwrap();
    let read = |bytes: &str| StoredDelivery::decode(&PLACE_KEY, bytes.as_bytes()).unwrap();
    assert_eq!(read(&bytes), new);
    let older = bytes.replace(r#","habit":"new""#, "");
    assert_ne!(older, bytes);
    assert_eq!(read(&older), StoredDelivery::default());
    assert_eq!(decode_place(&encode_place(Cursor(5))).unwrap(), Cursor(5));
}

/// What a newer version wrote, or nobody, is refused: where it is, what is wrong, what to do.
#[test]
fn what_cannot_be_understood_is_refused() {
    for (bytes, problem) in [
        (&br#"{"version":2,"place":"there"}"#[..], "newer presenced"),
        (br#"{"version":1}"#, "missing field"),
        (b"{", "cannot be read"),
    ] {
        let error = decode_place(bytes).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert!(
            error.starts_with("the document of delivery 0000"),
            "{error}"
        );
    }
    for digits in ["0", "0g", "é"] {
        assert_eq!(bytes(digits), None);
    }
}
