#include <bpf/btf.h>
#include <linux/netfilter.h>

#include <charconv>

#include "base/diag/hooks.h"
#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr Verdicts::Name names[] = {{"NF_DROP", NF_DROP}, {"NF_ACCEPT", NF_ACCEPT}};
constexpr int64_t passing[] = {NF_ACCEPT};
constexpr Verdicts verdicts{.names = names, .usual = NF_ACCEPT, .passing = passing, .least = NF_DROP, .most = NF_ACCEPT};

struct Word {
  std::string_view name;
  uint32_t value;
};
constexpr Word families[] = {{"ip", NFPROTO_IPV4}, {"ip6", NFPROTO_IPV6}};
constexpr Word hooks[] = {{"forward", NF_INET_FORWARD}, {"local_in", NF_INET_LOCAL_IN}, {"local_out", NF_INET_LOCAL_OUT}, {"post_routing", NF_INET_POST_ROUTING}, {"pre_routing", NF_INET_PRE_ROUTING}};
constexpr std::string_view usual_priority = "-10";  // the kernel refuses 0 and the outermost ones

const Word* find(std::span<const Word> words, std::string_view name) {
  for (const Word& word : words)
    if (word.name == name) return &word;
  return nullptr;
}

std::optional<int32_t> priority_of(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

bool check_word(std::span<const Word> words, const std::string& part, Span span, Diagnostics& diagnostics) {
  if (find(words, part) || has_parameter(part)) return true;
  std::string all;
  for (const Word& word : words) all += fmt::format("{}{}", all.empty() ? "" : ", ", word.name);
  diagnostics.report<Diag::probe_mode>(span, "netfilter", part, all);
  return false;
}

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(netfilter_provider, parts, 2, 3, span, diagnostics)) return std::nullopt;
  if (!check_word(families, parts[0], span, diagnostics) || !check_word(hooks, parts[1], span, diagnostics)) return std::nullopt;
  if (parts.size() == 3 && !has_parameter(parts[2]) && !priority_of(parts[2])) {
    diagnostics.report<Diag::probe_mode>(span, "netfilter", parts[2], "a priority, a number such as -10");
    return std::nullopt;
  }
  return Target{&netfilter_provider, {parts.begin(), parts.end()}};
}

// args.state and args.skb: what struct bpf_nf_ctx holds, typed by the kernel.
Result<Context> context(const Target&, Host& host) {
  AWL_TRY(types, host.kernel_btf());
  const int id = btf__find_by_name_kind(types, "bpf_nf_ctx", BTF_KIND_STRUCT);
  if (id <= 0) return fail_text(ENOENT, "this kernel has no netfilter hooks for programs", "kernels have them from 6.4 on");
  const btf_type* type = btf__type_by_id(types, static_cast<uint32_t>(id));
  Context made{.has_args = true, .direct_loads = true};
  for (const btf_member& member : std::span(btf_members(type), btf_vlen(type))) {
    const char* name = btf__name_by_offset(types, member.name_off);
    made.args.push_back({name ? name : "", BtfTypeId{member.type, ""}, ArgumentAccess{member.offset / 64}});
  }
  return made;
}

Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    const Word *family = find(families, target.parts.at(0)), *hook = find(hooks, target.parts.at(1));
    const auto priority = priority_of(target.parts.size() == 3 ? std::string_view(target.parts[2]) : usual_priority);
    if (!family || !hook || !priority) return fail(0, "'{}' names no hook of netfilter", target.text());
    AWL_TRY(link, host.attach_netfilter(request.program, family->value, hook->value, *priority));
    links.push_back(std::move(link));
  }
  return links;
}

Result<> list(const Target& pattern, Host&, const TargetSink& sink) {
  std::vector<Target> all;
  for (const Word& family : families)
    for (const Word& hook : hooks) all.push_back({pattern.provider, {std::string(family.name), std::string(hook.name)}});
  return list_sorted(std::move(all), sink);
}

}  // namespace

const Provider netfilter_provider{
    .name = "netfilter",
    .syntax = "netfilter:ip|ip6:pre_routing|local_in|forward|local_out|post_routing[:PRIORITY]",
    .doc =
        "Packets on their way through the kernel's network stack of this network namespace: args.skb and args.state are the kernel's own structures. `return NF_DROP` drops the packet. "
        "PRIORITY says when, beside other users of the hook; -10 unless given.",
    .example = "netfilter:ip:local_in { @ = sum(args.skb.len); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .in_task = false,
    .parse = parse,
    .match = match_itself,
    .context = context,
    .section = [](const Target&) -> std::string { return "netfilter"; },
    .attach = attach,
    .list = list,
};

}  // namespace awl
