// The headers of the packet that a program sees: each that the script looks at is found once, at the program's start. Its address is null where the packet does not
// have it, so a field of it is read behind a check that is mostly known to the optimiser.
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <set>

#include "codegen/lower_internal.h"
#include "parser/walk.h"

namespace awl {

using ViewKind = PacketView::Kind;

namespace {

constexpr uint64_t network_order(uint64_t n) { return (n & 0xff) << 8 | n >> 8; }
constexpr uint32_t tag_size = 4, tags_followed = 2;
constexpr unsigned extensions_followed = 6;
// At most this far into the packet a transport header can begin: tags, the IPv6 header, the extension headers followed.
constexpr uint64_t offset_mask = 0x3fff;
// What the kernel is asked to keep in one piece where it has less: all headers of usual packets.
constexpr uint64_t pulled = 128;

std::set<ViewKind> views_in(const ProbeInstance& instance) {
  std::set<ViewKind> used;
  auto visit = [&](auto&& self, const auto& node) -> void {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Expr>)
      if (const PacketView* view = packet_view_of(node)) used.insert(view->kind);
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c); }, [&](const ast::StmtPtr& c) { self(self, *c); }});
  };
  if (instance.predicate) visit(visit, *instance.predicate);
  visit(visit, instance.body);
  return used;
}

}  // namespace

PacketLowering::PacketLowering(const PacketSource& source, Emit& e) : source_(source), emit(e) {}

void PacketLowering::find(const std::set<ViewKind>& used) {
  if (used.empty()) return;
  if (source_.direct) {
    if (source_.pull) pull();
    data_ = emit.to_address(emit.resize(emit.context_load(32, source_.data), 64, false));
    end_ = emit.to_address(emit.resize(emit.context_load(32, source_.data_end), 64, false));
  }
  for (const PacketView& view : packet_views())
    if (used.contains(view.kind)) views_[view.kind] = make(view);
}

Value PacketLowering::view(const PacketView& view) { return views_.at(view.kind); }

Value PacketLowering::length() {
  if (source_.length) return emit.context_load(32, *source_.length);
  return emit.resize(emit.binary(Op::sub, emit.resize(end_, 64, false), emit.resize(data_, 64, false)), 32, false);
}

void PacketLowering::part(Value to, Value offset, uint32_t limit) {
  constexpr uint64_t longest = 0xffff;
  Value all = emit.resize(length(), 64, false);
  Value inside = emit.binary(Op::bit_and, emit.compare(Compare::ult, offset, all), emit.compare(Compare::ule, offset, emit.imm(longest)));
  Value left = emit.opaque(emit.choose(inside, [&] { return emit.binary(Op::sub, all, offset); }, [&] { return emit.imm(0); }));
  Value size = emit.choose(emit.compare(Compare::ult, left, emit.imm(limit)), [&] { return left; }, [&] { return emit.imm(limit); });
  emit.store(to, emit.resize(size, 32, false));
  // Kernels before 6.8 learn nothing from `size != 0`; from a comparison of one less they do.
  Value less = emit.opaque(emit.binary(Op::sub, size, emit.imm(1)));
  emit.branch(emit.compare(Compare::ult, less, emit.imm(limit)), [&] {
    Value bytes = emit.offset(to, uint64_t{4}), some = emit.binary(Op::add, less, emit.imm(1));
    if (source_.length) {
      Value failed = emit.helper(BPF_FUNC_skb_load_bytes, {emit.context(), offset, bytes, some});
      emit.branch(emit.compare(Compare::ne, failed, emit.imm(0)), [&] { emit.store(to, emit.imm(0, 32)); });
    } else {
      Value from = emit.offset(data_, emit.binary(Op::bit_and, emit.opaque(offset), emit.imm(longest)));
      emit.helper(BPF_FUNC_probe_read_kernel, {bytes, some, from});
    }
  });
}

// Packets may lie in several pieces, of which programs see the first.
void PacketLowering::pull() {
  Value start = emit.resize(emit.context_load(32, source_.data), 64, false), end = emit.resize(emit.context_load(32, source_.data_end), 64, false);
  Value seen = emit.binary(Op::sub, end, start), all = emit.resize(length(), 64, false);
  Value wanted = emit.select(emit.compare(Compare::ult, all, emit.imm(pulled)), all, emit.imm(pulled));
  emit.branch(emit.compare(Compare::ult, seen, wanted), [&] { emit.helper(BPF_FUNC_skb_pull_data, {emit.context(), wanted}); }, {}, false);
}

// `size` bytes at an offset, or null where the packet ends before.
Value PacketLowering::at(Value offset, uint32_t size) {
  if (!source_.direct) {
    Value copy = emit.slot(size);
    Value failed = emit.helper(BPF_FUNC_skb_load_bytes, {emit.context(), offset, copy, emit.imm(size)});
    return emit.choose(emit.compare(Compare::eq, failed, emit.imm(0)), [&] { return copy; }, [&] { return emit.null(); });
  }
  // The check and the loads must be on one and the same register: the optimiser would compute the address twice.
  Value place = emit.opaque(emit.offset(data_, offset));
  return emit.choose(emit.compare(Compare::ule, emit.offset(place, uint64_t{size}), end_), [&] { return place; }, [&] { return emit.null(); });
}

Value PacketLowering::present(Value address) { return emit.compare(Compare::ne, address, emit.null()); }

Value PacketLowering::if_present(Value address, const Emit::Yield& yes) {
  return emit.choose(present(address), yes, [&] { return emit.imm(0); });
}

Value PacketLowering::if_view(Value condition, const Emit::Yield& yes) {
  return emit.choose(condition, yes, [&] { return emit.null(); });
}

Value PacketLowering::ethernet() {
  if (!ethernet_) ethernet_ = at(emit.imm(0), 14);
  return ethernet_;
}

// The EtherType behind the header's addresses, as it lies in memory.
Value PacketLowering::first_type() {
  if (!first_type_) first_type_ = if_present(ethernet(), [&] { return emit.resize(emit.load(ethernet(), 16, 12), 64, false); });
  return first_type_;
}

Value PacketLowering::is_tag(Value type) {
  Value plain = emit.compare(Compare::eq, type, emit.imm(network_order(ETH_P_8021Q)));
  return emit.binary(Op::bit_or, plain, emit.compare(Compare::eq, type, emit.imm(network_order(ETH_P_8021AD))));
}

// EtherType << 8 | offset of what follows, behind tags.
Value PacketLowering::behind_tags(Value type, uint64_t offset, uint32_t left) {
  Value here = emit.binary(Op::bit_or, emit.binary(Op::shl, type, emit.imm(8)), emit.imm(offset));
  if (left == 0) return here;
  return emit.choose(
      is_tag(type),
      [&] {
        Value tag = at(emit.imm(offset), tag_size);
        return if_present(tag, [&] { return behind_tags(emit.resize(emit.load(tag, 16, 2), 64, false), offset + tag_size, left - 1); });
      },
      [&] { return here; });
}

Value PacketLowering::network() {
  if (network_) return network_;
  if (source_.link_layer) return network_ = behind_tags(first_type(), 14, tags_followed);
  Value type = source_.protocol ? emit.resize(emit.context_load(32, *source_.protocol), 64, false) : emit.imm(0);
  return network_ = emit.binary(Op::shl, emit.binary(Op::bit_and, type, emit.imm(0xffff)), emit.imm(8));
}

Value PacketLowering::network_offset() { return emit.binary(Op::bit_and, network(), emit.imm(0xff)); }

Value PacketLowering::is_type(uint64_t type) {
  return emit.compare(Compare::eq, emit.binary(Op::lshr, network(), emit.imm(8)), emit.imm(network_order(type)));
}

Value PacketLowering::tag() {
  first_type();  // here, not in an arm: others use it too
  auto in_packet = [&] { return if_view(is_tag(first_type()), [&] { return at(emit.imm(14), tag_size); }); };
  if (!source_.vlan_present) return in_packet();
  // Taken off the packet by then: put together again.
  Value made = emit.slot(tag_size);
  return emit.choose(
      emit.compare(Compare::ne, emit.context_load(32, *source_.vlan_present), emit.imm(0, 32)),
      [&] {
        emit.store(made, swap_bytes(emit, emit.resize(emit.context_load(32, *source_.vlan_tci), 16, false), 16));
        emit.store(made, emit.resize(first_type(), 16, false), 2);
        return made;
      },
      in_packet);
}

Value PacketLowering::ip4() {
  if (ip_) return ip_;
  return ip_ = if_view(is_type(ETH_P_IP), [&] {
           Value header = at(network_offset(), sizeof_ip);
           return if_view(present(header), [&] {
             Value first = emit.load(header, 8);  // version and length in words
             Value valid = emit.compare(Compare::ult, emit.binary(Op::sub, first, emit.imm(0x45, 8)), emit.imm(11, 8));
             return if_view(valid, [&] { return header; });
           });
         });
}

Value PacketLowering::ip6() {
  if (ip6_) return ip6_;
  return ip6_ = if_view(is_type(ETH_P_IPV6), [&] { return at(network_offset(), sizeof_ip6); });
}

// Offset << 8 | protocol of the transport header; 0 where there is none, as in fragments behind the first.
Value PacketLowering::transport() {
  if (transport_) return transport_;
  Value four = ip4(), six = ip6();
  auto of_four = [&] {
    Value fragment = emit.binary(Op::bit_and, emit.load(four, 16, 6), emit.imm(network_order(0x1fff), 16));
    return emit.choose(
        emit.compare(Compare::eq, fragment, emit.imm(0, 16)),
        [&] {
          Value words = emit.binary(Op::bit_and, emit.resize(emit.load(four, 8), 64, false), emit.imm(0xf));
          return packed(emit.binary(Op::add, network_offset(), emit.binary(Op::shl, words, emit.imm(2))), emit.load(four, 8, 9));
        },
        [&] { return emit.imm(0); });
  };
  auto of_six = [&] { return behind_extensions(packed(emit.binary(Op::add, network_offset(), emit.imm(sizeof_ip6)), emit.load(six, 8, 6)), extensions_followed); };
  return transport_ = emit.choose(present(four), of_four, [&] { return if_present(six, of_six); });
}

Value PacketLowering::packed(Value offset, Value protocol) {
  return emit.binary(Op::bit_or, emit.binary(Op::shl, offset, emit.imm(8)), emit.resize(protocol, 64, false));
}

Value PacketLowering::protocol_is(Value packed, uint64_t protocol) {
  return emit.compare(Compare::eq, emit.binary(Op::bit_and, packed, emit.imm(0xff)), emit.imm(protocol));
}

Value PacketLowering::behind_extensions(Value packed_place, unsigned left) {
  if (left == 0) return packed_place;
  Value extension = protocol_is(packed_place, IPPROTO_HOPOPTS);
  for (const int kind : {int{IPPROTO_ROUTING}, int{IPPROTO_FRAGMENT}, int{IPPROTO_AH}, int{IPPROTO_DSTOPTS}, int{IPPROTO_MH}}) extension = emit.binary(Op::bit_or, extension, protocol_is(packed_place, static_cast<uint64_t>(kind)));
  auto follow = [&] {
    Value offset = emit.binary(Op::bit_and, emit.binary(Op::lshr, packed_place, emit.imm(8)), emit.imm(offset_mask));
    Value header = at(offset, 8);
    return if_present(header, [&] {
      Value units = emit.resize(emit.load(header, 8, 1), 64, false);
      Value whole = emit.binary(Op::shl, emit.binary(Op::add, units, emit.imm(1)), emit.imm(3));
      Value authentication = emit.binary(Op::shl, emit.binary(Op::add, units, emit.imm(2)), emit.imm(2));
      Value size = emit.select(protocol_is(packed_place, IPPROTO_AH), authentication, whole);
      size = emit.select(protocol_is(packed_place, IPPROTO_FRAGMENT), emit.imm(8), size);
      Value later = emit.binary(Op::bit_and, emit.load(header, 16, 2), emit.imm(network_order(0xfff8), 16));
      Value behind = emit.binary(Op::bit_and, protocol_is(packed_place, IPPROTO_FRAGMENT), emit.compare(Compare::ne, later, emit.imm(0, 16)));
      Value next = packed(emit.binary(Op::add, offset, size), emit.load(header, 8));
      return emit.choose(behind, [&] { return emit.imm(0); }, [&] { return behind_extensions(next, left - 1); });
    });
  };
  return emit.choose(extension, follow, [&] { return packed_place; });
}

Value PacketLowering::transport_view(uint64_t protocol, uint32_t size) {
  return if_view(protocol_is(transport(), protocol), [&] {
    return at(emit.binary(Op::bit_and, emit.binary(Op::lshr, transport(), emit.imm(8)), emit.imm(offset_mask)), size);
  });
}

Value PacketLowering::make(const PacketView& view) {
  switch (view.kind) {
    case ViewKind::eth: return ethernet();
    case ViewKind::vlan: return tag();
    case ViewKind::ip: return ip4();
    case ViewKind::ip6: return ip6();
    case ViewKind::tcp: return transport_view(IPPROTO_TCP, view.size);
    case ViewKind::udp: return transport_view(IPPROTO_UDP, view.size);
    case ViewKind::icmp: transport(); return if_view(present(ip4()), [&] { return transport_view(IPPROTO_ICMP, view.size); });
    case ViewKind::icmp6: transport(); return if_view(present(ip6()), [&] { return transport_view(IPPROTO_ICMPV6, view.size); });
    case ViewKind::whole: return emit.context();
  }
  return {};
}

// ---- what the rest of lowering asks ----

void Lowering::find_packet() {
  if (!instance.context.packet) return;
  packet_.emplace(*instance.context.packet, emit);
  packet_->find(views_in(instance));
}

Value Lowering::packet_scalar(const PacketView& view, const PacketField& field, Type type) {
  if (field.form == PacketField::Form::length) return packet_->length();
  Value header = packet_->view(view);
  unsigned bits = bits_of(type);
  return emit.choose(
      emit.compare(Compare::ne, header, emit.null()),
      [&] {
        Value v = emit.load(header, field.size * 8u, field.offset);
        if (field.form == PacketField::Form::number && field.size > 1) v = swap_bytes(emit, v, field.size * 8u);
        if (field.bits) {
          v = emit.binary(Op::lshr, v, emit.imm(field.shift, field.size * 8u));
          v = emit.binary(Op::bit_and, v, emit.imm((uint64_t{1} << field.bits) - 1, field.size * 8u));
        }
        return emit.width(v) == bits ? v : emit.resize(v, bits, false);
      },
      [&] { return emit.imm(0, bits); });
}

Place Lowering::packet_part(const ast::Expr& offset, uint32_t limit) {
  Value made = memory(limit + 4);
  emit.zero(made, limit + 4);
  packet_->part(made, number64(offset), limit);
  return {made, Memory::own};
}

Place Lowering::packet_bytes(const PacketView& view, const PacketField& field) {
  Value copy = memory(field.size), header = packet_->view(view);
  emit.branch(emit.compare(Compare::ne, header, emit.null()), [&] { emit.copy(copy, emit.offset(header, uint64_t{field.offset}), field.size); },
              [&] { emit.zero(copy, field.size); });
  return {copy, Memory::own};
}

}  // namespace awl
