"""Stream's SFU messages, as the `getstream` package carries them; the one place that imports them."""

from __future__ import annotations

from getstream.video.rtc.pb.stream.video.sfu.event import events_pb2
from getstream.video.rtc.pb.stream.video.sfu.models import models_pb2
from getstream.video.rtc.pb.stream.video.sfu.signal_rpc import signal_pb2

SIGNAL_SERVICE = "stream.video.sfu.signal.SignalServer"

__all__ = ["SIGNAL_SERVICE", "events_pb2", "models_pb2", "signal_pb2"]
