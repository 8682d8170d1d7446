"""`/.well-known/smart-configuration`: where a backend service gets its tokens, and what they may say.

https://hl7.org/fhir/smart-app-launch/conformance.html
"""

from flask import Blueprint, Response

from service.api.answers import answer
from service.api.auth import authority
from service.api.context import root
from service.tokens import ALGORITHMS

blueprint = Blueprint("smart_configuration", __name__)


@blueprint.get("/.well-known/smart-configuration")
@blueprint.get("/fhir/.well-known/smart-configuration")
def smart_configuration() -> Response:
    return answer(
        {
            "issuer": root(),
            "jwks_uri": f"{root()}/.well-known/jwks.json",
            "token_endpoint": f"{root()}/auth/token",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "scopes_supported": ["system/*.cruds", "system/*.rs", "system/*.read", "system/*.write", "system/*.*"],
            "response_types_supported": ["token"],
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        }
    )


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    """The public half of the key that signs access tokens, for whoever wants to check one."""
    key = authority().key.as_dict(private=False)
    return answer({"keys": [key | {"use": "sig", "alg": "ES384"}]})
