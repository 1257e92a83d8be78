"""The console in a real Chromium: signing in, making a trunk and a rule, calls with their ladder."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from local.demo.chromium import Page, chromium, find_chromium
from local.demo.phone import CallRefusedError
from local.ready_file import LocalStack
from tests.e2e.conftest import RULES, TRUNKS, api_of, phone_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed: apt-get install chromium"),
]
TAB, ENTER = ("Tab", 9), ("Enter", 13)
NUMBER = "+15551237777"
LIMITED_NUMBER = "+15551237778"


@pytest_asyncio.fixture(loop_scope="module")
async def page(stack: LocalStack) -> AsyncIterator[Page]:
    """The console, not signed in, in a browser of its own; it must end without an error in its console."""
    async with chromium() as browser:
        opened = await browser.open(stack.console_url)
        await opened.wait_for("document.querySelector('form')")
        yield opened
        # Requests that are refused are meant to be; a script or policy that fails is not.
        assert [
            line for line in opened.console if "the server responded with a status of 4" not in line
        ] == []


async def sign_in(page: Page, api_key: str, secret: str) -> None:
    """Type key and secret as a person does, without a mouse."""
    await page.evaluate("document.querySelector('input').select()")
    await page.type_text(api_key)
    await page.press(*TAB)
    await page.evaluate("document.activeElement.select()")
    await page.type_text(secret)
    await page.press(*ENTER)


async def fill(page: Page, label: str, text: str) -> None:
    """Fill the field that has this label."""
    await page.evaluate(
        f"""(() => {{
          const labels = [...document.querySelectorAll("label")];
          const label = labels.find((each) => each.textContent === {json.dumps(label)});
          document.getElementById(label.htmlFor).focus();
          document.activeElement.select();
        }})()"""
    )
    await page.type_text(text)


async def press_button(page: Page, text: str) -> None:
    """Click the button or link with this text."""
    found = (
        f'[...document.querySelectorAll("button, a")].find((each) => each.textContent === {json.dumps(text)})'
    )
    await page.wait_for(found)
    await page.evaluate(f"{found}.click()")


async def reload(page: Page) -> None:
    """Load the page anew; what was shown before is gone when this returns."""
    await page.evaluate("globalThis.before = true; location.reload()")
    await page.wait_for("globalThis.before === undefined")


def text_is_shown(text: str) -> str:
    """The condition that the page shows a text."""
    return f"document.body?.innerText.includes({json.dumps(text)})"


async def test_a_wrong_secret_is_refused_and_the_right_one_stays_over_a_reload(
    page: Page, stack: LocalStack
) -> None:
    await sign_in(page, stack.api_key, "wrong")
    await page.wait_for(text_is_shown("The API takes no such key and secret."))
    await page.evaluate("document.querySelector('input').focus()")
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    await reload(page)
    await page.wait_for(text_is_shown("Demo trunk"))
    kept = await page.evaluate(
        "JSON.stringify([location.href, {...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert stack.api_secret not in kept
    # What is kept can sign, but no script can read the secret out of it.
    assert await page.evaluate(
        """new Promise((resolve) => {
          const opening = indexedDB.open("trunkline", 1);
          opening.onsuccess = () => {
            const request = opening.result.transaction("session").objectStore("session").get("current");
            request.onsuccess = () => crypto.subtle.exportKey("raw", request.result.key)
              .then(() => resolve(false), () => resolve(request.result.key.extractable === false));
          };
        })"""
    )
    await press_button(page, "Sign out")
    await page.wait_for("document.querySelector('input[type=password]')")
    await reload(page)
    await page.wait_for("document.querySelector('input[type=password]')")


async def test_a_trunk_and_a_rule_made_here_take_a_call_that_shows_up_with_its_ladder(
    page: Page, stack: LocalStack
) -> None:
    await sign_in(page, stack.api_key, stack.api_secret)
    await press_button(page, "New trunk")
    await page.wait_for(text_is_shown("Phone numbers"))
    await fill(page, "Name", "Made in the console")
    await fill(page, "Phone numbers", "not a number")
    await press_button(page, "Create trunk")
    await page.wait_for("document.querySelector('.problem')?.textContent.includes('numbers')")
    await fill(page, "Phone numbers", NUMBER)
    await press_button(page, "Create trunk")
    await page.wait_for(text_is_shown("Point your carrier here"))
    async with api_of(stack) as api:
        trunks = (await api.call("GET", TRUNKS))["sip_trunks"]
        trunk = next(each for each in trunks if each["numbers"] == [NUMBER])
        # The guides have the trunk's own values; the password is shown only when asked for.
        assert trunk["password"] not in await page.evaluate("document.body.textContent")
        assert trunk["username"] in await page.evaluate("document.querySelector('pre').textContent")
        await page.evaluate("location.hash = '#/rules/new'")
        await page.wait_for(text_is_shown("Where it leads"))
        await fill(page, "Name", "Rule of the console")
        await page.evaluate(
            "[...document.querySelectorAll('label.inline')]"
            ".find((each) => each.textContent.startsWith('Made in')).click()"
        )
        await fill(page, "Call id", "line-{{nonsense}}")
        await page.wait_for(text_is_shown("No such variable: nonsense"))
        await fill(page, "Call id", "line-{{called_number}}")
        await page.wait_for(text_is_shown(f"joins default:line-{NUMBER[1:]}"))
        await press_button(page, "Create rule")
        await page.wait_for(text_is_shown("Rule of the console"))
        rules = (await api.call("GET", RULES))["sip_inbound_routing_rules"]
        assert any(rule["direct_routing_configs"]["call_id"] == "line-{{called_number}}" for rule in rules)
    async with phone_of(stack, username=trunk["username"], password=trunk["password"]) as phone:
        await phone.call(NUMBER)
        await phone.hang_up()
    await press_button(page, "Calls")
    await page.wait_for(text_is_shown(f"→ {NUMBER}"))
    await page.wait_for(text_is_shown("caller_hung_up"))
    await page.evaluate("document.querySelector('.cards a').click()")
    await page.wait_for(text_is_shown("What happened"))
    steps = await page.evaluate(
        "[...document.querySelectorAll('.ladder strong')].map((each) => each.textContent)"
    )
    assert steps[0] == "invite received"
    assert "answered" in steps
    assert steps[-1] == "ended"


async def test_a_running_call_shows_how_it_sounds_until_it_ends(page: Page, stack: LocalStack) -> None:
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    await press_button(page, "Calls")
    link = "document.querySelector('.cards li:first-child a')"
    async with phone_of(stack) as phone:
        await phone.call(stack.number)
        await page.wait_for(
            "document.querySelector('.cards li:first-child .badge')?.textContent === 'answered'"
        )
        await page.evaluate(f"{link}.focus()")
        shown = "document.querySelector('.cards li:first-child .quality').textContent"
        await page.wait_for(f"/^MOS 4\\.\\d\\d from the phone/.test({shown})")
        assert await page.evaluate(f"document.activeElement === {link}"), (
            "figures come without taking the focus"
        )
        await page.evaluate(f"{link}.click()")
        await page.wait_for("document.getElementById('quality')")
        rows = await page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#quality tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))"
            ".map(([name, ...ways]) => [name, ways]))"
        )
        assert rows["MOS estimate"][0].startswith("4.")
        assert rows["Packets lost"][0].endswith(" %")
        assert rows["Jitter"][0].endswith(" ms")
        assert all(int(count) > 0 for count in rows["Packets"])
        await page.wait_for(text_is_shown("s ago. Loss and MOS are of the seconds before that"))
        await page.resize(360, 740)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await phone.hang_up()
    # Nobody reloads the page: the call's end and the figures of the whole call come by themselves.
    await page.wait_for(text_is_shown("caller_hung_up"))
    await page.wait_for(text_is_shown("Of the whole call."))


async def test_a_refused_call_is_shown_and_explained(page: Page, stack: LocalStack) -> None:
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    async with phone_of(stack, password="wrong") as phone:
        with pytest.raises(CallRefusedError):
            await phone.call(stack.number)
    await press_button(page, "Calls")
    await page.wait_for(text_is_shown("authentication_failed"))
    await press_button(page, "Explain")
    await page.wait_for(text_is_shown("Who would take this call?"))
    await page.type_text(stack.number)
    await page.press(*ENTER)
    await page.wait_for(text_is_shown("The call is taken"))
    assert await page.evaluate(text_is_shown("default:hospital-fixed-line"))
    await fill(page, "Called number", "+15550000000")
    await page.press(*ENTER)
    await page.wait_for(text_is_shown("The call is refused"))


async def test_settings_of_a_trunk_are_saved_and_cleared(page: Page, stack: LocalStack) -> None:
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    async with api_of(stack) as api:
        made = await api.call("POST", TRUNKS, {"name": "Limited", "numbers": [LIMITED_NUMBER]})
        trunk_id = made["sip_trunk"]["id"]

        async def save(calls: str, country: str) -> dict[str, Any]:
            address = f"#/trunks/{trunk_id}"
            await page.evaluate(f"location.hash = '{address}'")
            await page.wait_for(f"document.getElementById('main').dataset.shown === '{address}'")
            await fill(page, "Calls at once", calls)
            await fill(page, "Country", country)
            await press_button(page, "Save changes")
            await page.wait_for(text_is_shown("Trunk saved"))
            await page.evaluate("location.hash = '#/trunks'")
            await page.wait_for("document.getElementById('main').dataset.shown === '#/trunks'")
            trunks: list[dict[str, Any]] = (await api.call("GET", TRUNKS))["sip_trunks"]
            return next(each for each in trunks if each["id"] == trunk_id)

        limited = await save("3", "de")
        assert (limited["max_concurrent_calls"], limited["country"]) == (3, "DE")
        assert limited["password"] == made["sip_trunk"]["password"]
        cleared = await save("", "")
        assert "max_concurrent_calls" not in cleared
        assert "country" not in cleared


async def test_a_rule_can_ask_for_a_pin(page: Page, stack: LocalStack) -> None:
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    await page.evaluate("location.hash = '#/rules/new'")
    await page.wait_for(text_is_shown("Where it leads"))
    await fill(page, "Name", "With a PIN")
    await fill(page, "Called numbers", stack.number)
    await fill(page, "Call id", "behind-a-pin")
    for label in ("Demo trunk", "The caller keys in a PIN"):
        await page.evaluate(
            "[...document.querySelectorAll('label.inline')]"
            f".find((each) => each.textContent.startsWith({json.dumps(label)})).click()"
        )
    await fill(page, "PIN where the call has none of its own", "4711")
    await fill(page, "Priority", "-5")
    await press_button(page, "Create rule")
    await page.wait_for(text_is_shown("With a PIN"))
    async with api_of(stack) as api:
        rules = (await api.call("GET", RULES))["sip_inbound_routing_rules"]
        rule = next(each for each in rules if each["name"] == "With a PIN")
        assert rule["pin_protection_configs"]["enabled"] is True
        assert rule["pin_protection_configs"]["default_pin"] == "4711"
        assert rule["priority"] == -5
        await api.call("DELETE", f"{RULES}/{rule['id']}")


async def test_nothing_is_wider_than_a_phone(page: Page, stack: LocalStack) -> None:
    await page.resize(360, 740)
    await sign_in(page, stack.api_key, stack.api_secret)
    await page.wait_for(text_is_shown("Demo trunk"))
    for address in ("trunks", "trunks/new", "rules", "rules/new", "explain", "calls", "bridges"):
        await page.evaluate(f"location.hash = '#/{address}'")
        await page.wait_for(f"document.getElementById('main').dataset.shown === '#/{address}'")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, address
        assert await page.evaluate("document.querySelectorAll('h1').length") == 1
        controls = "[...document.querySelectorAll('input, select, textarea')]"
        assert await page.evaluate(f"{controls}.every((each) => each.labels.length)"), address
