#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/traced_function.h"

namespace awl {

static constexpr std::string_view aliases[] = {"fr", "kretfunc"};

const Provider fexit_provider{
    .name = "fexit",
    .aliases = aliases,
    .syntax = "fexit:[MODULE:]FUNCTION, or fexit:bpf:[ID:]FUNCTION",
    .doc = "Return of a kernel function, with typed arguments in args and the result in retval.",
    .example = "fexit:vfs_read /retval < 0/ { @[retval] = count(); }",
    .expand = Expand::program_per_match,
    .kernel_functions = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_traced_function(fexit_provider, parts, span, diagnostics); },
    .match = match_traced_function,
    .context = [](const Target& target, Host& host) { return traced_function_context(target, true, host); },
    .section = [](const Target& target) { return traced_function_section(target, "fexit"); },
    .prepare = prepare_traced_function,
    .attach = attach_traced_function,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return pattern.parts.size() > 3 ? Result<>() : each_traced_function(pattern, host, sink); },
    .usable = [](Host& host) { return host.has_feature(Feature::fentry); },
    .why_refused = why_traced_function_refused,
    .pid_by_predicate = true,
};

}  // namespace awl
