"""A person with a browser, as far as signing in goes: reads forms, fills them in, sends them."""

import html.parser
import ssl
from urllib.parse import urljoin

import httpx

from presenced import ADELE_UPN, PASSWORD

PAGES_MAX = 6
# Where a finished sign-in leads. Nobody listens there: the browser reads the address it is sent to.
REDIRECT = "http://localhost:43117/done"


class _Forms(html.parser.HTMLParser):
    """The first form of a page: where it goes, and its fields."""

    def __init__(self, page: str):
        super().__init__()
        self.action: str | None = None
        self.method = "get"
        self.fields: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self._inside = True
            self.action = attributes.get("action", "")
            self.method = attributes.get("method", "get").lower()
        name = attributes.get("name")
        if not self._inside or not name:
            return
        kind = attributes.get("type", "text" if tag == "input" else "submit")
        if tag == "button" or kind == "submit":
            self.buttons.append((name, attributes.get("value", "")))
        elif tag == "input":
            self.fields[name] = attributes.get("value", "")
            self.kinds[name] = kind

    def handle_endtag(self, tag):
        if tag == "form":
            self._inside = False


def sign_in(certificate: str, url: str, user_code: str | None = None) -> str | None:
    """Opens the page and signs Adele in, form by form. Answers where the last page sends the
    browser outside the server, if it does."""
    trust = ssl.create_default_context(cafile=certificate)
    with httpx.Client(verify=trust) as browser:
        home = httpx.URL(url).netloc
        answer = browser.get(url)
        for _ in range(PAGES_MAX):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if httpx.URL(target).netloc != home:
                    return target
                answer = browser.get(target)
                continue
            assert answer.status_code == 200, answer.text
            form = _Forms(answer.text)
            if form.action is None:
                return None
            answer = _send(browser, answer, form, user_code)
        raise AssertionError("signing in takes too many pages")


def _send(browser, page, form: _Forms, user_code):
    fields = dict(form.fields)
    for name, kind in form.kinds.items():
        if kind == "password":
            fields[name] = PASSWORD
        elif kind in ("text", "email") and "code" in name:
            fields[name] = user_code or fields[name]
        elif kind in ("text", "email"):
            fields[name] = ADELE_UPN
    if form.buttons:
        # The first button says yes.
        name, value = form.buttons[0]
        fields[name] = value
    target = urljoin(str(page.url), form.action)
    if form.method == "post":
        return browser.post(target, data=fields)
    return browser.get(target, params=fields)
