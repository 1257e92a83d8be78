"""The call page in a real Chromium: two people talk, by mouse or keyboard, and are told what fails."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from bridge.adapters.call_page.access import CallApplication, TokenCallAccess
from bridge.adapters.webrtc_socket import WebRtcSettings
from local.demo.chromium import Chromium, Page
from tests.support.served_call import APPLICATION, served_call

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOUDEST = """
(async () => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(document.getElementById("remote").srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let turn = 0; turn < 250 && loudest < 0.05; turn += 1) {
    await new Promise((done) => setTimeout(done, 20));
    analyser.getFloatTimeDomainData(samples);
    for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
  }
  await context.close();
  return loudest;
})()
"""
"""The loudest sample of the call until it is loud enough, for five seconds at most."""

BLOCKED = """
MediaDevices.prototype.getUserMedia = () =>
  Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
"""
"""What a browser does when its user said no: the headless one's fake permission cannot be denied."""


async def join(page: Page, name: str) -> None:
    """Fill the form and join as a person with a mouse."""
    await page.evaluate(f"document.getElementById('name').value = {name!r}")
    await page.evaluate("document.getElementById('join').click()")
    await connected(page)


async def connected(page: Page) -> None:
    """Wait until the page says so."""
    await page.wait_for("document.getElementById('state').dataset.state === 'connected'")


async def listed(page: Page, *names: str) -> None:
    """Wait until exactly these are here."""
    expression = (
        "[...document.querySelectorAll('#participants .who')].map(e => e.textContent).sort().join('|')"
    )
    await page.wait_for(f"{expression} === {'|'.join(sorted(names))!r}")


async def text(page: Page, element: str) -> str:
    """What an element says; empty when it is hidden."""
    return str(
        await page.evaluate(
            f"(e => e.checkVisibility() ? e.textContent : '')(document.getElementById({element!r}))"
        )
    )


async def test_two_browsers_talk(browser: Chromium) -> None:
    async with served_call() as call:
        ada = await browser.open(call.url)
        await join(ada, "Ada")
        grace = await browser.open(call.url, width=390)
        await join(grace, "Grace")
        await listed(ada, "Ada (you)", "Grace")
        await listed(grace, "Ada", "Grace (you)")
        assert min(await asyncio.gather(grace.evaluate(LOUDEST), ada.evaluate(LOUDEST))) > 0.05

        await grace.evaluate("document.getElementById('mute').click()")
        await ada.wait_for("document.getElementById('participants').textContent.includes('muted')")
        members = await call.engine.members(call.room)
        assert {member.name: member.muted for member in members} == {"Ada": False, "Grace": True}

        await grace.evaluate("document.getElementById('leave').click()")
        await listed(ada, "Ada (you)")
        assert await text(grace, "state") == "You left the call"
        await ada.go("about:blank#closed")
        await wait_until(lambda: call.socket.peers == 0)
        assert ada.console == []
        assert grace.console == []


async def test_by_keyboard_alone(browser: Chromium) -> None:
    async with served_call() as call:
        page = await browser.open(call.url)
        await page.press("Tab", 9)
        assert await page.evaluate("document.activeElement.id") == "name"
        await page.type_text("Katherine")
        await page.press("Tab", 9)
        assert await page.evaluate("document.activeElement.id") == "microphone"
        await page.press("Tab", 9)
        assert await page.evaluate("document.activeElement.id") == "join"
        await page.press("Enter", 13)
        await connected(page)
        assert await page.evaluate("document.activeElement.id") == "mute"
        await page.press("m", 77)
        await page.wait_for("document.getElementById('mute').getAttribute('aria-pressed') === 'true'")
        assert await text(page, "state") == "Connected, muted"
        await page.press("Enter", 13)
        await page.wait_for("document.getElementById('mute').getAttribute('aria-pressed') === 'false'")
        await page.press("Tab", 9)
        await page.press("Enter", 13)
        await page.wait_for("document.activeElement.id === 'join'")
        await wait_until(lambda: call.socket.peers == 0)


async def test_a_screen_reader_finds_names_for_everything(browser: Chromium) -> None:
    async with served_call() as call:
        page = await browser.open(call.url)
        await join(page, "Ada")
        await listed(page, "Ada (you)")
        await page.command("Accessibility.enable")
        nodes = (await page.command("Accessibility.getFullAXTree"))["nodes"]
        spoken = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]
        controls = [(role, name) for role, name in spoken if role in ("button", "textbox", "combobox")]
        assert {role for role, _ in controls} >= {"button", "combobox"}
        assert [role for role, name in controls if not name] == []
        assert "status" in {role for role, _ in spoken}
        assert "meter" not in {role for role, _ in spoken}


async def test_everything_comes_from_the_bridge(browser: Chromium) -> None:
    async with served_call() as call:
        page = await browser.open(call.url)
        await join(page, "Ada")
        origins = await page.evaluate(
            "[...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).origin))]"
        )
        assert origins == [f"http://127.0.0.1:{call.port}"]
        assert page.console == []


@pytest.mark.parametrize("width", [320, 390, 1000])
async def test_nothing_is_cut_off(browser: Chromium, width: int) -> None:
    async with served_call() as call:
        call.call = "default/" + "a-rather-long-call-name-" * 2 + "end"
        page = await browser.open(call.url, width=width)
        await join(page, "A name that is as long as names may be, which is sixty-four.")
        await page.wait_for("document.querySelectorAll('#participants li').length === 1")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_blocked_microphone_is_explained_and_listening_works(browser: Chromium) -> None:
    async with served_call() as call:
        page = await browser.open(call.url, script=BLOCKED)
        await page.evaluate("document.getElementById('name').value = 'Ada'")
        await page.evaluate("document.getElementById('join').click()")
        await page.wait_for("!document.getElementById('problem').hidden")
        assert "blocks the microphone" in await text(page, "problem")
        assert await text(page, "state") == "Not joined"
        await page.evaluate("document.getElementById('microphone').value = 'none'")
        await join(page, "Ada")
        assert await text(page, "problem") == ""
        assert await page.evaluate("document.getElementById('mute').disabled") is True


async def test_a_network_without_a_path_for_audio(browser: Chromium) -> None:
    # Nobody listens there: what a firewall that drops UDP looks like to the browser.
    nowhere = WebRtcSettings(advertised_hosts=("127.9.9.9",))
    async with served_call(webrtc=nowhere) as call:
        page = await browser.open(call.url)
        await page.evaluate("document.getElementById('name').value = 'Ada'")
        await page.evaluate("document.getElementById('join').click()")
        await page.wait_for("!document.getElementById('problem').hidden", 30)
        assert "no way to send audio" in await text(page, "problem")
        assert await text(page, "state") == "Not joined"
        await wait_until(lambda: call.socket.peers == 0)


async def test_a_bridge_that_goes_and_comes_back(browser: Chromium) -> None:
    async with served_call() as call:
        port = call.port
        page = await browser.open(call.url)
        await join(page, "Ada")
    await page.wait_for("!document.getElementById('problem').hidden")
    assert "cannot be reached" in await text(page, "problem")
    await page.wait_for("document.getElementById('state').textContent === 'Reconnecting…'", 30)
    async with served_call(port=port) as back:
        await connected(page)
        await listed(page, "Ada (you)")
        await page.wait_for("document.getElementById('problem').hidden")
        assert len(await back.engine.members(back.room)) == 1


async def test_leaving_while_the_bridge_is_away(browser: Chromium) -> None:
    async with served_call() as call:
        port = call.port
        page = await browser.open(call.url)
        await join(page, "Ada")
    await page.wait_for("document.getElementById('state').textContent === 'Reconnecting…'", 30)
    await page.evaluate("document.getElementById('leave').click()")
    assert await text(page, "state") == "You left the call"
    async with served_call(port=port) as back:
        await page.wait_for(
            "document.getElementById('problem').hidden && !document.getElementById('nobody').hidden"
        )
        assert await back.engine.members(back.room) == ()
        assert await text(page, "state") == "You left the call"


async def test_tokens(browser: Chromium) -> None:
    secret = "a-secret-of-the-tests-that-is-long-enough"

    async def application(api_key: str) -> CallApplication | None:
        return CallApplication(APPLICATION, secret) if api_key == "key-1" else None

    async with served_call(TokenCallAccess(application)) as call:
        page = await browser.open(f"{call.url}?api_key=key-1")
        await page.wait_for("!document.getElementById('problem').hidden")
        assert "You need a valid token" in await text(page, "problem")

        token = jwt.encode({"user_id": "ada"}, secret, algorithm="HS256")
        page = await browser.open(f"{call.url}?api_key=key-1#token={token}")
        assert await page.evaluate("location.href") == f"{call.url}?api_key=key-1"
        await join(page, "Ada")
        await listed(page, "Ada (you)")


async def wait_until(condition: object, within: float = 10.0) -> None:
    """Wait for something of the server's side."""
    assert callable(condition)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not condition():
        assert loop.time() < deadline
        await asyncio.sleep(0.02)
