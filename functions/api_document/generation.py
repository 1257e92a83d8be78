"""Writes `openapi.json` beside this module: `python -m api_document.generation`. Imports the functions."""

from __future__ import annotations

import json
from pathlib import Path

from calls_api.operations import OPERATIONS as CALLS
from rules_api.operations import OPERATIONS as RULES
from sip_api.operations import OPERATIONS as SIP
from trunking.http.openapi import openapi_document
from trunks_api.operations import OPERATIONS as TRUNKS

VERSION = "0.1.0"
PATH = Path(__file__).with_name("openapi.json")


def document_text() -> str:
    """The document as the file holds it."""
    document = openapi_document((*TRUNKS, *RULES, *SIP, *CALLS), VERSION)
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(document_text())
