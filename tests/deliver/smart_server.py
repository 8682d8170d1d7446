"""The authorization server of a receiver double: SMART Backend Services, as strict as the specification.

https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class SmartServer:
    """Knows one client by its public keys (JWKS). `tokens` are good; `problems` says why some were refused."""

    client: str
    jwks: dict[str, Any]
    scope: str = "system/*.cruds"
    seconds: int = 300
    tokens: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    issued: int = 0
    problems: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def good(self, token: str) -> bool:
        return token in self.tokens

    def revoke(self) -> None:
        """From now on every token that was given is a 401."""
        self.tokens.clear()

    def answer(self, path: str, body: bytes, url: str) -> tuple[int, dict[str, Any]]:
        if path != "token":
            return 200, {
                "token_endpoint": f"{url}/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "capabilities": ["client-confidential-asymmetric", "permission-v2"],
            }
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        problem = self._problem(form, f"{url}/token")
        if problem:
            self.problems.append(problem)
            return 400, {"error": "invalid_client", "error_description": problem}
        token = f"synthetic-token-{next(self.numbers)}"
        self.tokens.add(token)
        self.issued += 1
        return 200, {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.seconds,
            "scope": form.get("scope", self.scope),
        }

    def _problem(self, form: dict[str, str], audience: str) -> str | None:
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION:
            return "grant_type or client_assertion_type"
        try:
            token = jwt.decode(
                form.get("client_assertion", ""),
                KeySet.import_key_set(json.loads(json.dumps(self.jwks))),
                algorithms=["RS384", "ES384"],
            )
        except (JoseError, ValueError) as error:
            return f"signature: {type(error).__name__}"
        claims, now = token.claims, time.time()
        if claims.get("iss") != self.client or claims.get("sub") != self.client:
            return "iss or sub"
        if claims.get("aud") != audience:
            return "aud"
        if not now - 5 <= claims.get("exp", 0) <= now + 305:
            return "exp"
        if not claims.get("jti") or claims["jti"] in self.seen:
            return "jti"
        if not token.header.get("kid"):
            return "kid"
        self.seen.add(claims["jti"])
        return None
