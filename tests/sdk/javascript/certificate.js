// A subscriber's certificate, and what a subscriber does with what is encrypted for it.

import assert from "node:assert/strict";
import {
  constants,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  privateDecrypt,
  timingSafeEqual,
} from "node:crypto";
import { readFileSync } from "node:fs";

const bytes = (text) => Buffer.from(text, "base64");

// Node can read certificates and makes none: this one is of the server's own tests.
const vectors = JSON.parse(readFileSync(process.env.PRESENCED_VECTORS, "utf8"));
const key = createPrivateKey({ key: bytes(vectors.pkcs8), format: "der", type: "pkcs8" });

/** As a subscription has it. */
export const CERTIFICATE = vectors.rsa_2048;
export const THUMBPRINT = vectors.thumbprint;

/** What an `encryptedContent` holds, as Graph's documentation tells subscribers to read it. */
export function decrypted(content) {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const secret = privateDecrypt({ key, padding, oaepHash: "sha1" }, bytes(content.dataKey));
  const data = bytes(content.data);
  const signature = createHmac("sha256", secret).update(data).digest();
  assert.ok(timingSafeEqual(signature, bytes(content.dataSignature)), "somebody else's signature");
  const decipher = createDecipheriv("aes-256-cbc", secret, secret.subarray(0, 16));
  return JSON.parse(Buffer.concat([decipher.update(data), decipher.final()]).toString());
}
