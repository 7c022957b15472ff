"""FaultMgmt of a HeNB: the tables and their rings (TR-181 Issue 2, Device.FaultMgmt)."""

from __future__ import annotations

from datetime import UTC, datetime

from acs.simulator.tamper import TAMPERS, Tamper
from acs.simulator.tree import EVENT_ROWS, FAULT_MANAGEMENT, ParameterTree

__all__ = ["SUPPORTED_ALARMS", "FaultManagement", "date_time"]

SUPPORTED_ALARMS: tuple[tuple[str, ...], ...] = (
    *(
        (each.event_type, each.probable_cause, each.specific_problem, each.severity, "2 Logged")
        for each in TAMPERS.values()
    ),
    ("Communications Alarm", "Loss Of Signal", "S1_DOWN", "Major", "2 Logged"),
    ("Equipment Alarm", "Power Problem", "POWER", "Minor", "2 Logged"),
    ("Operational Violation", "Denial Of Service", "LAN_DOS", "Minor", "2 Logged"),
    (
        "Security Service Or Mechanism Violation",
        "Authentication Failure",
        "AUTH_FAILURE",
        "Major",
        "2 Logged",
    ),
    *(
        (
            "Security Service Or Mechanism Violation",
            "Unauthorised Access Attempt",
            problem,
            severity,
            "2 Logged",
        )
        for problem, severity in (("LAN_LOGIN_ATTEMPT", "Minor"), ("LAN_LOGIN_SUCCESS", "Major"))
    ),
)
"""The rows of SupportedAlarm; out of the box nothing is expedited (S1 L24)."""
_TABLES = {"0 Expedited": "ExpeditedEvent", "1 Queued": "QueuedEvent"}


def date_time(now: float) -> str:
    """Return seconds since the epoch as a dateTime in UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class FaultManagement:
    """Raises and clears alarms in the tables; what has to be told is returned as parameter names."""

    def __init__(self, tree: ParameterTree, base: str = FAULT_MANAGEMENT) -> None:
        self._tree, self._base = tree, base
        self._current = f"{base}CurrentAlarm."
        self._next = {"ExpeditedEvent": 1, "QueuedEvent": 1, "HistoryEvent": 1}
        self._rows: dict[str, int] = {}
        self._count = 0

    def boot(self) -> None:
        """Clear the tables; events of before the boot are gone and so are alarms (TR-181)."""
        self._tree.remove_below(self._current)
        self._rows.clear()
        for table in self._next:
            self._next[table] = 1
            for name in list(self._tree.below(f"{self._base}{table}.")):
                self._tree.set(name, "0001-01-01T00:00:00Z" if name.endswith("Time") else "")
        self._number()

    def raise_alarm(self, tamper: Tamper, boot: int, now: float) -> tuple[str, list[str]]:
        """Enter a new alarm; return its AlarmIdentifier and the parameters of the event's row."""
        self._count += 1
        identifier = f"SEC-{boot:03d}-{self._count:04d}"
        row = {
            "AlarmIdentifier": identifier,
            "AlarmRaisedTime": date_time(now),
            "AlarmChangedTime": date_time(now),
            **self._facts(tamper, tamper.severity),
        }
        number = max(self._rows.values(), default=0) + 1
        self._rows[identifier] = number
        for field, value in row.items():
            kind = "xsd:dateTime" if field.endswith("Time") else "xsd:string"
            self._tree.add(f"{self._current}{number}.{field}", value, kind)
        self._number()
        return identifier, self._event(identifier, tamper, "NewAlarm", tamper.severity, now)

    def clear_alarm(self, identifier: str, tamper: Tamper, now: float) -> list[str]:
        """End an alarm; return the parameters of the event's row."""
        number = self._rows.pop(identifier, None)
        if number is None:
            return []
        self._tree.remove_below(f"{self._current}{number}.")
        self._number()
        return self._event(identifier, tamper, "ClearedAlarm", "Cleared", now)

    def _number(self) -> None:
        self._tree.set(f"{self._base}CurrentAlarmNumberOfEntries", str(len(self._rows)))

    def _facts(self, tamper: Tamper, severity: str) -> dict[str, str]:
        return {
            "ManagedObjectInstance": "Device.Services.FAPService.1",
            "EventType": tamper.event_type,
            "ProbableCause": tamper.probable_cause,
            "SpecificProblem": tamper.specific_problem,
            "PerceivedSeverity": severity,
            "AdditionalText": tamper.name,
            "AdditionalInformation": f"detail={tamper.detail}" if tamper.detail else "",
        }

    def _mechanism(self, tamper: Tamper) -> str:
        for number, row in enumerate(SUPPORTED_ALARMS, 1):
            if row[0] == tamper.event_type and tamper.specific_problem in ("", row[2]):
                return self._tree.value(f"{self._base}SupportedAlarm.{number}.ReportingMechanism")
        return "2 Logged"

    def _event(self, identifier: str, tamper: Tamper, kind: str, severity: str, now: float) -> list[str]:
        mechanism = self._mechanism(tamper)
        if mechanism == "3 Disabled":
            return []
        fields = {
            "EventTime": date_time(now),
            "AlarmIdentifier": identifier,
            "NotificationType": kind,
            **self._facts(tamper, severity),
        }
        self._write("HistoryEvent", fields)
        table = _TABLES.get(mechanism)
        return self._write(table, fields) if table is not None else []

    def _write(self, table: str, fields: dict[str, str]) -> list[str]:
        """Write the next row of a ring; all its parameters count as changed."""
        row = self._next[table]
        self._next[table] = row % EVENT_ROWS + 1
        base = f"{self._base}{table}.{row}."
        for field, value in fields.items():
            self._tree.set(base + field, value)
        return [base + field for field in fields]
