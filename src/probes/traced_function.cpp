#include "probes/traced_function.h"

#include <algorithm>
#include <set>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"

namespace awl {

std::optional<Target> parse_traced_function(const Provider& provider, std::span<const std::string> parts, Span span,
                                            Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  for (const std::string& part : parts) {
    if (!part.empty()) continue;
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, &part == &parts.back() ? "function" : "module");
    return std::nullopt;
  }
  return Target{&provider, {parts.begin(), parts.end()}};
}

Result<std::vector<Target>> match_traced_function(const Target& target, Host& host) {
  const std::string& function = target.parts.back();
  std::vector<Target> matches;
  if (!is_glob(function)) {
    // The kernel's own function of that name hides those of modules, as for the loader of programs.
    AWL_TRY(all, find_btf(host, target.parts.size() == 2 ? target.parts[0] : "vmlinux"));
    if (target.parts.size() == 1 && !find_function(all[0].types, function, host)) {
      AWL_TRY(modules, find_btf(host, "*"));
      all = std::move(modules);
    }
    for (const NamedBtf& named : all)
      if (find_function(named.types, function, host)) matches.push_back({target.provider, {named.module, function}});
  } else {
    AWL_TRY(all, find_btf(host, target.parts.size() == 2 ? target.parts[0] : "*"));
    AWL_TRY(lines, host.traceable_functions());
    std::set<std::string_view> traceable;
    for (const std::string& line : lines) traceable.insert(std::string_view(line).substr(0, line.find(' ')));
    for (const NamedBtf& named : all)
      for (const std::string& name : names_of_kind(named.types, BTF_KIND_FUNC, "", function))
        if (traceable.contains(name)) matches.push_back({target.provider, {named.module, name}});
  }
  std::ranges::sort(matches, {}, &Target::parts);
  return matches;
}

Result<Context> traced_function_context(const Target& target, bool exit, Host& host) {
  const std::string module = target.parts.size() == 2 ? target.parts[0] : "vmlinux";
  AWL_TRY(types, module == "vmlinux" ? host.kernel_btf() : host.module_btf(module));
  const auto prototype = find_function(types, target.parts.back(), host);
  if (!prototype) return fail(ENOENT, "the kernel's types have no function '{}' in {}", target.parts.back(), module);
  Context context{.has_args = true, .function = FunctionIpAccess{}, .direct_loads = true};
  uint32_t slot = 0;
  for (const BtfParameter& parameter : prototype->parameters) {
    context.args.push_back({parameter.name, BtfTypeId{parameter.type, btf_module(module)}, ArgumentAccess{slot}});
    // Structures passed by value take several slots.
    slot += std::max(1U, (type_size(types, parameter.type) + 7) / 8);
  }
  if (exit && prototype->result != 0)
    context.retval = ContextField{"retval", BtfTypeId{prototype->result, btf_module(module)}, ArgumentAccess{slot}};
  return context;
}

Result<std::vector<Link>> attach_traced_function(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    auto link = host.attach_trace(request.program, 0);
    if (!link) return std::unexpected(std::move(link).error().context(target.text()));
    links.push_back(std::move(*link));
  }
  return links;
}

}  // namespace awl
