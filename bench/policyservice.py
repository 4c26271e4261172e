"""A policy service (SMTPD_POLICY_README) that looks up the same locks, as a peer of the milter.

Run as a process of its own: `python -m bench.policyservice SOCKET STORE`. It is what people write
who want such a check and no milter: one asyncio process that answers `check_policy_service`.
"""

import asyncio
import sys
from pathlib import Path

from bouncegate.config.settings import StoreSettings
from bouncegate.milter.refusal.recipient import folded_key
from bouncegate.store.locktable import LockTable


async def serve(socket: Path, table: LockTable) -> None:
    """Answer until the process is ended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attributes: dict[bytes, bytes] = {}
        while line := await reader.readline():
            name, _, value = line.rstrip(b"\n").partition(b"=")
            if name:
                attributes[name] = value
                continue
            key = folded_key(attributes.get(b"recipient", b""))
            locked = key is not None and table.find(key) is not None
            writer.write(b"action=550 5.1.1 locked\n\n" if locked else b"action=DUNNO\n\n")
            attributes.clear()
        writer.close()

    server = await asyncio.start_unix_server(talk, socket)
    socket.chmod(0o666)
    await server.serve_forever()


if __name__ == "__main__":
    table = LockTable.open(StoreSettings(path=Path(sys.argv[2])))
    asyncio.run(serve(Path(sys.argv[1]), table))
