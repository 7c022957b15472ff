"""What requests and answers look like. The OpenAPI document is made of these types."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from acs import measures as ms
from acs import remediation as rm
from acs.subscriptions import Filter, Grouping

__all__ = [
    "Alarm",
    "AlarmQuery",
    "BlockRequest",
    "Blocked",
    "Case",
    "CaseQuery",
    "Command",
    "CommandDetail",
    "CommandQuery",
    "CommandRequest",
    "Credentials",
    "DeadLetter",
    "Device",
    "DeviceQuery",
    "ForcedRequest",
    "HeldBack",
    "Instructed",
    "Instruction",
    "Login",
    "Measure",
    "MeasureQuery",
    "MeasureRequest",
    "MeasureUndoing",
    "Measures",
    "NewSubscription",
    "Nothing",
    "Page",
    "Parameter",
    "ParameterQuery",
    "Sighting",
    "Silence",
    "SilenceQuery",
    "SilenceRequest",
    "Subscription",
    "SubscriptionRequest",
    "SubscriptionState",
    "Unblocked",
]

T = TypeVar("T")
Limit = Annotated[int, Meta(ge=1, le=1000, description="How many items at most.")]
Before = Annotated[int, Meta(ge=1, description="Only items before this one: `next` of the page before.")]
DeviceKey = Annotated[str, Meta(max_length=300, description="<OUI>-<SerialNumber>, percent-encoded.")]
Time = Annotated[float, Meta(description="Seconds since the epoch, UTC.")]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request: what is not known is refused rather than ignored."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `next` is where the rest begins, null where there is none."""

    items: list[T]
    next: str | None = None


class Device(msgspec.Struct, frozen=True):
    """A device as the registry knows it."""

    device: DeviceKey
    oui: str
    product_class: str
    serial_number: str
    manufacturer: str
    admission: str
    admission_reason: str
    software_version: str
    hardware_version: str
    root: str
    created_at: Time
    last_inform_at: Time | None
    booted_at: Time | None
    has_open_commands: bool
    has_open_case: bool


class Parameter(msgspec.Struct, frozen=True):
    """A parameter's value as the device told it last."""

    name: str
    value: str
    type: str


class HeldBack(msgspec.Struct, frozen=True):
    """Why managers are not told of an alarm: a silence, or a rule by which another alarm holds it back."""

    kind: str
    by: str
    because: str
    hold_remediation: bool
    since: Time


class Alarm(msgspec.Struct, frozen=True):
    """An alarm of the alarm list (TS 32.111-2)."""

    id: int
    device: DeviceKey
    alarm_identifier: str
    state: str
    event_type: str
    probable_cause: str
    specific_problem: str
    perceived_severity: str
    additional_text: str
    raised_at: Time
    cleared_at: Time | None
    ack_state: str
    ack_user_id: str
    case_id: int | None
    held_back: HeldBack | None = None


class Case(msgspec.Struct, frozen=True):
    """What is done about an alarm."""

    id: int
    device: DeviceKey
    kind: str
    state: str
    outcome: str | None
    procedure: str
    because: str
    alarm_id: int | None
    opened_at: Time
    closed_at: Time | None
    held: Annotated[
        str, Meta(description="Why its next step waits for its turn; empty where it does not.")
    ] = ""


class Instructed(Case, frozen=True):
    """A case that was told what to do. `second_approval_needed`: another person has to say the same."""

    second_approval_needed: bool = False


class Command(msgspec.Struct, frozen=True):
    """An RPC for a device and what became of it."""

    id: int
    device: DeviceKey
    command_key: str
    method: str
    purpose: str
    state: str
    attempts: int
    created_at: Time
    settled_at: Time | None
    fault_code: int | None
    fault_string: str


class CommandDetail(Command, frozen=True):
    """A command with what was sent and answered; `answer` has `method` and `fields`, or is null.

    One that is too large for its device is sent in parts: `parts_answered` of `parts_known` so far.
    """

    arguments: Any = None
    answer: Any = None
    parts_answered: int = 0
    parts_known: int = 0


class Measure(msgspec.Struct, frozen=True):
    """What a system of the network was told about a device, and what became of it."""

    id: int
    device: DeviceKey
    target: str
    measure: str
    operation: str
    state: str
    case_id: int | None
    who: str
    because: str
    attempts: int
    error: str
    created_at: Time
    settled_at: Time | None


class Measures(msgspec.Struct, frozen=True):
    """What was asked for. `second_approval_needed`: another person has to say the same."""

    items: list[Measure]
    second_approval_needed: bool = False


class Blocked(msgspec.Struct, frozen=True):
    """How a device is let in now, and what the network was asked to do about it."""

    device: DeviceKey
    admission: str
    measures: list[Measure]
    second_approval_needed: bool = False


class Unblocked(msgspec.Struct, frozen=True):
    """How a device is let in now. `second_approval_needed`: another person has to say the same."""

    device: DeviceKey
    admission: str
    second_approval_needed: bool = False


class Credentials(msgspec.Struct, frozen=True):
    """A short-lived token. It is shown this once."""

    token: str
    expires_at: Time
    scopes: list[str]


class Nothing(_Strict, frozen=True):
    """No parameters."""


_Pattern = Annotated[
    str, Meta(max_length=256, description="Exact, or a pattern: `*` stands for any characters, in any case.")
]


class DeviceQuery(_Strict, frozen=True):
    """Which devices, in order of their key; all that is asked for has to fit."""

    limit: Limit = 100
    after: Annotated[str, Meta(max_length=300, description="`next` of the page before.")] = ""
    admission: Literal["allowed", "expected", "pending", "blocked"] | None = None
    oui: _Pattern = ""
    product_class: _Pattern = ""
    software_version: _Pattern = ""
    not_software_version: _Pattern = ""
    group: _Pattern = ""
    site: _Pattern = ""
    containing: Annotated[
        str,
        Meta(max_length=256, description="In what it is called or reached by, its groups or its site."),
    ] = ""
    silent_since: Annotated[float, Meta(description="Its last Inform is older; as a time.")] | None = None
    seen_since: Annotated[float, Meta(description="Its last Inform is not older; as a time.")] | None = None


class ParameterQuery(_Strict, frozen=True):
    """Which stored parameters of a device, in order of their name."""

    below: Annotated[str, Meta(max_length=256, description="A path; empty: all.")] = ""
    limit: Limit = 1000
    after: Annotated[str, Meta(max_length=256, description="`next` of the page before.")] = ""


class AlarmQuery(_Strict, frozen=True):
    """Which alarms, the newest first."""

    limit: Limit = 100
    before: Before | None = None
    device: DeviceKey | None = None
    state: Literal["active", "cleared"] | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """For a while managers are not told of the alarms that all matchers fit."""

    id: int
    state: Literal["asked", "pending", "active", "expired"]
    matchers: list[str]
    who: str
    why: str
    created_at: Time
    starts_at: Time
    ends_at: Time
    hold_remediation: bool
    grave: bool
    approved_by: str
    expired_by: str


class SilenceQuery(_Strict, frozen=True):
    """Which silences, the newest first."""

    limit: Limit = 100
    before: Before | None = None
    ended: Annotated[bool, Meta(description="Those that ended as well.")] = False


class SilenceRequest(_Strict, frozen=True):
    """A silence. `grave`: about critical security alarms too, which takes the approval of a second person."""

    matchers: Annotated[
        list[Annotated[str, Meta(max_length=1000, description='For example model=~"HeNB.*".')]],
        Meta(min_length=1, max_length=16),
    ]
    why: Annotated[str, Meta(min_length=1, max_length=1000)]
    ends_at: Time
    starts_at: Time | None = None
    hold_remediation: bool = False
    grave: bool = False


class CaseQuery(_Strict, frozen=True):
    """Which cases, the newest first."""

    limit: Limit = 100
    before: Before | None = None
    device: DeviceKey | None = None
    state: Literal["active", "waiting", "closed"] | None = None


class MeasureQuery(_Strict, frozen=True):
    """Which measures, the newest first."""

    limit: Limit = 100
    before: Before | None = None
    device: DeviceKey | None = None
    state: Literal["waiting", "done", "dead"] | None = None


class CommandQuery(_Strict, frozen=True):
    """Which commands, the newest first."""

    limit: Limit = 100
    before: Before | None = None
    device: DeviceKey | None = None
    state: Literal["queued", "sent", "accepted", "succeeded", "failed", "expired", "cancelled"] | None = None


class MeasureRequest(_Strict, frozen=True):
    """Measures that the network is to take about a device; `why` is kept in the audit."""

    measures: Annotated[list[ms.MeasureName], Meta(min_length=1, max_length=20)]
    why: Annotated[str, Meta(min_length=1, max_length=1000)]


class BlockRequest(_Strict, frozen=True):
    """Why a device is refused; `measures`: what the network is asked for beside what the policy says."""

    why: Annotated[str, Meta(min_length=1, max_length=1000)]
    measures: Annotated[
        list[ms.MeasureName], Meta(max_length=20, description="Needs the scope measures:write too.")
    ] = []


class MeasureUndoing(_Strict, frozen=True):
    """Measures to be undone; none named: all that are in force."""

    why: Annotated[str, Meta(min_length=1, max_length=1000)]
    measures: Annotated[list[ms.MeasureName], Meta(max_length=20)] = []


class Instruction(_Strict, frozen=True):
    """What a case that waits is told; `why` is kept in the audit."""

    action: rm.Instruction
    why: Annotated[str, Meta(min_length=1, max_length=1000)]


class EmergencyNews(_Strict, frozen=True):
    """What another HeMS, with a store of its own, saw of a device in emergency remediation.

    `loaded`: it was given software, told to the serving HeMS. `registered`: it came with that, told to the
    emergency management system. `why` is kept in the audit.
    """

    happened: Literal["loaded", "registered"]
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    why: Annotated[str, Meta(min_length=1, max_length=1000)]


class ForcedRequest(_Strict, frozen=True):
    """Why a device is to be reached that is not heard of; it is kept in the audit."""

    why: Annotated[str, Meta(min_length=1, max_length=1000)]


class Sighting(_Strict, frozen=True):
    """That the network sees a device connected now."""

    source: Annotated[str, Meta(min_length=1, max_length=128, description="Which HeNB-GW or MME.")]


class CommandRequest(_Strict, frozen=True):
    """An RPC to be queued. The same `command_key` again queues nothing."""

    method: Annotated[str, Meta(max_length=64, description="For example Reboot.")]
    arguments: Annotated[
        dict[str, Any], Meta(description='For example {"names": ["Device.DeviceInfo."]}.')
    ] = {}
    command_key: Annotated[str, Meta(max_length=32)] = ""
    expires_in: Annotated[float, Meta(gt=0, le=30 * 86400, description="Seconds until it is given up.")] = (
        3600.0
    )


class SubscriptionRequest(_Strict, frozen=True):
    """Where notifications are to be sent (TS 28.532), and which. An empty filter: all.

    With `grouping` many alarms are one message; without one notification is sent for each change, in order.
    `bearer` is sent with each of them; `ca` are PEM certificates that the consumer's has to come from.
    """

    consumer_reference: Annotated[str, Meta(max_length=1000)] = msgspec.field(name="consumerReference")
    filter: Filter = Filter()
    grouping: Grouping | None = None
    bearer: Annotated[str, Meta(max_length=4096)] = ""
    ca: Annotated[str, Meta(max_length=262144)] = ""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told, and how that goes."""

    id: int
    owner: str
    consumer_reference: str = msgspec.field(name="consumerReference")
    filter: Filter
    grouping: Grouping | None
    created_at: Time
    failures: int
    retry_at: Time | None
    last_error: str
    delivered: int
    delivered_at: Time | None


class NewSubscription(msgspec.Struct, frozen=True):
    """A subscription and the secret that signs what is sent, shown this once (Standard Webhooks)."""

    subscription: Subscription
    secret: str


class DeadLetter(msgspec.Struct, frozen=True):
    """A notification that was given up."""

    id: int
    notification_type: str
    attempts: int
    dead_at: Time
    error: str


class SubscriptionState(msgspec.Struct, frozen=True):
    """A subscription, how many notifications wait for it, and the newest that were given up."""

    subscription: Subscription
    waiting: int
    oldest_at: Time | None
    dead: int
    dead_letters: list[DeadLetter]


class Login(_Strict, frozen=True):
    """A user and the password, to be exchanged for a token."""

    user: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Annotated[str, Meta(min_length=1, max_length=256)]
