"""Who asks: `?api_key=` and a JWT that the application's secret signed, as Stream's clients send them.

Every failure is answered alike, so that nobody learns which part was wrong. Imports trunking.aws and PyJWT.
"""

from __future__ import annotations

import hmac
import re
import secrets

import jwt

from trunking.aws.applications import ApplicationCredentials, Applications
from trunking.http.api_errors import AUTHENTICATION, NOT_ALLOWED, ApiError
from trunking.http.request import Request

_API_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TOKEN = 4096
_LEEWAY_SECONDS = 10
_NOBODYS_SECRET = secrets.token_hex(32)


def authenticate(request: Request, applications: Applications) -> ApplicationCredentials:
    """The application that asks. Raises ApiError 401, or 403 for a user's token."""
    api_key = request.query.get("api_key", "")
    token = request.headers.get("authorization", "").strip()
    if token[:7].lower() == "bearer ":
        token = token[7:].strip()
    if request.headers.get("stream-auth-type", "jwt") != "jwt" or not 0 < len(token) <= _MAX_TOKEN:
        raise _refused()
    application = applications.by_api_key(api_key) if _API_KEY.fullmatch(api_key) else None
    secret = _NOBODYS_SECRET if application is None else application.api_secret
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=_LEEWAY_SECONDS,
            options={"verify_aud": False, "verify_sub": False, "verify_jti": False},
        )
    except jwt.InvalidTokenError as error:
        raise _refused() from error
    if application is None:
        raise _refused()
    if claims.get("user_id") is not None:
        raise ApiError(403, NOT_ALLOWED, "a user's token cannot do this, a server-side token can")
    return application


def user_token(application: ApplicationCredentials, user_id: str, call_cid: str, issued_at: int) -> str:
    """A token with which a user can join one call for four hours."""
    claims = {
        "user_id": user_id,
        "call_cids": [call_cid],
        "iat": issued_at - 5,
        "exp": issued_at + 4 * 3600,
    }
    return jwt.encode(claims, application.api_secret, algorithm="HS256")


def same(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _refused() -> ApiError:
    return ApiError(401, AUTHENTICATION, "authentication failed: API key or token is not valid")
