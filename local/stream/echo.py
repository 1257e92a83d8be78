"""`python -m local.stream.echo`: somebody in the demonstration's call who repeats what each phone says.

Joins the local Stream of a stack that runs with `PLATFORM=stream`, with Stream's own SDK, so that one phone
is enough to hear a call through Stream. Ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import getstream_rtc as sdk

DELAY_SECONDS = 1.0
USER_ID = "echo"


async def echo(client: sdk.Client, call_type: str, call_id: str) -> None:
    """Join, and repeat all that is said, one second later, until the call ends."""
    call = client.call(call_type, call_id)
    tracks = call.tracks()
    microphone = sdk.LocalAudioTrack(pcm_queue_capacity=2 * DELAY_SECONDS)
    await call.join(USER_ID)
    try:
        await call.publish_audio(microphone)
        rule = sdk.TrackSubscriptionConfig(track_types=[sdk.TrackType.AUDIO])
        await call.update_subscriptions(sdk.SubscriptionConfig(default=rule))
        print(f"In the call {call_type}:{call_id}: call its number, speak, and hear yourself.", flush=True)
        async for track in tracks:
            print(f"{track.participant.name or track.participant.user_id} is here.", flush=True)
            await _repeat(track, microphone)
            print("Alone again.", flush=True)
    finally:
        await call.leave()


async def _repeat(track: sdk.RemoteTrack, microphone: sdk.LocalAudioTrack) -> None:
    """One phone at a time; whoever comes meanwhile waits for its turn."""
    waiting: list[sdk.PcmFrame] = []
    while (frame := await track.next_pcm()) is not None:
        waiting.append(frame)
        if sum(len(each.samples) for each in waiting) > DELAY_SECONDS * frame.sample_rate * frame.channels:
            said = waiting.pop(0)
            try:
                await microphone.write_pcm(said.samples, said.sample_rate, said.channels)
            except sdk.PcmQueueOverflowError:
                continue


def main() -> None:
    """Find the stack that runs, and join."""
    parser = argparse.ArgumentParser(prog="python -m local.stream.echo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(".trunkline"), help="of the stack")
    parser.add_argument("--call", default="default:hospital-fixed-line", help="type:id of the call")
    arguments = parser.parse_args()
    try:
        stack = json.loads((arguments.directory / "local.json").read_text())
    except FileNotFoundError:
        parser.exit(1, "No stack runs here: start one with  make run PLATFORM=stream\n")
    if not stack.get("stream_url"):
        parser.exit(1, "The stack's calls live in the bridge: start it with  make run PLATFORM=stream\n")
    client = sdk.Client(
        stack["api_key"],
        stack["api_secret"],
        base_url=stack["stream_url"],
        ws_url=stack["stream_websocket_url"],
    )
    call_type, _, call_id = arguments.call.partition(":")
    try:
        asyncio.run(echo(client, call_type, call_id))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
