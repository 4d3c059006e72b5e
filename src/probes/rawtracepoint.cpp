#include <algorithm>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"rt"};
constexpr std::string_view typedef_prefix = "btf_trace_";

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(rawtracepoint_provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  for (const std::string& part : parts) {
    if (!part.empty()) continue;
    diagnostics.report<Diag::probe_empty_part>(span, "rawtracepoint", "module or event").hint("list them with `awl -l 'rawtracepoint:*'`");
    return std::nullopt;
  }
  return Target{&rawtracepoint_provider, {parts.begin(), parts.end()}};
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  AWL_TRY(all, find_btf(host, target.parts.size() == 2 ? target.parts[0] : "*"));
  const std::string& event = target.parts.back();
  std::vector<Target> matches;
  for (const NamedBtf& named : all) {
    if (is_glob(event)) {
      for (const std::string_view name : names_of_kind(named.types, BTF_KIND_TYPEDEF, typedef_prefix, event, host))
        matches.push_back({&rawtracepoint_provider, {named.module, std::string(name)}});
    } else if (find_function_pointer(named.types, std::string(typedef_prefix) + event, host)) {
      matches.push_back({&rawtracepoint_provider, {named.module, event}});
      if (target.parts.size() == 1) break;
    }
  }
  std::ranges::sort(matches, {}, &Target::parts);
  return matches;
}

// The typedef says the types; where it leaves out the names (compilers do not record those of function pointers), one of the
// functions that the kernel makes for each tracepoint has them.
void complete_names(const btf* types, const std::string& event, BtfPrototype& prototype, Host& host) {
  for (const std::string_view prefix : {"__probestub_", "__traceiter_", "__bpf_trace_", "trace_event_raw_event_"}) {
    if (std::ranges::none_of(prototype.parameters, [](const BtfParameter& p) { return p.name.empty(); })) return;
    const auto function = find_function(types, std::string(prefix) + event, host);
    if (!function || function->parameters.size() != prototype.parameters.size()) continue;
    for (size_t i = 0; i < prototype.parameters.size(); ++i)
      if (prototype.parameters[i].name.empty()) prototype.parameters[i].name = function->parameters[i].name;
  }
}

Result<Context> context(const Target& target, Host& host) {
  auto found = match(target, host);
  if (!found) return std::unexpected(std::move(found).error());
  if (found->empty()) return fail(ENOENT, "the kernel has no {}", target.text());
  const std::string& module = found->front().parts[0];
  const std::string& event = found->front().parts[1];
  AWL_TRY(types, module == "vmlinux" ? host.kernel_btf() : host.module_btf(module));
  auto prototype = find_function_pointer(types, std::string(typedef_prefix) + event, host);
  if (!prototype || prototype->parameters.empty()) return fail(ENOENT, "the kernel's types do not describe {}", target.text());
  // The first parameter is the tracepoint's private pointer, which programs do not see.
  complete_names(types, event, *prototype, host);
  Context made{.has_args = true, .direct_loads = true};
  for (uint32_t i = 1; i < prototype->parameters.size(); ++i) {
    const BtfParameter& parameter = prototype->parameters[i];
    made.args.push_back({parameter.name.empty() ? fmt::format("arg{}", i - 1) : parameter.name,
                         BtfTypeId{parameter.type, btf_module(module)}, ArgumentAccess{i - 1}});
    made.positional.push_back(ArgumentAccess{i - 1});
  }
  return made;
}

Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    auto link = host.attach_trace(request.program, 0);
    if (!link) return std::unexpected(std::move(link).error().context(target.text()));
    links.push_back(std::move(*link));
  }
  return links;
}

}  // namespace

// One program for each match: the arguments differ, and kernels before 6.10 have no cookies for raw tracepoints.
const Provider rawtracepoint_provider{
    .name = "rawtracepoint",
    .aliases = aliases,
    .syntax = "rawtracepoint:[MODULE:]EVENT",
    .doc = "A tracepoint before its record is made: the kernel's own values, typed by BTF, in args. Cheaper than tracepoint.",
    .example = "rawtracepoint:sched_switch { @[args.next.comm] = count(); }",
    .expand = Expand::program_per_match,
    .parse = parse,
    .match = match,
    .context = context,
    .section = [](const Target& target) { return "tp_btf/" + target.parts.back(); },
    .attach = attach,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 1, 2, match, host, sink); },
    .pid_by_predicate = true,
};

}  // namespace awl
