#include "probes/kernel_function.h"
#include "probes/parts.h"
#include "probes/registers.h"
#include "probes/registry.h"

namespace awl {

static constexpr std::string_view aliases[] = {"kr"};

const Provider kretprobe_provider{
    .name = "kretprobe",
    .aliases = aliases,
    .syntax = "kretprobe:[MODULE:]FUNCTION",
    .doc = "Return of a kernel function. The result is in retval.",
    .example = "kretprobe:vfs_read { @bytes = hist(retval); }",
    .expand = Expand::one_program,
    .kernel_functions = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_kernel_function(kretprobe_provider, true, parts, span, diagnostics); },
    .match = match_kernel_function,
    .context = [](const Target&, Host&) -> Result<Context> { return register_context(true, false); },
    .section = [](const Target& target) { return kernel_function_section(target, true); },
    .prepare = prepare_kernel_functions,
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_kernel_functions(request, FunctionSide::ret, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return pattern.parts.size() > 2 ? Result<>() : each_kernel_function(pattern, host, sink); },
    .needs_unsafe = is_kernel_address,
    .usable = [](Host& host) { return host.file_status("/sys/bus/event_source/devices/kprobe").exists; },
    .why_refused = why_function_refused,
    .pid_by_predicate = true,
};

}  // namespace awl
