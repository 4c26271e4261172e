"""A receiver of events, as a process of its own: it writes down what it gets, and answers as told.

Run: receiver.py FOLDER. The folder's `port` says where it listens; `got` has a request a line, with
the time at which it came; `plan`, which may change at any time, says how it answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

_PATIENCE = 15.0


class Receiver:
    """The process, for a test."""

    def __init__(self, folder: Path, **plan: Any) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.plan(**plan)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, at the same port as before."""
        (self._folder / "port").unlink(missing_ok=True)
        argv = [sys.executable, __file__, str(self._folder), str(self.port)]
        self._process = subprocess.Popen(argv, start_new_session=True)
        wait_until((self._folder / "port").exists)
        self.port = int((self._folder / "port").read_text())

    def stop(self) -> None:
        """Go away: connections are refused."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def plan(self, **plan: Any) -> None:
        """How to answer: status, by_address {address: status}, headers, delay, hold."""
        draft = self._folder / "plan.new"
        draft.write_text(json.dumps(plan))
        draft.rename(self._folder / "plan")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def got(self) -> list[dict[str, Any]]:
        """The requests so far: headers, body, status, path, time."""
        with suppress(FileNotFoundError):
            lines = (self._folder / "got").read_text().splitlines()
            return [json.loads(line) for line in lines]
        return []

    def accepted(self) -> list[dict[str, Any]]:
        """The bodies of those that were answered 2xx."""
        return [one["json"] for one in self.got() if 200 <= one["status"] < 300]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_until(is_so: Any, patience: float = _PATIENCE) -> None:
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def _serve(folder: Path, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            plan = json.loads((folder / "plan").read_text())
            value = json.loads(body)
            first = value[0] if isinstance(value, list) else value
            address = (first.get("data") or first).get("address") or first.get("email")
            status = plan.get("by_address", {}).get(address, plan.get("status", 200))
            time.sleep(plan.get("delay", 0))
            line = {
                "headers": {key.lower(): text for key, text in self.headers.items()},
                "body": body.decode(),
                "json": value,
                "status": status,
                "path": self.path,
                "time": time.time(),
            }
            with (folder / "got").open("a") as file:
                file.write(json.dumps(line) + "\n")
            time.sleep(plan.get("hold", 0))
            self.send_response(status)
            for name, text in plan.get("headers", {}).items():
                self.send_header(name, text)
            answer = plan.get("answer", "").encode()
            self.send_header("content-length", str(len(answer)))
            with suppress(ConnectionError):  # the daemon was killed
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    draft = folder / "port.new"
    draft.write_text(str(server.server_port))
    draft.rename(folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
