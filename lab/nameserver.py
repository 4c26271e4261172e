"""A real name server (NSD) on the loopback address, with zones of a test's own."""

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from lab.folder import LabFolder, Process
from lab.waiting import wait_for

ADDRESS: Final = "127.0.0.1"

_CONFIG: Final = """\
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
"""
_ZONE: Final = 'zone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n'
# The negative answers of these zones are good for a minute (the last number; RFC 2308, 4).
_HEAD: Final = """\
$ORIGIN {name}.
$TTL 7200
@ SOA ns.{name}. admin.{name}. {serial} 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
"""


def is_installed() -> bool:
    """Whether NSD is there."""
    return shutil.which("nsd") is not None


class NameServer:
    """NSD, authoritative for some zones; it refuses to answer for any other name."""

    def __init__(self, folder: LabFolder, zones: Mapping[str, str]) -> None:
        """Start it; `zones` maps the name of each to its records, one a line."""
        self._folder = folder.path / "nsd"
        self._folder.mkdir()
        self._serial = 0
        self.port = folder.reserve_port()
        config = _CONFIG.format(address=ADDRESS, port=self.port, folder=self._folder)
        config += "".join(_ZONE.format(name=name) for name in zones)
        path = self._folder / "nsd.conf"
        path.write_text(config)
        for name, records in zones.items():
            self._write(name, records)
        self._process: Process = folder.start("nsd", [_program(), "-d", "-c", str(path)])
        self._process.wait_until("it answers", lambda: all(map(self._serves, zones)))

    @property
    def resolver(self) -> str:
        """As the setting `[dns] resolvers` names it."""
        return f"{ADDRESS}:{self.port}"

    def change(self, name: str, records: str) -> None:
        """Replace the records of a zone; on return they are served."""
        self._serial += 1
        self._write(name, records)
        self._process.send_signal(signal.SIGHUP)
        wait_for("NSD serves the new zone", lambda: self._serves(name))

    def kill(self) -> None:
        """End it: from here on its port is closed."""
        self._process.kill()

    def _write(self, name: str, records: str) -> None:
        head = _HEAD.format(name=name, serial=self._serial)
        (self._folder / f"{name}.zone").write_text(f"{head}{records}\n")

    def _serves(self, name: str) -> bool:
        query = dns.message.make_query(name, dns.rdatatype.SOA)
        try:
            response = dns.query.udp(query, ADDRESS, timeout=0.2, port=self.port)
        except (dns.exception.DNSException, OSError):
            return False
        return any(f" {self._serial} 3600 " in rrset.to_text() for rrset in response.answer)


def _program() -> str:
    found = shutil.which("nsd") or "/usr/sbin/nsd"
    return str(Path(found))
