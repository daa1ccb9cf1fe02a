"""Every code a reply can carry, whose fault it names, and what to do about it. PROTOCOL.md shows the same table."""

from sizing.codes import REJECT_CODES

ERROR_CODES: dict[str, str] = {
    "bad_json": "Send one UTF-8 JSON object without repeated keys, NaN or Infinity, at most 16 levels deep.",
    "too_large": "Keep a body within 262,144 bytes; send history in pieces.",
    "unsupported_version": 'Send "v": 1, or update the client or the daemon to the same protocol.',
    "unknown_type": "Use one of the types that PROTOCOL.md lists; it is size that asks for lots.",
    "missing_field": "Add the field that `field` names.",
    "unknown_field": "Correct or remove the field that `field` names; a misspelt stop_loss must not size a trade.",
    "bad_value": "Correct the value of the field that `field` names.",
    "id_reused": "Give every new question a new id; only a repetition of the same question may carry the same id.",
    "unknown_account": "Name an account of bridge.toml, or add this one there and restart the daemon.",
    "unknown_symbol": "Use the broker's name as in Market Watch; feed the symbol, and match it in symbols.toml.",
    "unauthorized": "Log in as a user that [[auth.users]] in bridge.toml allows for this account and request.",
    "feed_conflict": "Stop the other EA that feeds this account, or wait 30 s after its last message.",
    "overloaded": "Ask less often; the daemon had more requests waiting than it answers in time. Repeat the same id.",
    "internal": "See the daemon's log; nothing was reserved. Repeat the same id once the cause is mended.",
}
"""The request itself is at fault, or the daemon cannot answer."""

CODES: dict[str, str] = {**ERROR_CODES, **REJECT_CODES}

CLIENT_CODES: dict[str, str] = {
    "no_answer": "Start the daemon and compare the address. The script Doctor on a chart says what is in the way.",
    "bad_reply": "Bring the EA's files and the daemon to the same version (lotbridge install-ea), and compile them.",
    "bad_request": "Correct the value that the message names, such as a stop that is no number.",
}
"""What the MQL5 client says by itself where there is no usable reply: 0 lots, too. No reply carries these."""
