"""The fingerprint of everything that decides a size, so that a decision can name the policy it was made under."""

import hashlib

import msgspec

from bridge.settings.model import AccountSettings


def policy_hash(account: AccountSettings) -> str:
    """16 hexadecimal digits over the account's policy, symbols and firm. Equal values give equal digits anywhere.

    Rules about open positions are no part of it: they say what is asked for, never how large it may be.
    """
    canonical = msgspec.json.encode((account.policy, account.symbols, account.firm), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:16]
