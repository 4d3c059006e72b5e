#include <bpf/btf.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "base/near_names.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"it"};
// The context of an iterator over X is `struct bpf_iter__X`; the function `bpf_iter_X` stands for it where programs are loaded.
constexpr std::string_view context_prefix = "bpf_iter__", function_prefix = "bpf_iter_";
constexpr std::string_view pins = "/sys/fs/bpf/";

std::string pin_path(std::string_view written) { return written.starts_with('/') ? std::string(written) : std::string(pins) + std::string(written); }

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(iter_provider, parts, 1, 2, span, diagnostics)) return std::nullopt;
  for (const std::string& part : parts) {
    if (!part.empty()) continue;
    diagnostics.report<Diag::probe_empty_part>(span, iter_provider.name, &part == &parts[0] ? "kind" : "pin");
    return std::nullopt;
  }
  if (parts.size() == 2 && !has_parameter(parts[1])) {
    const std::string path = pin_path(parts[1]);
    if (!path.starts_with(pins) || path.size() == pins.size() || path.find("/..") != path.npos) {
      diagnostics.report<Diag::pin_path>(span, parts[1]).hint("programs are pinned in the file system of BPF: iter:task:NAME makes /sys/fs/bpf/NAME");
      return std::nullopt;
    }
  }
  return Target{&iter_provider, {parts.begin(), parts.end()}};
}

// The BTF that describes an iterator: the kernel's or a module's.
struct Found {
  NamedBtf where;
  uint32_t type = 0;
};
std::optional<Found> find_iterator(const std::string& kind, std::span<const NamedBtf> all, Host& host) {
  const std::string type = std::string(context_prefix) + kind, function = std::string(function_prefix) + kind;
  for (const NamedBtf& named : all) {
    const uint32_t id = find_named(named.types, type, BTF_KIND_STRUCT, host);
    if (id != 0 && find_function(named.types, function, host)) return Found{named, id};
  }
  return std::nullopt;
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  std::vector<Target> matches;
  AWL_TRY(kernel, find_btf(host, "vmlinux"));
  auto add = [&](const std::string& kind) {
    matches.push_back(target);
    matches.back().parts[0] = kind;
  };
  if (!is_glob(target.parts[0])) {
    if (find_iterator(target.parts[0], kernel, host)) {
      add(target.parts[0]);
    } else {
      AWL_TRY(all, find_btf(host, "*"));
      if (find_iterator(target.parts[0], all, host)) add(target.parts[0]);
    }
    return matches;
  }
  AWL_TRY(all, find_btf(host, "*"));
  std::set<std::string_view> kinds;
  for (const NamedBtf& named : all)
    std::ranges::set_intersection(names_of_kind(named.types, BTF_KIND_STRUCT, context_prefix, target.parts[0], host),
                                  names_of_kind(named.types, BTF_KIND_FUNC, function_prefix, target.parts[0], host), std::inserter(kinds, kinds.end()));
  for (const std::string_view kind : kinds) add(std::string(kind));
  return matches;
}

Result<Context> context(const Target& target, Host& host) {
  AWL_TRY(all, find_btf(host, "*"));
  const auto found = find_iterator(target.parts[0], all, host);
  if (!found) return fail(ENOENT, "the kernel's types have no iterator '{}'", target.parts[0]);
  // In all of them a pointer to the object stands second.
  return Context{.whole = BtfTypeId{found->type, btf_module(found->where.module)},
                 .object = BytesAccess{.offset = 8, .size = 8},
                 .sequence = target.parts.size() == 2};
}

Result<Iteration> iterate(const Provider::AttachRequest& request, Host& host) {
  const Target& target = request.matches[0];
  if (target.parts.size() == 2) {
    Iteration pinned{.pin = pin_path(target.parts[1])};
    AWL_CHECK(host.pin_iterator(request.program, pinned.pin));
    return pinned;
  }
  AWL_TRY(descriptor, host.open_iterator(request.program));
  return Iteration{.descriptor = descriptor};
}

}  // namespace

const Provider iter_provider{
    .name = "iter",
    .aliases = aliases,
    .syntax = "iter:KIND[:PIN]",
    .doc = "Runs for each object of a kind that the kernel holds (task, task_file, bpf_map, tcp ...), which ctx points to, and ends. With PIN "
           "it is put into the file system of BPF instead, where reading it runs it.",
    .example = "iter:task { printf(\"%d %s\\n\", ctx.task.pid, ctx.task.comm); }",
    .expand = Expand::program_per_match,
    .runs = Runs::as_iterator,
    .stands_alone = true,
    .parse = parse,
    .match = match,
    .context = context,
    .section = [](const Target& target) { return "iter/" + target.parts[0]; },
    .iterate = iterate,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 1, 1, match, host, sink); },
};

}  // namespace awl
