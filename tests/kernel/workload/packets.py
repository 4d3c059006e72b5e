#!/usr/bin/env python3
"""Sends and receives packets.

  packets frames INTERFACE KIND[*COUNT] ...   frames of the kinds below, as they are
  packets datagrams SOURCE ADDRESS PORT COUNT SIZE
  packets bound ADDRESS PORT [PEER PORT]      binds a socket (and connects it), prints its names as the kernel tells them
  packets flood SOURCE ADDRESS PORT SECONDS   sends datagrams as fast as it can, or until there is a file .enough, prints how many the link took
  packets receive ADDRESS PORT SECONDS COUNT  prints how many datagrams and bytes came from each address; ends with the COUNT-th
  packets serve ADDRESS PORT                  answers one TCP connection with its own port, then ends
  packets ask ADDRESS PORT                    connects, prints the answer, or the error's name
  packets read FILE                           what is in a pcapng file: interfaces, and packets with the age of their time
"""
import collections
import errno
import pathlib
import socket
import struct
import sys
import time


def ethernet(kind, payload):
    return bytes.fromhex("020000000002" "020000000001") + struct.pack("!H", kind) + payload


def ipv4(protocol, payload, options=b"", fragment=0):
    words = 5 + len(options) // 4
    return struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), 7, fragment, 64, protocol, 0, socket.inet_aton("10.77.0.2"),
                       socket.inet_aton("10.77.0.1")) + options + payload


def ipv6(following, payload):
    return struct.pack("!IHBB", 6 << 28 | 0x12345, len(payload), following, 61) + socket.inet_pton(10, "fd00::2") + socket.inet_pton(10, "fd00::1") + payload


def tcp(source, dest):
    return struct.pack("!HHIIBBHHH", source, dest, 0x01020304, 0, 5 << 4, 2, 1000, 0, 0)


def udp(source, dest):
    return struct.pack("!HHHH", source, dest, 13, 0) + b"hello"


def tag(number, kind, payload):
    return struct.pack("!HH", 3 << 13 | number, kind) + payload


EXTENSIONS = b"\x2b\x01" + bytes(14) + b"\x3c\x00" + bytes(6) + b"\x11\x02" + bytes(22)  # hop by hop, routing, destination options
KINDS = {
    "tcp4": lambda: ethernet(0x800, ipv4(6, tcp(1000, 80))),
    "udp4": lambda: ethernet(0x800, ipv4(17, udp(1001, 53))),
    "options4": lambda: ethernet(0x800, ipv4(17, udp(1002, 54), options=b"\x01" * 12)),
    "fragment4": lambda: ethernet(0x800, ipv4(17, udp(1003, 55), fragment=100)),
    "icmp4": lambda: ethernet(0x800, ipv4(1, b"\x08\x00\x00\x00\x12\x34\x00\x07")),
    "vlan4": lambda: ethernet(0x8100, tag(42, 0x800, ipv4(17, udp(1004, 56)))),
    "tags4": lambda: ethernet(0x88A8, tag(43, 0x8100, tag(44, 0x800, ipv4(6, tcp(1005, 57))))),
    "tcp6": lambda: ethernet(0x86DD, ipv6(6, tcp(2000, 80))),
    "extensions6": lambda: ethernet(0x86DD, ipv6(0, EXTENSIONS + udp(2001, 58))),
    "fragment6": lambda: ethernet(0x86DD, ipv6(44, b"\x11\x00\x00\x08" + bytes(4) + udp(2002, 59))),
    "first6": lambda: ethernet(0x86DD, ipv6(44, b"\x11\x00\x00\x01" + bytes(4) + udp(2003, 60))),
    "icmp6": lambda: ethernet(0x86DD, ipv6(58, b"\x80\x00\x00\x00\x12\x34\x00\x07")),
    "short4": lambda: ethernet(0x800, ipv4(6, tcp(1000, 80)))[:40],
    "arp": lambda: ethernet(0x806, bytes(28)),
}


def frames(interface, *kinds):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((interface, 0))
    for kind in kinds:
        name, _, count = kind.partition("*")
        for _ in range(int(count or 1)):
            raw.send(KINDS[name]())
    time.sleep(0.2)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def datagrams(source, address, port, count, size):
    sender = socket.socket(family(address), socket.SOCK_DGRAM)
    sender.bind((source, 0))
    for _ in range(int(count)):
        sender.sendto(bytes(int(size)), (address, int(port)))
    time.sleep(0.2)


def bound(address, port, *peer):
    one = socket.socket(family(address), socket.SOCK_DGRAM)
    one.bind((address, int(port)))
    if peer:
        one.connect((peer[0], int(peer[1])))
    print("bound to", *one.getsockname()[:2], flush=True)
    if peer:
        print("connected to", *one.getpeername()[:2], flush=True)


def dropped():
    """Packets that this namespace's links could not take."""
    lines = pathlib.Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return sum(int(line.split(":")[1].split()[11]) for line in lines)


def flood(source, address, port, seconds):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((source, 0))
    until, sent, dropped_before = time.monotonic() + float(seconds), 0, dropped()
    while time.monotonic() < until and not pathlib.Path(".enough").exists():
        for _ in range(32):
            sender.sendto(bytes(32), (address, int(port)))
        sent += 32
    time.sleep(0.2)
    print(sent - (dropped() - dropped_before))


def receive(address, port, seconds, count):
    receiver = socket.socket(family(address), socket.SOCK_DGRAM)
    receiver.bind((address, int(port)))
    pathlib.Path(".receiving").touch()  # see `receiving` in netlab.sh
    until, seen = time.monotonic() + float(seconds), collections.Counter()
    sizes = collections.Counter()
    while seen.total() < int(count) and (left := until - time.monotonic()) > 0:
        receiver.settimeout(left)
        try:
            data, (source, *_) = receiver.recvfrom(65536)
        except socket.timeout:
            break
        seen[source] += 1
        sizes[source] += len(data)
    for source in sorted(seen):
        print(f"{source}: {seen[source]} datagrams, {sizes[source]} bytes", flush=True)


def serve(address, port):
    with socket.create_server((address, int(port)), family=family(address)) as server:
        connection, _ = server.accept()
        connection.sendall(f"served by {port}\n".encode())
        connection.close()


def ask(address, port):
    for _ in range(50):  # the server may take a moment
        try:
            with socket.create_connection((address, int(port)), timeout=5) as connection:
                print(connection.recv(100).decode(), end="")
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
        except OSError as error:
            print(errno.errorcode[error.errno])
            return


def read(path):
    data, at = pathlib.Path(path).read_bytes(), 0
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        body = data[at + 8:at + size - 4]
        assert size % 4 == 0 and struct.unpack_from("=I", data, at + size - 4)[0] == size
        if kind == 0x0A0D0D0A:
            assert struct.unpack_from("=IHHq", body) == (0x1A2B3C4D, 1, 0, -1)
        elif kind == 1:
            link, _, limit = struct.unpack_from("=HHI", body)
            options, place = {}, 8
            while place < len(body):
                code, length = struct.unpack_from("=HH", body, place)
                options[code] = body[place + 4:place + 4 + length]
                place += 4 + (length + 3) // 4 * 4
            assert options[9] == b"\x09"
            print(f"interface {options.get(2, b'-').decode()} link type {link} limit {limit}")
        elif kind == 6:
            interface, high, low, kept, whole = struct.unpack_from("=IIIII", body)
            age = time.time() - (high << 32 | low) / 1e9
            print(f"packet at {interface}: {kept} of {whole} bytes, {'just now' if 0 <= age < 60 else age}: {body[20:20 + kept][:14].hex()}")
            assert len(body) == 20 + (kept + 3) // 4 * 4
        at += size


globals()[sys.argv[1]](*sys.argv[2:])
