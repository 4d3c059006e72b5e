#include <algorithm>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/traced_function.h"

namespace awl {
namespace {

constexpr int64_t passing[] = {0};
const Verdicts verdicts{.names = errno_names, .usual = 0, .passing = passing, .least = -4095, .most = 0};
// Hooks that tell of something and ask nothing.
const Verdicts told{.names = errno_names, .usual = 0, .passing = passing, .least = 0, .most = 0};

constexpr std::string_view prefix = "bpf_lsm_";  // of the functions that the kernel makes for the hooks

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(lsm_provider, parts, 1, 1, span, diagnostics)) return std::nullopt;
  if (parts[0].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, "lsm", "hook").hint("list them with `awl -l 'lsm:*'`");
    return std::nullopt;
  }
  return Target{&lsm_provider, {parts[0]}};
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  AWL_TRY(types, host.kernel_btf());
  std::vector<Target> matches;
  const std::string& hook = target.parts.at(0);
  if (!is_glob(hook)) {
    if (find_function(types, std::string(prefix) + hook, host)) matches.push_back(target);
    return matches;
  }
  for (const std::string_view name : names_of_kind(types, BTF_KIND_FUNC, prefix, hook, host)) matches.push_back({&lsm_provider, {std::string(name)}});
  std::ranges::sort(matches, {}, &Target::parts);
  return matches;
}

Result<Context> context(const Target& target, Host& host) {
  auto made = traced_function_context({target.provider, {std::string(prefix) + target.parts.at(0)}}, true, host);
  if (!made) return made;
  made->function.reset();
  if (!made->retval) made->verdicts = &told;
  return made;
}

// A kernel may have the hooks and not call them: the list of security modules, fixed when it boots, must name bpf.
Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  const auto modules = host.read_file("/sys/kernel/security/lsm", 4096);
  if (modules && ("," + *modules + ",").find(",bpf,") == std::string::npos && !modules->ends_with(",bpf\n"))
    return fail_text(EOPNOTSUPP, fmt::format("cannot attach to {}: this kernel was started without the security module bpf (it has {})", request.matches[0].text(), *modules),
                     "add bpf to the list of the boot parameter lsm=");
  return attach_traced_function(request, host);
}

}  // namespace

const Provider lsm_provider{
    .name = "lsm",
    .syntax = "lsm:HOOK",
    .doc =
        "A decision of the kernel's security layer, with typed arguments in args: may this file be opened, this program be run? `return -EPERM` denies; 0, or no "
        "`return`, lets pass. retval is what the programs before decided.",
    .example = "lsm:file_open { @[comm] = count(); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .parse = parse,
    .match = match,
    .context = context,
    .section = [](const Target& target) { return "lsm/" + target.parts.back(); },
    .attach = attach,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 1, 1, match, host, sink); },
    .pid_by_predicate = true,
};

}  // namespace awl
