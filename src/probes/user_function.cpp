#include "probes/user_function.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cctype>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/demangle.h"
#include "probes/parts.h"
#include "probes/user_places.h"

namespace awl {
namespace {


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
  if (written == "*" && host.process) return host.mapped_binaries(host.loaded_process());
  if (is_glob(written)) {
    const bool absolute = written.starts_with('/');
    glob_files(absolute ? "/" : "", std::string_view(written).substr(absolute ? 1 : 0), host, paths);
    return paths;
  }
  auto path = host.find_binary(written);
  if (!path && written.find("!/") != std::string::npos) return std::unexpected(std::move(path).error());  // says what is wrong with the archive
  if (!path)
    return fail_text(path.error().code == ENOENT ? 0 : path.error().code,
                     fmt::format("{} target file '{}' does not exist or is not executable", provider.name, written),
                     "give a path, a program in PATH, or a library name such as libc");
  paths.push_back(std::move(*path));
  return paths;
}

namespace {

bool use_multi(std::span<const Target> matches, Host& host) { return matches.size() > 1 && host.has_feature(Feature::uprobe_multi); }

}  // namespace

namespace {

// BINARY@FILE:LINE[:COLUMN]
std::optional<Target> parse_line(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  const size_t at = parts[0].find('@');
  if (at == 0 || at + 1 == parts[0].size()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, at == 0 ? "binary" : "source file");
    return std::nullopt;
  }
  for (const std::string& number : parts.subspan(1)) {
    if (has_parameter(number)) continue;
    const auto value = parse_unsigned(number);
    if (value && *value > 0 && *value <= UINT32_MAX) continue;
    diagnostics.report<Diag::probe_address>(span, value ? fmt::format("no line or column {}", number) : value.error()).hint("write BINARY@FILE:LINE or BINARY@FILE:LINE:COLUMN");
    return std::nullopt;
  }
  return Target{&provider, {parts.begin(), parts.end()}};
}

}  // namespace

std::optional<Target> parse_user_function(const Provider& provider, bool ret, std::span<const std::string> parts, Span span,
                                          Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 2, 3, span, diagnostics)) return std::nullopt;
  const bool by_line = parts[0].find('@') != std::string::npos, by_name = !by_line && parts.size() == 3 && parts[1] == "cpp";
  if (by_line) return parse_line(provider, parts, span, diagnostics);
  if (parts.size() == 3 && !by_name) {
    diagnostics.report<Diag::probe_function_missing>(span, provider.name).hint("names as in the source are given as BINARY:cpp:\"NAME\"");
    return std::nullopt;
  }
  if (parts.size() == 3 && parts[2].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, "function");
    return std::nullopt;
  }
  if (parts[0].empty() || parts[1].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, parts[0].empty() ? "binary" : "function");
    return std::nullopt;
  }
  Target target{&provider, {parts.begin(), parts.end()}};
  std::string& place = target.parts[1];
  if (has_parameter(place) || by_name) return target;
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

namespace {

// The addresses of a source line in a binary, as targets.
Result<> match_line(const Target& target, const std::string& path, const std::string& file, Host& host, std::vector<Target>& matches) {
  AWL_TRY(debug, host.debug_information(path));
  const auto line = parse_unsigned(target.parts[1]), column = target.parts.size() > 2 ? parse_unsigned(target.parts[2]) : 0;
  AWL_TRY(addresses, debug->address_of_line(file, static_cast<uint32_t>(line.value_or(0)), static_cast<uint32_t>(column.value_or(0))));
  for (const uint64_t address : addresses) matches.push_back({target.provider, {path, std::to_string(address)}});
  return {};
}

// The functions of one binary that a target means.
void match_symbols(const Target& target, const std::string& path, const std::vector<ElfSymbol>& symbols, std::vector<Target>& matches) {
  const std::string& place = target.parts.back();
  if (target.parts.size() == 3) {
    for (const ElfSymbol& symbol : symbols)
      if (place == symbol.name || names_function(place, demangle(symbol.name))) matches.push_back({target.provider, {path, target.parts[1], symbol.name}});
    return;
  }
  const size_t plus = std::min(place.find('+'), place.size());
  const std::string function = place.substr(0, plus), offset = place.substr(plus);
  if (find_symbol(symbols, function)) matches.push_back({target.provider, {path, place}});
  if (!is_glob(function)) return;
  for (const ElfSymbol& symbol : symbols)
    if (glob_match(function, symbol.name)) matches.push_back({target.provider, {path, symbol.name + offset}});
}

}  // namespace

Result<std::vector<Target>> match_user_function(const Target& target, Host& host) {
  const std::string& written = target.parts[0];
  const size_t at = written.find('@');
  const bool by_line = at != std::string::npos;
  AWL_TRY(paths, find_user_binaries(*target.provider, written.substr(0, at), host));
  std::vector<Target> matches;
  for (const std::string& path : paths) {
    if (by_line) {
      AWL_CHECK(match_line(target, path, written.substr(at + 1), host, matches));
      continue;
    }
    if (is_address(target.parts.back())) {
      matches.push_back({target.provider, {path, target.parts.back()}});
      continue;
    }
    auto symbols = host.elf_functions(path);
    if (!symbols) {
      if (is_glob(written)) continue;  // other files lie beside the wanted ones
      return std::unexpected(std::move(symbols).error());
    }
    if (symbols->empty() && !is_glob(written))
      return fail_text(0, fmt::format("'{}' has no symbols of functions", path), "it was stripped: install its debug package, give --debuginfo, or probe an address: BINARY:0x1234");
    match_symbols(target, path, *symbols, matches);
  }
  sort_targets(matches);
  return matches;
}

Result<> user_function_arguments(const Target& target, Host& host, Context& context) {
  const std::string refused = fmt::format("Could not parse arguments of \"{}\"", target.text());
  const std::string& place = target.parts.back();
  if (is_address(place) || place.find('+') != std::string::npos)
    return fail_text(0, refused + ": it is not a function's entry", "arguments are known where a function begins: leave out the offset");
  const auto symbol = host.elf_symbol(target.parts[0], place);
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
  AWL_TRY(places, find_user_places(request, ret, host));
  std::vector<Link> links;
  if (!use_multi(request.matches, host)) {
    for (const UserPlace& place : places) {
      auto link = host.attach_uprobe(request.program, *place.path, place.where, pid, place.ret);
      if (!link) return std::unexpected(std::move(link).error().context(request.matches[place.match].text()));
      links.push_back(std::move(*link));
    }
    return links;
  }
  // Matches are sorted, so those of one binary stand together; those on returns need a link of their own.
  for (const bool returns : {false, true})
    for (size_t begin = 0; begin < places.size();) {
      const std::string& path = *places[begin].path;
      std::vector<MultiTarget> targets;
      for (; begin < places.size() && *places[begin].path == path; ++begin)
        if (places[begin].ret == returns) targets.push_back(places[begin].where);
      if (targets.empty()) continue;
      AWL_TRY(link, host.attach_uprobe_multi(request.program, path, targets, pid, returns));
      links.push_back(std::move(link));
    }
  return links;
}

}  // namespace awl
