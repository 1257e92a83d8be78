"""The entry of the function that has no operations: every path but the document's does not exist."""

from __future__ import annotations

from trunking.http.api import Api

handler = Api(())
