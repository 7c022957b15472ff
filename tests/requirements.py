"""What is asked of the southbound, as rows that tests name (``@pytest.mark.row``)."""

from __future__ import annotations

from tests.rows import Table
from tests.sentences import S1

_TOLERATE = {
    "1.http": "HTTP/1.0, a connection per message, chunked bodies, `Expect: 100-continue`, any `SOAPAction` and"
    " `Content-Type`: served; the session is the cookie's, not the connection's",
    "1.cookies": "cookies that are dropped, doubled, quoted, comma-separated or come with their attributes; a"
    " stale one on a new Inform",
    "1.authentication": "Digest without `qop`, with a quoted one, `auth-int`, odd `nc` and `uri`, SHA-256 and"
    " MD5; the answer to a challenge on another connection",
    "1.encoding": "BOM, wrong declarations, UTF-16, CDATA, comments, control characters, a bare `&`, gzip and"
    " deflate: repaired and noted, or a fault",
    "1.namespaces": "any prefix, CWMP as default namespace, unqualified children, unknown versions: matched by"
    " local name, answered in the device's own namespace",
    "1.header": "no `cwmp:ID`, one that is not echoed, `HoldRequests`, `NoMoreRequests`, `SessionTimeout`,"
    " `SupportedCWMPVersions`",
    "1.arrays": "a wrong or missing `arrayType`, empty lists, one element: what is there is counted",
    "1.values": "booleans, integers and times in odd spellings, missing and unknown types: text and declared type"
    " are kept, converted where they are used",
    "1.inform": "no parameters, no ProductClass, repeated, padded and unknown events: all events and all"
    " CommandKeys are kept",
    "1.transfers": "TransferComplete early, twice, without its key, after a reboot, sessions later, or never:"
    " matched by CommandKey, then by kind; idempotent",
    "1.faults": "faults without detail, with words for a code, 9005 at the root, 9003 around the faults of single"
    " parameters: every one is kept and shown",
    "1.discovery": "GetParameterNames that lists itself, unsorted, without parents, 10⁴ entries; partial values",
    "1.session": "an Inform in mid-session, a second session, one serial from two addresses, many devices behind"
    " one address, empty messages: one live session a device, the newest Inform wins",
    "1.rpc": "RequestDownload, Kicked, GetRPCMethods, AutonomousTransferComplete, DUStateChangeComplete, unknown"
    " methods: the proper response or a valid fault 8000",
    "1.attributes": "notification attributes that are lost with a reboot, an upgrade or a factory reset are read"
    " back and set again",
    "1.profiles": "quirks are data, per OUI, ProductClass and SoftwareVersion, each with a test vector",
}
_SEND = {
    "1b.1": "no XML declaration",
    "1b.2": "`Content-Length`, never chunked; the connection stays open",
    "1b.3": "a session ends with 204",
    "1b.4": "prefix `cwmp:` on the RPC, none on its arguments, a Header with `cwmp:ID`, `xsi:type` on every Value,"
    " the device's own namespace version",
    "1b.5": "booleans as `1`/`0`, no empty ParameterPath unless the profile allows it, cookies without attributes"
    " over plain HTTP",
    "1b.6": "values are validated before they are sent",
}
_ARRIVE = {
    "1c.no-cookie": "sessions without any cookie",
    "1c.cookie-forms": "`Path=/; session=x`, `$Version`, `$Path`",
    "1c.empty-before-inform": "an empty POST before any Inform: 401 or 204, never 400",
    "1c.empty-before-message": "an empty POST before every message is no proof of “nothing more”",
    "1c.empty-instead": "an empty POST in place of an answer is a failed RPC; the session goes on",
    "1c.silence": "silence after an RPC, then a new Inform",
    "1c.no-events": "Informs without events",
    "1c.overlap": "overlapping Informs on one connection after a reboot or a transfer",
    "1c.after-204": "requests of the device after the ACS's 204",
    "1c.old-schema": 'XMLSchema namespaces of 1999, `xsi:type="object"`, array sizes `[02]` or wrong,'
    " `MaxEnvelopes` 2, `RetryCount` `00`",
    "1c.times": "CurrentTime with `Z`, `+00:00`, `+0000`, no zone, or of 1970",
    "1c.odd-names": "a parameter named `.ExternalIPAddress`",
    "1c.latin-1": "ISO-8859-1 without a declaration",
    "1c.chunked": "chunked requests",
    "1c.large": "GetParameterNames responses of 600 kB and more",
    "1c.ill-formed": "an undeclared prefix in a fault, invalid UTF-8 in a dateTime, a body cut short: a tolerant"
    " second parse",
    "1c.transfers": "up to four TransferComplete in one session, elements in any order",
    "1c.digest": "Digest with `nc=00000001` and a new `cnonce` each time, one nonce over many sessions",
    "1c.listeners": "connection-request listeners with LF-only lines, folded headers, no Content-Length",
    "1c.captures": "every captured conversation of real clients, replayed",
}
_SURVIVE = {
    "2.1": "DTD, XXE, entity bombs are refused, without network access",
    "2.2": "compression bombs, deep nesting, attribute floods, huge and endless bodies, slow-loris: bounded memory"
    " and time",
    "2.3": "every RPC in every state, empty and doubled Bodies, wrong roots: a valid fault; the process survives",
    "2.4": "no unhandled exception; one bad CPE does not slow another",
    "2.5": "every field is escaped for the place it is written to: XML, HTML, SQL, file names, headers, logs, CSV",
    "2.6": "no, wrong, unknown, empty credentials; Basic over plain HTTP; replayed and stale nonces; changed"
    " bodies; lock-out",
    "2.7": "no, expired, revoked, foreign certificates; the certificate of another device",
    "2.8": "cookies guessed, fixed, reused, stolen; another DeviceId within a session",
    "2.9": "two simultaneous sessions of one serial",
    "2.10": "no database work in proportion to a device before it is authenticated",
    "2.11": "hostile SerialNumber, OUI, ProductClass",
    "2.12": "hostile ConnectionRequestURLs; outbound connections only to allowed networks",
    "2.13": "a CPE gets no other device's file; uploads are bounded, never executed, never served inline",
    "2.14": "no default credentials; no start with a known or empty secret",
    "2.15": "the northbound always authenticates, binds to loopback, has scopes and security headers",
    "2.16": "templates and scripts of users reach what they are given, with quotas; no shell",
    "2.17": "secrets are sealed at rest, in no log, answer or export; passwords hashed with argon2id",
    "2.18": "an audit record for every write, in a hash chain",
    "2.19": "firmware is signed, checked, never below the floor, released by a second person",
    "2.20": "poison Informs never take the service down",
}

INTEROP = Table(
    page="docs/interop.md",
    title="What real devices do, and which test proves that it is understood",
    intro="Written by `python -m tests.rows`. Rows 1 are what arrives and has to be tolerated, rows 1b what is sent"
    " so that every client understands it, rows 1c what was seen in captured conversations.",
    folders=("tests/interop",),
    rows=_TOLERATE | _SEND | _ARRIVE,
)
SECURITY = Table(
    page="docs/security-tests.md",
    title="What attackers do, and which test proves that it is survived",
    intro="Written by `python -m tests.rows`.",
    folders=("tests/security",),
    rows=_SURVIVE,
)
TABLES = (INTEROP, SECURITY, S1)
