"""The official Python client with its own OAuth provider: login, call, refresh, call, over both eras of the protocol."""

from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from steps import (
    COUNT,
    SERVER,
    Trace,
    browser,
    check,
    checked_algorithm,
    counted,
    expired_and_refused,
    refreshed,
    signed_in,
    step,
)


class Memory:
    """Holds what the provider stores for as long as the script runs."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    """Follows the URL that the provider gives out, and hands it what the redirect says."""

    def __init__(self):
        self.back = None

    async def redirect(self, url):
        asked = parse_qs(urlsplit(url).query)
        check(asked.get("code_challenge_method") == ["S256"], f"no PKCE in {url}")
        check(asked.get("resource") == [SERVER], f"no resource in {url}")
        said, _ = await anyio.to_thread.run_sync(browser(url, "--print").communicate)
        self.back = said.strip()
        check(self.back, "the login failed; see the script's log")

    async def callback(self):
        query = parse_qs(urlsplit(self.back).query)
        check("code" in query, f"the issuer sent back {self.back}")
        return AuthorizationCodeResult(**{key: query[key][0] for key in ("code", "state", "iss") if key in query})


async def main():
    memory, person, trace = Memory(), Person(), Trace()
    provider = OAuthClientProvider(
        server_url=SERVER,
        client_metadata=OAuthClientMetadata(
            client_name="interop",
            redirect_uris=["http://127.0.0.1:3030/callback"],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=memory,
        redirect_handler=person.redirect,
        callback_handler=person.callback,
    )
    timeout = httpx2.Timeout(30, read=300)
    async with httpx2.AsyncClient(auth=provider, timeout=timeout, event_hooks={"response": [trace.record]}) as http:
        modern = Client(streamable_http_client(SERVER, http_client=http))
        # The login happens within the client's first request.
        async with step("sign-in") as found:
            await modern.__aenter__()
            first = memory.tokens
            found.detail = f"{checked_algorithm(first.access_token)}, MCP {modern.protocol_version}"
        await signed_in(trace)
        async with step("tools/call (modern)") as call:
            call.detail = counted(await modern.call_tool("execute_query", COUNT))
        await modern.__aexit__(None, None, None)
        async with Client(streamable_http_client(SERVER, http_client=http), mode="legacy") as client:
            async with step("tools/call (legacy)") as call:
                call.detail = counted(await client.call_tool("execute_query", COUNT))
            await expired_and_refused(first.access_token)
            # In the session that began with the token that has expired.
            async with step("tools/call after refresh") as call:
                call.detail = counted(await client.call_tool("execute_query", COUNT))
                refreshed(trace, first, memory.tokens)


anyio.run(main)
