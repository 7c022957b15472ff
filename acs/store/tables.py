"""The tables of the store, as SQLAlchemy Core metadata.

Times are seconds since the epoch, UTC, as double precision. JSON is kept as text that msgspec wrote.
Secrets are sealed before they reach a column (``*_sealed``).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives row ids only to INTEGER PRIMARY KEY; PostgreSQL wants 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")

devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_key", Text, nullable=False, unique=True),  # "<OUI>-<SerialNumber>", percent-encoded
    Column("oui", Text, nullable=False),
    Column("product_class", Text, nullable=False, server_default=""),
    Column("serial_number", Text, nullable=False),
    Column("manufacturer", Text, nullable=False, server_default=""),
    Column("created_at", Float, nullable=False),
    # admission
    Column("admission", Text, nullable=False, server_default="allowed"),  # allowed | blocked
    Column("admission_reason", Text, nullable=False, server_default=""),
    Column("admission_changed_at", Float),
    # authentication
    Column("digest_username", Text, unique=True),
    Column("digest_secret_sealed", LargeBinary),
    Column("certificate_name", Text, unique=True),  # SAN dNSName bound to the device
    Column("connection_request_url", Text, nullable=False, server_default=""),
    Column("connection_request_username", Text, nullable=False, server_default=""),
    Column("connection_request_secret_sealed", LargeBinary),
    # what the last Inform said
    Column("session_epoch", BigInteger, nullable=False, server_default="0"),
    Column("last_inform_at", Float),
    Column("inform_digest", LargeBinary),  # of the ParameterList; an equal one is not written again
    Column("root", Text, nullable=False, server_default=""),  # "Device." | "InternetGatewayDevice."
    Column("software_version", Text, nullable=False, server_default=""),
    Column("hardware_version", Text, nullable=False, server_default=""),
    Column("parameter_key", Text, nullable=False, server_default=""),
    Column("cwmp_namespace", Text, nullable=False, server_default=""),
    Column("bootstrapped_at", Float),
    Column("booted_at", Float),
    Column("provisioned_for", Text, nullable=False, server_default=""),  # SoftwareVersion provisioned
    # alarm intake
    Column("fault_management", Text, nullable=False, server_default=""),  # its path, once it is known
    Column("alarm_rings", Text, nullable=False, server_default="{}"),  # JSON, per event table
    Column("alarms_suspect", Boolean, nullable=False, server_default=text("false")),
    # connection requests that are due
    Column("connection_request_at", Float, index=True),
    Column("connection_request_attempts", Integer, nullable=False, server_default="0"),
    Column("connection_request_error", Text, nullable=False, server_default=""),
)

parameters = Table(
    "parameters",
    metadata,
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("updated_at", Float, nullable=False),
)

golden_parameters = Table(
    "golden_parameters",
    metadata,
    Column("scope", Text, primary_key=True),  # "*", "class:<ProductClass>" or "device:<device_key>"
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("type", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("command_key", Text, nullable=False, unique=True),  # idempotency key, at most 32 characters
    Column("method", Text, nullable=False),
    Column("payload", Text, nullable=False),  # JSON of the message's fields
    Column("purpose", Text, nullable=False),  # case | operator | alarm-resync
    Column("case_id", Id, index=True),
    Column("priority", Integer, nullable=False, server_default="5"),  # lower first
    Column("state", Text, nullable=False),  # queued sent accepted succeeded failed expired cancelled
    Column("session_epoch", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),  # times sent
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("sent_at", Float),
    Column("settled_at", Float),
    Column("fault_code", Integer),
    Column("fault_string", Text, nullable=False, server_default=""),
    Column("result", Text),  # JSON of the response
)
# Written with literals, as in the index: with parameters SQLite would not use a partial index.
command_is_open = commands.c.state.in_(
    [literal_column(f"'{word}'") for word in ("queued", "sent", "accepted")]
)
Index(
    "ix_commands_open",
    commands.c.device_id,
    commands.c.priority,
    commands.c.id,
    sqlite_where=text("state IN ('queued','sent','accepted')"),
    postgresql_where=text("state IN ('queued','sent','accepted')"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("alarm_identifier", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | cleared
    Column("event_type", Text, nullable=False),  # canonical, for example INTEGRITY_VIOLATION
    Column("probable_cause", Text, nullable=False),  # canonical, or the raw text where unknown
    Column("probable_cause_code", Integer),
    Column("specific_problem", Text, nullable=False, server_default=""),
    Column("perceived_severity", Text, nullable=False),  # CRITICAL MAJOR MINOR WARNING INDETERMINATE CLEARED
    Column("managed_object_instance", Text, nullable=False, server_default=""),
    Column("additional_text", Text, nullable=False, server_default=""),
    Column("additional_information", Text, nullable=False, server_default=""),
    Column("raised_at", Float, nullable=False),
    Column("changed_at", Float),
    Column("cleared_at", Float),
    Column(
        "clear_reason", Text, nullable=False, server_default=""
    ),  # device | resync | cleared-by-reboot | operator
    Column("detector", Text, nullable=False),  # securityAlarmDetector: HeNB:<DN> or HeMS:<DN>
    Column("ack_state", Text, nullable=False, server_default="UNACKNOWLEDGED"),
    Column("ack_user_id", Text, nullable=False, server_default=""),
    Column("ack_at", Float),
    Column("case_id", Id),  # the case opened for it since it was raised; NULL: none yet
    UniqueConstraint("device_id", "alarm_identifier"),
)

alarm_events = Table(
    "alarm_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("alarm_identifier", Text, nullable=False),
    Column("event_time", Text, nullable=False),  # raw text, part of the identity of the event
    Column("notification_type", Text, nullable=False),
    Column("perceived_severity", Text, nullable=False),
    Column("source", Text, nullable=False),  # "ExpeditedEvent.3", "QueuedEvent.1", "resync"
    Column("received_at", Float, nullable=False),
    UniqueConstraint("device_id", "alarm_identifier", "event_time", "notification_type"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # remediation | provisioning
    Column("state", Text, nullable=False),  # active | waiting (for instruction) | closed
    Column("outcome", Text),  # REMEDIATED NOTIFIED BLOCKED EXTENDED PROVISIONED FAILED SUPERSEDED
    Column("procedure", Text, nullable=False),  # P1 P2R P2S P3 DX PROVISION
    Column("playbook", Text, nullable=False),
    Column("playbook_version", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("alarm_id", Id),
    Column("because", Text, nullable=False, server_default=""),
    Column(
        "facts", Text, nullable=False, server_default="{}"
    ),  # JSON the playbook is given, fixed at opening
    Column("wake_at", Float),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
)
case_is_open = cases.c.state.in_([literal_column(f"'{word}'") for word in ("active", "waiting")])
Index(
    "uq_cases_one_active_per_device",
    cases.c.device_id,
    unique=True,
    sqlite_where=text("state IN ('active','waiting')"),
    postgresql_where=text("state IN ('active','waiting')"),
)
Index(
    "ix_cases_wake_at",
    cases.c.wake_at,
    sqlite_where=text("state IN ('active','waiting')"),
    postgresql_where=text("state IN ('active','waiting')"),
)
Index("ix_cases_device_id_state", cases.c.device_id, cases.c.state)

journal = Table(
    "journal",
    metadata,
    Column("case_id", Id, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("name", Text, nullable=False),  # what the playbook asked for; checked on replay
    Column("detail", Text, nullable=False, server_default=""),
    Column("because", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),  # waiting | done
    Column("command_id", Id, index=True),
    Column("event", Text, nullable=False, server_default=""),  # event code that ends the wait
    Column("deadline", Float),
    Column("result", Text),  # JSON
    Column("started_at", Float, nullable=False),
    Column("done_at", Float),
)

policies = Table(
    "policies",
    metadata,
    Column("version", Text, primary_key=True),  # SHA-256 of the body, first 12 hex digits
    Column("body", Text, nullable=False),
    Column("activated_at", Float, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("file_type", Text, nullable=False),  # "1 Firmware Upgrade Image" or "3 Vendor Configuration File"
    Column("version", Text, nullable=False, server_default=""),
    Column("product_class", Text, nullable=False, server_default="*"),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("approved_by", Text, nullable=False, server_default=""),
    Column("approved_at", Float),
    Column("created_at", Float, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("device_id", Id, index=True),
    Column(
        "notification_type", Text, nullable=False
    ),  # notifyNewAlarm, notifyClearedAlarm, notifyComments, …
    Column("body", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
    Column("delivered_at", Float),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
Index("ix_audit_target_action", audit.c.target, audit.c.action, audit.c.id)
