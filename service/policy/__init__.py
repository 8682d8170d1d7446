"""Who may get what: permissions, minimisation, non-disclosure. Pure: documents in, a smaller document or a reason out.

case + permissions ─▶ bases (who permits which parts of whom) ─▶ minimised ─▶ masked ─▶ narrated ─▶ guarded ─▶ Permitted
"""

from typing import TYPE_CHECKING, Any

from service.lazy import lazy

if TYPE_CHECKING:
    from service.policy.decide import may, validated
    from service.policy.guard import Guard, protects
    from service.policy.model import KINDS, SECTORS, Basis, Permitted, Recipient, Refused, Step
    from service.policy.rules import Policy
    from service.policy.withdrawal import withdrawal

__all__ = [
    "KINDS",
    "SECTORS",
    "Basis",
    "Guard",
    "Permitted",
    "Policy",
    "Recipient",
    "Refused",
    "Step",
    "may",
    "protects",
    "validated",
    "withdrawal",
]

_HOMES = {
    "Basis": "model",
    "Guard": "guard",
    "KINDS": "model",
    "Permitted": "model",
    "Policy": "rules",
    "Recipient": "model",
    "Refused": "model",
    "SECTORS": "model",
    "Step": "model",
    "may": "decide",
    "protects": "guard",
    "validated": "decide",
    "withdrawal": "withdrawal",
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, name, _HOMES)
