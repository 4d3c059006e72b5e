#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/usdt_arguments.h"
#include "probes/user_function.h"

namespace awl {
namespace {

using artifact::PlaceRow;

std::optional<Target> parse_usdt(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(usdt_provider, parts, 2, 3, span, diagnostics)) return std::nullopt;
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i].empty()) {
      const char* names[] = {"binary", parts.size() == 3 ? "namespace" : "name", "name"};
      diagnostics.report<Diag::probe_empty_part>(span, usdt_provider.name, names[i]);
      return std::nullopt;
    }
  return Target{&usdt_provider, {parts.begin(), parts.end()}};
}

// The files that a written binary means. `*` alone: what the traced process, or any, has mapped.
Result<std::vector<std::string>> usdt_binaries(const std::string& written, Host& host) {
  if (written == "*") return host.mapped_binaries(host.loaded_process());
  return find_user_binaries(usdt_provider, written, host);
}

// {path, namespace, name}
Result<std::vector<Target>> match_usdt(const Target& target, Host& host) {
  AWL_TRY(paths, usdt_binaries(target.parts[0], host));
  const std::string space = target.parts.size() == 3 ? target.parts[1] : "*", &name = target.parts.back();
  std::vector<Target> matches;
  for (const std::string& path : paths) {
    auto notes = host.usdt_notes(path);
    if (!notes) {
      if (is_glob(target.parts[0])) continue;
      return std::unexpected(std::move(notes).error());
    }
    for (const UsdtNote& note : *notes)
      if (glob_match(space, note.provider) && glob_match(name, note.name)) matches.push_back({target.provider, {path, note.provider, note.name}});
  }
  std::ranges::sort(matches, {}, &Target::parts);
  matches.erase(std::ranges::unique(matches, {}, &Target::parts).begin(), matches.end());
  if (target.parts.size() == 2 && !is_glob(name) && !is_glob(target.parts[0]) && matches.size() > 1) {
    std::string spaces;
    for (const Target& match : matches) spaces += (spaces.empty() ? "" : ", ") + match.parts[1];
    return fail_text(0, fmt::format("{} is in several namespaces of '{}': {}", name, paths.front(), spaces), "name the one that is meant: usdt:BINARY:NAMESPACE:NAME");
  }
  return matches;
}

// Fills in the address of an argument's symbol. What cannot be found reads as 0.
void resolve_symbol(UsdtArgument& argument, const std::string& path, const UsdtNote& note, Host& host) {
  if (argument.symbol.empty()) return;
  if (const auto symbol = host.elf_symbol(path, argument.symbol)) {
    argument.place.value += symbol->address - (argument.from_ip ? note.address : 0);
    return;
  }
  argument.reason = fmt::format("is at the symbol '{}', which the binary does not have", argument.symbol);
  argument.place = {};
}

bool is_note_of(const UsdtNote& note, const Target& match) { return note.provider == match.parts[1] && note.name == match.parts[2]; }

// One place in a file, with the number of its row.
struct Site {
  const std::string* path = nullptr;
  MultiTarget where;
  size_t row = 0;
};
struct Sites {
  std::vector<Site> sites;      // those of one file stand together
  std::vector<PlaceRow> rows;
};

Result<Sites> find_sites(std::span<const Target> matches, Host& host) {
  Sites found;
  std::map<PlaceRow, size_t> known;
  for (size_t i = 0; i < matches.size(); ++i) {
    const Target& match = matches[i];
    AWL_TRY(notes, host.usdt_notes(match.parts[0]));
    for (const UsdtNote& note : notes) {
      if (!is_note_of(note, match)) continue;
      PlaceRow row{.match = i};
      std::vector<UsdtArgument> arguments = parse_usdt_arguments(note.arguments);
      for (size_t n = 0; n < arguments.size(); ++n) {
        resolve_symbol(arguments[n], match.parts[0], note, host);
        row.arguments[n] = arguments[n].place;
      }
      const auto [at, fresh] = known.try_emplace(row, found.rows.size());
      if (fresh) found.rows.push_back(row);
      found.sites.push_back({&match.parts[0], {.symbol = note.name, .offset = note.file_offset, .semaphore = note.semaphore}, at->second});
    }
  }
  return found;
}

bool use_multi(const Sites& found, Host& host) { return found.sites.size() > 1 && host.has_feature(Feature::uprobe_multi); }

Result<> prepare_usdt(bpf_program* program, std::span<const Target> matches, Host& host) {
  AWL_TRY(found, find_sites(matches, host));
  if (!use_multi(found, host)) return {};
  if (const int error = bpf_program__set_expected_attach_type(program, BPF_TRACE_UPROBE_MULTI); error != 0)
    return fail(-error, "cannot make a program for several probe points");
  return {};
}

Result<std::vector<Link>> attach_usdt(const Provider::AttachRequest& request, Host& host) {
  AWL_TRY(found, find_sites(request.matches, host));
  const int pid = request.pid.value_or(-1);
  const bool multi = use_multi(found, host);
  if (request.cookies)
    for (Site& site : found.sites) site.where.cookie = request.first_cookie + site.row;
  std::vector<Link> links;
  if (!multi) {
    for (const Site& site : found.sites) {
      if (request.only_row && site.row != *request.only_row) continue;
      AWL_TRY(link, host.attach_uprobe(request.program, *site.path, site.where, pid, false));
      links.push_back(std::move(link));
    }
    return links;
  }
  for (size_t begin = 0; begin < found.sites.size();) {
    std::vector<MultiTarget> targets;
    size_t i = begin;
    for (; i < found.sites.size() && *found.sites[i].path == *found.sites[begin].path; ++i) targets.push_back(found.sites[i].where);
    AWL_TRY(link, host.attach_uprobe_multi(request.program, *found.sites[begin].path, targets, pid, false));
    links.push_back(std::move(link));
    begin = i;
  }
  return links;
}

Result<Context> usdt_context(const Target& target, Host& host) {
  Context context{.function = FunctionIpAccess{}, .registers = true, .user_pointers = true};
  for (uint32_t i = 0; i < artifact::place_arguments; ++i) context.positional.push_back(UsdtAccess{i});
  // Where the binary is not at hand, or not named yet, nothing is known of the arguments.
  const auto notes = target.parts.size() == 3 ? host.usdt_notes(target.parts[0]) : Result<std::vector<UsdtNote>>();
  if (!notes) return context;
  // Unreadable is what is so in every place of the name.
  std::array<std::string, artifact::place_arguments> reasons;
  std::array<bool, artifact::place_arguments> readable{};
  bool any = false;
  for (const UsdtNote& note : *notes) {
    if (!is_note_of(note, target)) continue;
    any = true;
    std::vector<UsdtArgument> arguments = parse_usdt_arguments(note.arguments);
    for (size_t n = 0; n < arguments.size(); ++n) {
      resolve_symbol(arguments[n], target.parts[0], note, host);
      readable[n] |= arguments[n].reason.empty();
      reasons[n] = arguments[n].reason;
    }
  }
  for (size_t n = 0; any && n < reasons.size(); ++n)
    if (!readable[n]) context.unreadable.emplace_back(fmt::format("arg{}", n), reasons[n].empty() ? "is not there: the probe point has fewer arguments" : reasons[n]);
  return context;
}

constexpr std::string_view aliases[] = {"U"};

}  // namespace

const Provider usdt_provider{
    .name = "usdt",
    .aliases = aliases,
    .syntax = "usdt:BINARY:[NAMESPACE:]NAME, BINARY a path or *",
    .doc = "A static probe point in a program or library. Arguments are in arg0, arg1 ..., with the size and sign that the probe point tells. "
           "With * as the binary: in every file that a running process has mapped, with -p in those of that process.",
    .example = "usdt:libstdc++:libstdcxx:throw { @[comm] = count(); }",
    .expand = Expand::one_program,
    .parse = parse_usdt,
    .match = match_usdt,
    .context = usdt_context,
    .section = [](const Target&) -> std::string { return "uprobe"; },
    .prepare = prepare_usdt,
    .attach = attach_usdt,
    .places = [](std::span<const Target> matches, Host& host) -> Result<std::vector<PlaceRow>> {
      AWL_TRY(found, find_sites(matches, host));
      return std::move(found.rows);
    },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 2, 3, match_usdt, host, sink); },
};

}  // namespace awl
