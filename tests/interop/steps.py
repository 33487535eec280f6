"""What both Python clients share: how they report, what they are asked, and what their requests have to look like."""

import base64
import json
import os
import subprocess
import sys
import time
import traceback
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2

SERVER = os.environ["SERVER"]
ISSUER = os.environ["ISSUER"]
ALGORITHM = os.environ["ALGORITHM"]
NODE = os.environ["NODE"]

COUNT = {"sql_query": "SELECT count(*) AS n FROM mimiciv_hosp.patients"}
PATIENTS = 100  # in the sample dataset
BROWSER = Path(__file__).with_name("browser.mjs")


class Step:
    """What a step has found; shown beside it."""

    detail = ""


@asynccontextmanager
async def step(name):
    """Reports a step to `cargo xtask interop` as one JSON line; nothing is tried after one that fails."""
    start, found = time.monotonic(), Step()

    def report(ok, detail):
        ms = round((time.monotonic() - start) * 1000)
        print(json.dumps({"step": name, "ok": ok, "ms": ms, "detail": detail}), flush=True)

    try:
        yield found
    except BaseException as error:
        traceback.print_exc(file=sys.stderr)
        report(False, why(error))
        # At once: a client's task groups would report the same in their own way, or hang.
        os._exit(1)
    report(True, found.detail)


def why(error):
    """Task groups wrap what went wrong, sometimes twice."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def check(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def browser(url, *flags):
    """A browser with somebody before it, as a process."""
    return subprocess.Popen(
        [NODE, str(BROWSER), *flags, url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )


class Trace:
    """Every request a client made, with the answer's status."""

    def __init__(self):
        self.seen = []

    async def record(self, response):
        request = response.request
        body = request.content if request.method == "POST" else b""
        form = parse_qs(body.decode()) if urlsplit(str(request.url)).path == "/token" else {}
        self.seen.append((request.method, str(request.url), response.status_code, form))

    def first(self, method, url, status):
        """The place of a request in the order of all, and its form."""
        for place, (*request, form) in enumerate(self.seen):
            if request == [method, url, status]:
                return place, form
        seen = "; ".join(f"{method} {url} {status}" for method, url, status, _ in self.seen)
        raise AssertionError(f"no {method} {url} answered {status}; it asked {seen}")

    def tokens(self, grant):
        return [form for _, url, status, form in self.seen
                if url == f"{ISSUER}/token" and status == 200 and form.get("grant_type") == [grant]]


async def signed_in(trace):
    """That a login went the way of the authorization specification, each step in its place."""
    resource = urlsplit(SERVER)
    metadata = f"{resource.scheme}://{resource.netloc}/.well-known/oauth-protected-resource{resource.path}"
    places = []
    for name, request in [
        ("401", ("POST", SERVER, 401)),
        ("resource metadata", ("GET", metadata, 200)),
        ("issuer metadata", ("GET", f"{ISSUER}/.well-known/oauth-authorization-server", 200)),
        ("registration", ("POST", f"{ISSUER}/reg", 201)),
        ("code for token, PKCE", ("POST", f"{ISSUER}/token", 200)),
    ]:
        async with step(name):
            place, form = trace.first(*request)
            places.append(place)
            check(places == sorted(places), f"{name} came before what leads to it")
    form = trace.tokens("authorization_code")
    async with step("resource indicator"):
        check(len(form) == 1, f"{len(form)} codes were exchanged")
        check(form[0].get("resource") == [SERVER], f"the token was asked for {form[0].get('resource')}")
        check("code_verifier" in form[0], "without a PKCE verifier")


def claims(token, part=1):
    text = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def counted(result):
    """The number that COUNT came back with."""
    check(not getattr(result, "is_error", False), f"the call failed: {result}")
    rows = result.structured_content["rows"]
    check(rows == [[PATIENTS]], f"not {PATIENTS} patients but {rows}")
    return f"{rows[0][0]} patients"


async def expired_and_refused(token):
    """Waits until a token has expired, and sees that the server no longer takes it."""
    await anyio.sleep(max(0, claims(token)["exp"] + 1 - time.time()))
    async with step("expired token refused") as found, httpx2.AsyncClient() as client:
        answer = await client.post(
            SERVER,
            headers={"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"},
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        )
        challenge = answer.headers.get("www-authenticate", "")
        check(answer.status_code == 401, f"it is answered {answer.status_code}")
        check('error="invalid_token"' in challenge, f"the challenge is: {challenge}")
        found.detail = "401 invalid_token"


def checked_algorithm(token):
    header = claims(token, 0)
    check(header["alg"] == ALGORITHM, f"the token is signed with {header['alg']}")
    return header["alg"]


def refreshed(trace, before, after):
    """That a new token came from a refresh token, which the issuer has replaced, and not from a second login."""
    grants = trace.tokens("refresh_token")
    check(grants, "no refresh token was used")
    check(grants[0].get("resource") == [SERVER], f"the refresh was for {grants[0].get('resource')}")
    check(len(trace.tokens("authorization_code")) == 1, "the person was asked again")
    check(before.access_token != after.access_token, "it has no new access token")
    check(before.refresh_token != after.refresh_token, "its refresh token was not rotated")
