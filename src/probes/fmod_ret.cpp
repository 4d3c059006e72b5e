#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/traced_function.h"

namespace awl {
namespace {

constexpr int64_t passing[] = {0};
const Verdicts verdicts{.names = errno_names, .usual = 0, .passing = passing, .least = INT32_MIN, .most = INT32_MAX};

}  // namespace

const Provider fmod_ret_provider{
    .name = "fmod_ret",
    .syntax = "fmod_ret:[MODULE:]FUNCTION",
    .doc =
        "Entry of a kernel function that may be made to fail (those for error injection, and security_*), with typed arguments in args. `return` of something else "
        "than 0 makes the function return that without running.",
    .example = "fmod_ret:security_file_open { @[comm] = count(); }",
    .expand = Expand::program_per_match,
    .verdicts = &verdicts,
    .kernel_functions = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_traced_function(fmod_ret_provider, parts, span, diagnostics); },
    .match = match_traced_function,
    .context = [](const Target& target, Host& host) { return traced_function_context(target, false, host); },
    .section = [](const Target& target) { return "fmod_ret/" + target.parts.back(); },
    .attach = attach_traced_function,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return pattern.parts.size() > 2 ? Result<>() : each_traced_function(pattern, host, sink); },
    .pid_by_predicate = true,
};

}  // namespace awl
