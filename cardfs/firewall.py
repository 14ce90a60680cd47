"""The application firewall (应用防火墙): which proofs survive entering a DF (Part 4, 5.5 and 6.1; Part 7, 6.6).

One function decides it, for every pair of DFs. What a proof allows is decided elsewhere: rules name keys with the DF
that owns them, so a proof of one environment opens nothing in another.
"""

from keys.records import KeyRef

from .model.settings import StateSettings


def surviving(
    proofs: frozenset[KeyRef], environment: str, pins: frozenset[KeyRef], settings: StateSettings
) -> frozenset[KeyRef]:
    """Return the proofs that are still valid after the current DF has changed to another one.

    Args:
        proofs: what was proven before.
        environment: path of the environment, or MF, of the DF that is selected. It is another DF than before:
            selecting the current one again keeps its security state (Part 5, 6.11.1).
        pins: those of the proofs that are PINs; they last until power-off (Part 7, 5.8).

    Returns:
        The PINs, and the proofs of the environment's own keys while the DF is one of that environment. Proofs of
        application keys end with every change (``state.global_rights``).
    """
    if not proofs:
        return proofs
    valid = proofs & pins if settings.pin_scope == "power-off" else frozenset()
    if settings.global_rights == "within_environment":
        valid |= {ref for ref in proofs - pins if ref.owner == environment}
    return valid
