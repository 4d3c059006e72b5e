#include "probes/interface_hook.h"

#include <linux/bpf.h>

#include <algorithm>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/parts.h"

namespace awl {

bool check_interface(const Provider& provider, std::string_view name, Span span, Diagnostics& diagnostics) {
  if (!name.empty()) return true;
  diagnostics.report<Diag::probe_empty_part>(span, provider.name, "interface").hint("`ip link` lists the network interfaces");
  return false;
}

Result<std::vector<Target>> match_interfaces(const Target& target, Host& host) {
  AWL_TRY(names, host.interfaces());
  std::vector<Target> matches;
  for (const std::string& name : names) {
    if (target.parts.empty() || !glob_match(target.parts[0], name)) continue;
    Target match = target;
    match.parts[0] = name;
    matches.push_back(std::move(match));
  }
  return matches;
}

Result<std::vector<Link>> attach_interfaces(const Provider::AttachRequest& request, Host::InterfaceHook (*hook)(const Target&), Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    AWL_TRY(link, host.attach_interface(request.program, hook(target), target.parts.at(0)));
    links.push_back(std::move(link));
  }
  return links;
}

namespace {

struct Row {
  std::string_view name;
  uint32_t offset;
  uint32_t size;
  bool writable = false;
  bool classifier = false;  // read by classifiers alone
  bool classified = false;  // written by classifiers alone
};
#define AWL_SKB(field) #field, offsetof(__sk_buff, field), sizeof(__sk_buff::field)
constexpr Row skb_rows[] = {
    {AWL_SKB(len)},          {AWL_SKB(pkt_type)},        {AWL_SKB(mark), true},     {AWL_SKB(queue_mapping), true, false, true}, {AWL_SKB(protocol)},
    {AWL_SKB(vlan_present)}, {AWL_SKB(vlan_tci)},        {AWL_SKB(vlan_proto)},     {AWL_SKB(priority), true},      {AWL_SKB(ingress_ifindex)},
    {AWL_SKB(ifindex)},      {AWL_SKB(tc_index), true, true, true},  {AWL_SKB(hash)},           {AWL_SKB(tc_classid), true, true},    {AWL_SKB(napi_id)},
    {AWL_SKB(wire_len), false, true},     {AWL_SKB(gso_segs)},        {AWL_SKB(gso_size)},
};
#undef AWL_SKB

}  // namespace

std::vector<ContextField> skb_fields(SkbUser user) {
  std::vector<ContextField> fields;
  for (const Row& row : skb_rows) {
    const bool classifier = user == SkbUser::classifier;
    if (!classifier && row.classifier) continue;
    fields.push_back({.name = std::string(row.name), .type = CSpelling{"unsigned int", row.size, false}, .access = BytesAccess{.offset = row.offset, .size = row.size}, .writable = row.writable && user != SkbUser::socket && (classifier || !row.classified)});
  }
  return fields;
}

}  // namespace awl
