"""The entry of the function: its operations behind the API's border."""

from __future__ import annotations

from trunking.http.api import Api
from trunks_api.operations import OPERATIONS

handler = Api(OPERATIONS)
