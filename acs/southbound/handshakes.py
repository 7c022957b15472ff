"""Why a TLS handshake failed, in words for the operator. Pure.

Whoever fails there never says who it is; but that it failed, from where and why is what somebody looks for
whose device does not come.
"""

from __future__ import annotations

import ssl

__all__ = ["HANDSHAKE", "why_failed"]

HANDSHAKE = "(TLS handshake)"
"""What stands in the list of the refused where others have the identity that they claimed."""
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_OURS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN", "CERTIFICATE_REVOKED")
_SPEECH = (
    *("UNSUPPORTED_PROTOCOL", "NO_SHARED_CIPHER", "PROTOCOL_VERSION", "WRONG_VERSION_NUMBER"),
    *("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "NO_SUITABLE_SIGNATURE_ALGORITHM"),
)


def why_failed(error: ssl.SSLError) -> tuple[str, str]:
    """Return the reason, a word of few, and a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        expired = error.verify_code == _EXPIRED
        reason = "certificate-expired" if expired else "certificate-not-accepted"
        return reason, f"its certificate is not accepted: {error.verify_message}"
    said = (error.reason or "").replace("_", " ").lower()
    told = f" ({said})" if said else ""
    found = error.reason or ""
    if "ALERT" in found and found.endswith(_OURS):
        return "acs-certificate-not-accepted", f"it does not accept the certificate of the ACS{told}"
    if found.endswith(_SPEECH):
        return "tls-not-accepted", f"it speaks no TLS that is accepted here: 1.2 with ECDHE, or 1.3{told}"
    return "handshake-failed", f"the TLS handshake failed{told}"
