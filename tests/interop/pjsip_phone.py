"""A phone of PJSIP (pjsua2, a SIP stack of its own in C), as a process.

Reads one JSON object of settings, then commands, a line each, from standard input: `dial URI`, `digits 12#`,
`hold`, `resume`, `hangup`, `quit`. Writes what happens to standard output, one JSON object a line. Plays a
WAV file and records another. PJSIP's log goes to standard error.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

import pjsua2 as pj

# PJSIP writes to the standard output as well, before its log can be turned down.
EVENTS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def tell(what: str, **details: object) -> None:
    """One event for the test."""
    EVENTS.write(json.dumps({"type": what, **details}) + "\n")
    EVENTS.flush()


class Call(pj.Call):  # type: ignore[misc]
    """One outgoing call, its audio connected to the files."""

    def __init__(self, account: pj.Account, settings: dict[str, Any]) -> None:
        super().__init__(account)
        self._settings = settings
        self._player: pj.AudioMediaPlayer | None = None
        self._recorder: pj.AudioMediaRecorder | None = None
        self._media: list[tuple[int, int]] = []

    def onCallState(self, _: pj.OnCallStateParam) -> None:  # noqa: N802 - PJSIP's name
        """Tell the call's state."""
        info = self.getInfo()
        tell("state", state=info.stateText, status=info.lastStatusCode, reason=info.lastReason)

    def follow_media(self) -> None:
        """Connect the audio when it becomes active, and tell each change of how it is carried."""
        if not self.isActive():
            return
        info = self.getInfo()  # Its parts are freed with it.
        now = [(int(found.status), int(found.dir)) for found in info.media]
        if now == self._media or not self.hasMedia():
            return
        self._media = now
        for index, (status, direction) in enumerate(now):
            details: dict[str, object] = {"status": status, "direction": direction}
            if status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._connect(self.getAudioMedia(index))
                stream = self.getStreamInfo(index)
                details |= {"codec": stream.codecName, "rate": stream.codecClockRate}
                details["protected"] = bool(stream.proto & pj.PJMEDIA_TP_PROFILE_SRTP)
            tell("media", **details)

    def _connect(self, audio: pj.AudioMedia) -> None:
        if self._player is None:
            self._player = pj.AudioMediaPlayer()
            self._player.createPlayer(self._settings["plays"])
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(self._settings["records"])
        self._player.startTransmit(audio)
        audio.startTransmit(self._recorder)

    def close(self) -> None:
        """Finish the recording."""
        self._player = self._recorder = None


class Phone:
    """The endpoint, one account and at most one call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        configuration = pj.EpConfig()
        configuration.logConfig.level = configuration.logConfig.consoleLevel = 0
        configuration.uaConfig.userAgent = "PJSIP"
        # All callbacks come from `turn`, on the one thread that Python runs on.
        configuration.uaConfig.threadCnt = 0
        configuration.uaConfig.mainThreadOnly = True
        self._endpoint.libInit(configuration)
        transport = pj.TransportConfig()
        transport.boundAddress = settings["host"]
        kinds = {
            "udp": pj.PJSIP_TRANSPORT_UDP,
            "tcp": pj.PJSIP_TRANSPORT_TCP,
            "tls": pj.PJSIP_TRANSPORT_TLS,
        }
        if settings.get("certificate_authority"):
            transport.tlsConfig.CaListFile = settings["certificate_authority"]
            transport.tlsConfig.verifyServer = True
        self._endpoint.transportCreate(kinds[settings["transport"]], transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            wanted = codec.codecId.startswith(settings["codec"] + "/")
            self._endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self._account = pj.Account()
        self._account.create(self._account_configuration())
        self._call: Call | None = None

    def _account_configuration(self) -> pj.AccountConfig:
        settings = self._settings
        configuration = pj.AccountConfig()
        configuration.idUri = f"sip:{settings['user']}@{settings['host']}"
        configuration.regConfig.registerOnAdd = False
        configuration.mediaConfig.transportConfig.boundAddress = settings["host"]
        configuration.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY if settings.get("srtp") else 0
        configuration.mediaConfig.srtpSecureSignaling = 0
        configuration.callConfig.prackUse = (
            pj.PJSUA_100REL_MANDATORY if settings.get("reliable") else pj.PJSUA_100REL_NOT_USED
        )
        if settings.get("username"):
            configuration.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", settings["username"], 0, settings["password"])
            )
        return configuration

    def turn(self) -> None:
        """Let PJSIP work for a moment."""
        self._endpoint.libHandleEvents(10)
        if self._call is not None:
            self._call.follow_media()

    def command(self, line: str) -> bool:
        """Do what the line says; False at the end."""
        name, _, argument = line.strip().partition(" ")
        parameters = pj.CallOpParam(True)
        if name == "dial":
            self._call = Call(self._account, self._settings)
            self._call.makeCall(argument, parameters)
        elif name == "quit" or self._call is None:
            return False
        elif name == "digits":
            self._call.dialDtmf(argument)
        elif name == "hold":
            self._call.setHold(parameters)
        elif name == "resume":
            parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
            self._call.reinvite(parameters)
        elif name == "hangup":
            self._call.hangup(parameters)
        return True

    def close(self) -> None:
        """End everything."""
        if self._call is not None:
            self._call.close()
            self._call = None
        self._endpoint.libDestroy()


def main() -> None:
    """Run until `quit` or the end of the input."""
    phone = Phone(json.loads(sys.stdin.readline()))
    tell("ready")
    while True:
        phone.turn()
        if not select.select([sys.stdin], [], [], 0)[0]:
            continue
        line = sys.stdin.readline()
        if not line or not phone.command(line):
            break
        tell("done", command=line.split()[0])
    phone.close()


if __name__ == "__main__":
    main()
