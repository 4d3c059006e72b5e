#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/traced_function.h"

namespace awl {

static constexpr std::string_view aliases[] = {"f", "kfunc"};

const Provider fentry_provider{
    .name = "fentry",
    .aliases = aliases,
    .syntax = "fentry:[MODULE:]FUNCTION, or fentry:bpf:[ID:]FUNCTION",
    .doc = "Entry of a kernel function, with typed arguments in args. The cheapest way to trace functions; needs the kernel's BTF. bpf:FUNCTION is a function of a loaded BPF program.",
    .example = "fentry:vfs_read { @[comm] = sum(args.count); }",
    .expand = Expand::program_per_match,
    .kernel_functions = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_traced_function(fentry_provider, parts, span, diagnostics); },
    .match = match_traced_function,
    .context = [](const Target& target, Host& host) { return traced_function_context(target, false, host); },
    .section = [](const Target& target) { return traced_function_section(target, "fentry"); },
    .prepare = prepare_traced_function,
    .attach = attach_traced_function,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return pattern.parts.size() > 3 ? Result<>() : each_traced_function(pattern, host, sink); },
    .usable = [](Host& host) { return host.has_feature(Feature::fentry); },
    .why_refused = why_traced_function_refused,
    .pid_by_predicate = true,
};

}  // namespace awl
