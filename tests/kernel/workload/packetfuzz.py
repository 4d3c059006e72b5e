#!/usr/bin/env python3
"""Feeds random packets to the packet views of scripts by BPF_PROG_TEST_RUN and compares each field with what a parser here says.

  packetfuzz PROGRAM MAP COUNT SEED    both pinned; MAP has one element, of 64-bit numbers in the order of `expected`
"""
import ctypes
import os
import pathlib
import random
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    result = LIBC.syscall(321, command, attributes, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pinned(path):
    name = ctypes.create_string_buffer(path.encode())
    return bpf(7, struct.pack("<QII", ctypes.addressof(name), 0, 0))


def run(program, packet):
    data = ctypes.create_string_buffer(packet, len(packet))
    bpf(10, struct.pack("<IIIIQQIIIIQQ", program, 0, len(packet), 0, ctypes.addressof(data), 0, 1, 0, 0, 0, 0, 0))


def look_up(table, key, size):
    value = ctypes.create_string_buffer(size)
    held = ctypes.create_string_buffer(key, len(key))
    bpf(1, struct.pack("<IIQQQ", table, 0, ctypes.addressof(held), ctypes.addressof(value), 0))
    return struct.unpack(f"<{size // 8}Q", value.raw)


def number(packet, offset, size):
    return int.from_bytes(packet[offset:offset + size], "big")


def transport_of(packet, kind, offset):
    """-> the IPv4 header's offset, IPv6's, protocol and offset of the transport header (None for what is not there)"""
    size = len(packet)
    if kind == 0x800 and offset + 20 <= size and packet[offset] >> 4 == 4 and packet[offset] & 15 >= 5:
        fragment = number(packet, offset + 6, 2) & 0x1FFF
        return offset, None, (None if fragment else packet[offset + 9]), offset + 4 * (packet[offset] & 15)
    if kind != 0x86DD or offset + 40 > size:
        return None, None, None, 0
    following, at = packet[offset + 6], offset + 40
    for _ in range(6):
        if following not in (0, 43, 44, 51, 60, 135):
            break
        if at + 8 > size:
            return None, offset, None, 0
        units = packet[at + 1]
        length = 8 if following == 44 else 4 * (units + 2) if following == 51 else 8 * (units + 1)
        if following == 44 and number(packet, at + 2, 2) & 0xFFF8:
            return None, offset, None, 0
        following, at = packet[at], at + length
    return None, offset, following, at


def expected(packet):
    size = len(packet)
    kind, offset, tag = number(packet, 12, 2), 14, None
    for depth in range(2):
        if kind not in (0x8100, 0x88A8):
            break
        if offset + 4 > size:
            kind = None
            break
        if depth == 0:
            tag = offset
        kind, offset = number(packet, offset + 2, 2), offset + 4
    four, six, protocol, at = transport_of(packet, kind, offset)

    def there(wanted, length):
        return protocol == wanted and at + length <= size

    tcp, udp = there(6, 20), there(17, 8)
    icmp, icmp6 = there(1, 8) and four is not None, there(58, 8) and six is not None
    return (
        number(packet, 12, 2), number(packet, tag, 2) & 0xFFF if tag else 0,
        int(four is not None), int.from_bytes(packet[four + 12:four + 16], "little") if four is not None else 0, packet[four + 8] if four is not None else 0,
        int(six is not None), number(packet, six + 4, 2) if six is not None else 0, number(packet, six, 4) & 0xFFFFF if six is not None else 0,
        int(tcp), number(packet, at, 2) if tcp else 0, number(packet, at + 4, 4) if tcp else 0, packet[at + 12] >> 4 if tcp else 0, packet[at + 13] >> 1 & 1 if tcp else 0,
        int(udp), number(packet, at + 2, 2) if udp else 0, int(icmp), packet[at] if icmp else 0, int(icmp6), number(packet, at + 6, 2) if icmp6 else 0, size)


def packets(count, seed):
    chance = random.Random(seed)
    source = (pathlib.Path(__file__).parent / "packets").read_text(encoding="utf-8").rsplit("globals()", 1)[0]
    known = {}
    exec(source, known)  # pylint: disable=exec-used
    whole = [made() for made in known["KINDS"].values()]
    for _ in range(count):
        packet = bytearray(chance.choice(whole) + bytes(chance.randrange(256) for _ in range(chance.randrange(40))))
        for _ in range(chance.choice((0, 0, 1, 2, 5))):
            packet[chance.randrange(12, len(packet))] = chance.choice((chance.randrange(256), 0, 6, 17, 43, 44, 51, 60, 255))
        if chance.random() < 0.4:
            del packet[chance.randrange(14, len(packet)):]
        yield bytes(packet)


def main():
    program, table, count, seed = pinned(sys.argv[1]), pinned(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    for packet in packets(count, seed):
        run(program, packet)
        wanted = expected(packet)
        seen = look_up(table, bytes(8), 8 * len(wanted))
        if seen != wanted:
            print("packet", packet.hex(), "gave", seen, "instead of", wanted, sep="\n")
            sys.exit(1)
    print(f"{count} packets as expected")


main()
