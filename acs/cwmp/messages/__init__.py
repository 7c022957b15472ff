"""Every RPC of CWMP 1.0 to 1.4, in both directions, as frozen dataclasses.

A class is named as its XML element; a field is the element's name in snake case.
"""

from __future__ import annotations

from dataclasses import dataclass

from acs.cwmp.messages.envelope import (
    CWMP_1_0,
    CWMP_1_1,
    CWMP_1_2,
    Fault,
    Header,
    UnknownMethod,
)
from acs.cwmp.messages.from_acs import *  # noqa: F403 - the whole vocabulary, see __all__ below
from acs.cwmp.messages.from_cpe import *  # noqa: F403
from acs.cwmp.messages.types import *  # noqa: F403
