"""Structured logs and Prometheus metrics: what a node tells about itself."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from structlog.typing import ExcInfo, Processor

from acs import __version__

__all__ = ["Metrics", "configure_logging"]

_LONGEST = 2000  # characters of one value in a log line


def _shorten(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a device from filling the log with one value."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > _LONGEST and key not in ("exception", "stack"):
            event[key] = value[:_LONGEST] + "…"
    return event


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _escape_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a message on one line of the console; other values are shown as ``repr`` anyway."""
    event["event"] = _escape(str(event.get("event", "")))
    return event


def _indented_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """Write an exception: no local variables, as they hold secrets; no line that could pass for a log's."""
    for line in "".join(traceback.format_exception(*exc_info)).splitlines():
        stream.write(f"\n    {_escape(line)}")


def configure_logging(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send all logs, those of libraries too, to ``stream`` or stderr as ``json`` or ``console`` lines.

    What devices send is escaped: it can neither break a line nor forge one.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _shorten,
    ]
    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
        shared.append(structlog.processors.format_exc_info)
    else:
        shared.append(_escape_event)
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), repr_native_str=True, exception_formatter=_indented_traceback
        )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiohttp.access", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Metrics:
    """The metrics of one node, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("acs_build", "The version that runs", registry=self.registry).info({"version": __version__})
        self.posts = Counter(
            "acs_posts", "POSTs of devices by what came of them", ["result"], registry=self.registry
        )
        self.post_seconds = Histogram(
            "acs_post_seconds",
            "Time from a device's POST to the answer",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=self.registry,
        )
        self.sessions = Counter("acs_sessions", "Sessions opened", registry=self.registry)
        self.open_sessions = Gauge("acs_open_sessions", "Sessions not ended yet", registry=self.registry)
        self.refused = Counter(
            "acs_refused", "Devices and messages refused, by reason", ["reason"], registry=self.registry
        )
        self.connections = Gauge(
            "acs_connections", "Connections of devices and of strangers", registry=self.registry
        )
        self.connections_ended = Counter(
            "acs_connections_ended",
            "Connections that the ACS refused or ended, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.quarantines = Counter(
            "acs_quarantines",
            "Devices that are not served for a while, since their messages failed",
            registry=self.registry,
        )
        self.certificate_expiry = Gauge(
            "acs_certificate_expiry_timestamp_seconds",
            "When a certificate of this node, a CA or a CRL file expires",
            ["kind", "name"],
            registry=self.registry,
        )
        self.revocation_unknown = Counter(
            "acs_revocation_unknown",
            "Sessions asked for with a certificate of which nobody told whether it was revoked",
            registry=self.registry,
        )
        self.repairs = Counter(
            "acs_message_repairs", "Messages that had to be repaired to be read", registry=self.registry
        )
        self.commands = Counter(
            "acs_commands_settled",
            "Commands by method and outcome",
            ["method", "state"],
            registry=self.registry,
        )
        self.alarms = Counter(
            "acs_alarm_changes", "Changes of the alarm list", ["kind", "event_type"], registry=self.registry
        )
        self.cases = Counter(
            "acs_cases_changed", "Changes of cases, by state", ["state"], registry=self.registry
        )
        self.connection_requests = Counter(
            "acs_connection_requests",
            "Connection requests by way (http, udp, xmpp) and by what came of them",
            ["way", "reason"],
            registry=self.registry,
        )
        self.distress_triggers = Counter(
            "acs_distress_triggers",
            "Triggers over distress channels by kind of path, method and what came of the sending",
            ["kind", "method", "result"],
            registry=self.registry,
        )
        self.stun = Counter(
            "acs_stun_messages", "Datagrams to the STUN server by result", ["result"], registry=self.registry
        )
        self.notifications = Counter(
            "acs_lightweight_notifications",
            "Lightweight notifications by result",
            ["result"],
            registry=self.registry,
        )
        self.files = Counter(
            "acs_files_served", "Files served, by result", ["result"], registry=self.registry
        )
        self.disk_free = Gauge(
            "acs_disk_free_bytes",
            "Bytes that are free on the disk of the data directory",
            registry=self.registry,
        )
        self.bulk_messages = Counter(
            "acs_bulk_messages", "Bulk data messages by what came of them", ["result"], registry=self.registry
        )
        self.bulk_reports = Counter(
            "acs_bulk_reports",
            "Bulk data reports: stored, or there already",
            ["what"],
            registry=self.registry,
        )
        self.bulk_values = Counter("acs_bulk_values", "Values in bulk data reports", registry=self.registry)
        self.deliveries = Counter(
            "acs_notifications",
            "Notifications to managers: delivered, down, failed, refused or dropped",
            ["result"],
            registry=self.registry,
        )
        self.measures = Counter(
            "acs_measures",
            "Measures sent to systems of the network: done, down, failed or refused",
            ["result"],
            registry=self.registry,
        )
        self.delivery_waiting = Gauge(
            "acs_notifications_waiting",
            "Notifications that a manager has not got yet",
            ["subscription"],
            registry=self.registry,
        )
        self.delivery_lag = Gauge(
            "acs_notification_lag_seconds",
            "Since when the oldest of them waits",
            ["subscription"],
            registry=self.registry,
        )
        self.delivery_dead = Gauge(
            "acs_notifications_given_up",
            "Notifications that a manager refused",
            ["subscription"],
            registry=self.registry,
        )
        self.northbound = Counter(
            "acs_northbound_requests", "Requests of managers, by status", ["status"], registry=self.registry
        )
