"""An alarm of the alarm list and what happened to it (TS 32.111-2 AlarmInformation)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import RowMapping

from acs.alarms.vocabulary import EVENT_TYPES, is_security

__all__ = ["Alarm", "AlarmChange", "Applied"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One row of the alarm list; words in canonical spelling, times in seconds since the epoch."""

    id: int
    device_id: int
    alarm_identifier: str
    state: str
    event_type: str
    probable_cause: str
    probable_cause_code: int | None
    specific_problem: str
    perceived_severity: str
    managed_object_instance: str
    additional_text: str
    additional_information: str
    raised_at: float
    changed_at: float | None
    cleared_at: float | None
    clear_reason: str
    detector: str
    ack_state: str
    ack_user_id: str
    ack_at: float | None
    case_id: int | None

    @property
    def security(self) -> bool:
        """Whether its event type is one of X.736."""
        return is_security(self.event_type)

    @property
    def known_event_type(self) -> str:
        """Its event type where it is one of the standard's, else OTHER: devices may send any word.

        For what keeps each word that it is given, such as a label of a metric.
        """
        return self.event_type if self.event_type in EVENT_TYPES else "OTHER"

    @property
    def active(self) -> bool:
        """Whether it is not cleared."""
        return self.state == "active"


def alarm_from_row(row: RowMapping) -> Alarm:
    """Build an Alarm from a row of the ``alarms`` table."""
    return Alarm(**row)


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm and what happened to it: ``new``, ``changed`` or ``cleared``."""

    kind: str
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Applied:
    """What an intake came to; ``suspect`` when an event of the ring seems to have been lost."""

    changes: tuple[AlarmChange, ...] = ()
    suspect: bool = False
