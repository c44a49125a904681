// A person with a browser, as far as typing in a device's code goes.

import assert from "node:assert/strict";
import { ADELE_UPN, PASSWORD } from "./server.js";

const PAGES_MAX = 6;

const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i").exec(tag);
  return found && unescape(found[1] ?? found[2] ?? found[3]);
};

const unescape = (text) =>
  text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&#x27;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");

/** Opens the page and signs Adele in, form by form, until a page has none. */
export async function signIn(url, userCode) {
  let answer = await fetch(url);
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const page = await answer.text();
    assert.equal(answer.status, 200, page);
    const form = /<form[^>]*>[\s\S]*?<\/form>/i.exec(page)?.[0];
    if (!form) return;
    answer = await send(answer.url, form, userCode);
  }
  assert.fail("signing in takes too many pages");
}

async function send(from, form, userCode) {
  const fields = new URLSearchParams();
  let pressed = false;
  for (const [tag, kind] of form.matchAll(/<(input|button)\b[^>]*>/gi)) {
    const name = attribute(tag, "name");
    if (!name) continue;
    const type = attribute(tag, "type") ?? (kind === "button" ? "submit" : "text");
    if (type === "submit") {
      // The first button says yes.
      if (!pressed) fields.set(name, attribute(tag, "value") ?? "");
      pressed = true;
    } else if (type === "password") {
      fields.set(name, PASSWORD);
    } else if (type === "hidden") {
      fields.set(name, attribute(tag, "value") ?? "");
    } else {
      fields.set(name, name.includes("code") ? userCode : ADELE_UPN);
    }
  }
  const target = new URL(attribute(form, "action") ?? "", from);
  return fetch(target, { method: "POST", body: fields });
}
