"""Traces: what a device and the ACS said to each other, redacted, compressed, bounded."""

from acs.traces.archive import (
    MOST_TRACES,
    Trace,
    find_trace,
    keep_trace,
    list_traces,
    messages_of,
    prune_traces,
    trace_start,
    trace_stop,
    wanted_traces,
)
from acs.traces.message import Message, pack, unpack
from acs.traces.redact import MASK, redact_body, redact_echoes, redact_headers, redact_url
from acs.traces.render import as_har, as_html, as_text, safe

__all__ = [
    "MASK",
    "MOST_TRACES",
    "Message",
    "Trace",
    "as_har",
    "as_html",
    "as_text",
    "find_trace",
    "keep_trace",
    "list_traces",
    "messages_of",
    "pack",
    "prune_traces",
    "redact_body",
    "redact_echoes",
    "redact_headers",
    "redact_url",
    "safe",
    "trace_start",
    "trace_stop",
    "unpack",
    "wanted_traces",
]
