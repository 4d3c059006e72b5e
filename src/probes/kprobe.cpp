#include "probes/kernel_function.h"
#include "probes/parts.h"
#include "probes/registers.h"
#include "probes/registry.h"

namespace awl {

static constexpr std::string_view aliases[] = {"k"};

static constexpr FunctionSession session{.returns = "kretprobe", .section = "kprobe.session", .usable = use_session, .prepare = prepare_session};

const Provider kprobe_provider{
    .name = "kprobe",
    .aliases = aliases,
    .syntax = "kprobe:[MODULE:]FUNCTION[+OFFSET]",
    .doc = "Entry of a kernel function, or an instruction in it. Arguments are in arg0, arg1 ...; nearly every kernel allows it.",
    .example = "kprobe:vfs_read { @[comm] = count(); }",
    .expand = Expand::one_program,
    .kernel_functions = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_kernel_function(kprobe_provider, false, parts, span, diagnostics); },
    .match = match_kernel_function,
    .context = [](const Target&, Host&) -> Result<Context> { return register_context(false, false); },
    .section = [](const Target& target) { return kernel_function_section(target, false); },
    .prepare = prepare_kernel_functions,
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_kernel_functions(request, request.session ? FunctionSide::both : FunctionSide::entry, host); },
    .session = &session,
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return pattern.parts.size() > 2 ? Result<>() : each_kernel_function(pattern, host, sink); },
    .needs_unsafe = is_kernel_address,
    .usable = [](Host& host) { return host.file_status("/sys/bus/event_source/devices/kprobe").exists; },
    .why_refused = why_function_refused,
    .pid_by_predicate = true,
};

}  // namespace awl
