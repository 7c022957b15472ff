"""What surrounds a message: SOAP header fields, faults, unknown methods (TR-069 3.5, A.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from acs.cwmp.messages.types import SetParameterValuesFault

__all__ = ["CWMP_1_0", "CWMP_1_1", "CWMP_1_2", "Fault", "Header", "UnknownMethod"]

CWMP_1_0 = "urn:dslforum-org:cwmp-1-0"
CWMP_1_1 = "urn:dslforum-org:cwmp-1-1"
CWMP_1_2 = "urn:dslforum-org:cwmp-1-2"
"""The namespace of CWMP 1.2, 1.3 and 1.4."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP Fault that carries a CWMP fault (TR-069 A.5).

    ``code`` is 8000-8899 from an ACS, 9000-9899 from a CPE.
    """

    code: int
    string: str
    parameter_faults: tuple[SetParameterValuesFault, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownMethod:
    """A call or an answer of a method that this codec does not know, such as a vendor's ``X_0005B9_Do``.

    ``arguments`` are the elements in it that hold text, as (name, text) in their order; the name of a
    nested one is its path, for example ``Result/Code``. Only flat arguments are written.
    """

    namespace: str
    name: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """The SOAP header fields of CWMP 1.0 to 1.4 (TR-069 table 3.4); ``None`` where absent.

    ``session_timeout`` is in seconds (1.3); ``supported_cwmp_versions`` and
    ``use_cwmp_version`` are version texts such as ``"1.4"`` (1.4).
    """

    id: str | None = None
    hold_requests: bool | None = None
    no_more_requests: bool | None = None
    session_timeout: int | None = None
    supported_cwmp_versions: tuple[str, ...] = field(default=())
    use_cwmp_version: str | None = None
