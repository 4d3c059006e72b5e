// One row for each kind of probe on cgroups; what they share works on the rows. A program is attached by a link, so several may be on one cgroup.
#include "probes/cgroup_hooks.h"

#include <linux/bpf.h>

#include <algorithm>
#include <utility>

#include "base/diag/hooks.h"
#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/interface_hook.h"
#include "probes/parts.h"

namespace awl {
namespace {

constexpr Verdicts::Name verdict_names[] = {{"DENY", 0}, {"ALLOW", 1}};
constexpr int64_t passing[] = {1};
constexpr Verdicts decides{.names = verdict_names, .usual = 1, .passing = passing, .least = 0, .most = 1};
constexpr Verdicts tells{.names = verdict_names, .usual = 1, .passing = passing, .least = 1, .most = 1};

struct Field {
  std::string_view name;
  uint32_t offset = 0, size = 4;
  // negative: a signed number; port: a port in the first two bytes, wide_port: in all four; text: by a helper, whose number is `offset`
  enum Form : uint8_t { number, negative, port, wide_port, bytes, text } form = number;
  bool writable = false;
};
// The word behind the kind's name, and what it stands for.
struct Choice {
  std::string_view word;
  std::string_view section;  // with `attach`; "": those of the kind
  uint32_t attach = 0;
  // Of sockops:
  uint32_t event = 0;
  uint32_t callbacks = 0;          // BPF_SOCK_OPS_..._CB_FLAG without which the event does not come
  std::span<const Field> fields;   // what the event tells, behind what all do
  bool holds_socket = false;       // sock_map_op_okay() of the kernel
};
constexpr Choice directions[] = {{"egress", "cgroup_skb/egress", BPF_CGROUP_INET_EGRESS}, {"ingress", "cgroup_skb/ingress", BPF_CGROUP_INET_INGRESS}};
constexpr uint32_t argument(uint32_t i) { return offsetof(bpf_sock_ops, args) + 4 * i; }
constexpr Field states[] = {{"old_state", argument(0)}, {"new_state", argument(1)}};
constexpr Field retransmission[] = {{"seq", argument(0)}, {"segments", argument(1)}, {"error", argument(2), 4, Field::negative}};
constexpr Field timeout[] = {{"retransmits", argument(0)}, {"rto", argument(1)}, {"expired", argument(2)}};
constexpr Choice events[] = {
    {.word = "active_established", .event = BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, .holds_socket = true},
    {.word = "passive_established", .event = BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, .holds_socket = true},
    {.word = "tcp_connect", .event = BPF_SOCK_OPS_TCP_CONNECT_CB},
    {.word = "tcp_listen", .event = BPF_SOCK_OPS_TCP_LISTEN_CB, .holds_socket = true},
    {.word = "state", .event = BPF_SOCK_OPS_STATE_CB, .callbacks = BPF_SOCK_OPS_STATE_CB_FLAG, .fields = states},
    {.word = "retrans", .event = BPF_SOCK_OPS_RETRANS_CB, .callbacks = BPF_SOCK_OPS_RETRANS_CB_FLAG, .fields = retransmission},
    {.word = "rto", .event = BPF_SOCK_OPS_RTO_CB, .callbacks = BPF_SOCK_OPS_RTO_CB_FLAG, .fields = timeout},
    {.word = "rtt", .event = BPF_SOCK_OPS_RTT_CB, .callbacks = BPF_SOCK_OPS_RTT_CB_FLAG},
};
// Where a connection begins, and so asks for the events that it must ask for.
constexpr uint32_t beginnings[] = {BPF_SOCK_OPS_TCP_CONNECT_CB, BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB};

#define AWL_FIELD(structure, field) #field, offsetof(structure, field), sizeof(structure::field)
using enum Field::Form;
constexpr Field address4[] = {{AWL_FIELD(bpf_sock_addr, user_ip4), number, true}, {AWL_FIELD(bpf_sock_addr, user_port), port, true}, {AWL_FIELD(bpf_sock_addr, family)},
                              {AWL_FIELD(bpf_sock_addr, type)}, {AWL_FIELD(bpf_sock_addr, protocol)}, {AWL_FIELD(bpf_sock_addr, user_family)}};
constexpr Field address6[] = {{AWL_FIELD(bpf_sock_addr, user_ip6), bytes, true}, {AWL_FIELD(bpf_sock_addr, user_port), port, true}, {AWL_FIELD(bpf_sock_addr, family)},
                              {AWL_FIELD(bpf_sock_addr, type)}, {AWL_FIELD(bpf_sock_addr, protocol)}, {AWL_FIELD(bpf_sock_addr, user_family)}};
constexpr Field sock[] = {{AWL_FIELD(bpf_sock, bound_dev_if), number, true}, {AWL_FIELD(bpf_sock, mark), number, true}, {AWL_FIELD(bpf_sock, priority), number, true},
                          {AWL_FIELD(bpf_sock, family)}, {AWL_FIELD(bpf_sock, type)}, {AWL_FIELD(bpf_sock, protocol)}};
constexpr Field option[] = {{AWL_FIELD(bpf_sockopt, level), negative}, {AWL_FIELD(bpf_sockopt, optname), negative}, {AWL_FIELD(bpf_sockopt, optlen), negative}};
constexpr Field option_result[] = {{AWL_FIELD(bpf_sockopt, level), negative}, {AWL_FIELD(bpf_sockopt, optname), negative}, {AWL_FIELD(bpf_sockopt, optlen), negative}, {AWL_FIELD(bpf_sockopt, retval), negative}};
constexpr Field ops[] = {{AWL_FIELD(bpf_sock_ops, op)}, {AWL_FIELD(bpf_sock_ops, family)}, {AWL_FIELD(bpf_sock_ops, remote_ip4)}, {AWL_FIELD(bpf_sock_ops, local_ip4)},
                         {AWL_FIELD(bpf_sock_ops, remote_ip6), bytes}, {AWL_FIELD(bpf_sock_ops, local_ip6), bytes}, {AWL_FIELD(bpf_sock_ops, local_port)},
                         {AWL_FIELD(bpf_sock_ops, remote_port), wide_port}, {AWL_FIELD(bpf_sock_ops, state)}, {AWL_FIELD(bpf_sock_ops, srtt_us)}, {AWL_FIELD(bpf_sock_ops, rtt_min)},
                         {AWL_FIELD(bpf_sock_ops, snd_cwnd)}, {AWL_FIELD(bpf_sock_ops, snd_ssthresh)}, {AWL_FIELD(bpf_sock_ops, mss_cache)}, {AWL_FIELD(bpf_sock_ops, total_retrans)},
                         {AWL_FIELD(bpf_sock_ops, retrans_out)}, {AWL_FIELD(bpf_sock_ops, lost_out)}, {AWL_FIELD(bpf_sock_ops, packets_out)}, {AWL_FIELD(bpf_sock_ops, segs_in)},
                         {AWL_FIELD(bpf_sock_ops, segs_out)}, {AWL_FIELD(bpf_sock_ops, bytes_received)}, {AWL_FIELD(bpf_sock_ops, bytes_acked)}};
constexpr Field setting[] = {{AWL_FIELD(bpf_sysctl, write)}, {AWL_FIELD(bpf_sysctl, file_pos)}, {"name", BPF_FUNC_sysctl_get_name, 64, text}};
constexpr Field device[] = {{AWL_FIELD(bpf_cgroup_dev_ctx, access_type)}, {AWL_FIELD(bpf_cgroup_dev_ctx, major)}, {AWL_FIELD(bpf_cgroup_dev_ctx, minor)}};
#undef AWL_FIELD

struct Row {
  std::string_view name, syntax, doc, example;
  std::string_view section;
  uint32_t attach = 0;
  std::span<const Field> fields;
  const Verdicts* verdicts = &decides;
  std::span<const Choice> choices;  // the first part, where there are some
  bool packet = false;
};

#define AWL_ADDRESS(name, six, type, rule, doc) \
  { name #six, name #six "[:CGROUP]", doc " (IPv" #six "). ctx.user_ip" #six " and ctx.user_port say where to and may be assigned to. `return DENY` refuses it.", name #six " { @[ctx.user_port] = count(); }", "cgroup/" name #six, type, address##six, rule }
constexpr Row rows[] = {
    {"cgroup_skb", "cgroup_skb:ingress|egress[:CGROUP]",
     "Every packet that sockets of a cgroup take in or send, from the network layer on. `return DENY` drops it; ALLOW, or no `return`, lets it pass.",
     "cgroup_skb:egress { @[ip.protocol] = sum(skb.len); }", "", 0, {}, &decides, directions, true},
    AWL_ADDRESS("connect", 4, BPF_CGROUP_INET4_CONNECT, &decides, "A program connects a socket"),
    AWL_ADDRESS("connect", 6, BPF_CGROUP_INET6_CONNECT, &decides, "A program connects a socket"),
    AWL_ADDRESS("bind", 4, BPF_CGROUP_INET4_BIND, &decides, "A program binds a socket to an address"),
    AWL_ADDRESS("bind", 6, BPF_CGROUP_INET6_BIND, &decides, "A program binds a socket to an address"),
    AWL_ADDRESS("sendmsg", 4, BPF_CGROUP_UDP4_SENDMSG, &decides, "A program sends a datagram on a socket that is not connected"),
    AWL_ADDRESS("sendmsg", 6, BPF_CGROUP_UDP6_SENDMSG, &decides, "A program sends a datagram on a socket that is not connected"),
    AWL_ADDRESS("getpeername", 4, BPF_CGROUP_INET4_GETPEERNAME, &tells, "A program asks who is at the other end of a socket"),
    AWL_ADDRESS("getpeername", 6, BPF_CGROUP_INET6_GETPEERNAME, &tells, "A program asks who is at the other end of a socket"),
    AWL_ADDRESS("getsockname", 4, BPF_CGROUP_INET4_GETSOCKNAME, &tells, "A program asks for a socket's own address"),
    AWL_ADDRESS("getsockname", 6, BPF_CGROUP_INET6_GETSOCKNAME, &tells, "A program asks for a socket's own address"),
    {"sock_create", "sock_create[:CGROUP]", "A program makes an internet socket: ctx.family, ctx.type, ctx.protocol. ctx.mark, ctx.priority and ctx.bound_dev_if may be assigned to. `return DENY` refuses it.",
     "sock_create { @[ctx.family, ctx.type] = count(); }", "cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE, sock},
    {"getsockopt", "getsockopt[:CGROUP]", "A program asks for an option of a socket: ctx.level, ctx.optname, ctx.optlen, and what the kernel answered in ctx.retval. `return DENY` refuses it.",
     "getsockopt { @[ctx.level, ctx.optname] = count(); }", "cgroup/getsockopt", BPF_CGROUP_GETSOCKOPT, option_result},
    {"setsockopt", "setsockopt[:CGROUP]", "A program sets an option of a socket: ctx.level, ctx.optname, ctx.optlen. `return DENY` refuses it.", "setsockopt { @[ctx.level, ctx.optname] = count(); }",
     "cgroup/setsockopt", BPF_CGROUP_SETSOCKOPT, option},
    {"sockops", "sockops:EVENT[:CGROUP]",
     "What happens to a TCP connection. EVENT: active_established, passive_established, tcp_connect, tcp_listen; state (from ctx.old_state to ctx.new_state), retrans (ctx.segments from ctx.seq on, ctx.error), "
     "rto (a timer for the ctx.retransmits-th time, ctx.rto in ticks), rtt (a round trip was measured). ctx.family, ctx.local_ip4, ctx.remote_ip4 (local_ip6, remote_ip6), ctx.local_port, "
     "ctx.remote_port, ctx.state, ctx.srtt_us (eighths of microseconds), ctx.rtt_min, ctx.snd_cwnd, ctx.total_retrans, ctx.bytes_acked, ctx.bytes_received and more. state, retrans, rto and rtt "
     "come for connections that begin while the script runs: each is made to ask for them.", "sockops:active_established { @[ntop(ctx.remote_ip4)] = count(); }", "sockops", BPF_CGROUP_SOCK_OPS, ops, &tells, events},
    {"sysctl", "sysctl[:CGROUP]", "A program reads or writes (ctx.write) a setting of the kernel below /proc/sys: ctx.name. `return DENY` refuses it.", "sysctl { @[ctx.name, ctx.write] = count(); }", "cgroup/sysctl",
     BPF_CGROUP_SYSCTL, setting},
    {"device", "device[:CGROUP]", "A program opens or makes a device file: ctx.major, ctx.minor, and ctx.access_type (kind of device, and what is wanted << 16). `return DENY` refuses it.",
     "device { @[ctx.major, ctx.minor] = count(); }", "cgroup/dev", BPF_CGROUP_DEVICE, device},
};
#undef AWL_ADDRESS
static_assert(std::size(rows) == cgroup_kinds);

const Row& row_of(const Provider* provider) { return rows[provider - cgroup_providers]; }

const Choice* find_choice(const Row& row, std::string_view word) {
  for (const Choice& choice : row.choices)
    if (choice.word == word) return &choice;
  return nullptr;
}

std::optional<Target> parse(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  const Row& row = row_of(&provider);
  const size_t least = row.choices.empty() ? 0 : 1;
  if (!check_part_count(provider, parts, least, least + 1, span, diagnostics)) return std::nullopt;
  if (least == 1 && !find_choice(row, parts[0]) && !has_parameter(parts[0])) {
    std::string words;
    for (const Choice& choice : row.choices) words += fmt::format("{}{}", words.empty() ? "" : ", ", choice.word);
    diagnostics.report<Diag::probe_mode>(span, row.name, parts[0], words);
    return std::nullopt;
  }
  if (parts.size() > least && parts[least].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, row.name, "cgroup");
    return std::nullopt;
  }
  return Target{&provider, {parts.begin(), parts.end()}};
}

// The cgroup's folder; without one, the root cgroup.
Result<std::string> folder_of(const Target& target, Host& host) {
  const size_t named = row_of(target.provider).choices.empty() ? 0 : 1;
  const std::string path = target.parts.size() > named ? target.parts[named] : "";
  if (path.starts_with('/')) return path;
  AWL_TRY(root, host.cgroup_root());
  return path.empty() ? root : root + "/" + path;
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  if (target.parts.size() == (row_of(target.provider).choices.empty() ? 0u : 1u)) return std::vector{target};
  AWL_TRY(folder, folder_of(target, host));
  std::vector<Target> found;
  if (host.file_status(folder).directory) found.push_back(target);
  return found;
}

ContextField context_field(const Field& field) {
  ContextField made{.name = std::string(field.name), .type = CSpelling{"unsigned int", 4, false}, .access = BytesAccess{.offset = field.offset, .size = field.size}, .writable = field.writable};
  if (field.form == number && field.size == 8) made.type = CSpelling{"unsigned long", 8, false};
  if (field.form == negative) made.type = CSpelling{"int", 4, true};
  if (field.form == bytes) made.type = CSpelling{fmt::format("unsigned char[{}]", field.size), field.size, false};
  if (field.form == wide_port) made.network_order = true;
  if (field.form == port) {
    made.type = CSpelling{"unsigned short", 2, false};
    made.network_order = true;
  }
  if (field.form == text) {
    made.type = CSpelling{fmt::format("char[{}]", field.size), field.size, true};
    made.access = HelperTextAccess{field.offset, field.size};
  }
  return made;
}

Result<Context> context(const Target& target, Host&) {
  const Row& row = row_of(target.provider);
  Context made;
  for (const Field& field : row.fields) made.fields.push_back(context_field(field));
  const Choice* choice = target.parts.empty() ? nullptr : find_choice(row, target.parts[0]);
  if (choice) {
    for (const Field& field : choice->fields) made.fields.push_back(context_field(field));
    made.holds_socket = choice->holds_socket;
    if (choice->event != 0) made.only = Context::Only{offsetof(bpf_sock_ops, op), choice->event, choice->callbacks, beginnings};
  }
  if (!row.packet) return made;
  made.skb = true;
  made.fields = skb_fields(SkbUser::cgroup);
  made.packet = PacketSource{.link_layer = false, .data = offsetof(__sk_buff, data), .data_end = offsetof(__sk_buff, data_end), .length = offsetof(__sk_buff, len), .protocol = offsetof(__sk_buff, protocol)};
  return made;
}

std::string section(const Target& target) {
  const Row& row = row_of(target.provider);
  const Choice* choice = target.parts.empty() ? nullptr : find_choice(row, target.parts[0]);
  if (!choice && !row.choices.empty()) choice = &row.choices[0];
  return std::string(choice && !choice->section.empty() ? choice->section : row.section);
}

Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    const Row& row = row_of(target.provider);
    const Choice* choice = target.parts.empty() ? nullptr : find_choice(row, target.parts[0]);
    AWL_TRY(folder, folder_of(target, host));
    AWL_TRY(link, host.attach_cgroup(request.program, choice && !choice->section.empty() ? choice->attach : row.attach, folder));
    links.push_back(std::move(link));
  }
  return links;
}

Result<> list(const Target& pattern, Host&, const TargetSink& sink) {
  const Row& row = row_of(pattern.provider);
  std::vector<Target> all;
  if (row.choices.empty()) all.push_back({pattern.provider, {}});
  for (const Choice& choice : row.choices) all.push_back({pattern.provider, {std::string(choice.word)}});
  return list_sorted(std::move(all), sink);
}

template <size_t I>
constexpr Provider provider() {
  return {
      .name = rows[I].name,
      .syntax = rows[I].syntax,
      .doc = rows[I].doc,
      .example = rows[I].example,
      .expand = Expand::program_per_match,
      .verdicts = rows[I].verdicts,
      .in_task = !rows[I].packet && rows[I].choices.empty(),
      .takes_packets = rows[I].packet,
      .parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) { return parse(cgroup_providers[I], parts, span, diagnostics); },
      .match = match,
      .context = context,
      .section = section,
      .attach = attach,
      .list = list,
  };
}

}  // namespace

const Provider cgroup_providers[cgroup_kinds] = {
    provider<0>(), provider<1>(), provider<2>(),  provider<3>(),  provider<4>(),  provider<5>(),  provider<6>(),  provider<7>(),  provider<8>(),
    provider<9>(), provider<10>(), provider<11>(), provider<12>(), provider<13>(), provider<14>(), provider<15>(), provider<16>(),
};

}  // namespace awl
