#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "base/diag/hooks.h"
#include "base/glob.h"
#include "probes/interface_hook.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr Verdicts::Name names[] = {
    {"TC_ACT_UNSPEC", TC_ACT_UNSPEC}, {"TC_ACT_OK", TC_ACT_OK},         {"TC_ACT_RECLASSIFY", TC_ACT_RECLASSIFY}, {"TC_ACT_SHOT", TC_ACT_SHOT},
    {"TC_ACT_PIPE", TC_ACT_PIPE},     {"TC_ACT_STOLEN", TC_ACT_STOLEN}, {"TC_ACT_QUEUED", TC_ACT_QUEUED},         {"TC_ACT_REPEAT", TC_ACT_REPEAT},
    {"TC_ACT_REDIRECT", TC_ACT_REDIRECT},
};
constexpr int64_t passing[] = {TC_ACT_UNSPEC, TC_ACT_OK};
// Without `return` the programs and filters behind have their say: TC_ACT_UNSPEC, which is TCX_NEXT.
constexpr Verdicts verdicts{.names = names, .usual = TC_ACT_UNSPEC, .passing = passing, .least = TC_ACT_UNSPEC, .most = TC_ACT_REDIRECT, .redirect = TC_ACT_REDIRECT};

constexpr std::string_view ingress = "ingress", egress = "egress";

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(tc_provider, parts, 2, 2, span, diagnostics)) return std::nullopt;
  if (!check_interface(tc_provider, parts[0], span, diagnostics)) return std::nullopt;
  if (parts[1] != ingress && parts[1] != egress && !has_parameter(parts[1]) && !is_glob(parts[1])) {
    diagnostics.report<Diag::probe_mode>(span, tc_provider.name, parts[1], "ingress or egress");
    return std::nullopt;
  }
  return Target{&tc_provider, {parts.begin(), parts.end()}};
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  AWL_TRY(interfaces, match_interfaces(target, host));
  std::vector<Target> matches;
  for (const Target& found : interfaces)
    for (const std::string_view direction : {egress, ingress})
      if (found.parts.size() == 2 && glob_match(found.parts[1], direction)) matches.push_back({found.provider, {found.parts[0], std::string(direction)}});
  return matches;
}

Result<Context> context(const Target&, Host&) {
  Context made;
  made.fields = skb_fields(SkbUser::classifier);
  made.skb = true;
  made.packet = PacketSource{.data = offsetof(__sk_buff, data),
                             .data_end = offsetof(__sk_buff, data_end),
                             .length = offsetof(__sk_buff, len),
                             .vlan_present = offsetof(__sk_buff, vlan_present),
                             .vlan_tci = offsetof(__sk_buff, vlan_tci),
                             .vlan_proto = offsetof(__sk_buff, vlan_proto),
                             .pull = true};
  return made;
}

Host::InterfaceHook hook(const Target& target) {
  return target.parts.at(1) == ingress ? Host::InterfaceHook::tc_ingress : Host::InterfaceHook::tc_egress;
}

}  // namespace

const Provider tc_provider{
    .name = "tc",
    .syntax = "tc:IFACE:ingress|egress",
    .doc =
        "Every packet that a network interface takes in (ingress) or sends (egress), as the kernel's network stack has it. `return` says what becomes of it: "
        "TC_ACT_OK, TC_ACT_SHOT (drop), redirect(ifindex); without it the filters behind decide.",
    .example = "tc:lo:ingress { @bytes[ip.saddr] = sum(skb.len); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .in_task = false,
    .takes_packets = true,
    .parse = parse,
    .match = match,
    .context = context,
    .section = [](const Target&) -> std::string { return "tc"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_interfaces(request, hook, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 2, 2, match, host, sink); },
};

}  // namespace awl
