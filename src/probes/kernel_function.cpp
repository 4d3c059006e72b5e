#include "probes/kernel_function.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <map>
#include <set>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "base/lines.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/traceable_functions.h"

namespace awl {
namespace {

// Whether the kernel's types know a function: quicker to find out than reading the list of all functions.
bool known_by_btf(const std::string& name, Host& host) {
  const auto types = host.kernel_btf();
  return types && btf__find_by_name_kind(*types, name.c_str(), BTF_KIND_FUNC) > 0;
}

// A name as it stands in front of others: the module, nothing for the kernel's own, and the function.
using FunctionName = std::pair<std::string_view, std::string_view>;

FunctionName name_of(const Target& target) {
  const bool in_module = target.parts.size() == 2 && target.parts[0] != "vmlinux";
  return {in_module ? std::string_view(target.parts[0]) : std::string_view(), target.parts.back()};
}

// What the kernel lists in a file of tracefs since 6.5, with addresses. Empty: it does not.
std::string list_of_addresses(Host& host) {
  const auto tracefs = host.tracefs();
  const std::string path = tracefs ? *tracefs + "/available_filter_functions_addrs" : "";
  return tracefs && host.file_status(path).exists ? path : "";
}

// Whether each name stands for one function: a multi link takes names without modules.
bool names_are_unique(std::span<const Target> matches) {
  std::set<std::string_view> names;
  return std::ranges::all_of(matches, [&](const Target& target) { return names.insert(target.parts.back()).second; });
}

// Whether one link can be made to all: to whole functions, by their names or their addresses.
bool use_multi(std::span<const Target> matches, Host& host) {
  const auto plain = [](const Target& target) {
    return !is_kernel_address(target) && target.parts.back().find('+') == std::string::npos;
  };
  return matches.size() > 1 && std::ranges::all_of(matches, plain) && host.has_feature(Feature::kprobe_multi) && (names_are_unique(matches) || !list_of_addresses(host).empty());
}

}  // namespace

bool is_kernel_address(const Target& target) {
  return target.parts.size() == 1 && !target.parts[0].empty() && std::isdigit(static_cast<unsigned char>(target.parts[0][0]));
}

std::optional<Target> parse_kernel_function(const Provider& provider, bool ret, std::span<const std::string> parts, Span span,
                                            Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  Target target{&provider, {parts.begin(), parts.end()}};
  std::string& function = target.parts.back();
  if (has_parameter(function)) return target;
  if (function.empty() || target.parts[0].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, function.empty() ? "function" : "module");
    return std::nullopt;
  }
  if (is_kernel_address(target)) {
    if (const auto address = parse_unsigned(function))
      return target;
    else
      diagnostics.report<Diag::probe_address>(span, address.error());
    return std::nullopt;
  }
  if (!normalise_offset(function, ret, span, diagnostics)) return std::nullopt;
  return target;
}

namespace {

// Names of functions by what is written in front of them, a module or nothing.
using ByModule = std::map<std::string_view, std::vector<std::string_view>>;

// In the order of their texts: the functions of a module stand together, where "MODULE:" stands among the names.
void pass_functions(const Provider* provider, const ByModule& functions, const std::string& offset, const TargetSink& sink) {
  Target one{provider, {""}};
  const auto pass = [&](std::string_view name) {
    one.parts.back().assign(name) += offset;
    sink(one);
  };
  std::map<std::string, std::span<const std::string_view>> modules;
  std::span<const std::string_view> plain;
  for (const auto& [module, names] : functions) {
    if (module.empty()) plain = names;
    else modules.emplace(std::string(module) + ":", names);
  }
  const auto pass_module = [&](const auto& module) {
    one.parts = {module.first.substr(0, module.first.size() - 1), ""};
    for (const std::string_view name : module.second) pass(name);
    one.parts = {""};
  };
  auto next = modules.begin();
  for (const std::string_view name : plain) {
    for (; next != modules.end() && next->first < name; ++next) pass_module(*next);
    pass(name);
  }
  for (; next != modules.end(); ++next) pass_module(*next);
}

}  // namespace

Result<> each_kernel_function(const Target& target, Host& host, const TargetSink& sink) {
  const auto itself = [&] {
    sink(target);
    return Result<>();
  };
  if (is_kernel_address(target)) return itself();
  const bool has_module = target.parts.size() == 2;
  const std::string module_pattern = has_module ? target.parts[0] : "*";
  const std::string& written = target.parts.back();
  const size_t plus = std::min(written.find('+'), written.size());
  const std::string function = written.substr(0, plus), offset = written.substr(plus);
  if (!has_module && !is_glob(function) && known_by_btf(function, host)) return itself();

  AWL_TRY(all, host.traceable_functions());
  // "vmlinux" stands in front of a function only if it was asked for.
  const std::string_view own = has_module && !is_glob(module_pattern) ? std::string_view(module_pattern) : "";
  ByModule functions;
  for (const TraceableFunction& found : all) {
    if (!glob_match(function, found.name)) continue;
    if (has_module && !glob_match(module_pattern, found.module.empty() ? "vmlinux" : found.module)) continue;
    functions[found.module.empty() ? own : found.module].push_back(found.name);
  }
  // The list leaves out second names of functions (system calls have some), which the kernel accepts.
  if (functions.empty() && !has_module && !is_glob(function) && host.kernel_symbol(function)) return itself();
  pass_functions(target.provider, functions, offset, sink);
  return {};
}

Result<std::vector<Target>> match_kernel_function(const Target& target, Host& host) {
  std::vector<Target> matches;
  AWL_CHECK(each_kernel_function(target, host, [&](const Target& match) { matches.push_back(match); }));
  return matches;
}

std::optional<std::string> why_function_refused(const Target& target, Host& host) {
  if (is_kernel_address(target)) return std::nullopt;
  const std::string& written = target.parts.back();
  const std::string function = written.substr(0, written.find('+'));
  const auto all = host.traceable_functions();
  if (!all || std::ranges::binary_search(*all, std::string_view(function), {}, &TraceableFunction::name)) return std::nullopt;
  return fmt::format("'{}' is not traceable: the kernel does not list it (it is inlined, or marked notrace)", function);
}

std::string kernel_function_section(const Target& target, bool ret) {
  const std::string kind = ret ? "kretprobe" : "kprobe";
  const std::string& function = target.parts.back();
  if (is_glob(target.text()) || has_parameter(function) || is_kernel_address(target)) return kind;
  return kind + "/" + function;
}

Result<> prepare_kernel_functions(bpf_program* program, std::span<const Target> matches, Host& host) {
  if (!use_multi(matches, host)) return {};
  if (const int error = bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI); error != 0)
    return fail(-error, "cannot make a program for several kernel functions");
  return {};
}

bool use_session(std::span<const Target> matches, Host& host) { return use_multi(matches, host) && host.has_feature(Feature::kprobe_session); }

Result<> prepare_session(bpf_program* program, Host& host) {
  bpf_program__set_type(program, BPF_PROG_TYPE_KPROBE);
  bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_SESSION);
  const bpf_insn* code = bpf_program__insns(program);
  std::vector<bpf_insn> patched(code, code + bpf_program__insn_cnt(program));
  const auto question = std::ranges::find_if(patched, [](const bpf_insn& at) { return at.code == (BPF_JMP | BPF_CALL) && at.src_reg == BPF_PSEUDO_KFUNC_CALL && at.imm == 0; });
  if (question == patched.end()) return {};  // made for this kernel
  AWL_TRY(types, host.kernel_btf());
  question->imm = static_cast<int32_t>(find_named(types, artifact::session_question, BTF_KIND_FUNC, host));
  if (bpf_program__set_insns(program, patched.data(), patched.size()) != 0) return fail(0, "cannot adapt the program {} to this kernel", bpf_program__name(program));
  return {};
}

namespace {

// What follows a word of a list: the function.
TraceableFunction function_behind(std::string_view line) { return traceable_function(line.substr(std::min<size_t>(1, line.size()))); }

// The addresses of all functions of these names: functions that are local to their source files may share one.
Result<std::map<FunctionName, std::vector<uint64_t>>> addresses_of(const std::set<FunctionName>& names, Host& host) {
  AWL_TRY(text, host.read_file("/proc/kallsyms", 256 << 20));
  std::map<FunctionName, std::vector<uint64_t>> addresses;
  each_line(text, [&](std::string_view line) {  // ADDRESS TYPE NAME, and a tab and [MODULE]
    uint64_t address = 0;
    const std::string_view digits = next_word(line), type = next_word(line);
    const TraceableFunction function = function_behind(line);
    const auto wanted = names.find({function.module, function.name});
    if (wanted == names.end() || (type != "t" && type != "T" && type != "w" && type != "W")) return;
    std::from_chars(digits.data(), digits.data() + digits.size(), address, 16);
    if (address != 0) addresses[*wanted].push_back(address);
  });
  return addresses;
}

Result<> attach_one(const Provider::AttachRequest& request, size_t index, bool ret, Host& host, std::vector<Link>& links) {
  const Target& target = request.matches[index];
  const uint64_t cookie = request.cookies ? request.first_cookie + index : 0;
  const auto attach = [&](const std::string& symbol, uint64_t offset) -> Result<> {
    AWL_TRY(link, host.attach_kprobe(request.program, symbol, offset, ret, cookie));
    links.push_back(std::move(link));
    return {};
  };
  if (is_kernel_address(target)) return attach("", parse_unsigned(target.parts[0]).value_or(0));
  const auto split = split_offset(target.parts.back());
  if (!split) return fail(0, "cannot attach to {}: {}", target.text(), split.error());
  // The kernel understands "module:function" for functions of modules.
  const std::string module(name_of(target).first);
  Result<> attached = attach(module.empty() ? split->function : module + ":" + split->function, split->offset);
  if (attached || attached.error().code != EADDRNOTAVAIL) return attached;
  // Several functions have the name, of which it takes none: all of them are meant.
  const auto addresses = addresses_of({{module, split->function}}, host);
  if (!addresses || addresses->empty()) return attached;
  for (const uint64_t address : addresses->begin()->second) AWL_CHECK(attach("", address + split->offset));
  return {};
}

// Without a multi link: one event for each, one after the other. The kernel changes its code under one lock: more threads are no quicker.
Result<std::vector<Link>> attach_each(const Provider::AttachRequest& request, bool ret, Host& host) {
  std::vector<Link> links;
  for (size_t i = 0; i < request.matches.size(); ++i) {
    AWL_CHECK(attach_one(request, i, ret, host, links));
    if (request.progress && !request.progress(i + 1)) return fail(EINTR, "attaching was interrupted");
  }
  return links;
}

// Whether a name is that of several functions.
bool is_shared(const FunctionName& name, std::span<const TraceableFunction> all) {
  const auto found = std::ranges::lower_bound(all, TraceableFunction{.name = name.second, .module = name.first});
  return found != all.end() && found->name == name.second && found->module == name.first && found->several;
}

// Of `addresses` those at which the kernel can trace: the place that it changes is the function's first instruction, or the one behind an endbr64.
Result<> leave_traceable(std::map<FunctionName, std::vector<uint64_t>>& addresses, const std::string& list, Host& host) {
  constexpr uint64_t endbr_size = 4;
  AWL_TRY(text, host.read_file(list, 256 << 20));
  std::set<uint64_t> places;
  each_line(text, [&](std::string_view line) {  // ADDRESS NAME, and [MODULE]
    const std::string_view digits = next_word(line);
    const TraceableFunction function = function_behind(line);
    uint64_t address = 0;
    if (!addresses.contains({function.module, function.name})) return;
    std::from_chars(digits.data(), digits.data() + digits.size(), address, 16);
    places.insert(address);
  });
  for (auto& [name, found] : addresses) std::erase_if(found, [&](uint64_t address) { return !places.contains(address) && !places.contains(address + endbr_size); });
  return {};
}

// By their names, unless several functions share one of them and the kernel tells their addresses.
Result<std::vector<MultiTarget>> multi_targets(const Provider::AttachRequest& request, Host& host) {
  const auto cookie = [&](size_t i) { return request.cookies ? request.first_cookie + i : 0; };
  std::vector<MultiTarget> targets;
  for (size_t i = 0; i < request.matches.size(); ++i) targets.push_back({.symbol = request.matches[i].parts.back(), .cookie = cookie(i)});
  AWL_TRY(all, host.traceable_functions());
  const bool unique = names_are_unique(request.matches);
  if (unique && std::ranges::none_of(request.matches, [&](const Target& target) { return is_shared(name_of(target), all); })) return targets;
  const std::string list = list_of_addresses(host);
  if (list.empty()) return targets;
  std::set<FunctionName> names;
  for (const Target& target : request.matches) names.insert(name_of(target));
  AWL_TRY(addresses, addresses_of(names, host));
  AWL_CHECK(leave_traceable(addresses, list, host));
  std::vector<MultiTarget> by_address;
  for (size_t i = 0; i < request.matches.size(); ++i) {
    const std::vector<uint64_t>& found = addresses[name_of(request.matches[i])];
    if (found.empty() && unique) return targets;
    if (found.empty()) return fail(ENOENT, "the kernel does not tell the address of {}", request.matches[i].text());
    for (const uint64_t address : found) by_address.push_back({.symbol = request.matches[i].parts.back(), .address = address, .cookie = cookie(i)});
  }
  return by_address;
}

}  // namespace

Result<std::vector<Link>> attach_kernel_functions(const Provider::AttachRequest& request, FunctionSide side, Host& host) {
  std::vector<Link> links;
  if (use_multi(request.matches, host)) {
    AWL_TRY(targets, multi_targets(request, host));
    AWL_TRY(link, host.attach_kprobe_multi(request.program, targets, side));
    links.push_back(std::move(link));
    return links;
  }
  return attach_each(request, side == FunctionSide::ret, host);
}

}  // namespace awl
