#include "probes/traced_function.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <map>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/kernel_function.h"
#include "probes/parts.h"

namespace awl {

namespace {

// fentry:bpf[:ID]:FUNCTION: a function of a loaded BPF program.
constexpr std::string_view bpf_part = "bpf";
bool is_of_program(const Target& target) { return target.parts.size() >= 2 && target.parts[0] == bpf_part; }

Result<> each_program_function(const Target& target, Host& host, const TargetSink& sink) {
  const std::string& function = target.parts.back();
  const std::string id = target.parts.size() == 3 ? target.parts[1] : "*";
  std::vector<Target> matches;
  AWL_TRY(functions, host.bpf_functions());
  for (const BpfFunction& found : functions) {
    std::string number = std::to_string(found.program);
    if (glob_match(id, number) && glob_match(function, found.name)) matches.push_back({target.provider, {std::string(bpf_part), std::move(number), found.name}});
  }
  return list_sorted(std::move(matches), sink);
}

// A function that is written out. The kernel's own function of that name hides those of modules, as for the loader of programs.
Result<> each_named_function(const Target& target, Host& host, const TargetSink& sink) {
  const std::string& function = target.parts.back();
  std::vector<Target> matches;
  AWL_TRY(all, find_btf(host, target.parts.size() == 2 ? target.parts[0] : "vmlinux"));
  if (target.parts.size() == 1 && !find_function(all[0].types, function, host)) {
    AWL_TRY(modules, find_btf(host, "*"));
    all = std::move(modules);
  }
  for (const NamedBtf& named : all)
    if (find_function(named.types, function, host)) matches.push_back({target.provider, {named.module, function}});
  return list_sorted(std::move(matches), sink);
}

}  // namespace

std::optional<Target> parse_traced_function(const Provider& provider, std::span<const std::string> parts, Span span,
                                            Diagnostics& diagnostics) {
  const bool of_program = !parts.empty() && parts[0] == bpf_part;
  if (!check_part_count(provider, parts, of_program ? 2 : 1, of_program ? 3 : 2, span, diagnostics)) return std::nullopt;
  if (parts.size() == 3 && !is_glob(parts[1]) && !has_parameter(parts[1])) {
    const auto id = parse_unsigned(parts[1]);
    if (!id || *id > UINT32_MAX) {
      diagnostics.report<Diag::bpf_program_id>(span, parts[1]).hint("`bpftool prog` lists programs with their ids");
      return std::nullopt;
    }
  }
  for (const std::string& part : parts) {
    if (!part.empty()) continue;
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, &part == &parts.back() ? "function" : "module");
    return std::nullopt;
  }
  return Target{&provider, {parts.begin(), parts.end()}};
}

Result<> each_traced_function(const Target& target, Host& host, const TargetSink& sink) {
  if (is_of_program(target)) return each_program_function(target, host, sink);
  if (target.parts.size() > 2) return {};
  const std::string& function = target.parts.back();
  if (!is_glob(function)) return each_named_function(target, host, sink);
  AWL_TRY(all, find_btf(host, target.parts.size() == 2 ? target.parts[0] : "*"));
  std::map<std::string, std::vector<std::string_view>> known;  // by "MODULE:", as texts of targets are ordered
  for (const NamedBtf& named : all) known.emplace(named.module + ":", names_of_kind(named.types, BTF_KIND_FUNC, "", function, host));
  AWL_TRY(traceable, host.traceable_functions());  // last: they may still be being read
  for (const auto& [module, names] : known) {
    Target one{target.provider, {module.substr(0, module.size() - 1), ""}};
    auto at = traceable.begin();  // both lists are sorted by name
    for (const std::string_view name : names) {
      while (at != traceable.end() && at->name < name) ++at;
      if (at == traceable.end() || at->name != name) continue;
      one.parts[1] = name;
      sink(one);
    }
  }
  return {};
}

Result<std::vector<Target>> match_traced_function(const Target& target, Host& host) {
  std::vector<Target> matches;
  AWL_CHECK(each_traced_function(target, host, [&](const Target& match) { matches.push_back(match); }));
  return matches;
}

std::optional<std::string> why_traced_function_refused(const Target& target, Host& host) {
  return is_of_program(target) ? std::nullopt : why_function_refused(target, host);
}

Result<Context> traced_function_context(const Target& target, bool exit, Host& host) {
  // Types of programs are not the kernel's: their arguments stay unknown.
  if (is_of_program(target)) return Context{};
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

std::string traced_function_section(const Target& target, std::string_view kind) {
  return is_of_program(target) ? std::string(kind) : fmt::format("{}/{}", kind, target.parts.back());
}

Result<> prepare_traced_function(bpf_program* program, std::span<const Target> matches, Host& host) {
  const Target& target = matches[0];
  if (!is_of_program(target)) return {};
  if (matches.size() > 1) return fail_text(0, fmt::format("{} BPF programs have a function {}", matches.size(), target.parts.back()), fmt::format("name one by its id: {}", target.text()));
  AWL_TRY(traced, host.bpf_program_of(static_cast<uint32_t>(parse_unsigned(target.parts[1]).value_or(0))));
  if (const int error = bpf_program__set_attach_target(program, traced, target.parts.back().c_str()); error != 0)
    return fail(-error, "cannot trace {}", target.text());
  return {};
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
