#include "semantic/packet_literal.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/diag/hooks.h"
#include "base/near_names.h"
#include "probes/packet.h"

namespace awl {
namespace {

using Kind = PacketView::Kind;
using Bytes = std::vector<uint8_t>;

// What BPF_PROG_TEST_RUN takes: from an Ethernet header to what one page has room for beside what the kernel keeps there (XDP on pages of 4 KiB).
constexpr size_t least_packet = ETH_HLEN, most_packet = 3500;

constexpr std::string_view part_names = "eth, vlan, ip, ip6, tcp, udp, icmp, icmp6, a string, or a number of zero bytes";

// A header of the packet, and which of its bytes the script gave.
struct Header {
  const PacketView* view = nullptr;
  size_t offset = 0;
  std::vector<const PacketField*> given;
};

void put(Bytes& bytes, size_t at, unsigned size, uint64_t value) {
  for (unsigned i = 0; i < size; ++i) bytes[at + i] = static_cast<uint8_t>(value >> 8 * (size - 1 - i));
}

uint64_t get(const Bytes& bytes, size_t at, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value = value << 8 | bytes[at + i];
  return value;
}

// What one more run of bytes adds to a checksum of the Internet (RFC 1071).
uint64_t sum_words(const Bytes& bytes, size_t from, size_t to) {
  uint64_t sum = 0;
  for (size_t i = from; i < to; i += 2) sum += static_cast<uint64_t>(bytes[i]) << 8 | (i + 1 < to ? bytes[i + 1] : 0);
  return sum;
}

uint16_t fold_sum(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// EtherType of a header that follows one of the link layer.
uint64_t ether_type(Kind kind) {
  switch (kind) {
    case Kind::vlan: return ETH_P_8021Q;
    case Kind::ip: return ETH_P_IP;
    case Kind::ip6: return ETH_P_IPV6;
    default: return 0;
  }
}

// Number of the protocol that follows an IP header.
uint64_t protocol_number(Kind kind) {
  switch (kind) {
    case Kind::tcp: return IPPROTO_TCP;
    case Kind::udp: return IPPROTO_UDP;
    case Kind::icmp: return IPPROTO_ICMP;
    case Kind::icmp6: return IPPROTO_ICMPV6;
    case Kind::ip: return IPPROTO_IPIP;
    case Kind::ip6: return IPPROTO_IPV6;
    default: return 0;
  }
}

bool parse_mac(std::string_view text, uint8_t* to) {
  for (int i = 0; i < 6; ++i) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to[i], 16);
    if (error != std::errc() || end == text.data()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (i == 5) return text.empty();
    if (text.empty() || text[0] != ':') return false;
    text.remove_prefix(1);
  }
  return false;
}

class Builder {
 public:
  explicit Builder(Unit& unit) : unit_(&unit), diagnostics_(unit.diagnostics) {}

  std::optional<Bytes> build(const ast::Expr& expr, const ast::Call& packet) {
    const size_t errors = diagnostics_->error_count();
    for (const ast::ExprPtr& argument : packet.args) {
      if (bytes_.size() <= most_packet) part(*argument);
    }
    if (diagnostics_->error_count() != errors) return std::nullopt;
    if (bytes_.size() < least_packet || bytes_.size() > most_packet) {
      diagnostics_->report<Diag::packet_size>(expr.span, bytes_.size(), least_packet, most_packet);
      return std::nullopt;
    }
    // Checksums cover what the other defaults have filled in, those of the outer headers come last.
    for (size_t i = headers_.size(); i-- > 0;) fill(i);
    for (size_t i = headers_.size(); i-- > 0;) checksum(i);
    return std::move(bytes_);
  }

 private:
  void part(const ast::Expr& e) {
    if (auto* text = std::get_if<ast::String>(&e.node)) {
      bytes_.insert(bytes_.end(), text->value.begin(), text->value.end());
    } else if (auto* number = std::get_if<ast::Integer>(&e.node)) {
      bytes_.resize(bytes_.size() + std::min<uint64_t>(number->value, 1 << 16));
    } else if (auto* name = std::get_if<ast::Identifier>(&e.node)) {
      header(e, name->name, {});
    } else if (auto* call = std::get_if<ast::Call>(&e.node)) {
      header(e, call->name, call->args);
    } else {
      diagnostics_->report<Diag::packet_part>(e.span, unit_->sources->text(e.span)).hint(fmt::format("the parts of a packet are {}", part_names));
    }
  }

  void header(const ast::Expr& e, const std::string& name, std::span<const ast::ExprPtr> args) {
    const PacketView* view = find_packet_view(name);
    if (!view || view->kind == Kind::whole) {
      diagnostics_->report<Diag::packet_part>(e.span, name).hint(fmt::format("the parts of a packet are {}", part_names));
      return;
    }
    if (bytes_.empty() && view->kind != Kind::eth) add(*find_packet_view("eth"));
    Header& made = add(*view);
    for (const ast::ExprPtr& argument : args) {
      auto* record = std::get_if<ast::Record>(&argument->node);
      if (!record) {
        diagnostics_->report<Diag::packet_unnamed>(argument->span, name).hint(fmt::format("write {}({} = {})", name, view->fields[0].name, unit_->sources->text(argument->span)));
        continue;
      }
      for (const ast::NamedExpr& field : record->fields) set(made, field);
    }
  }

  Header& add(const PacketView& view) {
    headers_.push_back({&view, bytes_.size(), {}});
    bytes_.resize(bytes_.size() + view.size);
    return headers_.back();
  }

  void set(Header& header, const ast::NamedExpr& named) {
    const PacketField* field = find_packet_field(*header.view, named.name);
    if (!field) {
      std::vector<std::string_view> names;
      for (const PacketField& known : header.view->fields) names.push_back(known.name);
      Diagnostic& d = diagnostics_->report<Diag::packet_field>(named.span, header.view->name, named.name);
      if (auto near = nearest_name(named.name, names)) d.hint(fmt::format("did you mean '{}'?", *near));
      return;
    }
    header.given.push_back(field);
    const size_t at = header.offset + field->offset;
    if (auto* text = std::get_if<ast::String>(&named.value->node)) {
      if (!set_text(*field, at, text->value)) wrong(header, named, field->form == PacketField::Form::number ? "a number" : address_form(*field));
      return;
    }
    std::optional<uint64_t> value = number(*named.value);
    if (!value) {
      wrong(header, named, fmt::format("{} that is known when compiling", field->form == PacketField::Form::number ? "a number" : address_form(*field)));
      return;
    }
    const unsigned bits = field->bits ? field->bits : 8u * field->size;
    if (field->form == PacketField::Form::bytes || (bits < 64 && *value >> bits)) {
      wrong(header, named, field->form == PacketField::Form::bytes ? address_form(*field) : fmt::format("0 to {}", (uint64_t{1} << bits) - 1));
      return;
    }
    const uint64_t mask = ((uint64_t{1} << bits) - 1) << field->shift;
    put(bytes_, at, field->size, (get(bytes_, at, field->size) & ~mask) | *value << field->shift);
  }

  static std::string address_form(const PacketField& field) {
    return field.size == 4 ? "an address such as \"10.0.0.1\"" : field.size == 16 ? "an address such as \"fd00::1\"" : "an address such as \"02:00:00:00:00:01\"";
  }

  bool set_text(const PacketField& field, size_t at, const std::string& text) {
    uint8_t* to = bytes_.data() + at;
    if (field.form == PacketField::Form::address) return inet_pton(AF_INET, text.c_str(), to) == 1;
    if (field.form != PacketField::Form::bytes) return false;
    return field.size == 16 ? inet_pton(AF_INET6, text.c_str(), to) == 1 : parse_mac(text, to);
  }

  void wrong(const Header& header, const ast::NamedExpr& named, std::string expected) {
    diagnostics_->report<Diag::packet_value>(named.span, header.view->name, named.name, expected, unit_->sources->text(named.value->span));
  }

  std::optional<uint64_t> number(const ast::Expr& e) {
    if (auto* integer = std::get_if<ast::Integer>(&e.node)) return integer->value;
    if (auto* boolean = std::get_if<ast::Boolean>(&e.node)) return boolean->value;
    auto* name = std::get_if<ast::Identifier>(&e.node);
    if (!name) return std::nullopt;
    auto enumerator = unit_->types.find_enumerator(name->name);
    return enumerator ? std::optional(enumerator->first) : std::nullopt;
  }

  // Sets a field that the script left open; one that shares bits with a given one was not.
  void fill(const Header& header, std::string_view name, uint64_t value) {
    const PacketField& field = *find_packet_field(*header.view, name);
    auto bits = [](const PacketField& f) { return f.bits ? ((1u << f.bits) - 1) << f.shift : ~0u; };
    auto from_the_first = [&](const PacketField& f) { return bits(f) << (f.size < 4 ? 32 - 8 * f.size : 0); };
    for (const PacketField* other : header.given)
      if (other->offset == field.offset && from_the_first(*other) & from_the_first(field)) return;
    const size_t at = header.offset + field.offset;
    if (field.bits) value = (get(bytes_, at, field.size) & ~static_cast<uint64_t>(bits(field))) | (value << field.shift & bits(field));
    put(bytes_, at, field.size, value);
  }

  void fill(size_t i) {
    const Header& header = headers_[i];
    const std::optional<Kind> next = i + 1 < headers_.size() ? std::optional(headers_[i + 1].view->kind) : std::nullopt;
    const uint64_t length = bytes_.size() - header.offset;
    switch (header.view->kind) {
      case Kind::eth:
        fill(header, "src", 0x020000000001);
        fill(header, "dst", 0x020000000002);
        if (next) fill(header, "proto", ether_type(*next));
        break;
      case Kind::vlan:
        if (next) fill(header, "proto", ether_type(*next));
        break;
      case Kind::ip:
        fill(header, "version", 4);
        fill(header, "ihl", header.view->size / 4);
        fill(header, "tot_len", length);
        fill(header, "ttl", 64);
        if (next) fill(header, "protocol", protocol_number(*next));
        break;
      case Kind::ip6:
        fill(header, "version", 6);
        fill(header, "payload_len", length - header.view->size);
        fill(header, "hop_limit", 64);
        fill(header, "nexthdr", next ? protocol_number(*next) : uint64_t{IPPROTO_NONE});
        break;
      case Kind::tcp:
        fill(header, "doff", header.view->size / 4);
        fill(header, "window", 65535);
        break;
      case Kind::udp: fill(header, "len", length); break;
      default: break;
    }
  }

  // The network header in front of one, and what it adds to the checksum of a transport header of so many bytes.
  uint64_t pseudo_header(size_t i, uint64_t length) {
    const uint64_t protocol = protocol_number(headers_[i].view->kind);
    while (i-- > 0) {
      const Header& header = headers_[i];
      if (header.view->kind == Kind::ip) return sum_words(bytes_, header.offset + 12, header.offset + 20) + protocol + length;
      if (header.view->kind == Kind::ip6) return sum_words(bytes_, header.offset + 8, header.offset + 40) + protocol + length;
    }
    return 0;
  }

  void checksum(size_t i) {
    const Header& header = headers_[i];
    const uint64_t length = bytes_.size() - header.offset;
    const uint64_t all = sum_words(bytes_, header.offset, bytes_.size());
    switch (header.view->kind) {
      case Kind::ip: {
        const uint64_t covered = std::min<uint64_t>(length, 4u * (bytes_[header.offset] & 15));
        fill(header, "check", fold_sum(sum_words(bytes_, header.offset, header.offset + covered)));
        break;
      }
      case Kind::tcp: fill(header, "check", fold_sum(all + pseudo_header(i, length))); break;
      case Kind::udp: {
        const uint16_t sum = fold_sum(all + pseudo_header(i, length));
        fill(header, "check", sum ? sum : 0xffff);  // 0 would say that there is none
        break;
      }
      case Kind::icmp: fill(header, "checksum", fold_sum(all)); break;
      case Kind::icmp6: fill(header, "checksum", fold_sum(all + pseudo_header(i, length))); break;
      default: break;
    }
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
  Bytes bytes_;
  std::vector<Header> headers_;
};

}  // namespace

std::optional<std::vector<uint8_t>> packet_literal(Unit& unit, const ast::Expr& expr, const ast::Call& packet) { return Builder(unit).build(expr, packet); }

}  // namespace awl
