#include <linux/bpf.h>

#include "base/diag/probes.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr Verdicts::Name names[] = {{"SK_DROP", SK_DROP}, {"SK_PASS", SK_PASS}};
constexpr int64_t passing[] = {SK_PASS};
constexpr Verdicts verdicts{.names = names, .usual = SK_PASS, .passing = passing, .least = SK_DROP, .most = SK_PASS, .assign = SK_PASS};

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(sk_lookup_provider, parts, 0, 1, span, diagnostics)) return std::nullopt;
  if (parts.size() == 1 && parts[0].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, "sk_lookup", "network namespace");
    return std::nullopt;
  }
  return Target{&sk_lookup_provider, {parts.begin(), parts.end()}};
}

// The file of the namespace: a path, a name as `ip netns` gives, or without one that of awl itself.
std::string file_of(const Target& target) {
  if (target.parts.empty()) return "/proc/self/ns/net";
  return target.parts[0].starts_with('/') ? target.parts[0] : "/run/netns/" + target.parts[0];
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  std::vector<Target> found;
  if (target.parts.empty() || host.file_status(file_of(target)).exists) found.push_back(target);
  return found;
}

ContextField field(std::string_view name, uint32_t offset, uint32_t size = 4) {
  if (size == 16) return {.name = std::string(name), .type = CSpelling{"unsigned char[16]", 16, false}, .access = BytesAccess{.offset = offset, .size = 16}};
  return {.name = std::string(name), .type = CSpelling{"unsigned int", 4, false}, .access = BytesAccess{.offset = offset, .size = 4}};
}

Result<Context> context(const Target&, Host&) {
  Context made;
  made.fields = {field("family", offsetof(bpf_sk_lookup, family)),           field("protocol", offsetof(bpf_sk_lookup, protocol)),
                 field("remote_ip4", offsetof(bpf_sk_lookup, remote_ip4)),   field("remote_ip6", offsetof(bpf_sk_lookup, remote_ip6), 16),
                 field("local_ip4", offsetof(bpf_sk_lookup, local_ip4)),     field("local_ip6", offsetof(bpf_sk_lookup, local_ip6), 16),
                 field("local_port", offsetof(bpf_sk_lookup, local_port))};
  ContextField port = field("remote_port", offsetof(bpf_sk_lookup, remote_port));
  port.type = CSpelling{"unsigned short", 2, false};
  port.network_order = true;
  made.fields.push_back(std::move(port));
  return made;
}

Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    AWL_TRY(link, host.attach_network_namespace(request.program, BPF_SK_LOOKUP, file_of(target)));
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace

const Provider sk_lookup_provider{
    .name = "sk_lookup",
    .syntax = "sk_lookup[:NETNS]",
    .doc =
        "The kernel looks for the listening socket that a new connection or a datagram is for: ctx.family, ctx.protocol, ctx.local_ip4, ctx.local_port, ctx.remote_ip4, "
        "ctx.remote_port (local_ip6, remote_ip6). `return SK_DROP` refuses it, `return assign(@m, index)` gives it to a socket of a `sockmap`. NETNS: a network namespace as `ip netns` names it, or its file.",
    .example = "sk_lookup { @[ctx.protocol, ctx.local_port] = count(); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .in_task = false,
    .parse = parse,
    .match = match,
    .context = context,
    .section = [](const Target&) -> std::string { return "sk_lookup"; },
    .attach = attach,
    .list = [](const Target& pattern, Host&, const TargetSink& sink) { return list_sorted({{pattern.provider, {}}}, sink); },
};

}  // namespace awl
