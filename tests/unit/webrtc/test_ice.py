"""The ICE-lite agent: who may talk to it, and which path it takes."""

from __future__ import annotations

import pytest
from aioice import stun

from bridge.adapters.webrtc_ice import MAXIMUM_ADDRESSES, IceLiteAgent
from bridge.adapters.webrtc_stun import parse_binding_request

HERE = ("192.0.2.1", 1000)
THERE = ("192.0.2.2", 2000)


@pytest.fixture
def agent() -> IceLiteAgent:
    """An agent that knows its peer."""
    agent = IceLiteAgent()
    agent.remote_fragment = "theirs"
    return agent


def check(agent: IceLiteAgent, *, remote: str = "theirs", password: str = "", **attributes: object) -> bytes:
    """A check of a controlling peer."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes |= {"USERNAME": f"{agent.fragment}:{remote}", "PRIORITY": 1}
    message.attributes |= {name.replace("_", "-"): value for name, value in attributes.items()}
    message.add_message_integrity((password or agent.password).encode())
    return bytes(message)


def receive(agent: IceLiteAgent, datagram: bytes, address: tuple[str, int]) -> stun.Message | None:
    """The agent's response, read by another implementation."""
    response = agent.receive_check(parse_binding_request(datagram), address)
    return None if response is None else stun.parse_message(response)


def test_the_first_proven_address_is_used_until_another_is_nominated(agent: IceLiteAgent) -> None:
    assert receive(agent, check(agent), HERE) is not None
    assert agent.selected == HERE
    receive(agent, check(agent), THERE)
    assert agent.selected == HERE
    receive(agent, check(agent, USE_CANDIDATE=None), THERE)
    assert agent.selected == THERE
    assert agent.addresses == [HERE, THERE]


@pytest.mark.parametrize("fault", [{"password": "x" * 22}, {"remote": "other"}])
def test_a_check_that_is_not_authentic_gets_no_answer(agent: IceLiteAgent, fault: dict[str, str]) -> None:
    assert receive(agent, check(agent, **fault), HERE) is None
    assert agent.selected is None
    assert agent.addresses == []


def test_nobody_is_answered_before_the_offer(agent: IceLiteAgent) -> None:
    agent.remote_fragment = ""
    assert receive(agent, check(agent), HERE) is None
    assert receive(agent, check(agent, remote=""), HERE) is None


def test_a_peer_that_thinks_itself_controlled_is_corrected(agent: IceLiteAgent) -> None:
    response = receive(agent, check(agent, ICE_CONTROLLED=1), HERE)
    assert response is not None
    assert response.attributes["ERROR-CODE"][0] == 487
    assert agent.selected is None


def test_addresses_are_capped_and_the_selected_one_stays(agent: IceLiteAgent) -> None:
    for port in range(1, MAXIMUM_ADDRESSES + 10):
        receive(agent, check(agent), ("192.0.2.9", port))
    assert len(agent.addresses) == MAXIMUM_ADDRESSES
    assert agent.selected == ("192.0.2.9", 1)
    assert agent.selected in agent.addresses


def test_credentials_are_long_enough_and_new_each_time() -> None:
    agents = [IceLiteAgent() for _ in range(50)]
    assert len({agent.fragment for agent in agents}) == 50
    assert len({agent.password for agent in agents}) == 50
    assert min(len(agent.password) for agent in agents) >= 22
