"""Stream's tokens (HS256 JWT): the user's, the server's and the SFU's. Checks them; knows no HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass

import jwt

from local.stream.api_error import (
    AUTHENTICATION_FAILED,
    TOKEN_EXPIRED,
    TOKEN_SIGNATURE_INVALID,
    ApiError,
)

SFU_TOKEN_LIFETIME = 6 * 3600
CLOCK_SKEW = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for."""

    user_id: str
    """Empty for a server token."""
    server: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """Checks and mints the tokens of one application."""

    secret: str

    def identify(self, token: str) -> Identity:
        """The identity of a valid token. Raises `ApiError` (401) as Stream does."""
        try:
            claims = jwt.decode(
                token, self.secret, algorithms=["HS256"], leeway=CLOCK_SKEW, options={"verify_aud": False}
            )
        except jwt.ExpiredSignatureError as error:
            raise ApiError(401, TOKEN_EXPIRED, "JWTAuth error: token is expired") from error
        except jwt.InvalidSignatureError as error:
            raise ApiError(
                401, TOKEN_SIGNATURE_INVALID, "JWTAuth error: signature is not valid", unrecoverable=True
            ) from error
        except jwt.InvalidTokenError as error:
            raise ApiError(401, AUTHENTICATION_FAILED, "JWTAuth error: token is not valid") from error
        user_id = claims.get("user_id", "")
        if not isinstance(user_id, str):
            raise ApiError(401, AUTHENTICATION_FAILED, "JWTAuth error: user_id is not a string")
        # Server-side SDKs send `{"server": true}` or simply name no user.
        return Identity(user_id=user_id, server=claims.get("server") is True or not user_id)

    def mint_sfu_token(self, user_id: str, call_cid: str, edge: str) -> str:
        """What a participant shows to the SFU."""
        claims = {
            "user_id": user_id,
            "call_cid": call_cid,
            "edge": edge,
            "exp": int(time.time()) + SFU_TOKEN_LIFETIME,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def sfu_claims(self, token: str) -> dict[str, str]:
        """The claims of an SFU token. Raises `ApiError` (401)."""
        self.identify(token)
        claims = jwt.decode(token, self.secret, algorithms=["HS256"], leeway=CLOCK_SKEW)
        return {name: str(claims.get(name, "")) for name in ("user_id", "call_cid", "edge")}
