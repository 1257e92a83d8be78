"""The entry of the function: its operations behind the API's border."""

from __future__ import annotations

from calls_api.operations import OPERATIONS
from trunking.http.api import Api

handler = Api(OPERATIONS)
