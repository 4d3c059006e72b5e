#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/user_function.h"
#include "probes/user_places.h"

namespace awl {

static constexpr std::string_view aliases[] = {"ur"};

const Provider uretprobe_provider{
    .name = "uretprobe",
    .aliases = aliases,
    .syntax = "uretprobe:BINARY:FUNCTION, or uretprobe:BINARY:cpp:\"NAME\"",
    .doc = "Return of a function in a program or library. The result is in retval. "
           "Functions of Go are probed on their return instructions.",
    .example = "uretprobe:libc:malloc /retval == 0/ { @failed[comm] = count(); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_user_function(uretprobe_provider, true, parts, span, diagnostics); },
    .match = match_user_function,
    .context = [](const Target& target, Host& host) { return user_function_context(target, true, host); },
    // Without a target: that is resolved where the program runs.
    .section = [](const Target&) -> std::string { return "uretprobe"; },
    .prepare = prepare_user_functions,
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_user_functions(request, true, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 2, 2, match_user_function, host, sink); },
    .usable = [](Host& host) { return host.file_status("/sys/bus/event_source/devices/uprobe").exists; },
};

}  // namespace awl
