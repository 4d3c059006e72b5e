#pragma once
// Packets written in a script: packet(eth(src="02:00:00:00:00:01"), ip(dst="10.0.0.1"), udp(dport=53), "payload").
#include <optional>

#include "semantic/unit.h"

namespace awl {

// The bytes of a packet() call. Its parts are headers (the names of probes/packet.h, called with their fields), strings, which stand for their
// bytes, and numbers, for as many bytes of zero. What a header's fields leave open is filled in: versions, lengths, types of what follows, checksums.
// An Ethernet header is put in front where another header comes first. Every value must be known. Reports mistakes; nothing then.
std::optional<std::vector<uint8_t>> packet_literal(Unit& unit, const ast::Expr& expr, const ast::Call& packet);

}  // namespace awl
