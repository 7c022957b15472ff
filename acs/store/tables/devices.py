"""Tables of the registry: devices and their parameters."""

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
    Table,
    Text,
    text,
)

from acs.store.tables.base import Id, metadata

__all__ = ["devices", "parameters"]

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
    Column("admission", Text, nullable=False, server_default="allowed"),  # allowed expected pending blocked
    Column("admission_reason", Text, nullable=False, server_default=""),
    Column("admission_changed_at", Float),
    # what a device that was blocked has to go through before it may radiate: reset | test
    Column("readmission", Text, nullable=False, server_default=""),
    Column("released_at", Float),
    # authentication
    Column("digest_username", Text, unique=True),
    Column("digest_secret_sealed", LargeBinary),
    Column("digest_enrolment_sealed", LargeBinary),  # before the first rotation; a reset brings it back
    Column("certificate_name", Text, unique=True),  # SAN dNSName bound to the device
    Column("secrets_rotated_at", Float),
    Column("secrets_once", Boolean, nullable=False, server_default=text("false")),  # rotated at first contact
    Column("certificate_not_after", Float),
    Column("contacts", Text, nullable=False, server_default=""),  # JSON: address, key, boot time by changes
    Column("detection", Text, nullable=False, server_default=""),  # JSON: what detection remembers
    Column("connection_request_url", Text, nullable=False, server_default=""),
    Column("connection_request_username", Text, nullable=False, server_default=""),
    Column("connection_request_secret_sealed", LargeBinary),
    # where it can be called, beside its ConnectionRequestURL
    Column("udp_connection_request_address", Text, nullable=False, server_default=""),  # as it reports it
    Column("udp_binding", Text, nullable=False, server_default=""),  # as its STUN messages come: address:port
    Column("udp_binding_at", Float),
    Column("jabber_id", Text, nullable=False, server_default=""),  # ConnReqJabberID
    Column("nat_detected", Boolean, nullable=False, server_default=text("false")),
    # what the last Inform said
    Column("session_epoch", BigInteger, nullable=False, server_default="0"),
    Column("last_inform_at", Float),
    Column("channel", Text, nullable=False, server_default="standard"),  # that it came over; or distress
    Column("inform_digest", LargeBinary),  # of the ParameterList; an equal one is not written again
    Column("root", Text, nullable=False, server_default=""),  # "Device." | "InternetGatewayDevice."
    Column("software_version", Text, nullable=False, server_default=""),
    Column("hardware_version", Text, nullable=False, server_default=""),
    Column("parameter_key", Text, nullable=False, server_default=""),
    Column("cwmp_namespace", Text, nullable=False, server_default=""),
    Column("bootstrapped_at", Float),
    Column("booted_at", Float),
    # Status 1 of a Set, an Add or a Delete: since when changes wait, and the last one's ParameterKey
    Column("reboot_needed_at", Float),
    Column("reboot_needed_for", Text, nullable=False, server_default=""),
    Column("provisioned_for", Text, nullable=False, server_default=""),  # SoftwareVersion provisioned
    # alarm intake
    Column("fault_management", Text, nullable=False, server_default=""),  # its path, once it is known
    Column("alarm_rings", Text, nullable=False, server_default="{}"),  # JSON, per event table
    Column("alarms_suspect", Boolean, nullable=False, server_default=text("false")),
    Column("turned_away_at", Float),  # when the ACS last had no room for its Inform
    # lightweight notifications
    Column("notified_ts", BigInteger),  # TS of the last that was believed
    Column("notified_cnonces", Text, nullable=False, server_default=""),  # those of that second, digested
    # connection requests that are due
    Column("connection_request_at", Float, index=True),
    Column("connection_request_attempts", Integer, nullable=False, server_default="0"),
    Column("connection_request_error", Text, nullable=False, server_default=""),
    Column(
        "connection_request_result", Text, nullable=False, server_default=""
    ),  # of the last: way and reason
    Column("connection_request_tried_at", Float),
    Index("ix_devices_product_class", "product_class", "software_version"),  # how many are alike
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
