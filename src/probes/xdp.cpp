#include <linux/bpf.h>

#include "base/diag/hooks.h"
#include "base/glob.h"
#include "probes/interface_hook.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr Verdicts::Name names[] = {{"XDP_ABORTED", XDP_ABORTED}, {"XDP_DROP", XDP_DROP}, {"XDP_PASS", XDP_PASS}, {"XDP_TX", XDP_TX}, {"XDP_REDIRECT", XDP_REDIRECT}};
constexpr int64_t passing[] = {XDP_PASS};
constexpr Verdicts verdicts{.names = names, .usual = XDP_PASS, .passing = passing, .least = XDP_ABORTED, .most = XDP_REDIRECT, .redirect = XDP_REDIRECT};

constexpr std::string_view generic = "generic", native = "native";

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(xdp_provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  if (!check_interface(xdp_provider, parts[0], span, diagnostics)) return std::nullopt;
  if (parts.size() == 2 && parts[1] != generic && parts[1] != native && !has_parameter(parts[1])) {
    diagnostics.report<Diag::probe_mode>(span, xdp_provider.name, parts[1], "generic or native");
    return std::nullopt;
  }
  return Target{&xdp_provider, {parts.begin(), parts.end()}};
}

ContextField field(std::string_view name, uint32_t offset) {
  return {.name = std::string(name), .type = CSpelling{"unsigned int", 4, false}, .access = BytesAccess{.offset = offset, .size = 4}};
}

Result<Context> context(const Target&, Host&) {
  Context made;
  made.fields = {field("ingress_ifindex", offsetof(xdp_md, ingress_ifindex)), field("rx_queue_index", offsetof(xdp_md, rx_queue_index))};
  made.packet = PacketSource{.data = offsetof(xdp_md, data), .data_end = offsetof(xdp_md, data_end)};
  return made;
}

Host::InterfaceHook hook(const Target& target) {
  if (target.parts.size() < 2) return Host::InterfaceHook::xdp;
  return target.parts[1] == native ? Host::InterfaceHook::xdp_native : Host::InterfaceHook::xdp_generic;
}

}  // namespace

const Provider xdp_provider{
    .name = "xdp",
    .syntax = "xdp:IFACE[:generic|:native]",
    .doc =
        "Every packet that a network interface receives, before the kernel's network stack sees it. `return` says what becomes of it: XDP_PASS "
        "(without `return`), XDP_DROP, XDP_TX, redirect(ifindex).",
    .example = "xdp:lo { @[ip.protocol] = count(); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .in_task = false,
    .takes_packets = true,
    .parse = parse,
    .match = match_interfaces,
    .context = context,
    .section = [](const Target&) -> std::string { return "xdp"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_interfaces(request, hook, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 1, 2, match_interfaces, host, sink); },
};

}  // namespace awl
