"""The fastmcp client with the OAuth it brings along: its browser, its callback server, its refresh."""

import webbrowser

import anyio
import httpx2
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport
from steps import (
    COUNT,
    SERVER,
    Trace,
    browser,
    checked_algorithm,
    counted,
    expired_and_refused,
    refreshed,
    signed_in,
    step,
)


class Headless(webbrowser.BaseBrowser):
    """fastmcp asks the standard library for a browser, so that is where it gets one."""

    def open(self, url, new=0, autoraise=True):
        browser(url)
        return True


async def main():
    webbrowser.register("interop", None, Headless(), preferred=True)
    trace = Trace()

    def http(**options):
        return httpx2.AsyncClient(event_hooks={"response": [trace.record]}, **options)

    oauth = OAuth(client_name="interop", callback_timeout=60)
    tokens = lambda: oauth.context.current_tokens  # noqa: E731
    transport = StreamableHttpTransport(SERVER, auth=oauth, httpx_client_factory=http)
    async with step("sign-in") as found:
        client = Client(transport)
        await client.__aenter__()
        first = tokens()
        found.detail = f"{checked_algorithm(first.access_token)}, MCP {client.protocol_version}"
    await signed_in(trace)
    async with step("tools/call") as call:
        call.detail = counted(await client.call_tool("execute_query", COUNT))
    await expired_and_refused(first.access_token)
    async with step("tools/call after refresh") as call:
        call.detail = counted(await client.call_tool("execute_query", COUNT))
        refreshed(trace, first, tokens())
    await client.__aexit__(None, None, None)


anyio.run(main)
