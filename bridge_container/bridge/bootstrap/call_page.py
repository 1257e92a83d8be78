"""Mounts the call page on the bridge's HTTP application, with the access that the settings name."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bridge.adapters.call_page.access import CallAccess, CallApplication, OpenCallAccess, TokenCallAccess
from bridge.adapters.call_page.routes import CallPage, add_call_page_routes
from bridge.adapters.settings import BridgeSettings
from bridge.calls.media_engine import MediaEngine, MediaEvent
from trunking.aws.applications import Applications
from trunking.aws.deployment import Deployment

_LEG_PREFIX = "webrtc-"


class CallPageMount:
    """The page, or nothing when `call_access` is off."""

    def __init__(
        self,
        settings: BridgeSettings,
        application: web.Application,
        media: MediaEngine,
        deployment: Deployment,
    ) -> None:
        self._applications = Applications(deployment)
        self._page: CallPage | None = None
        access = self._access(settings)
        if access is not None:
            self._page = add_call_page_routes(application, media, access)

    def media_event(self, event: MediaEvent) -> bool:
        """Hand on an event of a browser's leg; False when it is not one."""
        if self._page is None or not event.leg_id.startswith(_LEG_PREFIX):
            return False
        self._page.media_event(event)
        return True

    async def close(self) -> None:
        """Close the browsers' legs."""
        if self._page is not None:
            await self._page.close()

    def _access(self, settings: BridgeSettings) -> CallAccess | None:
        if settings.call_access == "open":
            return OpenCallAccess(settings.call_application)
        if settings.call_access == "token":
            return TokenCallAccess(self._application)
        return None

    async def _application(self, api_key: str) -> CallApplication | None:
        found = await asyncio.to_thread(self._applications.by_api_key, api_key)
        return None if found is None else CallApplication(found.application_id, found.api_secret)
