"""One typed settings object: defaults, then a TOML file, then ``ACS_*`` variables, then flags."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from acs.errors import AcsError

__all__ = ["Settings", "load_settings"]

_MEGABYTE = 1024 * 1024


class _Rule(NamedTuple):
    """What a kind of setting may be, and how that is said."""

    holds: Callable[[float], bool]
    needed: str


Positive = Annotated[float, _Rule(lambda value: 0 < value < math.inf, "a positive number is needed")]
Size = Annotated[int, _Rule(lambda value: value > 0, "a positive number is needed")]
Rate = Annotated[
    int, _Rule(lambda value: value == 0 or value >= 4096, "at least 4096 is needed, or 0 for no limit")
]
Role = Literal["initial", "serving", "emergency"]
Port = Annotated[int, _Rule(lambda value: 0 <= value <= 65535, "a port is 0 to 65535")]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a node is set up. Each field can stand in the TOML file, or as ``ACS_<NAME>`` in the environment.

    Times are in seconds, sizes in bytes.
    """

    data: Path = Path("acs-data")
    """Where keys, certificates, files and the embedded database are kept."""
    database: str = ""
    """``sqlite:///FILE`` or ``postgresql+asyncpg://USER@HOST/NAME``; empty: SQLite in ``data``."""
    host: str = "0.0.0.0"  # noqa: S104 - devices come from outside
    port: Port = 7548
    """Of the HTTPS listener for devices; 0 takes a free one."""
    insecure_http_port: Port | None = None
    """LABS ONLY: a second listener without TLS; 0 takes a free port."""
    names: list[str] = msgspec.field(default_factory=lambda: ["localhost", "127.0.0.1"])
    """DNS names and addresses in the server certificate; devices are given the first in URLs."""
    url: str = ""
    """How devices reach this node, where it is not ``https://<first name>:<port>``."""
    server_certificate: Path | None = None
    """PEM file of the certificate and chain that devices are shown; none: the node's own CA makes one. A new
    one in its place is shown within five seconds."""
    server_key: Path | None = None
    """PEM file of its key, without a password; none: it is in ``server_certificate``."""
    realm: str = "femto.example"
    """The last labels of the FQDN in device certificates, and the realm of HTTP Digest."""
    roles: list[Role] = msgspec.field(default_factory=lambda: ["serving"])
    """What this node is to HeNBs: ``serving`` manages them; ``initial`` tells them the serving HeMS, gateways
    and MMEs; ``emergency`` gives software to those that run their fail-safe image. See docs/emergency.md."""
    admission: Literal["certificate", "approve", "known"] = "certificate"
    """What becomes of a device that is not registered and has a fitting certificate of a trusted vendor:
    ``certificate`` registers it at first contact, ``approve`` has it wait for ``acs devices approve``,
    ``known`` refuses it. Those that a rule of ``acs admission allow`` is about are registered."""
    secret_max_age_days: Positive | None = None
    """When the ACS rotates the secrets of its devices by itself; none: only on demand."""
    expiry_warning_days: Positive = 30
    """How long before a certificate expires it is warned about."""
    device_ca: list[Path] = []
    """PEM files of vendor CAs whose device certificates are trusted, beside those in the data directory."""
    revocation: Literal["hard", "soft", "off"] = "soft"
    """What becomes of a device when neither CRL nor OCSP tells whether its certificate was revoked: ``hard``
    refuses it, ``soft`` serves and counts it, ``off`` asks nobody. The first two refuse a revoked one."""
    revocation_networks: list[str] = []
    """Where CRLs may be fetched and OCSP responders asked; empty: nowhere, only CRL files are used."""
    revocation_timeout: Positive = 5
    ocsp_responder: str = ""
    """A URL (http) that is asked before those that certificates name."""
    distress_port: Port | None = None
    """Of the HTTPS listener for sessions over distress channels (S1 5.7.3.1); none: there is none."""
    distress_connections: Size = 1000
    """Open connections of that listener; its bounds are its own, whatever happens to the standard one."""
    distress_host: str = ""
    """The address of that listener, where it is not ``host``."""
    distress_names: list[str] = []
    """DNS names and addresses in its certificate; empty: ``names``."""
    distress_url: str = ""
    """How devices reach that listener, for the files of a Download; empty: the first name and the port."""
    distress_paths: list[str] = []
    """Distress channels of devices that have none of their own, in order: ``KIND METHOD ADDRESS``, such as
    ``IPsec2 UDP {serial}.ipsec2.example:7550``; {serial} and {oui} are the device's. See docs/distress.md."""
    policy: Path | None = None
    """The remediation policy; none: the one that is shipped."""
    playbooks: Path | None = None
    """A folder of operators' playbooks (Python files); none: there are only those that are shipped."""
    management_host: str = "127.0.0.1"
    management_port: Port = 7549
    """Of /metrics, /healthz and /readyz; 0 takes a free one."""
    northbound_port: Port | None = None
    """Of the REST interface for managers (HTTPS); none: there is none; 0 takes a free one."""
    northbound_host: str = "127.0.0.1"
    northbound_certificate: Path | None = None
    """PEM file of the certificate and chain for managers; none: those of the listener for devices."""
    northbound_key: Path | None = None
    """PEM file of its key; none: it is in ``northbound_certificate``."""
    northbound_client_ca: list[Path] = []
    """PEM files of CAs whose client certificates managers may show instead of a token, for the names that
    ``acs tokens allow-certificate`` lets in; empty: none is asked for."""
    delivery_backlog: Size = 100_000
    """Notifications that wait for one manager at most; then it is told to read the alarm list instead.
    A tenth of that of one device."""
    delivery_longest_wait: Positive = 300
    """Between two attempts to tell a manager that can't be reached."""
    subscription_insecure_http: bool = False
    """LABS ONLY: managers may be told over http, without TLS."""
    measure_networks: list[str] = []
    """Where measures may be sent (``acs measures targets``); empty: everywhere but loopback, link-local and
    multicast."""
    connection_request_networks: list[str] = []
    """Where connection requests may go; empty: everywhere but loopback, link-local and multicast."""
    connection_requests_at_once: Size = 256
    """How many devices are called at the same time."""
    connection_request_basic: bool = False
    """LABS ONLY: answer a device that asks for the password in clear (HTTP Basic without TLS)."""
    connection_request_any_certificate: bool = False
    """LABS ONLY: call devices over https whatever certificate they show."""
    stun_port: Port | None = None
    """UDP port of the STUN server for devices behind a NAT, usually 3478; none: no STUN server, and no UDP
    connection requests. It is off by default: femtocells come through IPsec, where no NAT is in the way, and
    what nobody needs should not listen."""
    notification_port: Port | None = None
    """UDP port for lightweight notifications (TR-069 Annex M), usually 7547; none: they are not received."""
    xmpp_jabber_id: str = ""
    """The ACS's account at an XMPP server, for connection requests (TR-069 annex K). Without a resource, so
    that each node has its own. Needs the extra ``xmpp``."""
    xmpp_password_file: Path | None = None
    """Holds the account's password."""
    xmpp_server: str = ""
    """``host:port`` of the XMPP server, where it is not the account's domain at port 5222."""
    xmpp_ca: Path | None = None
    """PEM file of CAs for the XMPP server's certificate; none: those of the system."""
    xmpp_domains: list[str] = []
    """Other domains whose Jabber IDs may be called, beside the account's own."""
    retention_days: Positive = 90
    """How long closed cases, ended alarms, settled commands and notifications are kept (the audit: ever)."""
    discovery: Literal["known", "new", "off"] = "known"
    """Which devices are asked what they have when their software changes: those that were discovered before;
    ``new``: all, and at first contact too."""
    trace_faults: bool = True
    """Whether the last messages of a session in which a fault occurs are kept (``acs trace list``)."""
    trace_retention_days: Positive = 7
    trace_quota: Size = 256 * _MEGABYTE
    """Of all traces together; the oldest go first."""
    session_lifetime: Positive = 900
    max_body: Size = 8 * _MEGABYTE
    body_timeout: Positive = 30
    drain_timeout: Positive = 10
    """How long open sessions may go on when the node is told to stop."""
    max_connections: Size = 10_000
    """Of all listeners for devices together. See docs/hardening.md for what happens at each limit."""
    max_strangers: Size = 2000
    """Connections on which nobody has proved to be a device yet; the oldest goes when another comes."""
    address_connections: Size = 200
    """Such connections of one address (IPv6: one /64)."""
    device_connections: Size = 8
    """Connections of one device; the oldest goes when another comes."""
    device_connection_rate: Positive = 2
    """New connections of one device (of one certificate) a second, 30 times as many at once; more wait for
    their turn, 10 s at most, then they are closed."""
    handshakes: Size = 256
    """TLS handshakes in progress; a quarter of them of addresses from which no device has come yet."""
    address_rate: Positive = 20
    """TLS handshakes and refused requests of one address a second, 10 times as many at once; what leads to
    a device that proves itself is not counted."""
    stranger_rate: Positive = 60
    """TLS handshakes and requests a second of all addresses from which no device has come yet, together;
    they wait for their turn, those of other addresses do not."""
    unlimited_networks: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    """Without limits by address: a proxy, through which all devices come from one, and laboratories."""
    handshake_timeout: Positive = 10
    header_timeout: Positive = 10
    """From the first byte of a request to the end of its header."""
    idle_timeout: Positive = 75
    """How long a connection may idle between two messages; 15 s at most before the first."""
    stall_timeout: Positive = 15
    """In each such time a body, or an answer, has to move on by 4 kB or to its end."""
    body_memory: Size = 64 * _MEGABYTE
    """Of all bodies that are being received together; the largest is refused when there is more."""
    inform_rate: Positive = 1
    """Informs of one device a second in the long run; ``inform_burst`` at once."""
    inform_burst: Size = 60
    informs_at_once: Size = 32
    """Informs that are being stored at the same time; others wait, 15 s at most, and are told to come again
    (503, Retry-After), so that sessions that have begun come to their end."""
    message_rate: Size = 256 * 1024
    """Bytes of messages of one device a second in the long run; twice ``max_body`` at once."""
    file_storage: str = "file"
    """Where files are kept: ``file`` in ``data``, or ``s3://BUCKET/PREFIX``; see docs/files.md."""
    disk_reserve: Size = 512 * _MEGABYTE
    """Left free on the disk of ``data``: where less is, neither uploads nor bulk data are taken (507, 503),
    so that there is room for sessions and what they are about."""
    file_url_lifetime: Positive = 3600
    bulk_max_body: Size = 4 * _MEGABYTE
    """Of a bulk data report, decompressed."""
    bulk_device_quota: Size = 16 * _MEGABYTE
    """How much bulk data one device may have stored; beyond it the oldest goes."""
    bulk_retention_days: Positive = 30
    """How long bulk data and performance measurements are kept."""
    file_certificate: Literal["if-shown", "required"] = "if-shown"
    """Whether a device has to show its certificate to fetch or send a file; another device's never does."""
    file_transfers: Size = 64
    """Transfers of files at the same time; another one is told to come again (503, Retry-After)."""
    file_device_transfers: Size = 2
    """Of one device."""
    file_rate: Rate = 0
    """Bytes a second of one transfer; 0: no limit."""
    file_rate_total: Rate = 0
    """Bytes a second of all that is fetched; 0: no limit."""
    upload_size: Size = 64 * _MEGABYTE
    """Of one file that a device sends."""
    upload_device_quota: Size = 256 * _MEGABYTE
    """Of all files that are kept of one device."""
    upload_quota: Size = 20 * 1024 * _MEGABYTE
    """Of all files of all devices."""
    upload_types: list[str] = msgspec.field(
        default_factory=lambda: [
            *("application/octet-stream", "application/x-www-form-urlencoded", "binary/octet-stream"),
            *("text/plain", "text/xml", "text/csv", "application/xml", "application/json"),
            *("application/gzip", "application/x-gzip", "application/zip", "application/x-tar"),
            *("application/x-bzip2", "application/x-xz", "application/vnd.*", "application/x-tgz"),
        ]
    )
    """Which Content-Types may be sent, with ``*`` for any part; a body without one may."""
    upload_timeout: Positive = 1800
    """For one file, whatever its size."""
    upload_retention_days: Positive = 30
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "console"

    @property
    def database_url(self) -> str:
        """The database's URL, never empty."""
        return self.database or f"sqlite:///{self.data.absolute() / 'acs.db'}"

    @property
    def vendor_directory(self) -> Path:
        """Where trusted vendor CAs lie."""
        return self.data / "pki" / "device-ca.d"


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings; a later source wins. ``overrides`` of ``None`` values are left out.

    Raises ``AcsError`` naming the source, the field and what is wrong with it.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values.update(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AcsError(f"can't read the settings file {file}: {error}") from error
    sources = dict.fromkeys(values, f" (from {file})")
    for name, kind in get_type_hints(Settings).items():
        text = environment.get(f"ACS_{name.upper()}")
        if text is not None:
            values[name] = (
                [part.strip() for part in text.split(",") if part.strip()]
                if get_origin(kind) is list
                else text
            )
            sources[name] = f" (from ACS_{name.upper()})"
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    values.update(given)
    sources.update(dict.fromkeys(given, ""))
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        field = re.search(r"\$\.(\w+)", str(error)) or re.search(r"field `(\w+)`", str(error))
        source = sources.get(field[1], "") if field else ""
        known = _choices(get_type_hints(Settings).get(field[1])) if field else ()
        remedy = f"; it is one of {', '.join(known)}" if known else ""
        raise AcsError(f"the settings are wrong: {error}{source}{remedy}") from error
    _check(settings)
    return settings


def _choices(kind: Any) -> tuple[str, ...]:
    """Return what a setting may be where that is a few words."""
    if get_origin(kind) is list:
        return _choices(*get_args(kind))
    return get_args(kind) if get_origin(kind) is Literal else ()


def _path(kind: type, value: Any) -> Any:
    """Read a path, which is text in files and in the environment."""
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError  # so msgspec is told that this type is not ours


def _rule(kind: Any) -> _Rule | None:
    """Return the rule in an annotation, or in one of those that it is a union of."""
    parts = [kind, *get_args(kind)]
    found = [extra for part in parts for extra in getattr(part, "__metadata__", ())]
    return next((each for each in found if isinstance(each, _Rule)), None)


def _check(settings: Settings) -> None:
    for name, kind in get_type_hints(Settings, include_extras=True).items():
        rule, value = _rule(kind), getattr(settings, name)
        if rule and value is not None and not rule.holds(value):
            raise AcsError(f"the setting {name} is {value}; {rule.needed}")
    _check_networks(settings)
    if not all(name.strip() for name in settings.names) or not settings.names:
        raise AcsError("the setting names is empty; name at least one host name or address of this node")
    if not settings.roles:
        raise AcsError("the setting roles is empty; it has serving, initial or emergency in it, or several")
    if settings.url and not settings.url.startswith(("https://", "http://")):
        raise AcsError(f"the setting url is {settings.url!r}; it begins with https:// or http://")
    if settings.server_key is not None and settings.server_certificate is None:
        raise AcsError("the setting server_key is there without server_certificate; name both, or neither")
    if settings.data.exists() and not settings.data.is_dir():
        raise AcsError(f"the setting data is {settings.data}, which is no directory")


def _check_networks(settings: Settings) -> None:
    for name in (
        "connection_request_networks",
        "measure_networks",
        "unlimited_networks",
        "revocation_networks",
    ):
        for network in getattr(settings, name):
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise AcsError(f"the setting {name}: {error}") from error
