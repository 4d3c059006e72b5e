#include "probes/user_function.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cctype>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/parts.h"

namespace awl {
namespace {

bool is_address(std::string_view part) { return !part.empty() && std::isdigit(static_cast<unsigned char>(part[0])); }

// Files under `folder` whose path matches the rest of a pattern, folder by folder.
void glob_files(const std::string& folder, std::string_view pattern, Host& host, std::vector<std::string>& found) {
  const size_t slash = pattern.find('/');
  const std::string_view name = pattern.substr(0, slash);
  const auto follow = [&](const std::string& path) {
    if (slash != std::string_view::npos)
      glob_files(path + "/", pattern.substr(slash + 1), host, found);
    else if (host.is_executable(path) || host.find_binary(path))
      found.push_back(path);
  };
  if (!is_glob(name)) return follow(folder + std::string(name));
  const auto entries = host.list_directory(folder.empty() ? "." : folder);
  if (!entries) return;
  for (const std::string& entry : *entries)
    if (glob_match(name, entry)) follow(folder + entry);
}

}  // namespace

Result<std::vector<std::string>> find_user_binaries(const Provider& provider, const std::string& written, Host& host) {
  std::vector<std::string> paths;
  if (is_glob(written)) {
    const bool absolute = written.starts_with('/');
    glob_files(absolute ? "/" : "", std::string_view(written).substr(absolute ? 1 : 0), host, paths);
    return paths;
  }
  auto path = host.find_binary(written);
  if (!path)
    return fail_text(path.error().code == ENOENT ? 0 : path.error().code,
                     fmt::format("{} target file '{}' does not exist or is not executable", provider.name, written),
                     "give a path, a program in PATH, or a library name such as libc");
  paths.push_back(std::move(*path));
  return paths;
}

namespace {

// Symbols by name; the list is sorted by it.
const ElfSymbol* find_symbol(const std::vector<ElfSymbol>& symbols, std::string_view name) {
  const auto found = std::ranges::lower_bound(symbols, name, {}, [](const ElfSymbol& symbol) { return std::string_view(symbol.name); });
  return found != symbols.end() && found->name == name ? &*found : nullptr;
}

// Where a match's code is in its file.
Result<uint64_t> file_offset(const Target& target, Host& host) {
  const std::string& path = target.parts[0];
  const std::string& place = target.parts[1];
  if (is_address(place)) {
    const auto address = parse_unsigned(place);
    if (!address) return fail(0, "{}: {}", target.text(), address.error());
    return host.elf_file_offset(path, *address);
  }
  const auto split = split_offset(place);
  if (!split) return fail(0, "{}: {}", target.text(), split.error());
  AWL_TRY(symbols, host.elf_functions(path));
  const ElfSymbol* symbol = find_symbol(symbols, split->function);
  if (!symbol) return fail(ENOENT, "'{}' has no function '{}'", path, split->function);
  if (split->offset != 0 && split->offset >= symbol->size)
    return fail(0, "Offset outside the function bounds ('{}' size is {})", split->function, symbol->size);
  return symbol->file_offset + split->offset;
}

bool use_multi(std::span<const Target> matches, Host& host) { return matches.size() > 1 && host.has_feature(Feature::uprobe_multi); }

}  // namespace

std::optional<Target> parse_user_function(const Provider& provider, bool ret, std::span<const std::string> parts, Span span,
                                          Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 2, 3, span, diagnostics)) return std::nullopt;
  if (parts.size() == 3) {
    diagnostics.report<Diag::probe_function_missing>(span, provider.name)
        .hint("demangled C++ names (cpp:\"...\") are not supported yet: give the mangled name");
    return std::nullopt;
  }
  if (parts[0].empty() || parts[1].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, parts[0].empty() ? "binary" : "function");
    return std::nullopt;
  }
  Target target{&provider, {parts.begin(), parts.end()}};
  std::string& place = target.parts[1];
  if (has_parameter(place)) return target;
  if (is_address(place)) {
    const auto address = parse_unsigned(place);
    if (address && *address != 0) return target;
    if (address)
      diagnostics.report<Diag::probe_function_missing>(span, provider.name);
    else
      diagnostics.report<Diag::probe_address>(span, address.error());
    return std::nullopt;
  }
  if (!normalise_offset(place, ret, span, diagnostics)) return std::nullopt;
  return target;
}

Result<std::vector<Target>> match_user_function(const Target& target, Host& host) {
  AWL_TRY(paths, find_user_binaries(*target.provider, target.parts[0], host));
  const std::string& place = target.parts[1];
  const size_t plus = std::min(place.find('+'), place.size());
  const std::string function = place.substr(0, plus), offset = place.substr(plus);
  std::vector<Target> matches;
  for (const std::string& path : paths) {
    if (is_address(place)) {
      matches.push_back({target.provider, {path, place}});
      continue;
    }
    auto symbols = host.elf_functions(path);
    if (!symbols) {
      if (is_glob(target.parts[0])) continue;  // other files lie beside the wanted ones
      return std::unexpected(std::move(symbols).error());
    }
    if (!is_glob(function)) {
      if (find_symbol(*symbols, function)) matches.push_back({target.provider, {path, place}});
      continue;
    }
    for (const ElfSymbol& symbol : *symbols)
      if (glob_match(function, symbol.name)) matches.push_back({target.provider, {path, symbol.name + offset}});
  }
  std::ranges::sort(matches, {}, &Target::parts);
  matches.erase(std::ranges::unique(matches, {}, &Target::parts).begin(), matches.end());
  return matches;
}

Result<> user_function_arguments(const Target& target, Host& host, Context& context) {
  const std::string refused = fmt::format("Could not parse arguments of \"{}\"", target.text());
  const std::string& place = target.parts[1];
  if (is_address(place) || place.find('+') != std::string::npos)
    return fail_text(0, refused + ": it is not a function's entry", "arguments are known where a function begins: leave out the offset");
  auto symbols = host.elf_functions(target.parts[0]);
  if (!symbols) return std::unexpected(std::move(symbols).error().context(refused));
  const ElfSymbol* symbol = find_symbol(*symbols, place);
  auto file = host.debug_information(target.parts[0]);
  if (!file) return std::unexpected(std::move(file).error().context(refused));
  auto function = (*file)->function(place, symbol ? std::optional(symbol->address) : std::nullopt);
  if (!function) return std::unexpected(std::move(function).error().context(refused));
  for (DwarfParameter& parameter : function->parameters) {
    if (parameter.name.empty()) continue;
    DwarfPlace& at = parameter.place;
    const DwarfType type = (*file)->type(parameter.type);
    const bool scalar = parameter.by_reference || (type.size <= 8 && type.kind != DwarfType::Kind::structure && type.kind != DwarfType::Kind::array && type.kind != DwarfType::Kind::bytes);
    Access access;
    if (at.kind == DwarfPlace::Kind::refused) {
      context.unreadable.emplace_back(parameter.name, at.reason);
      continue;
    }
    if (at.kind == DwarfPlace::Kind::stack) access = StackAccess{at.stack_offset};
    else if (scalar) access = RegisterAccess{at.registers.front()};
    else access = RegistersAccess{at.registers};
    context.args.push_back({parameter.name, DwarfValue{{*file, parameter.type}, parameter.by_reference}, access});
  }
  return {};
}

Result<> prepare_user_functions(bpf_program* program, std::span<const Target> matches, Host& host) {
  if (!use_multi(matches, host)) return {};
  if (const int error = bpf_program__set_expected_attach_type(program, BPF_TRACE_UPROBE_MULTI); error != 0)
    return fail(-error, "cannot make a program for several functions");
  return {};
}

Result<std::vector<Link>> attach_user_functions(const Provider::AttachRequest& request, bool ret, Host& host) {
  const int pid = request.pid.value_or(-1);
  std::vector<Link> links;
  if (!use_multi(request.matches, host)) {
    for (size_t i = 0; i < request.matches.size(); ++i) {
      const Target& target = request.matches[i];
      AWL_TRY(offset, file_offset(target, host));
      auto link = host.attach_uprobe(request.program, target.parts[0], {.symbol = target.parts[1], .offset = offset, .cookie = request.cookies ? request.first_cookie + i : 0}, pid, ret);
      if (!link) return std::unexpected(std::move(link).error().context(target.text()));
      links.push_back(std::move(*link));
    }
    return links;
  }
  // Matches are sorted, so those of one binary stand together.
  for (size_t begin = 0; begin < request.matches.size();) {
    const std::string& path = request.matches[begin].parts[0];
    std::vector<MultiTarget> targets;
    size_t i = begin;
    for (; i < request.matches.size() && request.matches[i].parts[0] == path; ++i) {
      AWL_TRY(offset, file_offset(request.matches[i], host));
      targets.push_back(
          {.symbol = request.matches[i].parts[1], .offset = offset, .cookie = request.cookies ? request.first_cookie + i : 0});
    }
    AWL_TRY(link, host.attach_uprobe_multi(request.program, path, targets, pid, ret));
    links.push_back(std::move(link));
    begin = i;
  }
  return links;
}

}  // namespace awl
