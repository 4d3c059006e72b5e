#include <linux/bpf.h>

#include "probes/interface_hook.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(socket_filter_provider, parts, 1, 1, span, diagnostics)) return std::nullopt;
  if (!check_interface(socket_filter_provider, parts[0], span, diagnostics)) return std::nullopt;
  return Target{&socket_filter_provider, {parts[0]}};
}

Result<Context> context(const Target&, Host&) {
  Context made;
  made.fields = skb_fields(SkbUser::socket);
  made.skb = true;
  made.packet = PacketSource{.direct = false,
                             .length = offsetof(__sk_buff, len),
                             .vlan_present = offsetof(__sk_buff, vlan_present),
                             .vlan_tci = offsetof(__sk_buff, vlan_tci),
                             .vlan_proto = offsetof(__sk_buff, vlan_proto)};
  return made;
}

Host::InterfaceHook hook(const Target&) { return Host::InterfaceHook::socket; }

}  // namespace

const Provider socket_filter_provider{
    .name = "socket_filter",
    .syntax = "socket_filter:IFACE",
    .doc = "Every packet that a network interface takes in or sends, as a packet socket sees it. It only observes, and needs no support by the interface.",
    .example = "socket_filter:lo { @[ip.protocol] = count(); }",
    .expand = Expand::program_per_match,
    .in_task = false,
    .parse = parse,
    .match = match_interfaces,
    .context = context,
    .section = [](const Target&) -> std::string { return "socket"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_interfaces(request, hook, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 1, 1, match_interfaces, host, sink); },
};

}  // namespace awl
