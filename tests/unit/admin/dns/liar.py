"""Name servers as they should not be: what NSD cannot be made to do, made up here.

A server of ours, over UDP and TCP on one port of the loopback address, whose every response is
written by the test.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from bouncegate.config.endpoints import NameServer

Behaviour = Callable[[dns.message.QueryMessage, bool], dns.message.Message | bytes | None]
"""(question, whether it came by TCP) -> the response; None keeps silent, and closes TCP."""

ADDRESS: Final = "127.0.0.1"
_HOST_ADDRESS: Final = {dns.rdatatype.A: ADDRESS, dns.rdatatype.AAAA: "::1"}


@contextmanager
def name_server(behaviour: Behaviour) -> Iterator[NameServer]:
    """A server that behaves so, until the block ends."""
    tcp = socket.create_server((ADDRESS, 0))
    port: int = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((ADDRESS, port))
    threads = [
        threading.Thread(target=serve, args=(it, behaviour), daemon=True)
        for serve, it in ((_serve_udp, udp), (_serve_tcp, tcp))
    ]
    for thread in threads:
        thread.start()
    try:
        yield NameServer(ADDRESS, port)
    finally:
        for it in (udp, tcp):  # close(2) alone would leave the thread in its call
            _shut(it)
        for thread in threads:
            thread.join(5)
        udp.close()
        tcp.close()


def _shut(it: socket.socket) -> None:
    with suppress(OSError):  # a UDP socket has no peer to tell, but wakes up all the same
        it.shutdown(socket.SHUT_RDWR)


def _serve_udp(udp: socket.socket, behaviour: Behaviour) -> None:
    while True:
        octets, peer = udp.recvfrom(4096)
        if not octets:
            return
        response = _respond(behaviour, octets, tcp=False)
        if response is not None:
            with suppress(OSError):  # the test was over before a slow server had answered
                udp.sendto(response, peer)


def _serve_tcp(tcp: socket.socket, behaviour: Behaviour) -> None:
    while True:
        try:
            connection, _ = tcp.accept()
        except OSError:
            return
        with connection:
            head = connection.recv(2)
            if len(head) < 2:
                continue
            octets = connection.recv(struct.unpack(">H", head)[0])
            response = _respond(behaviour, octets, tcp=True)
            if response is not None:
                connection.sendall(struct.pack(">H", len(response)) + response)


def _respond(behaviour: Behaviour, octets: bytes, *, tcp: bool) -> bytes | None:
    question = dns.message.from_wire(octets)
    assert isinstance(question, dns.message.QueryMessage)
    response = behaviour(question, tcp)
    if isinstance(response, dns.message.Message):
        return response.to_wire(max_size=65535)
    return response


def response_to(
    question: dns.message.QueryMessage,
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    *,
    answer: str = "",
    soa_of: str = "",
    truncated: bool = False,
) -> dns.message.Message:
    """A response; `answer` is the data of records of the kind that was asked for.

    Where these are MX and an address is asked for, the host has one.
    """
    response = dns.message.make_response(question, recursion_available=True)
    response.set_rcode(rcode)
    asked = question.question[0]
    if " " in answer and asked.rdtype in _HOST_ADDRESS:
        answer = _HOST_ADDRESS[asked.rdtype]
    if answer:
        response.answer = [
            dns.rrset.from_text_list(
                asked.name, 300, dns.rdataclass.IN, asked.rdtype, answer.split("; ")
            )
        ]
    if soa_of:
        soa = "ns.example. admin.example. 1 3600 600 86400 60"
        response.authority = [dns.rrset.from_text(soa_of, 300, "IN", "SOA", soa)]
    if truncated:
        response.flags |= dns.flags.TC
        response.answer = []
    return response
