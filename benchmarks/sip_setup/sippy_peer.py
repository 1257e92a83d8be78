"""A called side made of sippy (PyPI), the Python SIP stack that is used most: answers each INVITE with 200.

Started with the port as its argument, in an environment that has sippy. It routes, records and decides
nothing, so it does far less for each call than the bridge.
"""

from __future__ import annotations

import sys
from typing import Any

from sippy.CCEvents import CCEventConnect, CCEventTry
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipConf import SipConf
from sippy.SipLogger import SipLogger
from sippy.SipTransactionManager import SipTransactionManager
from sippy.UA import UA

ANSWER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv
""".replace("\n", "\r\n")


class QuietLogger(SipLogger):  # type: ignore[misc]
    """Writes nothing: logging would be measured otherwise."""

    def __init__(self) -> None:
        """Opens no file."""

    def write(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class CalledSide:
    """One call."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.agent = UA(configuration, event_cb=self.take)

    def take(self, event: Any, agent: Any) -> None:
        """Answer the INVITE."""
        if isinstance(event, CCEventTry):
            agent.recvEvent(CCEventConnect((200, "OK", MsgBody(ANSWER)), origin="peer"))


def main(port: int) -> None:
    """Serve until the process is ended."""
    SipConf.my_address, SipConf.my_port = "127.0.0.1", port
    configuration: dict[str, Any] = {
        "_sip_address": "127.0.0.1",
        "_sip_port": port,
        "_sip_logger": QuietLogger(),
        "nh_addr": ("127.0.0.1", 5060),
    }

    def receive(request: Any, transaction: Any) -> Any:
        if request.getHFBody("to").getTag() is not None:
            return (request.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None)
        if request.getMethod() != "INVITE":
            return (request.genResponse(501, "Not Implemented"), None, None)
        return CalledSide(configuration).agent.recvRequest(request, transaction)

    configuration["_sip_tm"] = SipTransactionManager(configuration, receive)
    ED2.loop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
