"""Change notifications, as the official client subscribes to them and a receiver gets them."""

from datetime import datetime, timedelta, timezone

import httpx
import jwt
import pytest
from msgraph.generated.models.subscription import Subscription

from certificate import Certificate
from presence import Presence, refused
from presenced import ADELE, ADMINISTRATOR, ALEX, APPLICATION, TENANT
from receiver import Receiver

SCOPES = "Presence.Read.All"


@pytest.fixture
def receiver():
    """An endpoint of one's own."""
    running = Receiver()
    yield running
    running.stop()


def wanted(receiver: Receiver, minutes: int = 59, **more) -> Subscription:
    """A subscription to Adele, with these members besides."""
    members = {
        "change_type": "updated",
        "notification_url": receiver.url(),
        "resource": f"/communications/presences/{ADELE}",
        "expiration_date_time": datetime.now(timezone.utc) + timedelta(minutes=minutes),
        "client_state": "known to both",
    }
    return Subscription(**(members | more))


async def test_the_life_of_a_subscription(server, graph, receiver):
    """Made, read, listed, renewed, reauthorized, notified, deleted: each by the client's own method."""
    client = graph(server.user_token(SCOPES))
    made = await client.subscriptions.post(wanted(receiver))
    assert receiver.checks == ["/hook"]
    assert (made.application_id, made.creator_id) == (APPLICATION, ADELE)
    assert (made.client_state, made.change_type) == ("known to both", "updated")

    one = client.subscriptions.by_subscription_id(made.id)
    assert (await one.get()).notification_url == receiver.url()
    listed = await client.subscriptions.get()
    assert [entry.id for entry in listed.value] == [made.id]
    assert listed.value[0].client_state is None

    await Presence.of_user(graph(server.token()), ADELE).set("Busy", "InACall", "PT1H")
    path, body = receiver.next()
    [notification] = body["value"]
    assert path == "/hook"
    assert notification["subscriptionId"] == made.id
    assert notification["clientState"] == "known to both"
    assert notification["changeType"] == "updated"
    assert notification["tenantId"] == notification["organizationId"] == TENANT
    assert notification["resource"] == f"communications/presences/{ADELE}"
    assert notification["resourceData"] == {
        "@odata.type": "#microsoft.graph.presence",
        "@odata.id": f"users/{ADELE}/presence",
        "id": ADELE,
    }
    assert "encryptedContent" not in notification and "validationTokens" not in body

    server.advance("PT30M")
    later = made.expiration_date_time + timedelta(minutes=30)
    renewed = await one.patch(Subscription(expiration_date_time=later))
    # A millisecond is as fine as times are kept.
    assert abs(renewed.expiration_date_time - later) < timedelta(milliseconds=1)
    await one.reauthorize.post()
    await one.delete()
    with refused(404, "NotFound"):
        await one.get()


async def test_rich_notifications(server, graph, receiver):
    """The presence itself arrives encrypted for the subscriber, with a token that says who sent it."""
    certificate = Certificate()
    client = graph(server.user_token(SCOPES))
    made = await client.subscriptions.post(
        wanted(
            receiver,
            resource=f"/communications/presences?$filter=id in ('{ADELE}','{ALEX}')",
            include_resource_data=True,
            encryption_certificate=certificate.text(),
            encryption_certificate_id="first",
        )
    )
    assert made.include_resource_data is True
    assert (made.encryption_certificate, made.encryption_certificate_id) == (None, "first")

    await Presence.of_user(graph(server.token()), ALEX).set("DoNotDisturb", "Presenting", "PT1H")
    _, body = receiver.next()
    [notification] = body["value"]
    content = notification["encryptedContent"]
    assert content["encryptionCertificateId"] == "first"
    assert content["encryptionCertificateThumbprint"] == certificate.thumbprint()
    assert certificate.decrypted(content) == {
        "@odata.id": f"users/{ALEX}/presence",
        "@odata.type": "#microsoft.graph.presence",
        "id": ALEX,
        "availability": "DoNotDisturb",
        "activity": "Presenting",
    }
    [token] = body["validationTokens"]
    keys = httpx.get(f"{server.url}/common/discovery/v2.0/keys").json()["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [key for key in keys if key["kid"] == kid]
    claims = jwt.decode(
        token, jwt.PyJWK(key).key, algorithms=["RS256"], audience=APPLICATION
    )
    assert (claims["appid"], claims["tid"]) == ("0bf30f3b-4a52-48df-9a82-234910c4a086", TENANT)
    assert claims["iss"] == f"https://sts.presenced.dev/{TENANT}/"

    # A new certificate is used from its PATCH on.
    other = Certificate()
    await client.subscriptions.by_subscription_id(made.id).patch(
        Subscription(encryption_certificate=other.text(), encryption_certificate_id="second")
    )
    await Presence.of_user(graph(server.token()), ALEX).clear()
    _, body = receiver.next()
    content = body["value"][0]["encryptedContent"]
    assert content["encryptionCertificateId"] == "second"
    assert other.decrypted(content)["availability"] == "Offline"


async def test_expiry_is_told(server, graph, receiver):
    """Ahead of its end a subscription asks to be renewed, where it has a lifecycle URL."""
    client = graph(server.user_token(SCOPES))
    made = await client.subscriptions.post(
        wanted(receiver, lifecycle_notification_url=receiver.url("/life"))
    )
    assert sorted(receiver.checks) == ["/hook", "/life"]
    server.advance("PT50M")
    path, body = receiver.next()
    [notification] = body["value"]
    assert path == "/life"
    assert notification["lifecycleEvent"] == "reauthorizationRequired"
    assert notification["subscriptionId"] == made.id
    server.advance("PT10M")
    with refused(404, "NotFound"):
        await client.subscriptions.by_subscription_id(made.id).patch(
            Subscription(expiration_date_time=datetime.now(timezone.utc) + timedelta(hours=2))
        )


async def test_refusals(server, graph, receiver):
    """What Graph refuses is refused in Graph's words."""
    client = graph(server.user_token(SCOPES))
    with refused(
        400,
        "ExtensionError",
        "Operation: Create; Exception: [Status Code: BadRequest; Reason: Unsupported workload.]",
    ):
        await client.subscriptions.post(wanted(receiver, resource="/me/presence"))
    with refused(400, "ExtensionError"):
        await client.subscriptions.post(wanted(receiver, minutes=70))
    with refused(400, "InvalidArgument"):
        away = wanted(receiver, notification_url="https://10.0.0.1/hook")
        await client.subscriptions.post(away)
    receiver.validation_status = 403
    with refused(
        400,
        "ValidationError",
        "Subscription validation request failed. HTTP status code is 'Forbidden'. Notification "
        "endpoint must respond with 200 OK to validation request.",
    ):
        await client.subscriptions.post(wanted(receiver))
    receiver.validation_status = None
    await client.subscriptions.post(wanted(receiver))
    with refused(
        409,
        "ExtensionError",
        "Operation: Create; Exception:[Status Code: Conflict; Reason: A subscripton already "
        "exists. It must be deleted before a another can be made.]",
    ):
        await client.subscriptions.post(wanted(receiver))
    with refused(403, "Authorization_RequestDenied"):
        small = graph(server.user_token("Presence.Read"))
        await small.subscriptions.post(wanted(receiver))


async def test_applications_watch_tenants(server, graph, receiver):
    """Beyond Graph: an application watches everybody on its own, as often as it likes."""
    client = graph(server.token())
    everybody = wanted(receiver, resource="/communications/presences")
    first = await client.subscriptions.post(everybody)
    second = await client.subscriptions.post(everybody)
    await Presence.of_user(client, ALEX).set("Away", "Away", "PT1H")
    told = {receiver.next()[1]["value"][0]["subscriptionId"] for _ in range(2)}
    assert told == {first.id, second.id}


async def test_administrators_see_deliveries(server, graph, receiver):
    """What an administrator is told of a subscription, a test of it, and its end by another's hand."""
    client = graph(server.user_token(SCOPES))
    life = receiver.url("/life")
    made = await client.subscriptions.post(wanted(receiver, lifecycle_notification_url=life))
    token = {"Authorization": f"Bearer {server.token(ADMINISTRATOR)}"}
    path = f"{server.url}/admin/v1/subscriptions"
    [shown] = httpx.get(path, headers=token).json()["value"]
    assert (shown["id"], shown["applicationId"], shown["userId"]) == (made.id, APPLICATION, ADELE)
    assert shown["delivery"]["state"] == "active"

    tried = httpx.post(f"{path}/{made.id}/test", headers=token).json()
    assert (tried["isDelivered"], tried["status"]) == (True, 202)
    assert receiver.next()[0] == "/hook"
    last = httpx.get(f"{path}/{made.id}", headers=token).json()["delivery"]["lastAttempt"]
    assert (last["message"], last["result"]["status"]) == ("test", 202)

    assert httpx.delete(f"{path}/{made.id}", headers=token).status_code == 204
    path, body = receiver.next()
    assert path == "/life"
    assert body["value"][0]["lifecycleEvent"] == "subscriptionRemoved"
    with refused(404, "NotFound"):
        await client.subscriptions.by_subscription_id(made.id).get()
