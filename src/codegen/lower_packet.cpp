// The headers of the packet that a program sees: those that the script looks at are found in one walk through the packet, at the program's start. The address of one
// is null where the packet does not have it, so a field of it is read behind a check that is mostly known to the optimiser.
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <set>

#include "codegen/lower_internal.h"
#include "parser/walk.h"

namespace awl {

using ViewKind = PacketView::Kind;

namespace {

constexpr uint64_t network_order(uint64_t n) { return (n & 0xff) << 8 | n >> 8; }
constexpr uint32_t tag_size = 4, tags_followed = 2;
constexpr unsigned extensions_followed = 6;
// No transport header begins behind it: tags, the IPv6 header, the extension headers followed.
constexpr uint64_t farthest = 0x3fff;
constexpr auto transport_views = {ViewKind::tcp, ViewKind::udp, ViewKind::icmp, ViewKind::icmp6};
constexpr auto network_views = {ViewKind::ip, ViewKind::ip6, ViewKind::tcp, ViewKind::udp, ViewKind::icmp, ViewKind::icmp6};
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
  used_ = used;
  if (source_.direct) {
    if (source_.pull) pull();
    data_ = emit.to_address(emit.resize(emit.context_load(32, source_.data), 64, false));
    end_ = emit.to_address(emit.resize(emit.context_load(32, source_.data_end), 64, false));
  }
  for (const PacketView& view : packet_views()) found_[view.kind] = variable(emit.null());
  place_ = variable(start());
  type_ = variable(emit.imm(0, 16));
  protocol_ = variable(emit.imm(0, 8));
  if (source_.link_layer) link();
  else if (source_.protocol) emit.store(type_, emit.resize(emit.context_load(32, *source_.protocol), 16, false));
  if (wanted(network_views)) network();
  if (wanted(transport_views)) transport();
  for (const PacketView& view : packet_views())
    if (used.contains(view.kind)) views_[view.kind] = view.kind == ViewKind::whole ? emit.context() : emit.load_address(found_[view.kind]);
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

// ---- the way through the packet ----

Value PacketLowering::variable(Value first) {
  Value made = emit.slot(8);
  emit.store(made, first);
  return made;
}

bool PacketLowering::wanted(std::initializer_list<ViewKind> kinds) const {
  return std::ranges::any_of(kinds, [&](ViewKind kind) { return used_.contains(kind); });
}

Value PacketLowering::start() { return source_.direct ? data_ : emit.imm(0); }
Value PacketLowering::place() { return source_.direct ? emit.load_address(place_) : emit.load(place_, 64); }
Value PacketLowering::behind(Value place, Value bytes) { return source_.direct ? emit.offset(place, bytes) : emit.binary(Op::add, place, bytes); }

// The same place, of which the verifier knows no more than that it is a place in the packet: what stands behind is looked at once, not once for each way that leads
// there.
Value PacketLowering::forgotten(Value place) {
  if (!source_.direct) return emit.binary(Op::bit_and, place, emit.imm(farthest));
  Value offset = emit.opaque(emit.binary(Op::sub, emit.resize(place, 64, false), emit.resize(data_, 64, false)));  // in 64 bits: half a pointer is refused
  return emit.offset(data_, emit.binary(Op::bit_and, offset, emit.imm(farthest)));
}

void PacketLowering::move_on(Value place, uint64_t bytes) { emit.store(place_, behind(place, emit.imm(bytes))); }

void PacketLowering::header(Value place, uint32_t size, const std::function<void(Value header, Value place)>& use) {
  if (!source_.direct) {
    Value copy = emit.slot(size);
    Value failed = emit.helper(BPF_FUNC_skb_load_bytes, {emit.context(), place, copy, emit.imm(size)});
    emit.branch(emit.compare(Compare::eq, failed, emit.imm(0)), [&] { use(copy, place); });
    return;
  }
  // The check and the loads must be on one and the same register: the optimiser would compute the address twice.
  Value same = emit.opaque(place, true);
  emit.branch(emit.compare(Compare::ule, emit.offset(same, uint64_t{size}), end_), [&] { use(same, same); });
}

void PacketLowering::link() {
  // A tag that was taken off the packet by then is put together again: what it says, then the type of what follows it.
  const bool taken_off = used_.contains(ViewKind::vlan) && source_.vlan_present;
  Value taken = taken_off ? variable(emit.imm(0)) : Value{};
  header(start(), 14, [&](Value ethernet, Value place) {
    emit.store(found_[ViewKind::eth], ethernet);
    Value type = emit.load(ethernet, 16, 12);
    if (taken_off) emit.store(taken, type, 2);
    emit.store(type_, type);
    move_on(place, 14);
    if (wanted(network_views) || used_.contains(ViewKind::vlan)) tags(tags_followed);
  });
  if (!taken_off) return;
  emit.branch(emit.compare(Compare::ne, emit.context_load(32, *source_.vlan_present), emit.imm(0, 32)), [&] {
    emit.store(taken, swap_bytes(emit, emit.resize(emit.context_load(32, *source_.vlan_tci), 16, false), 16));
    emit.store(found_[ViewKind::vlan], taken);
  });
}

void PacketLowering::tags(uint32_t left) {
  if (left == 0) return;
  auto is = [&](uint64_t type) { return emit.compare(Compare::eq, emit.load(type_, 16), emit.imm(network_order(type), 16)); };
  auto follow = [&] {
    emit.store(type_, emit.imm(0, 16));
    header(place(), tag_size, [&](Value tag, Value place) {
      if (left == tags_followed) emit.store(found_[ViewKind::vlan], tag);
      emit.store(type_, emit.load(tag, 16, 2));
      move_on(place, tag_size);
      tags(left - 1);
    });
  };
  emit.branch(emit.binary(Op::bit_or, is(ETH_P_8021Q), is(ETH_P_8021AD)), follow, {}, false);
}

void PacketLowering::network() {
  auto is = [&](uint64_t type) { return emit.compare(Compare::eq, emit.load(type_, 16), emit.imm(network_order(type), 16)); };
  emit.branch(is(ETH_P_IP), [&] { ip4(); }, [&] { emit.branch(is(ETH_P_IPV6), [&] { ip6(); }); });
}

void PacketLowering::ip4() {
  header(place(), 20, [&](Value ip, Value place) {
    Value first = emit.resize(emit.load(ip, 8), 64, false);  // version, and length in words
    emit.branch(emit.compare(Compare::ult, emit.binary(Op::sub, first, emit.imm(0x45)), emit.imm(11)), [&] {
      emit.store(found_[ViewKind::ip], ip);
      Value fragment = emit.binary(Op::bit_and, emit.load(ip, 16, 6), emit.imm(network_order(0x1fff), 16));
      emit.branch(emit.compare(Compare::eq, fragment, emit.imm(0, 16)), [&] {
        emit.store(protocol_, emit.load(ip, 8, 9));
        emit.store(place_, behind(place, emit.binary(Op::shl, emit.binary(Op::bit_and, first, emit.imm(0xf)), emit.imm(2))));
      });
    });
  });
}

void PacketLowering::ip6() {
  header(place(), 40, [&](Value ip, Value place) {
    emit.store(found_[ViewKind::ip6], ip);
    emit.store(protocol_, emit.load(ip, 8, 6));
    move_on(place, 40);
    if (wanted(transport_views)) emit.loop(emit.imm(0), emit.imm(extensions_followed), extensions_followed, [&](Value) { extension(); });
  });
}

// One turn of the loop over extension headers. It ends behind the last, where the packet ends, and in fragments behind the first.
void PacketLowering::extension() {
  Value protocol = emit.load(protocol_, 8), known = emit.imm(0, 1);
  auto is = [&](uint64_t kind) { return emit.compare(Compare::eq, protocol, emit.imm(kind, 8)); };
  for (const int kind : {int{IPPROTO_HOPOPTS}, int{IPPROTO_ROUTING}, int{IPPROTO_FRAGMENT}, int{IPPROTO_AH}, int{IPPROTO_DSTOPTS}, int{IPPROTO_MH}})
    known = emit.binary(Op::bit_or, known, is(static_cast<uint64_t>(kind)));
  auto follow = [&] {
    emit.store(protocol_, emit.imm(0, 8));
    header(place(), 8, [&](Value extension, Value place) {
      Value units = emit.resize(emit.load(extension, 8, 1), 64, false);
      Value size = emit.binary(Op::shl, emit.binary(Op::add, units, emit.imm(1)), emit.imm(3));
      size = emit.select(is(IPPROTO_AH), emit.binary(Op::shl, emit.binary(Op::add, units, emit.imm(2)), emit.imm(2)), size);
      size = emit.select(is(IPPROTO_FRAGMENT), emit.imm(8), size);
      Value later = emit.binary(Op::bit_and, emit.load(extension, 16, 2), emit.imm(network_order(0xfff8), 16));
      emit.branch(emit.binary(Op::bit_and, is(IPPROTO_FRAGMENT), emit.compare(Compare::ne, later, emit.imm(0, 16))), [&] { emit.leave_loop(); }, {}, false);
      emit.store(protocol_, emit.load(extension, 8));
      emit.store(place_, forgotten(behind(place, size)));
      emit.next_turn();
    });
  };
  emit.branch(known, follow);
  emit.leave_loop();
}

void PacketLowering::transport() {
  struct Transport {
    ViewKind kind;
    uint64_t protocol;
    std::optional<ViewKind> within;  // none: both families have it
  };
  constexpr Transport known[] = {
      {ViewKind::tcp, IPPROTO_TCP, {}}, {ViewKind::udp, IPPROTO_UDP, {}}, {ViewKind::icmp, IPPROTO_ICMP, ViewKind::ip}, {ViewKind::icmp6, IPPROTO_ICMPV6, ViewKind::ip6}};
  for (const PacketView& view : packet_views()) {
    auto row = std::ranges::find(known, view.kind, &Transport::kind);
    if (row == std::end(known) || !used_.contains(view.kind)) continue;
    Value is = emit.compare(Compare::eq, emit.load(protocol_, 8), emit.imm(row->protocol, 8));
    if (row->within) is = emit.binary(Op::bit_and, is, emit.compare(Compare::ne, emit.load_address(found_[*row->within]), emit.null()));
    emit.branch(is, [&] { header(place(), view.size, [&](Value found, Value) { emit.store(found_[view.kind], found); }); });
  }
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
