"""The little of curl that the greeting of `presenced dev` uses, for machines that have none."""

import argparse
import ssl
import sys
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-i", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("--cacert")
given = parser.parse_args()

headers = dict(header.split(": ", 1) for header in given.H)
body = given.d.encode() if given.d is not None else None
request = urllib.request.Request(given.url, data=body, headers=headers)
context = ssl.create_default_context(cafile=given.cacert) if given.cacert else None
with urllib.request.urlopen(request, timeout=30, context=context) as answer:
    if given.i:
        print(f"HTTP/1.1 {answer.status} {answer.reason}\n{answer.headers}")
    sys.stdout.write(answer.read().decode())
