"""CWMP fault codes: their names, their SOAP class and what a ladder may hope of them (TR-069 A.5)."""

from __future__ import annotations

__all__ = ["FAULT_NAMES", "fault_name", "is_transient", "soap_faultcode"]

FAULT_NAMES: dict[int, str] = {
    8000: "Method not supported",
    8001: "Request denied",
    8002: "Internal error",
    8003: "Invalid arguments",
    8004: "Resources exceeded",
    8005: "Retry request",
    8006: "ACS version incompatible with CPE",
    9000: "Method not supported",
    9001: "Request denied",
    9002: "Internal error",
    9003: "Invalid arguments",
    9004: "Resources exceeded",
    9005: "Invalid parameter name",
    9006: "Invalid parameter type",
    9007: "Invalid parameter value",
    9008: "Attempt to set a non-writable parameter",
    9009: "Notification request rejected",
    9010: "File transfer failure",
    9011: "Upload failure",
    9012: "File transfer server authentication failure",
    9013: "Unsupported protocol for file transfer",
    9014: "File transfer failure: unable to join multicast group",
    9015: "File transfer failure: unable to contact file server",
    9016: "File transfer failure: unable to access file",
    9017: "File transfer failure: unable to complete download",
    9018: "File transfer failure: file corrupted",
    9019: "File transfer failure: file authentication failure",
    9020: "File transfer failure: unable to complete download within time windows",
    9021: "Cancelation of file transfer not permitted in current transfer state",
    9022: "Invalid UUID format",
    9023: "Unknown execution environment",
    9024: "Disabled execution environment",
    9025: "Deployment unit to execution environment mismatch",
    9026: "Duplicate deployment unit",
    9027: "System resources exceeded",
    9028: "Unknown deployment unit",
    9029: "Invalid deployment unit state",
    9030: "Invalid deployment unit update: downgrade not permitted",
    9031: "Invalid deployment unit update: version not specified",
    9032: "Invalid deployment unit update: version already exists",
}

# Worth another try of the same step; everything else is the device's last word on it.
_TRANSIENT = frozenset({8005, 9002, 9004, 9010, 9011, 9012, 9014, 9015, 9017, 9020})
# The caller's mistake rather than the callee's (TR-069 A.5.1, A.5.2: SOAP fault type Client).
_CLIENT = frozenset({8003, 8005, 9003, 9005, 9006, 9007, 9008})


def fault_name(code: int) -> str:
    """Return the name of a fault code, or that it is a vendor's or unknown."""
    if code in FAULT_NAMES:
        return FAULT_NAMES[code]
    return "Vendor fault" if code in range(8800, 8900) or code in range(9800, 9900) else "Unknown fault"


def is_transient(code: int) -> bool:
    """Tell whether the same request may succeed when tried again."""
    return code in _TRANSIENT


def soap_faultcode(code: int) -> str:
    """Return ``Client`` or ``Server`` for the SOAP ``faultcode`` element."""
    return "Client" if code in _CLIENT else "Server"
