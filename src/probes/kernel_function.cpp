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
#include "probes/btf_lookup.h"
#include "probes/parts.h"

namespace awl {
namespace {

// Whether the kernel's types know a function: quicker to find out than reading the list of all functions.
bool known_by_btf(const std::string& name, Host& host) {
  const auto types = host.kernel_btf();
  return types && btf__find_by_name_kind(*types, name.c_str(), BTF_KIND_FUNC) > 0;
}

// A multi link takes names of whole functions, without modules: each may stand for one function only.
bool use_multi(std::span<const Target> matches, Host& host) {
  std::set<std::string_view> names;
  const auto plain = [](const Target& target) {
    return !is_kernel_address(target) && target.parts.back().find('+') == std::string::npos;
  };
  const auto alone = [&](const Target& target) { return names.insert(target.parts.back()).second; };
  return matches.size() > 1 && std::ranges::all_of(matches, plain) && std::ranges::all_of(matches, alone) && host.has_feature(Feature::kprobe_multi);
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

// The addresses of all functions of a name: functions that are local to their source files may share one. `module` empty: the kernel's own.
Result<std::vector<uint64_t>> addresses_of(std::string_view function, std::string_view module, Host& host) {
  AWL_TRY(text, host.read_file("/proc/kallsyms", 256 << 20));
  std::vector<uint64_t> addresses;
  const std::string name = fmt::format(" {}", function), of_module = module.empty() ? "" : fmt::format("\t[{}]", module);
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {  // ADDRESS TYPE NAME, and a tab and [MODULE]
    const size_t begin = text.rfind('\n', at) + 1, end = std::min(text.find('\n', at), text.size()), behind = at + name.size();
    if (std::string_view(text).substr(behind, end - behind) != of_module) continue;
    const char type = text[at - 1];
    uint64_t address = 0;
    std::from_chars(text.data() + begin, text.data() + at, address, 16);
    if (address != 0 && (type == 't' || type == 'T' || type == 'w' || type == 'W')) addresses.push_back(address);
  }
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
  const std::string module = target.parts.size() == 2 && target.parts[0] != "vmlinux" ? target.parts[0] : "";
  Result<> attached = attach(module.empty() ? split->function : module + ":" + split->function, split->offset);
  if (attached || attached.error().code != EADDRNOTAVAIL) return attached;
  // Several functions have the name, of which it takes none: all of them are meant.
  const auto addresses = addresses_of(split->function, module, host);
  if (!addresses || addresses->empty()) return attached;
  for (const uint64_t address : *addresses) AWL_CHECK(attach("", address + split->offset));
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

}  // namespace

Result<std::vector<Link>> attach_kernel_functions(const Provider::AttachRequest& request, FunctionSide side, Host& host) {
  std::vector<Link> links;
  if (use_multi(request.matches, host)) {
    std::vector<MultiTarget> targets;
    for (size_t i = 0; i < request.matches.size(); ++i)
      targets.push_back({.symbol = request.matches[i].parts.back(), .cookie = request.cookies ? request.first_cookie + i : 0});
    AWL_TRY(link, host.attach_kprobe_multi(request.program, targets, side));
    links.push_back(std::move(link));
    return links;
  }
  return attach_each(request, side == FunctionSide::ret, host);
}

}  // namespace awl
